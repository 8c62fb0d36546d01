"""Quadratic costs whose nodes help or hinder one another: ``e'Qe`` with Q not diagonal.

Maximising ``v.e − ½ e'Qe`` within limits is a least-squares problem with bounds,
``||L'e − L⁻¹v||`` for ``Q = LL'``, which an active-set method solves to the last digits.
Without limits on size its solution is the best effort of all agents, but for its length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import lsq_linear

from surefoot.ground.errors import UnmetError
from surefoot.incentives.costs import EffortCost

Floats = NDArray[np.float64]


def best_within(gain: Floats, Q: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return the effort that maximises ``gain.e − ½ e'Qe`` within limits of shape (m,)."""
    effort = np.zeros(len(gain))
    free = lower < upper
    if not np.any(gain[free]):
        return effort
    # In units of each node's own cost, and of the best rate: numbers of size one.
    units = np.sqrt(np.diag(Q)[free])
    rates = gain[free] / units
    size = np.abs(rates).max()
    factor = np.linalg.cholesky(Q[np.ix_(free, free)] / np.outer(units, units))
    found = lsq_linear(
        factor.T,
        solve_triangular(factor, rates / size, lower=True),
        (lower[free] * units / size, upper[free] * units / size),
        method="bvls",
        tol=1e-15,
        max_iter=100 * len(gain),
    )
    if not found.success:
        msg = f"no best effort found for a quadratic cost of {len(gain)} nodes: {found.message}"
        raise UnmetError(msg)
    best = np.clip(found.x * size / units, lower[free], upper[free])
    # Whoever is at a limit is there to the last digit.
    best = np.where(found.active_mask < 0, lower[free], best)
    effort[free] = np.where(found.active_mask > 0, upper[free], best)
    return effort


def unit_effort(gain: Floats, cost: EffortCost) -> Floats | None:
    """Return the least effort that gains one unit; None if none gains. Limits are directions."""
    effort = best_within(gain, cost.Q, cost.lower, cost.upper)
    gained = gain @ effort
    return effort / gained if gained > 0 else None
