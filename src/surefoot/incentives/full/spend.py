"""Agents who want the best score rather than a pass: for their budget, or net of its cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.full import conic_agents
from surefoot.incentives.full.boxed import Backend, Target, boxed
from surefoot.incentives.full.coupled import best_within
from surefoot.incentives.full.levers import Levers, farthest
from surefoot.incentives.full.paths import Path

Floats = NDArray[np.float64]


def spend(gain: Floats, budget: Floats, cost: EffortCost, backend: Backend = "auto") -> Floats:
    """Return the effort within each budget that gains most, shape (N, m).

    Parameters
    ----------
    gain : ndarray of shape (m,)
        Score gained for a unit of each effort, v.
    budget : ndarray of shape (N,)
        Most that an effort may cost, at least 0; in the unit of the cost, so of ``e'Qe`` for a
        quadratic one.
    cost : EffortCost
        Limits of shape (m,) or (N, m).
    backend : {"auto", "numba", "numpy"}
        For limits of each agent's own.

    Raises
    ------
    InputError
        A budget without end, and a node that gains without limit.
    """
    norms = budget if cost.p is not None else np.sqrt(budget)
    endless = np.isinf(norms)
    if not endless.any():
        return _spent(gain, norms, cost, backend)
    effort = farthest(gain, *cost.limits(len(norms)))
    if not np.isfinite(effort[endless]).all():
        allowed = "a finite number: more effort always gains more, without a limit on each node"
        raise InputError("budget", np.inf, allowed)
    effort[~endless] = _spent(gain, norms[~endless], cost.rows(~endless), backend)
    return effort


def best_utility(gain: Floats, cost: EffortCost, n: int) -> Floats:
    """Return the effort of n agents that maximises ``gain.e − e'Qe``, shape (n, m).

    Raises
    ------
    InputError
        The cost is a norm: nothing, or ever more, would be best.
    """
    if cost.p is not None:
        allowed = "a quadratic cost: net of a norm, the best effort is none or without end"
        raise InputError("cost", f"a norm with p = {cost.p:g}", allowed)
    if cost.separable:
        return np.clip(gain / (2 * np.diag(cost.Q)), *cost.limits(n))
    if cost.lower.ndim == cost.upper.ndim == 1:
        return np.tile(best_within(gain, 2 * cost.Q, cost.lower, cost.upper), (n, 1))
    limits = zip(*cost.limits(n), strict=True)
    best = [best_within(gain, 2 * cost.Q, lower, upper) for lower, upper in limits]
    return np.array(best).reshape(n, cost.size)


def _spent(gain: Floats, norms: Floats, cost: EffortCost, backend: Backend) -> Floats:
    limits = cost.limits(len(norms))
    if cost.p is not None and np.isinf(cost.p):  # each node has the whole budget
        return np.clip(np.outer(norms, np.sign(gain) / cost.weights), *limits)
    path = Path.of(gain, cost)
    if path is not None:
        return path.at_norm(norms)
    if not cost.separable:
        return conic_agents.spend_all(gain, norms, cost)
    levers = Levers.of(gain, cost)
    return boxed(levers, Target.norm(levers, norms), *limits, backend)[0]
