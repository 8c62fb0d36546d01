"""Checks on a measured table: computed, never written by hand, and shown when they fail."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from surefoot.ground.blocks import Outcome, Verdict
from surefoot.ground.errors import InputError
from surefoot.ground.intervals import Interval, mean_interval, paired_difference

if TYPE_CHECKING:
    import pandas as pd

Statistic = Literal["mean", "lowest"]


@dataclass(frozen=True)
class Check:
    """A bar that a method, or its lead over another one, should reach.

    Parameters
    ----------
    name, sentence : str
        A short label and the claim in words.
    task, metric, method : str
        Which values of the table: one for each seed.
    at_least : float
        The bar.
    against : str, optional
        Another method: the check is on the difference, paired by seed.
    against_metric : str, optional
        Where the other side has another metric (e.g. memory kept against memory dropped).
    statistic : {"mean", "lowest"}
        The mean over seeds with its interval, or the lowest seed.
    """

    name: str
    sentence: str
    task: str
    metric: str
    method: str
    at_least: float
    against: str | None = None
    against_metric: str | None = None
    statistic: Statistic = "mean"


@dataclass(frozen=True)
class Finding:
    """A check and how it turned out.

    The outcome is *holds* if the whole interval reaches the bar, *fails* if none of it does,
    *undecided* if the bar lies inside, *unknown* if values are missing.
    """

    check: Check
    outcome: Outcome
    interval: Interval | None
    seeds: int

    @property
    def measured(self) -> str:
        """What was measured, beside the bar."""
        if self.interval is None:
            return "not measured: cells are missing"
        sign = "+" if self.check.against else ""
        bar = self.check.at_least
        # A digit more than the bar has, or what is measured could look like it.
        digits = next(d for d in (2, 3, 4, 5, 6) if d == 6 or round(bar, d) == bar)
        form = f"{sign}.{digits + 1}f"
        value = format(self.interval.estimate, form)
        if not math.isnan(self.interval.low) and self.check.statistic == "mean":
            value += f" [{self.interval.low:{form}}, {self.interval.high:{form}}]"
        seeds = f"{self.seeds} seed{'s' if self.seeds != 1 else ''}"
        what = "lowest of " if self.check.statistic == "lowest" else ""
        text = f"{value} over {what}{seeds}; bar {bar:{sign}.{digits}f}"
        return text.replace("-", "−")

    @property
    def verdict(self) -> Verdict:
        """The card of a page."""
        return Verdict(self.check.name, self.check.sentence, self.outcome, self.measured)


def evaluate(check: Check, table: pd.DataFrame) -> Finding:
    """Hold `check` against a tidy table with columns task, method, seed, metric and value.

    Seeds that lack either side are an error of the study, not something to average over: the
    outcome is then *unknown*.
    """
    ours = _by_seed(table, check.task, check.method, check.metric)
    values = ours
    if check.against is not None:
        metric = check.against_metric or check.metric
        other = _by_seed(table, check.task, check.against, metric)
        if set(other.index) != set(ours.index):
            return Finding(check, "unknown", None, 0)
        other = other.loc[ours.index]
        values = ours - other
    if len(values) == 0 or values.isna().any():
        return Finding(check, "unknown", None, 0)
    if check.statistic == "lowest":
        lowest = float(values.min())
        interval = Interval(lowest, lowest, lowest, 1.0, "lowest", len(values))
    elif check.against is not None:
        interval = paired_difference(ours, other)
    else:
        interval = mean_interval(values)
    return Finding(check, _outcome(interval, check.at_least), interval, len(values))


def _outcome(interval: Interval, bar: float) -> Outcome:
    if math.isnan(interval.low):
        return "undecided"
    if interval.low >= bar:
        return "holds"
    return "fails" if interval.high < bar else "undecided"


def _by_seed(table: pd.DataFrame, task: str, method: str, metric: str) -> pd.Series:
    rows = table[
        (table["task"] == task) & (table["method"] == method) & (table["metric"] == metric)
    ]
    values = rows.set_index("seed")["value"].sort_index()
    if values.index.has_duplicates:
        allowed = "one value for each seed"
        raise InputError(f"{task}, {method}, {metric}", "two values of one seed", allowed)
    return values
