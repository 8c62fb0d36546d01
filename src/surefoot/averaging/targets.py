"""Time to target: how much sooner an average is good enough than the raw iterate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from surefoot.averaging.target_reports import (
    RAW,
    Goal,
    Reached,
    TargetComparison,
    TimeToTargetReport,
    check_whole,
)
from surefoot.ground.errors import InputError, one_of


class TimeToTarget:
    """Records evaluations of a run's averages, and says when each first met a target.

    Parameters
    ----------
    target : float
        Value of the validation metric that is good enough.
    higher_is_better : bool
        For accuracy and the like.
    patience : int
        How many evaluations in a row have to meet the target; the first of them counts.

    Examples
    --------
    >>> times = TimeToTarget(0.35)
    >>> times.record(100, raw=0.52, window=0.41)
    >>> times.record(200, raw=0.43, window=0.34)
    >>> times.record(300, raw=0.35, window=0.33)
    >>> print(times.report())
    target 0.35 or less; evaluated up to step 300
    <BLANKLINE>
    average       step    seconds    saved
    raw            300
    window         200               33.3%
    """

    def __init__(self, target: float, *, higher_is_better: bool = False, patience: int = 1) -> None:
        self.goal = Goal(target, higher_is_better, patience)
        self._evaluations: list[tuple[Reached, dict[str, float]]] = []

    def record(self, step: int, seconds: float | None = None, **values: float) -> None:
        """Record one evaluation.

        Parameters
        ----------
        step : int
            Optimizer steps done; more than at the evaluation before.
        seconds : float, optional
            Training time so far; at every evaluation or at none.
        **values : float
            The metric by name of the average, "raw" among them; the same names every time. NaN
            is a miss.
        """
        check_whole("step", step)
        try:
            seconds = None if seconds is None else float(seconds)
            numbers = {name: float(value) for name, value in values.items()}
        except (TypeError, ValueError) as error:
            raise InputError("seconds and values", [seconds, values], "numbers") from error
        if seconds is not None and not 0 <= seconds < math.inf:
            raise InputError("seconds", seconds, "a finite number, not negative")
        if RAW not in numbers:
            raise InputError("values", ", ".join(numbers) or "none", "'raw' and the averages")
        if self._evaluations:
            self._check_sequel(step, seconds, numbers)
        self._evaluations.append((Reached(int(step), seconds), numbers))

    def first(self, name: str) -> Reached | None:
        """Return when the average `name` reached the target, or None.

        That is the first of `patience` evaluations in a row that meet it.
        """
        one_of("name", name, self._names())
        begin, length = self._streak(name)
        return begin if length == self.goal.patience else None

    def report(self) -> TimeToTargetReport:
        """Return when each average reached the target, and the steps saved over "raw"."""
        first = {name: self.first(name) for name in self._names()}
        last, (begin, _) = self._evaluations[-1][0], self._streak(RAW)
        return TimeToTargetReport(self.goal, last.step, first, (begin or last).step)

    @staticmethod
    def compare(
        runs: Sequence[TimeToTarget], *, confidence_level: float = 0.95
    ) -> TargetComparison:
        """Compare several runs, such as seeds, each average with the raw iterate of its run.

        Parameters
        ----------
        runs : sequence of TimeToTarget
            With one goal and the same averages.
        confidence_level : float
            Of the t intervals.
        """
        return TargetComparison.of([run.report() for run in runs], confidence_level)

    def _names(self) -> list[str]:
        """Return the names on record, "raw" first."""
        if not self._evaluations:
            raise InputError("evaluations", "none", "at least one; see record")
        return [RAW, *(name for name in self._evaluations[0][1] if name != RAW)]

    def _streak(self, name: str) -> tuple[Reached | None, int]:
        """Return the streak that is long enough, or the one at the end: its begin and length."""
        begin, length = None, 0
        for when, values in self._evaluations:
            if not self.goal.met_by(values[name]):
                begin, length = None, 0
                continue
            begin, length = begin or when, length + 1
            if length == self.goal.patience:
                break
        return begin, length

    def _check_sequel(self, step: int, seconds: float | None, values: dict[str, float]) -> None:
        last, before = self._evaluations[-1]
        if values.keys() != before.keys():
            raise InputError("values", ", ".join(values), f"{', '.join(before)}, as before")
        if step <= last.step:
            raise InputError("step", step, f"more than {last.step}, the step before")
        if (seconds is None) != (last.seconds is None):
            raise InputError("seconds", seconds, "seconds at every evaluation or at none")
        if seconds is not None and last.seconds is not None and seconds < last.seconds:
            raise InputError("seconds", seconds, f"no less than {last.seconds:g}, as before")
