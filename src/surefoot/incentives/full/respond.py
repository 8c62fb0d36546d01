"""Agents who want to pass: the least effort that makes up for each one's gap.

=======================  ==========================================  =====================
limits of effort         a norm, or Q diagonal                       Q not diagonal
=======================  ==========================================  =====================
none, or directions      one path for all (`paths`)                  the same
in common                one path for all (`paths`)                  a conic program an
of each agent's own      nodes held in a few rounds (`boxed`)        agent (`conic_agents`)
=======================  ==========================================  =====================
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.costs import EffortCost
from surefoot.incentives.found import Found
from surefoot.incentives.full import conic_agents
from surefoot.incentives.full.boxed import Backend, Target, boxed
from surefoot.incentives.full.levers import SLACK, Levers
from surefoot.incentives.full.paths import Path
from surefoot.incentives.status import Status

Floats = NDArray[np.float64]


def respond(gain: Floats, gap: Floats, cost: EffortCost, backend: Backend = "auto") -> Found:
    """Return the least effort that makes up for each gap.

    Parameters
    ----------
    gain : ndarray of shape (m,)
        Score gained for a unit of each effort, v.
    gap : ndarray of shape (N,)
        Score that is missing; whoever lacks nothing (0 or less) passes.
    cost : EffortCost
        Limits of shape (m,) or (N, m).
    backend : {"auto", "numba", "numpy"}
        For limits of each agent's own.

    Notes
    -----
    A gap that exceeds what the limits allow by a relative 1e-9 or less is within reach.
    """
    path = Path.of(gain, cost)
    if path is not None:
        met = gap <= path.reach * (1 + SLACK)
        effort, norms = path.at_gap(np.where(met, np.maximum(gap, 0.0), 0.0))
    elif cost.separable:
        levers = Levers.of(gain, cost)
        target = Target.gap(levers, gap)
        effort, norms, met = boxed(levers, target, *cost.limits(len(gap)), backend)
        effort[~met] = 0.0
    else:
        effort, norms, met = conic_agents.make_up_for(gain, gap, cost)
    passes = gap <= 0
    price = np.where(passes | met, norms if cost.p is not None else norms**2, np.inf)
    status = np.where(passes, Status.PASSES, np.where(met, Status.MOVES, Status.OUT_OF_REACH))
    return Found(effort, price, status.astype(np.int8))
