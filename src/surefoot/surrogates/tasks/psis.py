"""Pareto-smoothed importance sampling: can draws from one law speak for another?

Sources: Vehtari et al., "Pareto smoothed importance sampling", JMLR 25 (2024); Zhang and Stephens,
"A new and efficient estimation method for the generalized Pareto distribution", Technometrics 51
(2009) 316.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError

Floats = NDArray[np.float64]

FEWEST = 25
"""Fewer draws have a tail of less than five, to which nothing can be fitted."""

RELIABLE = 0.7
"""Above this k̂ the weights have too heavy a tail for any number of draws one would pay for."""


@dataclass(frozen=True, eq=False)
class SmoothedWeights:
    """Importance weights, the largest of them replaced by what a Pareto law expects.

    Attributes
    ----------
    weights : ndarray of shape (S,)
        They sum to one.
    k_hat : float
        Shape of the tail: moments beyond the (1/k̂)-th do not exist.
    """

    weights: Floats
    k_hat: float

    @property
    def ess(self) -> float:
        """How many equally weighted draws these are worth."""
        return float(1 / (self.weights**2).sum())

    @property
    def reliable(self) -> bool:
        """Whether k̂ is at most 0.7."""
        return self.k_hat <= RELIABLE


def smoothed(log_ratios: Floats) -> SmoothedWeights:
    """Smooth the largest importance ratios of S draws.

    Parameters
    ----------
    log_ratios : ndarray of shape (S,)
        Log density wanted less log density drawn from, each up to a constant; −∞ is allowed.
    """
    if len(log_ratios) < FEWEST:
        raise InputError("draws", len(log_ratios), f"{FEWEST} or more")
    top = np.max(log_ratios)
    if not np.isfinite(top):
        raise InputError("log ratios", top, "finite ones, or some −∞ among them")
    ratios = np.exp(log_ratios - top)
    order = np.argsort(ratios, kind="stable")
    size = int(min(len(ratios) / 5, 3 * np.sqrt(len(ratios))))
    tail, below = order[-size:], ratios[order[-size - 1]]
    excess = ratios[tail] - below
    if excess[-1] <= np.finfo(float).eps:  # all alike: the laws are the same
        return SmoothedWeights(ratios / ratios.sum(), 0.0)
    # A tie with the cut-off lies at the edge of the law's support.
    k, scale = fit_pareto(np.maximum(excess, np.finfo(float).tiny))
    expected = below + _quantiles((np.arange(size) + 0.5) / size, k, scale)
    ratios[tail] = np.minimum(expected, 1.0)
    return SmoothedWeights(ratios / ratios.sum(), k)


def fit_pareto(excess: Floats) -> tuple[float, float]:
    """Return shape k and scale of the generalised Pareto law of ascending positive values.

    The shape is drawn towards ½ with the weight of ten values, as is right for few draws.
    """
    n = len(excess)
    m = 30 + int(np.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    b = 1 / excess[-1] + (1 - np.sqrt(m / (np.arange(m) + 0.5))) / (3 * quartile)
    shapes = np.log1p(-b[:, None] * excess).mean(axis=1)
    likelihoods = n * (np.log(-b / shapes) - shapes - 1)
    weights = np.exp(likelihoods - likelihoods.max())
    b_mean = float(b @ weights / weights.sum())
    k = float(np.log1p(-b_mean * excess).mean())
    return (n * k + 5) / (n + 10), -k / b_mean


def _quantiles(p: Floats, k: float, scale: float) -> Floats:
    if abs(k) < 1e-12:
        return -scale * np.log1p(-p)
    return scale * np.expm1(-k * np.log1p(-p)) / k
