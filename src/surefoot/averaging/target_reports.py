"""What is said of the time to a target: in one run, and over several.

What a single run says may be chance, so several are compared by pairs: each average with the raw
iterate of the same run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.intervals import Interval, mean_interval
from surefoot.ground.numerals import counted, interval, number, percent, triple

if TYPE_CHECKING:
    import pandas as pd

RAW = "raw"


@dataclass(frozen=True)
class Goal:
    """A target and what it takes to have met it.

    Parameters
    ----------
    target : float
    higher_is_better : bool
    patience : int
        How many evaluations in a row have to meet the target.
    """

    target: float
    higher_is_better: bool = False
    patience: int = 1

    def __post_init__(self) -> None:
        if not (isinstance(self.target, Real) and math.isfinite(self.target)):
            raise InputError("target", self.target, "a finite number")
        check_whole("patience", self.patience)

    def met_by(self, value: float) -> bool:
        """Return whether `value` is as good as the target; what is not finite never is."""
        if not math.isfinite(value):
            return False
        return value >= self.target if self.higher_is_better else value <= self.target

    def __str__(self) -> str:
        side = "or more" if self.higher_is_better else "or less"
        often = f" in {self.patience} evaluations in a row" if self.patience > 1 else ""
        return f"{self.target:g} {side}{often}"


class Reached(NamedTuple):
    """When a target was reached: after `step` optimizer steps and `seconds`, if recorded."""

    step: int
    seconds: float | None


@dataclass(frozen=True)
class TimeToTargetReport:
    """When each average of one run reached the target.

    Attributes
    ----------
    goal : Goal
    last_step : int
        Step of the last evaluation, up to which all this is known.
    first : mapping of str to Reached or None
        By name of the average, "raw" first; None where the target was not reached.
    raw_step : int
        When the raw iterate reached it or, where it never did, the last step. If its last
        evaluations met the target, too few in a row, this is the step of the first of these: it
        may yet turn out to be the one.
    """

    goal: Goal
    last_step: int
    first: Mapping[str, Reached | None]
    raw_step: int

    @property
    def censored(self) -> bool:
        """Whether the raw iterate never reached the target, so that savings are lower bounds."""
        return self.first[RAW] is None

    def saved(self, name: str) -> float | None:
        """Return the share of the raw iterate's steps that the average saves.

        None if the average never reached the target; a lower bound if the raw iterate never did.
        """
        reached = self.first[one_of("name", name, self.first)]
        return None if reached is None else 1 - reached.step / self.raw_step

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's types."""
        return {
            **asdict(self.goal),
            "last_step": self.last_step,
            "censored": self.censored,
            "averages": self._rows(),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row an average: name, step, seconds and saved share."""
        import pandas as pd

        frame = pd.DataFrame(self._rows())
        return frame.astype({"step": "Int64", "seconds": float, "saved": float})

    def __str__(self) -> str:
        width = max(len("average"), *map(len, self.first))
        lines = [f"target {self.goal}; evaluated up to step {self.last_step:,}", ""]
        lines.append(f"{'average':<{width}} {'step':>10} {'seconds':>10} {'saved':>8}")
        for name, reached in self.first.items():
            if reached is None:
                lines.append(f"{name:<{width}} {'never':>10}")
                continue
            seconds = "" if reached.seconds is None else number(float(reached.seconds), 1)
            saved = ""
            if name != RAW:
                saved = ("≥ " if self.censored else "") + percent(self.saved(name))
            lines.append(f"{name:<{width}} {reached.step:>10,} {seconds:>10} {saved:>8}".rstrip())
        return "\n".join(lines)

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"average": name, "step": step, "seconds": seconds, "saved": self.saved(name)}
            for name, reached in self.first.items()
            for step, seconds in [reached or (None, None)]
        ]


@dataclass(frozen=True)
class Saving:
    """What one average saves over several runs.

    Attributes
    ----------
    reached : int
        Runs in which it reached the target. Only these say how much it saves, so where it missed
        the target in some, `saved` is the better part of the story.
    censored : int
        Those of them in which the raw iterate never did.
    saved : Interval or None
        Mean share of steps saved, over the runs in which it reached the target; None if there is
        none. With `censored` runs it is a lower bound, and so is its lower end; the upper end
        then says nothing.
    """

    reached: int
    censored: int
    saved: Interval | None

    @classmethod
    def of(
        cls, reports: Sequence[TimeToTargetReport], name: str, confidence_level: float
    ) -> Saving:
        """Summarise the average `name` over runs."""
        known = [(saved, r.censored) for r in reports if (saved := r.saved(name)) is not None]
        shares = [saved for saved, _ in known]
        mean = mean_interval(shares, confidence_level) if shares else None
        return cls(len(known), sum(censored for _, censored in known), mean)

    def __str__(self) -> str:
        if self.saved is None:
            return ""
        mean, low, high = triple(self.saved, "saved")
        text = ("≥ " if self.censored else "") + percent(mean)
        if low is None:  # a single run
            return text
        if self.censored:
            return f"{text}, above {percent(low)}"
        return f"{text} {interval(low, high, 1, as_percent=True)}"


@dataclass(frozen=True)
class TargetComparison:
    """How much sooner each average reached the target than the raw iterate, over runs.

    Attributes
    ----------
    goal : Goal
    confidence_level : float
    runs, raw_reached : int
        How many runs there are, and in how many the raw iterate reached the target.
    averages : mapping of str to Saving

    Notes
    -----
    Where the raw iterate never reached the target, it is taken to reach it at the last
    evaluation. The share saved in that run is then a lower bound.
    """

    goal: Goal
    confidence_level: float
    runs: int
    raw_reached: int
    averages: Mapping[str, Saving]

    @classmethod
    def of(
        cls, reports: Sequence[TimeToTargetReport], confidence_level: float = 0.95
    ) -> TargetComparison:
        """Summarise the reports of several runs with one goal and the same averages."""
        if not reports:
            raise InputError("runs", "none", "at least one")
        one = reports[0]
        for report in reports:
            if report.goal != one.goal:
                raise InputError("runs", f"targets {one.goal} and {report.goal}", "one target")
            if report.first.keys() != one.first.keys():
                found = f"{', '.join(one.first)} and {', '.join(report.first)}"
                raise InputError("runs", found, "the same averages in every run")
        averages = {
            name: Saving.of(reports, name, confidence_level) for name in one.first if name != RAW
        }
        raw_reached = sum(not report.censored for report in reports)
        return cls(one.goal, confidence_level, len(reports), raw_reached, averages)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's types."""
        return {
            **asdict(self.goal),
            "confidence_level": self.confidence_level,
            "runs": self.runs,
            "raw_reached": self.raw_reached,
            "averages": self._rows(),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row an average: runs reached and censored, mean share saved, its bounds."""
        import pandas as pd

        columns = ["average", "reached", "censored", "saved", "low", "high"]
        frame = pd.DataFrame(self._rows(), columns=columns)
        return frame.astype({"saved": float, "low": float, "high": float})

    def __str__(self) -> str:
        width = max(map(len, ["average", *self.averages]))
        runs = counted(self.runs, "run")
        lines = [f"target {self.goal}; {runs}, the raw iterate reached it in {self.raw_reached}"]
        saved = f"saved, {self.confidence_level:.0%} interval"
        lines += ["", f"{'average':<{width}} {'reached':>10}   {saved}"]
        for name, saving in self.averages.items():
            reached = f"{saving.reached} of {self.runs}"
            lines.append(f"{name:<{width}} {reached:>10}   {saving}".rstrip())
        lines.append("")
        if any(saving.reached < self.runs for saving in self.averages.values()):
            lines.append("saved: mean over the runs in which the average reached the target")
        if any(saving.censored for saving in self.averages.values()):
            lines.append("≥: a lower bound, as the raw iterate missed the target in some of them")
        return "\n".join(lines).rstrip()

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for name, saving in self.averages.items():
            saved, low, high = triple(saving.saved, name)
            counts = {"average": name, "reached": saving.reached, "censored": saving.censored}
            rows.append({**counts, "saved": saved, "low": low, "high": high})
        return rows


def check_whole(name: str, value: object) -> None:
    """Raise unless `value` is a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InputError(name, value, "a whole number from 1")
