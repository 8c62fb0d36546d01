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
    at_least : float or None
        The bar.
    against : str, optional
        Another method: the check is on the difference, paired by seed.
    against_metric : str, optional
        Where the other side has another metric (e.g. memory kept against memory dropped).
    statistic : {"mean", "lowest"}
        The mean over seeds with its interval, or the lowest seed.
    at_most : float, optional
        A bar from above, alone or beside the other: a coverage has both.
    """

    name: str
    sentence: str
    task: str
    metric: str
    method: str
    at_least: float | None
    against: str | None = None
    against_metric: str | None = None
    statistic: Statistic = "mean"
    at_most: float | None = None

    def __post_init__(self) -> None:
        low, high = self.bounds
        if not (low <= high and (math.isfinite(low) or math.isfinite(high))):
            found = f"{self.at_least} to {self.at_most}"
            raise InputError(f"bars of {self.name!r}", found, "one, or two in order")

    @property
    def bounds(self) -> tuple[float, float]:
        """The bars, infinite where there is none."""
        low = -math.inf if self.at_least is None else self.at_least
        return low, math.inf if self.at_most is None else self.at_most


@dataclass(frozen=True)
class Finding:
    """A check and how it turned out.

    The outcome is *holds* if the whole interval keeps to the bars, *fails* if none of it does,
    *undecided* if a bar lies inside, *unknown* if values are missing.
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
        bars = [bar for bar in (self.check.at_least, self.check.at_most) if bar is not None]
        # A digit more than the bar has, or what is measured could look like it.
        digits = next(d for d in (2, 3, 4, 5, 6) if d == 6 or all(round(b, d) == b for b in bars))
        form = f"{sign}.{digits + 1}f"
        value = format(self.interval.estimate, form)
        if not math.isnan(self.interval.low) and self.check.statistic == "mean":
            value += f" [{self.interval.low:{form}}, {self.interval.high:{form}}]"
        seeds = f"{self.seeds} seed{'s' if self.seeds != 1 else ''}"
        what = "lowest of " if self.check.statistic == "lowest" else ""
        words = " to ".join(f"{bar:{sign}.{digits}f}" for bar in bars)
        most = "at most " if self.check.at_least is None else ""
        text = f"{value} over {what}{seeds}; bar {most}{words}"
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
    return Finding(check, _outcome(interval, *check.bounds), interval, len(values))


def _outcome(interval: Interval, at_least: float, at_most: float) -> Outcome:
    if math.isnan(interval.low):
        return "undecided"
    if at_least <= interval.low and interval.high <= at_most:
        return "holds"
    return "fails" if interval.high < at_least or interval.low > at_most else "undecided"


def _by_seed(table: pd.DataFrame, task: str, method: str, metric: str) -> pd.Series:
    rows = table[
        (table["task"] == task) & (table["method"] == method) & (table["metric"] == metric)
    ]
    values = rows.set_index("seed")["value"].sort_index()
    if values.index.has_duplicates:
        allowed = "one value for each seed"
        raise InputError(f"{task}, {method}, {metric}", "two values of one seed", allowed)
    return values
