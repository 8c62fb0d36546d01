"""Tests: is a parameter, or a combination, or all of them, what someone says it is?

Each test is the mirror image of a confidence set: it rejects at 5% where the 95% set excludes
what was said. t tests mirror single intervals, Wald tests ellipsoids, max-t tests simultaneous
intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from surefoot.confidence.ellipsoid import check_chains, squared_distance
from surefoot.confidence.intervals_of_chains import (
    covariance,
    max_t,
    standard_errors,
    t_ratio,
)
from surefoot.ground.numerals import number

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HypothesisTest:
    """What a test found.

    Attributes
    ----------
    hypothesis : str
        What was tested.
    method : str
        "t", "F" or "max-t".
    statistic : float
    df : tuple of int
        Degrees of freedom: M for t, two for F, none for max-t.
    p_value : float
        Two-sided.
    n_chains : int
    """

    hypothesis: str
    method: str
    statistic: float
    df: tuple[int, ...]
    p_value: float
    n_chains: int

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        basis = f"{' and '.join(map(str, self.df))} degrees of freedom"
        if not self.df:
            basis = f"counted over {self.n_chains:,} chains"
        statistic = f"{self.method} = {_written(self.statistic)}"
        written = p_written(self.p_value)
        p = written if written.startswith("<") else f"= {written}"
        return f"{self.hypothesis}: {statistic} ({basis}), p {p}"

    def __str__(self) -> str:
        return self.sentence


def p_written(p_value: float) -> str:
    """Write a p-value; how small it is below a thousandth is nothing chains could tell."""
    return "< 0.001" if p_value < 0.001 else number(p_value)


def t_p_values(ratios: Floats, n_chains: int) -> Floats:
    """Return two-sided p-values of Student's t with M degrees of freedom."""
    p: Floats = 2 * special.stdtr(n_chains, -np.abs(ratios))
    return p


def t_test_of(hypothesis: str, difference: float, deviations: Floats) -> HypothesisTest:
    """Test one quantity that is off by `difference` and whose chains deviate by (M,)."""
    m = len(deviations)
    error = standard_errors(deviations[:, None])
    ratio = t_ratio(np.array([difference]), error)
    p_value = float(t_p_values(ratio, m)[0])
    return HypothesisTest(hypothesis, "t", float(ratio[0]), (m,), p_value, m)


def wald_test_of(
    hypothesis: str, where: str, differences: Floats, deviations: Floats
) -> HypothesisTest:
    """Test r quantities together that are off by (r,) and whose chains deviate by (M, r)."""
    m, r = deviations.shape
    check_chains(m, r, where)
    rest = m - r + 1
    squared = float(squared_distance(differences, covariance(deviations)))
    statistic = squared * rest / (r * m)
    p_value = float(special.fdtrc(r, rest, statistic))
    return HypothesisTest(hypothesis, "F", statistic, (r, rest), p_value, m)


def max_t_test_of(hypothesis: str, differences: Floats, deviations: Floats) -> HypothesisTest:
    """Test k quantities one by one that are off by (k,): is the farthest too far for chance?"""
    m = len(deviations)
    statistic = float(np.abs(t_ratio(differences, standard_errors(deviations))).max())
    reached = int(np.count_nonzero(max_t(deviations) >= statistic))
    return HypothesisTest(hypothesis, "max-t", statistic, (), (1 + reached) / (m + 1), m)


def _written(statistic: float) -> str:
    return number(statistic) if np.isfinite(statistic) else "∞" if statistic > 0 else "−∞"
