"""What sums up many cells of the study: every method against ours, ours against the best peer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd

from surefoot.surrogates.cases import GROUPS
from surefoot.surrogates.cells import OURS, PEERS, TUNED

DEFAULTS, AT_BEST = "peers' defaults", "peers, tuned"
AGAINST: tuple[str, ...] = (DEFAULTS, AT_BEST)

_RATIOS = ("nrmse", "crps")
_MEANS = ("coverage_95", "cpu_s")
_HONESTY = "reported / true"
_ROUNDING = 1e-8

Seeds: TypeAlias = pd.Series  # one value a seed


def derive(table: pd.DataFrame) -> pd.DataFrame:
    """Name methods, compare within cases, and sum up each group of cases.

    Under the task of a case: ``nrmse ÷ …`` and ``crps ÷ …``, ours over the best peer. Under that of
    a group, by method over the cases it ran: ``nrmse ÷ ours``, ``crps ÷ ours`` (geometric
    means), ``nats behind ours``, ``coverage_95``, ``cpu_s`` (means), ``cases``; of ours
    also the geometric means of its ratios to the best peer and of ``reported / true``, and of each
    the case that is worst. Cases in which ours is exact are left out of all sums, see `is_exact`.
    """
    table = by_method(table)
    added = [table]
    for group, cases in GROUPS.items():
        rows = table[table["task"].isin(cases)]
        if len(rows):
            added += _summed_up(group, _Group(rows))
    return pd.concat(added, ignore_index=True)


def by_method(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of a study with the methods that its metrics name."""
    names = table["metric"].str.partition("|")
    named = names[1] == "|"
    return table.assign(
        method=names[0].where(named, table["method"]),
        metric=names[2].where(named, table["metric"]),
    )


class _Group:
    """Values of a group's cells: a missing one is NaN, and so is then what rests on it."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.seeds = sorted(rows["seed"].unique())
        wide = rows.pivot(index="seed", columns=["task", "method", "metric"], values="value")
        self.values = dict(wide.items())  # many look-ups
        self.tasks = list(dict.fromkeys(rows["task"]))
        self.methods = list(dict.fromkeys(rows["method"]))

    def of(self, task: str, method: str, metric: str) -> Seeds | None:
        """Return the values of a cell's metric by seed; None if the case has no such method."""
        return self.values.get((task, method, metric))

    @property
    def has_tuned_peers(self) -> bool:
        """Whether any peer was tuned on any case."""
        return not set(self.methods).isdisjoint(TUNED.values())

    @property
    def judged(self) -> list[str]:
        """The cases that sums rest on: those in which ours is not exact in every seed."""
        left = [task for task in self.tasks if not is_exact(self.of(task, OURS, "nrmse"))]
        return left or self.tasks

    def ran(self, method: str, metric: str) -> list[str]:
        """Return the judged cases that have both this method and ours."""
        return [
            task
            for task in self.judged
            if self.of(task, method, metric) is not None and self.of(task, OURS, metric) is not None
        ]


def is_exact(errors: Iterable[float] | None) -> bool:
    """Say whether nothing but rounding is left of the errors (NRMSE) of a case.

    Our polynomials contain some functions. Ratios of rounding errors say nothing, and one such case
    would decide any geometric mean.
    """
    values = [] if errors is None else list(errors)
    return bool(values) and all(value < _ROUNDING for value in values)


def _summed_up(group: str, cells: _Group) -> Iterable[pd.DataFrame]:
    for method in cells.methods:
        yield from _method(group, cells, method)
    for metric in ("nrmse", "crps"):
        for against in AGAINST[: 2 if cells.has_tuned_peers else 1]:
            ratios = {task: _to_best(cells, task, metric, against) for task in cells.tasks}
            name = f"{metric} ÷ {against}"
            for task, ratio in ratios.items():
                yield _rows(task, OURS, name, ratio)
            judged = {task: ratios[task] for task in cells.judged}
            yield _rows(group, OURS, name, _geometric(judged.values()))
            yield _rows(group, OURS, f"highest {name}", _extreme(judged, _log_mean, np.argmax))
    covers = {task: _present(cells, task, "coverage_95") for task in cells.judged}
    yield _rows(group, OURS, "lowest coverage_95", _extreme(covers, _plain_mean, np.argmin))
    honest = {task: _present(cells, task, _HONESTY) for task in cells.judged}
    yield _rows(group, OURS, _HONESTY, _geometric(honest.values()))
    yield _rows(group, OURS, f"lowest {_HONESTY}", _extreme(honest, _log_mean, np.argmin))


def _method(group: str, cells: _Group, method: str) -> Iterable[pd.DataFrame]:
    def pairs(metric: str) -> list[tuple[Seeds, Seeds]]:
        return [
            (_present(cells, task, metric, method), _present(cells, task, metric))
            for task in cells.ran(method, metric)
        ]

    count = pd.Series(float(len(cells.ran(method, "nrmse"))), index=cells.seeds)
    yield _rows(group, method, "cases", count)
    for metric in _RATIOS:
        if found := pairs(metric):
            ratio = _geometric(theirs / ours for theirs, ours in found)
            yield _rows(group, method, f"{metric} ÷ ours", ratio)
    if found := pairs("nlpd"):
        behind = _mean(theirs - ours for theirs, ours in found)
        yield _rows(group, method, "nats behind ours", behind)
    for metric in _MEANS:
        if found := pairs(metric):
            yield _rows(group, method, metric, _mean(theirs for theirs, _ in found))


def _to_best(cells: _Group, task: str, metric: str, against: str) -> Seeds:
    """Return ours over the peer that is best on the case, by the geometric mean over seeds.

    Where a peer isn't tuned, its defaults stand for it.
    """
    peers = []
    for peer in PEERS:
        tuned = cells.of(task, TUNED[peer], metric) if against == AT_BEST else None
        values = cells.of(task, peer, metric) if tuned is None else tuned
        if values is not None:
            peers.append(values)
    means = [_log_mean(values) for values in peers]
    if not peers or np.isnan(means).any():
        return pd.Series(np.nan, index=cells.seeds)
    return _present(cells, task, metric) / peers[int(np.argmin(means))]


def _extreme(
    by_task: Mapping[str, Seeds], mean: Callable[[Seeds], float], pick: Callable[..., np.intp]
) -> Seeds:
    """Return the values of the case whose mean over seeds is the highest or lowest."""
    values = list(by_task.values())
    means = [mean(one) for one in values]
    unknown = np.flatnonzero(np.isnan(means))
    return values[int(unknown[0]) if len(unknown) else int(pick(means))]


def _present(cells: _Group, task: str, metric: str, method: str = OURS) -> Seeds:
    values = cells.of(task, method, metric)
    return pd.Series(np.nan, index=cells.seeds) if values is None else values


def _plain_mean(values: Seeds) -> float:
    return float(values.to_numpy().mean())  # pandas would leave NaN out


def _log_mean(values: Seeds) -> float:
    return float(np.log(values.to_numpy()).mean())


def _geometric(parts: Iterable[Seeds]) -> Seeds:
    return np.exp(_mean(np.log(part) for part in parts))


def _mean(parts: Iterable[Seeds]) -> Seeds:
    return pd.concat(list(parts), axis=1).mean(axis=1, skipna=False)


def _rows(task: str, method: str, metric: str, values: Seeds) -> pd.DataFrame:
    about = {"task": task, "method": method, "variant": "", "metric": metric}
    return pd.DataFrame({"seed": values.index, "value": values.to_numpy()}).assign(**about)
