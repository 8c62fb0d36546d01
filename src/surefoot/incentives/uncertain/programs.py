"""What the conic programs of this package share: a cost to be minimised, within limits."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.conic import Conic
from surefoot.incentives.costs import EffortCost

Floats = NDArray[np.float64]
Nodes: TypeAlias = NDArray[np.intp]
_RANK = 1e-14


def movable(lower: Floats, upper: Floats, cost: EffortCost) -> tuple[Nodes, Floats]:
    """Return the nodes that can be moved, and the effort on each that costs 1."""
    nodes = np.flatnonzero((lower < 0) | (upper > 0))
    return nodes, 1 / np.sqrt(np.diag(cost.Q)[nodes])


def cheapest(
    cost: EffortCost, nodes: Nodes, unit: Floats, lower: Floats, upper: Floats
) -> tuple[Conic, Floats]:
    """Return a program with the least cost of the efforts ``unit * x`` on `nodes`.

    Parameters
    ----------
    cost : EffortCost
    nodes : ndarray of shape (k,)
    unit : ndarray of shape (k,)
        Effort that x counts in, so that numbers are near 1.
    lower, upper : ndarray of shape (m,)

    Returns
    -------
    program : Conic
    pick : ndarray of shape (k, variables)
        Picks x among the variables, of which the last may be the norm.
    """
    k = len(nodes)
    if cost.p is None or cost.p == 2:
        Q = cost.Q[np.ix_(nodes, nodes)] * np.outer(unit, unit)
        program, pick = Conic(k), np.eye(k)
        program.quadratic(2 * Q / np.max(np.diag(Q)))
    else:
        weights = cost.weights[nodes] * unit
        program, pick, norm = Conic(k + 1), np.eye(k, k + 1), np.eye(k + 1)[k]
        program.linear(norm)
        program.norm((weights / weights.max())[:, None] * pick, np.zeros(k), norm, 0.0, p=cost.p)
    within(program, pick, lower[nodes] / unit, upper[nodes] / unit)
    return program, pick


def root_of(cov: Floats) -> Floats:
    """Return R with ``R'R = cov``; what is rounding among the eigenvalues counts as 0."""
    values, vectors = np.linalg.eigh(cov)
    kept = np.where(values > _RANK * values[-1], values, 0.0)
    return np.sqrt(kept)[:, None] * vectors.T


def within(program: Conic, pick: Floats, lower: Floats, upper: Floats) -> None:
    """Ask for ``lower <= x <= upper``, where these are finite."""
    above, below = np.isfinite(upper), np.isfinite(lower)
    program.at_most(pick[above], upper[above])
    program.at_most(-pick[below], -lower[below])
