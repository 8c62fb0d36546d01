"""How sure of passing any effort can make somebody.

With gain v of mean v̄ and covariance S an effort passes with confidence Φ(z) if
``v̄.e − z sd(e) >= gap``. Twice the effort has twice the spread: beyond the largest ratio
``v̄.e / sd(e)`` no effort helps, however large.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.conic import Conic
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.uncertain.eigenbasis import Eigenbasis

Floats = NDArray[np.float64]


def ceiling(gain: Floats, cov: Floats, cost: EffortCost) -> float:
    """Return the largest z that any allowed effort reaches: the confidence ceiling is ``Φ(z)``.

    Parameters
    ----------
    gain, cov : ndarray of shape (m,), (m, m)
        Mean and covariance of the score gained for a unit of each effort.
    cost : EffortCost
        Of its limits only directions matter: a small effort has the ratio of a large one.

    Returns
    -------
    float
        ``sqrt(v̄'S⁻¹v̄)`` where nodes move freely; inf where some gain has no variance; 0 where no
        effort gains anything.
    """
    up, down = np.atleast_2d(cost.upper).max(0) > 0, np.atleast_2d(cost.lower).min(0) < 0
    if diagonal(cov):
        gain, up, down = possible(gain, up, down), cost.movable, cost.movable
    if np.array_equal(up, down):
        return Eigenbasis.of(cov, cost).ratio(gain)
    return _one_sided(gain, cov, up, down)


def diagonal(cov: Floats) -> bool:
    """Return whether gains of different nodes are uncorrelated."""
    return not np.any(cov - np.diag(np.diag(cov)))


def possible(gain: Floats, up: NDArray[np.bool_], down: NDArray[np.bool_]) -> Floats:
    """Return the gain, and 0 where the node can't move the way that gains."""
    return np.where(np.where(gain > 0, up, down), gain, 0.0)


def _one_sided(gain: Floats, cov: Floats, up: NDArray[np.bool_], down: NDArray[np.bool_]) -> float:
    # The least of ½ e'Se − v̄.e over the cone of allowed efforts is −½ ratio².
    moves = np.flatnonzero(up | down)
    scale = np.sqrt(np.diag(cov)[moves])
    scale = 1 / np.where(scale > 0, scale, 1.0)
    program = Conic(len(moves))
    program.quadratic(cov[np.ix_(moves, moves)] * np.outer(scale, scale))
    program.linear(-gain[moves] * scale)
    eye = np.eye(len(moves))
    program.at_most(eye[~up[moves]], np.zeros(np.sum(~up[moves])))
    program.at_most(-eye[~down[moves]], np.zeros(np.sum(~down[moves])))
    solution = program.solve()
    if solution.outcome == "unbounded":
        return float("inf")
    return float(np.sqrt(max(-2 * solution.value, 0.0)))
