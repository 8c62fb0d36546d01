"""Two sets of predictions on the same rows, compared pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.intervals import Interval
from surefoot.ground.streams import stream
from surefoot.groups.report import GroupReport

if TYPE_CHECKING:
    import pandas as pd

_RESAMPLES = 4000


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two reports on the same rows: b minus a.

    Attributes
    ----------
    table : DataFrame
        One row a group: accuracies, their difference, rows only one of the two gets right, and the
        exact McNemar p-value.
    worst_group_difference : Interval
        Difference of the worst-group accuracies, paired bootstrap within groups.
    mean_group_difference : Interval
    """

    table: pd.DataFrame
    worst_group_difference: Interval
    mean_group_difference: Interval

    def __str__(self) -> str:
        head = f"{'group':<44} {'a':>7} {'b':>7} {'b − a':>8}   McNemar p"
        rows = [
            f"{str(row.group)[:44]:<44} {row.accuracy_a:>7.3f} {row.accuracy_b:>7.3f} "
            f"{row.difference:>+8.3f}   {row.p_value:.3g}"
            for row in self.table.itertuples()
        ]
        worst = f"worst group  {self.worst_group_difference}"
        return "\n".join([head, *rows, "", worst, f"mean of groups  {self.mean_group_difference}"])


def compare(a: GroupReport, b: GroupReport, *, seed: int = 0) -> Comparison:
    """Compare two reports on the same rows, pair by pair.

    Parameters
    ----------
    a, b : GroupReport
        Of the same rows in the same order.
    seed : int, default 0
        Of the bootstrap.

    Returns
    -------
    Comparison
        Positive differences favour `b`.
    """
    import pandas as pd
    from scipy.stats import binomtest

    same = len(a.y) == len(b.y) and (a.y == b.y).all() and (a.groups == b.groups).all()
    if not same:
        raise InputError(
            "reports", "different rows, labels or groups", "two reports on the same rows"
        )
    rows = []
    resampled_a, resampled_b = [], []
    for name in np.unique(a.groups):
        members = a.groups == name
        hit_a, hit_b = a.correct[members], b.correct[members]
        only_a, only_b = int((hit_a & ~hit_b).sum()), int((hit_b & ~hit_a).sum())
        p_value = binomtest(only_b, only_a + only_b).pvalue if only_a + only_b else 1.0
        rows.append(
            {
                "group": name,
                "n": int(members.sum()),
                "accuracy_a": float(hit_a.mean()),
                "accuracy_b": float(hit_b.mean()),
                "difference": float(hit_b.mean() - hit_a.mean()),
                "only_a": only_a,
                "only_b": only_b,
                "p_value": float(p_value),
            }
        )
        # Rows differ only in who gets them right, so resampling counts of four kinds is enough.
        both, n = int((hit_a & hit_b).sum()), int(members.sum())
        shares = np.array([both, only_a, only_b, n - both - only_a - only_b]) / n
        draws = stream(seed, "compare", str(name)).multinomial(n, shares, size=_RESAMPLES)
        resampled_a.append((draws[:, 0] + draws[:, 1]) / n)
        resampled_b.append((draws[:, 0] + draws[:, 2]) / n)
    A, B = np.array(resampled_a), np.array(resampled_b)
    table = pd.DataFrame(rows)
    observed_a, observed_b = table["accuracy_a"], table["accuracy_b"]
    level, n = a.confidence_level, len(a.y)
    return Comparison(
        table,
        _percentile(observed_b.min() - observed_a.min(), B.min(0) - A.min(0), level, n),
        _percentile(observed_b.mean() - observed_a.mean(), B.mean(0) - A.mean(0), level, n),
    )


def _percentile(estimate: float, draws: NDArray, level: float, n: int) -> Interval:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    method = "paired percentile bootstrap within groups"
    return Interval(float(estimate), float(low), float(high), level, method, n)
