"""Agents who know the rule but not what effort changes: one effort serves them all.

``v̄.e − z sd(e) >= gap`` scales with the gap, and so does the cost: the cheapest effort for a unit
of score, times the gap, is everybody's response. It is the one of full information for the gain
``v̄ − (z / sd(e)) S e``: mean up, variance down.

==============================  =============================================================
cost and covariance             solved by
==============================  =============================================================
quadratic or p = 2, free nodes  the eigenbasis of (S, Q) and one scalar root
p = 1, uncorrelated             soft thresholds, exact
other p, uncorrelated           scalar roots within a scalar root
anything else                   one conic program
==============================  =============================================================

Where gains are uncorrelated and the cost is separable, directions only take away the gains that
can't be had.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.costs import EffortCost
from surefoot.incentives.uncertain.ceiling import ceiling, diagonal, possible
from surefoot.incentives.uncertain.eigenbasis import Eigenbasis
from surefoot.incentives.uncertain.multiplier import multiplier
from surefoot.incentives.uncertain.nested_roots import nested_roots
from surefoot.incentives.uncertain.programs import cheapest, movable, root_of
from surefoot.incentives.uncertain.soft_threshold import soft_threshold

Floats = NDArray[np.float64]
# A smaller z asks for less than half a billionth more than an even chance: it counts as 0.
EVEN = 1e-9
_NOTHING = 1e-12  # standard deviations below this, in units of score, are rounding


@dataclass(frozen=True, eq=False)
class UnitResponse:
    """The cheapest effort for a unit of score.

    Attributes
    ----------
    effort : ndarray of shape (m,)
    price : float
        Its cost.
    multiplier : float
        ``z / sd(effort)``: what spread takes off the gain; 0 where the effort has no spread.
    """

    effort: Floats
    price: float
    multiplier: float


def unit_response(gain: Floats, cov: Floats, z: float, cost: EffortCost) -> UnitResponse | None:
    """Return the least effort with ``gain.e − z sd(e) >= 1``; None if none is enough.

    Parameters
    ----------
    gain, cov : ndarray of shape (m,), (m, m)
        Mean and covariance of the score gained for a unit of each effort.
    z : float
        How sure agents want to be, in standard deviations; 0 or more.
    cost : EffortCost
        With directions as its only limits.
    """
    if z >= ceiling(gain, cov, cost):
        return None
    if z < EVEN:
        z, cov = 0.0, np.zeros_like(cov)
    plain = diagonal(cov) and cost.separable
    if plain:
        gain = possible(gain, cost.upper > 0, cost.lower < 0)
    effort: Floats | None
    if (plain or cost.free) and cost.p in (2, None):
        effort = _free_quadratic(gain, cov, z, cost)
    elif plain:
        effort = _uncorrelated(gain, np.diag(cov), z, cost)
    else:
        effort = _conic(gain, cov, z, cost)
    if effort is None:  # so close to the ceiling that efforts explode
        return None
    spread = _sd(effort, cov)
    return UnitResponse(effort, float(cost.of(effort)), z / spread if spread > _NOTHING else 0.0)


def _free_quadratic(gain: Floats, cov: Floats, z: float, cost: EffortCost) -> Floats:
    """Return ``(Q + τS)⁻¹ v̄``, scaled; τ is the root of ``τ sd((Q + τS)⁻¹ v̄) = z``."""
    basis = Eigenbasis.of(cov, cost)
    c, risky = basis.coordinates(gain), basis.values > 0

    def spread(tau: float) -> float:
        return float(np.sqrt(basis.values @ (c / (1 + tau * basis.values)) ** 2))

    limit = np.sqrt(np.sum(c[risky] ** 2 / basis.values[risky]))  # of τ spread(τ)
    if limit == 0:
        u = c
    elif z >= limit:  # only what has no risk is worth it
        u = np.where(risky, 0.0, c)
    else:
        u = c / (1 + multiplier(spread, z) * basis.values)
    return basis.vectors @ u / (u @ u)  # u.u is v̄.e − z sd(e) before scaling


def _uncorrelated(gain: Floats, variance: Floats, z: float, cost: EffortCost) -> Floats:
    useful = np.flatnonzero(gain)
    part = gain[useful], variance[useful], z, cost.weights[useful]
    effort = np.zeros(cost.size)
    if cost.p == 1:
        effort[useful], rate = soft_threshold(*part)
        assert abs(cost.of(effort) * rate - 1) < 1e-9
    else:
        assert cost.p is not None  # quadratic costs have their own way
        effort[useful] = nested_roots(*part, cost.p)
    return effort


def _conic(gain: Floats, cov: Floats, z: float, cost: EffortCost) -> Floats | None:
    # In units of what an effort costs, and of the largest gain for it.
    nodes, unit = movable(cost.lower, cost.upper, cost)
    a, S = gain[nodes] * unit, cov[np.ix_(nodes, nodes)] * np.outer(unit, unit)
    size = float(np.abs(a).max())
    root = root_of(S / size**2)
    program, pick = cheapest(cost, nodes, unit, cost.lower, cost.upper)
    program.norm(z * root @ pick, np.zeros(len(nodes)), a / size @ pick, -1.0)
    effort = np.zeros(cost.size)
    effort[nodes] = program.solve().x[: len(nodes)] * unit
    effort = np.clip(effort, cost.lower, cost.upper)
    # Whatever the solver's tolerance: scaled, the effort is exactly enough.
    enough = float(gain @ effort) - z * _sd(effort, cov)
    return effort / enough if enough > 0 else None


def _sd(effort: Floats, cov: Floats) -> float:
    return float(np.sqrt(max(float(effort @ cov @ effort), 0.0)))
