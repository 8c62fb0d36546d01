"""Tables of docs/surrogates.md."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from surefoot.ground.intervals import Interval, mean_interval
from surefoot.surrogates.cases import GROUPS, TITLES
from surefoot.surrogates.cells import LABELS, OURS, PEERS, TUNED
from surefoot.surrogates.summaries import AT_BEST, DEFAULTS
from surefoot.surrogates.task_cells import (
    BEST_RUN,
    CONSERVATION,
    INVERSE,
    OPTIMA,
    SENSITIVITY,
    SEPARATE,
)  # fmt: skip

KEPT = (
    "nrmse", "nlpd", "coverage_95", "cpu_s", "reported / true", "lowest reported / true",
    "lowest coverage_95", "nrmse ÷ ours", "crps ÷ ours", "nats behind ours", "cases",
    *(f"{m} ÷ {against}" for m in ("nrmse", "crps") for against in (DEFAULTS, AT_BEST)),
    *(f"highest nrmse ÷ {against}" for against in (DEFAULTS, AT_BEST)),
    "error", "regret", "tv", "widened_tv", "log10 residual",
)  # fmt: skip
PICTURED = "#functions-never-looked-at-before"  # where the picture of the page begins


def tables(stored: pd.DataFrame) -> dict[str, str]:
    """Return the Markdown of each marked table."""
    return {
        "surrogates-groups": _groups(stored),
        "surrogates-methods": _methods(stored),
        **{f"surrogates-{group}": _cases(stored, group) for group in GROUPS},
        "surrogates-tasks": _tasks(stored),
    }


def _found(stored: pd.DataFrame, task: str, method: str, metric: str) -> Interval | None:
    of = (stored["task"] == task) & (stored["method"] == method) & (stored["metric"] == metric)
    values = stored[of].sort_values("seed")["value"]
    return None if values.empty or values.isna().any() else mean_interval(values)


def _mean(stored: pd.DataFrame, task: str, method: str, metric: str, digits: int = 2) -> str:
    found = _found(stored, task, method, metric)
    return "" if found is None else f"{found.estimate:,.{digits}f}".replace("-", "−")


def _full(stored: pd.DataFrame, task: str, method: str, metric: str, digits: int = 2) -> str:
    found = _found(stored, task, method, metric)
    if found is None:
        return ""
    bounds = f"[{found.low:.{digits}f}, {found.high:.{digits}f}]"
    return f"{found.estimate:.{digits}f} {bounds}".replace("-", "−")


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _groups(stored: pd.DataFrame) -> str:
    """Return what each group of cases came to, ours against the best peer."""
    metrics = {
        f"nrmse ÷ {DEFAULTS}": "error / best peer, defaults",
        f"nrmse ÷ {AT_BEST}": "error / best peer, tuned",
        f"highest nrmse ÷ {AT_BEST}": "its worst case",
        "coverage_95": "95 % intervals hold",
        "lowest coverage_95": "in the worst case",
        "reported / true": "reported / true error",
    }
    rows = [
        [title, *(_full(stored, group, OURS, metric) for metric in metrics)]
        for group, title in TITLES.items()
    ]
    return _table(["", *metrics.values()], rows)


def _methods(stored: pd.DataFrame) -> str:
    """Return error ÷ ours, nats behind ours, coverage and CPU seconds by group and method."""
    metrics = {
        "nrmse ÷ ours": "error / ours",
        "crps ÷ ours": "CRPS / ours",
        "nats behind ours": "nats behind ours",
        "coverage_95": "95 % intervals hold",
        "cpu_s": "CPU seconds",
    }
    rows = [
        [title, label, *(_mean(stored, group, method, metric) for metric in metrics)]
        for group, title in TITLES.items()
        for method, label in LABELS.items()
        if _found(stored, group, method, "cases")
    ]
    return _table(["", "method", *metrics.values()], rows)


def _cases(stored: pd.DataFrame, group: str) -> str:
    """Return NRMSE (coverage), a row a case and a column a method."""
    shown = [OURS, *PEERS, *TUNED.values()]
    rows = []
    for task, case in GROUPS[group].items():
        cells = []
        for method in shown:
            error = _mean(stored, task, method, "nrmse", 4)
            cells.append(error and f"{error} ({_mean(stored, task, method, 'coverage_95')})")
        rows.append([case.title, *cells])
    return _table(["", *(LABELS[method] for method in shown)], rows)


def _tasks(stored: pd.DataFrame) -> str:
    """Return what was asked, of whom, and by how much it was missed."""
    optima = {OURS: LABELS[OURS], BEST_RUN: "best run"} | {peer: LABELS[peer] for peer in PEERS}
    asked = [
        *((SENSITIVITY, m, LABELS[m], "error", 4) for m in (OURS, "sklearn-gp", TUNED[PEERS[0]])),
        *((task, m, label, "regret", 3) for task in OPTIMA for m, label in optima.items()),
        *((task, OURS, LABELS[OURS], "tv", 4) for task in INVERSE),
        *((task, OURS, "and its variance", "widened_tv", 4) for task in INVERSE),
        (CONSERVATION, OURS, "preserved", "log10 residual", 1),
        (CONSERVATION, SEPARATE, "each output on its own", "log10 residual", 1),
    ]
    rows = [
        [task, label, metric.replace("_", " "), _full(stored, task, method, metric, digits)]
        for task, method, label, metric, digits in asked
    ]
    return _table(["task", "surrogate", "measured", ""], rows)
