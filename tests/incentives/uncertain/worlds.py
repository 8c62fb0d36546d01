"""Small worlds, and cvxpy's answers to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.costs import Cost, EffortCost, LpCost, QuadraticCost
from surefoot.incentives.margins import MarginMoments

NORMS = [1, 1.2, 1.5, 2, 3, 8, np.inf]


def names(m: int) -> list[str]:
    return [f"node{i}" for i in range(m)]


def cost_of(
    p: float | None,
    rng: np.random.Generator,
    m: int,
    signs: Sequence[int] = (),
    immutable: Sequence[int] = (),
) -> EffortCost:
    """A cost with random weights; signs: -1, 0 (free), 1 of the first nodes."""
    nodes = names(m)
    cost: Cost
    if p is None:
        B = rng.normal(size=(m, m))
        cost = QuadraticCost(B @ B.T + np.eye(m), nodes)
    else:
        cost = LpCost(p, dict(zip(nodes, rng.uniform(0.3, 2, m), strict=True)))
    cost = cost.directions({nodes[i]: sign for i, sign in enumerate(signs) if sign})
    return cost.immutable(*(nodes[i] for i in immutable)).resolve(nodes)


def covariance(rng: np.random.Generator, m: int, scale: float, rank: int | None = None) -> NDArray:
    A = rng.normal(size=(m, rank or m)) * scale
    return A @ A.T


def uncertain_rule(
    rng: np.random.Generator, m: int, n: int, scale: float, rank: int | None = None
) -> MarginMoments:
    """Weights and threshold unknown, effects of efforts on features known."""
    theta = rng.normal(size=n + 1)
    sigma = covariance(rng, n + 1, scale, rank)
    C = np.eye(m, n) + 0.3 * rng.normal(size=(m, n))
    return MarginMoments(
        theta, sigma, C @ theta[:-1], C @ sigma[:-1, :-1] @ C.T, C @ sigma[:-1]
    )  # fmt: skip


def uncertain_graph(rng: np.random.Generator, m: int, cov: NDArray) -> MarginMoments:
    """The rule known: features are the efforts' own, gains uncertain."""
    theta = rng.normal(size=m + 1)
    zeros = np.zeros((m + 1, m + 1))
    return MarginMoments(theta, zeros, theta[:-1].copy(), cov, np.zeros((m, m + 1)))


def root_of(cov: NDArray) -> NDArray:
    values, vectors = np.linalg.eigh(cov)
    return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T


def cheapest_by_cvxpy(
    moments: MarginMoments, x: NDArray, z: float, cost: EffortCost, agent: int = 0
) -> float:
    """The least cost of one agent; inf if there is no confident effort."""
    e = cp.Variable(cost.size)
    joint = np.block([[moments.theta_cov, moments.cross.T], [moments.cross, moments.gain_cov]])
    root, extended = root_of(joint), np.append(x, -1.0)
    spread = cp.norm(root[:, len(extended) :] @ e + root[:, : len(extended)] @ extended)
    limits = [moments.theta @ extended + moments.gain @ e >= z * spread]
    lower, upper = (side[0] for side in cost.rows(slice(agent, agent + 1)).limits(1))
    limits += [e[i] >= lower[i] for i in np.flatnonzero(np.isfinite(lower))]
    limits += [e[i] <= upper[i] for i in np.flatnonzero(np.isfinite(upper))]
    if cost.p is None:
        price = cp.quad_form(e, cp.psd_wrap(cost.Q))
    else:
        price = cp.norm(cp.multiply(cost.weights, e), "inf" if np.isinf(cost.p) else cost.p)
    problem = cp.Problem(cp.Minimize(price), limits)
    problem.solve(solver=cp.CLARABEL)
    assert problem.status in ("optimal", "infeasible"), problem.status
    return float(problem.value)


def unit_by_cvxpy(gain: NDArray, cov: NDArray, z: float, cost: EffortCost) -> float:
    """The price of a unit of score; inf if there is no confident effort."""
    m = len(gain)
    nothing = np.zeros((1, 1))
    moments = MarginMoments(np.ones(1), nothing, gain, cov, np.zeros((m, 1)))
    return cheapest_by_cvxpy(moments, np.zeros(0), z, cost)
