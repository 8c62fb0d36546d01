"""Scores of predictive laws, kept row by row.

Nearly every score is a mean over rows. Where the rows' parts are kept, intervals, paired
differences and skills need no further prediction.

=============================  ====================================================  ==========
score                          mean over rows of                                     unit
=============================  ====================================================  ==========
rmse, nrmse                    squared error of the mean, then the root              y, sd(y)
r2                             1 − squared error / var(y)                            1
mae                            absolute error of the mean                            y
mae_bottom_decile, …_top_…     the same where the response is in the extreme tenth   y
nlpd                           − log density of the response divided by sd(y)        nats
crps                           continuous ranked probability score                   sd(y)
crps_bottom_decile, …_top_…    the part of it that concerns the extreme tenth        sd(y)
coverage_L, width_L            response inside the central L % interval, its width   1, sd(y)
interval_score_L               width + penalty 2/(1 − L) per unit outside            sd(y)
pinball_Q                      loss of the quantile Q                                sd(y)
=============================  ====================================================  ==========

To these `Scores.summary` adds three that are no means: max_error and p95_error (in the unit of y)
and pit_ks, the Kolmogorov-Smirnov distance of the PIT values from uniform ones. sd(y) is that of
the scored responses, 1 where all are equal.

Source: Gneiting and Raftery, "Strictly proper scoring rules, prediction, and estimation", JASA
2007.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.intervals import Interval, mean_interval
from surefoot.ground.samples import sample
from surefoot.surrogates.ensemble.mixture import Component, Mixture
from surefoot.surrogates.ensemble.warps import fit_warp

Floats = NDArray[np.float64]

_LEVELS = (50, 80, 90, 95, 99)
_LOWER = tuple((100 - level) / 200 for level in _LEVELS)
_QUANTILES = (*_LOWER[::-1], 0.5, *(1 - q for q in _LOWER))
_ROOTS = ("rmse", "nrmse")
# Scores that may be negative, or are best at another value than 0.
_NO_RATIO = ("r2", "nlpd", *(f"coverage_{level}" for level in _LEVELS))
# Up to here the bootstrap, which sees skewness; beyond, Student's t, which is then as good.
_BOOTSTRAPPED = 2000


@dataclass(frozen=True, eq=False)
class Scores:
    """What every row adds to every score.

    Attributes
    ----------
    rows : dict of str to ndarray of shape (n,)
        By score; NaN where a row does not count. The score is the mean, for rmse and nrmse its
        root.
    pit : ndarray of shape (n,)
        Probability integral transform: the probability the law gave to a smaller response.
    groups : ndarray of int, shape (n,)
        Rows of a group are replicates, which vary together.
    """

    rows: dict[str, Floats]
    pit: Floats
    groups: NDArray[np.intp]

    def __getitem__(self, score: str) -> float:
        return _root(score, float(np.nanmean(self._of(score))))

    def summary(self) -> dict[str, float]:
        """Return all scores by name."""
        absolute = self.rows["mae"]
        return {
            **{score: self[score] for score in self.rows},
            "max_error": float(absolute.max()),
            "p95_error": float(np.quantile(absolute, 0.95)),
            "pit_ks": float(stats.kstest(self.pit, "uniform").statistic),
        }

    def interval(self, score: str, level: float = 0.95, seed: int = 0) -> Interval:
        """Return a score of `rows` with its bootstrap interval, groups resampled as one.

        The bounds are NaN where a row's part is infinite or one group is all there is.
        """
        found = _mean(self._of(score), self.groups, level, seed)
        estimate, low, high = (_root(score, x) for x in (found.estimate, found.low, found.high))
        return dataclasses.replace(found, estimate=estimate, low=low, high=high)

    def _of(self, score: str) -> Floats:
        values: Floats = self.rows[one_of("score", score, self.rows)]
        return values


def score_law(y: ArrayLike, law: Mixture, groups: NDArray[np.intp] | None = None) -> Scores:
    """Score a predictive law on responses it has not seen.

    Parameters
    ----------
    y : array_like of shape (n,)
        Finite.
    law : Mixture
        At the same n points.
    groups : ndarray of int, shape (n,), optional
        Replicates share a number; without it every row stands alone.
    """
    y = sample("y", y)
    if len(law) != len(y):
        raise InputError("law", f"{len(law)} points", f"{len(y)}, as many as responses")
    sd = float(y.std()) if np.ptp(y) > 0 else 1.0
    error, pit, quantiles = law.mean() - y, law.cdf(y), law.quantile(_QUANTILES)
    bottom, top = np.quantile(y, [0.1, 0.9])
    rows = {
        "rmse": error**2,
        "nrmse": (error / sd) ** 2,
        "r2": 1 - (error / sd) ** 2,
        "mae": np.abs(error),
        "mae_bottom_decile": np.where(y <= bottom, np.abs(error), np.nan),
        "mae_top_decile": np.where(y >= top, np.abs(error), np.nan),
        "nlpd": -law.log_density(y) - math.log(sd),
        "crps": law.crps(y) / sd,
        "crps_bottom_decile": law.crps(y, below=bottom) / sd,
        "crps_top_decile": law.crps(y, above=top) / sd,
    }
    over = (y[:, None] - quantiles) / sd
    pinball = np.maximum(over * _QUANTILES, over * (np.array(_QUANTILES) - 1))
    for k, level in enumerate(_LEVELS):
        low, high = len(_LEVELS) - 1 - k, len(_LEVELS) + 1 + k
        rows[f"coverage_{level}"] = (np.abs(pit - 0.5) <= level / 200).astype(np.float64)
        rows[f"width_{level}"] = (quantiles[:, high] - quantiles[:, low]) / sd
        # The interval score is the two ends' quantile losses, in units of the tail.
        rows[f"interval_score_{level}"] = (pinball[:, low] + pinball[:, high]) / _LOWER[k]
    rows |= {f"pinball_{q:g}": pinball[:, j] for j, q in enumerate(_QUANTILES)}
    return Scores(rows, pit, np.arange(len(y)) if groups is None else groups)


def trivial_law(y: ArrayLike, m: int) -> Mixture:
    """Return the law that knows no inputs: normal, with the moments of training responses `y`."""
    component = Component(fit_warp("identity", y), 1.0, np.zeros(m), np.ones(m))
    return Mixture((component,))


def difference(a: Scores, b: Scores, score: str, level: float = 0.95, seed: int = 0) -> Interval:
    """Return score of `a` minus score of `b` on the same rows, with its paired interval.

    With ``score="nlpd"`` and `b` the scores of `trivial_law` it is the mean standardised log loss.
    """
    if score in _ROOTS:
        raise InputError("score", score, "a mean over rows; for this one see skill")
    found = _mean(a._of(score) - b._of(score), a.groups, level, seed)
    return dataclasses.replace(found, method=f"paired {found.method}")


def skill(a: Scores, b: Scores, score: str, level: float = 0.95, seed: int = 0) -> Interval:
    """Return the share of the score of `b`, a baseline, that `a` removes: 1 − a / b.

    1 is perfect, 0 no better than the baseline. For scores that are best at zero. The interval is
    that of the ratio's logarithm, to first order. It is NaN where a score is exactly zero.
    """
    if score in _NO_RATIO:
        raise InputError("score", score, "one that is best at zero; for this one see difference")
    x, y = a._of(score), b._of(score)
    mine, base = np.nanmean(x), np.nanmean(y)
    if not (mine > 0 and base > 0):
        estimate = 1.0 if base > 0 else math.nan
        return Interval(estimate, math.nan, math.nan, level, "none", len(x))
    power = 0.5 if score in _ROOTS else 1.0
    log_ratio = _mean(math.log(mine / base) + x / mine - y / base, a.groups, level, seed)
    ends = (log_ratio.estimate, log_ratio.high, log_ratio.low)
    estimate, low, high = (1 - math.exp(power * end) for end in ends)
    return Interval(estimate, low, high, level, f"paired {log_ratio.method}", log_ratio.n)


def _mean(values: Floats, groups: NDArray[np.intp], level: float, seed: int) -> Interval:
    """Return the mean over rows with an interval over groups."""
    counted = ~np.isnan(values)
    values, groups = values[counted], groups[counted]
    if not np.isfinite(values).all():
        return Interval(float(values.mean()), math.nan, math.nan, level, "none", len(values))
    _, group_of = np.unique(groups, return_inverse=True)
    mean, sizes = values.mean(), np.bincount(group_of)
    # The mean of rows is a ratio, sum over size; this is what each group adds to it, to first
    # order. A group of one adds its own value.
    units = mean + np.bincount(group_of, values - mean) * (len(sizes) / len(values))
    method: Literal["t", "bootstrap"] = "bootstrap" if len(units) <= _BOOTSTRAPPED else "t"
    found = mean_interval(units, level, method, seed)
    return dataclasses.replace(found, estimate=float(mean))


def _root(score: str, value: float) -> float:
    # Student's t knows nothing of signs: a lower end may be below zero.
    return math.sqrt(max(value, 0.0)) if score in _ROOTS and not math.isnan(value) else value
