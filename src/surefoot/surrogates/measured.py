"""What the study's page shows of a method: values by seed, their mean, a row of a plot."""

from __future__ import annotations

import math
from typing import Any

from surefoot.ground.figures import DotRow
from surefoot.ground.intervals import Interval, mean_interval
from surefoot.ground.study import Results
from surefoot.surrogates.cells import OURS


def values(results: Results, task: str, method: str, metric: str) -> list[float]:
    """Return the values by seed, none where one of them is missing."""
    found = results.values(task, method, metric)
    return [] if any(math.isnan(value) for value in found) else found


def mean(results: Results, task: str, method: str, metric: str) -> Interval | None:
    """Return the mean over seeds; None where a value is missing."""
    found = values(results, task, method, metric)
    return mean_interval(found) if found else None


def dot_row(
    results: Results, task: str, method: str, metric: str, label: str, group: str, **more: Any
) -> list[DotRow]:
    """Return a row of a dot plot; none where a value is missing."""
    found = values(results, task, method, metric)
    kind = "ours" if method == OURS else "baseline"
    return [DotRow(label, found, mean_interval(found), kind, group, **more)] if found else []
