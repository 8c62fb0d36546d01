"""How strongly spread counts against gain, for an agent that asks for a given confidence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq


def multiplier(spread: Callable[[float], float], z: float) -> float:
    """Return the root τ of ``τ · spread(τ) = z``, which must increase beyond z; 0 for z = 0.

    Parameters
    ----------
    spread : callable
        Standard deviation of the margin of the best effort at τ; it decreases.
    z : float
    """
    if z == 0:
        return 0.0

    def excess(log: float) -> float:
        return log + float(np.log(spread(float(np.exp(log))) / z))

    # spread(τ) <= spread(0), so that the root is at least z / spread(0).
    low = -float(np.log(spread(0.0) / z))
    step = 1.0
    while excess(low + step) < 0:
        step *= 2
    return float(np.exp(brentq(excess, low - 1e-6, low + step, xtol=1e-14, rtol=1e-14)))
