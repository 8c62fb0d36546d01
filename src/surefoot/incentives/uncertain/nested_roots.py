"""Least p-norm effort when gains are uncertain and uncorrelated, for any p > 1.

With ``x = w o e`` each node solves ``x^(p−1) + τ (s/w)² x = |v̄|/w`` for a common τ, which is the
root of ``τ sd(e(τ)) = z``: one increasing equation within another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.uncertain.multiplier import multiplier

Floats = NDArray[np.float64]


def nested_roots(gain: Floats, variance: Floats, z: float, weights: Floats, p: float) -> Floats:
    """Return the cheapest effort with ``gain.e − z sd(e) = 1``, shape (m,).

    Parameters
    ----------
    gain, variance, weights : ndarray of shape (m,)
        Mean and variance of the score gained for a unit of effort, and its cost.
    z : float
        Below the ceiling.
    p : float
        Above 1; may be inf.
    """
    b = np.abs(gain) / weights
    size = b.max()
    b, a = b / size, variance / weights**2 / size**2

    def spread(tau: float) -> float:
        return float(np.sqrt(a @ _each(a, b, tau, p) ** 2))

    risky = a > 0
    limit = np.sqrt(np.sum(b[risky] ** 2 / a[risky]))  # of τ sd(e(τ)) as τ grows
    if z == 0 or limit == 0:
        x = _each(a, b, 0.0, p)
    elif z >= limit:  # only what has no risk is worth it
        x = np.where(risky, 0.0, _each(a, b, 0.0, p))
    else:
        x = _each(a, b, multiplier(spread, z), p)
    unit = b @ x - z * np.sqrt(a @ x**2)
    return np.sign(gain) * x / weights / (size * unit)


def _each(a: Floats, b: Floats, tau: float, p: float) -> Floats:
    """Return the roots x of ``x^(p−1) + τ a x = b``, b at most 1."""
    t = tau * a
    with np.errstate(divide="ignore"):
        if np.isinf(p):
            return np.where(b > 0, np.minimum(1.0, b / t), 0.0)
        # Convex in r: of x and x^(p−1) the one whose power in the other is above 1. Newton's
        # steps then decrease, from at most twice the root.
        k = max(p - 1, 1 / (p - 1))
        one, power = (t, np.ones_like(t)) if p >= 2 else (np.ones_like(t), t)
        r = np.minimum(b / one, (b / power) ** (1 / k))
    for _ in range(60):
        slope = one + k * power * r ** (k - 1)
        step = (one * r + power * r**k - b) / slope
        r = np.maximum(r - step, 0.0)
        if np.all(np.abs(step) <= 1e-15 * r):
            break
    return r if p >= 2 else r ** (1 / (p - 1))
