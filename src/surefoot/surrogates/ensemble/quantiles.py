"""Quantiles of mixtures: many increasing functions inverted at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from surefoot.surrogates.ensemble.mixture import Mixture

Floats = NDArray[np.float64]

_EXACT = 1e-13
_RESOLUTION = 4 * np.finfo(np.float64).eps
_MOST_STEPS = 1500  # halving 1e300 down to the last digit of 1e-3 takes 1050


def invert_cdf(law: Mixture, q: Floats, low: Floats, high: Floats, guess: Floats) -> Floats:
    """Return y with ``law.cdf(y) = q`` by Newton steps kept inside a shrinking bracket.

    Parameters
    ----------
    law : Mixture
        At m points.
    q : ndarray of shape (m,)
    low, high, guess : ndarray of shape (m,)
        ``cdf(low) <= q <= cdf(high)`` but for rounding, and a guess in between.

    Returns
    -------
    ndarray of shape (m,)
        Exact to 1e-13 in probability or to the last digits of y, whichever comes first.
    """
    solution, open_ = guess.copy(), np.arange(len(q))
    for _ in range(_MOST_STEPS):
        y = solution[open_]
        gap = law.cdf(y) - q
        low, high = np.where(gap < 0, y, low), np.where(gap > 0, y, high)
        left = (np.abs(gap) > _EXACT) & (high - low > _RESOLUTION * np.abs(y))
        if not left.any():
            break
        open_, law, q, y, gap = open_[left], law.rows(left), q[left], y[left], gap[left]
        low, high = low[left], high[left]
        with np.errstate(over="ignore", invalid="ignore"):
            newton = y - gap * np.exp(-law.log_density(y))
        # Between far modes the density vanishes, and a step leads out of the bracket.
        inside = (newton > low) & (newton < high)
        solution[open_] = np.where(inside, newton, low + (high - low) / 2)
    return solution
