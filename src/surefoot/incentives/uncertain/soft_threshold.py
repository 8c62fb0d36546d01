"""Least l1 effort when gains are uncertain and uncorrelated: soft thresholds.

A node is worth ``(|v̄| − λ w)₊ / s²``: mean up, variance down, nothing below a threshold. At z = 0
the threshold leaves one node; more enter as z grows, for spread over several nodes is less than
spread on one. The price of a unit of score is exactly 1/λ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def soft_threshold(
    gain: Floats, variance: Floats, z: float, weights: Floats
) -> tuple[Floats, float]:
    """Return the cheapest effort with ``gain.e − z sd(e) = 1``, and λ.

    Parameters
    ----------
    gain, variance, weights : ndarray of shape (m,)
        Mean and variance of the score gained for a unit of effort, and its cost.
    z : float
        Below the ceiling.
    """
    rates, risky = np.abs(gain) / weights, variance > 0
    if z > 0:
        sure = np.where(risky, 0.0, rates)
        lam = _threshold(rates[risky], weights[risky] ** 2 / variance[risky], z)
        if sure.max() < lam < rates.max():
            worth = np.where(risky, np.maximum(rates - lam, 0.0), 0.0)
            worth *= weights / np.where(risky, variance, 1.0)
            # gain.e − z sd(e) of this effort is λ times its cost, because its sd(e) is z.
            return np.sign(gain) * worth / (lam * (weights @ worth)), lam
        if lam <= sure.max():  # spread is worth less than what has none
            rates = sure
    best = int(np.argmax(rates))
    effort = np.zeros(len(gain))
    effort[best] = 1 / gain[best]
    return effort, float(rates[best])


def _threshold(rates: Floats, weight: Floats, z: float) -> float:
    """Return the root of ``Σ weight (rates − λ)₊² = z²``; −inf if there is nothing to sum.

    Between two rates the sum is a quadratic in λ of the nodes above.
    """
    if not len(rates):
        return -float("inf")
    order = np.argsort(-rates, kind="stable")
    rates, weight = rates[order], weight[order]
    total = np.cumsum(weight)
    mean = np.cumsum(weight * rates) / total
    # Σ weight (rates − mean)², added up without cancellation.
    before = mean - np.diff(mean, prepend=mean[0])
    within = np.cumsum(weight * (rates - before) * (rates - mean))
    roots = mean - np.sqrt(np.maximum(z**2 - within, 0.0) / total)
    return float(roots[np.argmax(roots >= np.append(rates[1:], -np.inf))])
