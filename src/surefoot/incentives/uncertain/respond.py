"""Responses of agents who must be confident of passing: the dispatcher.

==========================================  =================================================
beliefs and cost                            solved by
==========================================  =================================================
rule known, or z = 0; limits are            one effort for all, times the gap: `graph_unit`
directions
quadratic or p = 2, nodes free              shared eigenbasis, one root an agent: `secular`
bounds, directions, other p                 one conic program an agent: `conic_agents`
==========================================  =================================================

Where rule and graph are both unknown the margin is not normal; its first two moments are exact all
the same, and `surefoot.incentives.uncertain.calibration` finds the z that keeps the promise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.found import Found
from surefoot.incentives.margins import MarginMoments
from surefoot.incentives.rowwise import rowwise
from surefoot.incentives.status import Status
from surefoot.incentives.uncertain.conic_agents import ConicAgents
from surefoot.incentives.uncertain.eigenbasis import Eigenbasis
from surefoot.incentives.uncertain.graph_unit import EVEN, unit_response
from surefoot.incentives.uncertain.secular import Backend, Secular

Floats = NDArray[np.float64]
# Margins this close to 0, relative to their terms, are decided by rounding: they pass.
_ROUNDING = 1e-9
# What a margin may fall short of 0 after an effort, and exceed it, relative to its terms.
_SHORT, _IDLE = 1e-9, 1e-6
_NOISE = 1e-14


def respond(
    moments: MarginMoments, X: Floats, z: float, cost: EffortCost, backend: Backend = "auto"
) -> Found:
    """Return the least efforts with ``mean >= z sd`` of the margin.

    Parameters
    ----------
    moments : MarginMoments
        What agents believe.
    X : ndarray of shape (N, n)
        Features of the rule.
    z : float
        How sure agents want to be, in standard deviations; 0 or more.
    cost : EffortCost
    backend : {"auto", "numba", "numpy"}
        Of the shared eigenbasis: same efforts to twelve digits.
    """
    if not (np.isfinite(z) and z >= 0):
        raise InputError("z", z, "a number of standard deviations, 0 or more")
    if z < EVEN:
        z = 0.0
    mean, variance, covariance = moments.at(X)
    size = rowwise(np.abs(X), np.abs(moments.theta[:-1])) + abs(moments.theta[-1])
    mean = np.where(np.abs(mean) <= _ROUNDING * size, 0.0, mean)
    unsure = np.flatnonzero(mean < z * np.sqrt(variance))
    effort = np.zeros((len(X), cost.size))
    status = np.full(len(X), Status.PASSES, dtype=np.int8)
    mean, variance, covariance = mean[unsure], variance[unsure], covariance[unsure]
    if (z == 0 or moments.rule_known) and cost.homogeneous:
        effort[unsure], found = _unit(moments, mean, z, cost)
    elif cost.free and cost.p in (2, None):
        margins = mean, variance, covariance
        effort[unsure], found = _secular(moments, X[unsure], margins, z, cost, backend)
    else:
        effort[unsure], found = _programs(moments, X[unsure], z, cost.rows(unsure))
    reach = mean + _reach(moments.gain, cost.rows(unsure), len(unsure))
    never = np.where(reach >= 0, Status.NEVER_SURE, Status.OUT_OF_REACH)
    status[unsure] = np.where(found, Status.MOVES, never)
    price = cost.of(effort)
    price[unsure[~found]] = np.inf
    return Found(effort, price, status)


def spend(
    moments: MarginMoments, X: Floats, budget: Floats, cost: EffortCost
) -> tuple[Floats, Floats]:
    """Return the efforts within a budget that are most likely to pass, and how likely.

    Parameters
    ----------
    moments : MarginMoments
    X : ndarray of shape (N, n)
    budget : ndarray of shape (N,)
        What each agent can spend, in units of the cost; finite, 0 or more.
    cost : EffortCost

    Returns
    -------
    effort : ndarray of shape (N, m)
    z : ndarray of shape (N,)
        ``mean / sd`` of the margin after the effort: the believed chance is Φ(z). Below 0 where no
        effort within the budget makes passing more likely than not: the effort then is the one
        with the largest mean.
    """
    wrong = ~(np.isfinite(budget) & (budget >= 0))
    if wrong.any():
        raise InputError("budget", float(budget[wrong][0]), "finite numbers, 0 or more")
    programs = ConicAgents.of(moments, X, cost)
    effort, z = np.zeros((len(X), cost.size)), np.zeros(len(X))
    for agent in range(len(X)):
        effort[agent], z[agent] = programs.surest(agent, float(budget[agent]))
    return effort, z


def _unit(
    moments: MarginMoments, mean: Floats, z: float, cost: EffortCost
) -> tuple[Floats, NDArray[np.bool_]]:
    unit = unit_response(moments.gain, moments.gain_cov, z, cost)
    if unit is None:
        return np.zeros((len(mean), cost.size)), np.zeros(len(mean), dtype=bool)
    return np.outer(-mean, unit.effort), np.ones(len(mean), dtype=bool)


def _secular(
    moments: MarginMoments,
    X: Floats,
    margins: tuple[Floats, Floats, Floats],
    z: float,
    cost: EffortCost,
    backend: Backend,
) -> tuple[Floats, NDArray[np.bool_]]:
    mean, variance, covariance = margins
    basis = Eigenbasis.of(moments.gain_cov, cost)
    if not len(basis.values):
        return np.zeros((len(mean), cost.size)), np.zeros(len(mean), dtype=bool)
    c = rowwise(covariance, basis.vectors)
    c[:, basis.values == 0] = 0.0  # rounding: what has no variance has no covariance
    w, found = Secular.of(basis.coordinates(moments.gain), basis.values, z).solve(
        mean, variance, c, backend
    )
    effort = rowwise(w, basis.vectors.T)
    # Verified where it counts, in the original coordinates.
    gained = rowwise(effort, moments.gain)
    own = np.sum(effort * rowwise(effort, moments.gain_cov), axis=1)
    shared = 2 * np.sum(effort * covariance, axis=1)
    spread = variance + shared + own
    # Where effort takes away all doubt, what is left is rounding; its root would not be.
    noise = _NOISE * (variance + np.abs(shared) + own)
    sd = np.sqrt(np.where(spread > noise, spread, 0.0))
    margin = (mean + gained - z * sd) / (np.abs(mean) + np.abs(gained) + z * sd)
    doubtful = np.flatnonzero(found & ((margin < -_SHORT) | (margin > _IDLE)))
    if len(doubtful):
        effort[doubtful], found[doubtful] = _programs(moments, X[doubtful], z, cost)
    return effort, found


def _programs(
    moments: MarginMoments, X: Floats, z: float, cost: EffortCost
) -> tuple[Floats, NDArray[np.bool_]]:
    programs = ConicAgents.of(moments, X, cost)
    effort, found = np.zeros((len(X), cost.size)), np.zeros(len(X), dtype=bool)
    for agent in range(len(X)):
        least = programs.least(agent, z)
        if least is not None:
            effort[agent], found[agent] = least, True
    return effort, found


def _reach(gain: Floats, cost: EffortCost, n: int) -> Floats:
    """Return the most that allowed efforts add to the mean, shape (n,); inf without end."""
    lower, upper = cost.limits(n)
    useful = gain != 0
    ends = np.where(gain[useful] > 0, upper[:, useful], lower[:, useful])
    return np.sum(gain[useful] * ends, axis=1)
