"""Costs to try, and what cvxpy with Clarabel makes of one agent: the independent reference."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.costs import EffortCost

Floats = NDArray[np.float64]
INF = float("inf")
EXPONENTS = (1.0, 1.2, 1.5, 2.0, 3.0, 8.0, INF)
# How far the reference may be off, relative; it is the less exact of the two.
BAR = 1e-6


def norm_cost(p: float, weights, lower=-INF, upper=INF) -> EffortCost:
    """Return a norm; limits of one number, of shape (m,) or (N, m)."""
    w = np.asarray(weights, dtype=float)
    return EffortCost(p, w, np.diag(w**2), *_limits(len(w), lower, upper))


def quadratic(Q, lower=-INF, upper=INF) -> EffortCost:
    """Return ``e'Qe``; Q may be its diagonal."""
    Q = np.asarray(Q, dtype=float)
    Q = np.diag(Q) if Q.ndim == 1 else Q
    return EffortCost(None, np.ones(len(Q)), Q, *_limits(len(Q), lower, upper))


def positive(rng: np.random.Generator, m: int) -> Floats:
    """Return a positive definite matrix whose nodes help and hinder one another."""
    A = rng.normal(size=(m, m))
    return A @ A.T / m + 0.3 * np.eye(m)


def boxes(rng: np.random.Generator, *shape: int) -> tuple[Floats, Floats]:
    """Return limits: some nodes immutable, some one-sided, some without end."""
    lower, upper = -rng.uniform(0.1, 2, shape), rng.uniform(0.1, 2, shape)
    kind = rng.integers(0, 6, shape)
    lower[(kind == 0) | (kind == 1)] = 0.0
    upper[(kind == 0) | (kind == 2)] = 0.0
    lower[kind == 3], upper[kind == 3] = -INF, INF
    return lower, upper


def least_cost(gain: Floats, gap: float, cost: EffortCost) -> float | None:
    """Return the least cost of making up for `gap`; None if nothing does. Limits are (m,)."""
    e = cp.Variable(cost.size)
    value = _cost(e, cost)
    program = cp.Problem(cp.Minimize(value), [gain @ e >= gap, *_within(e, cost)])
    program.solve(solver=cp.CLARABEL)
    if program.status.startswith("infeasible"):
        return None
    assert program.status == "optimal"
    return float(program.value)


def most_gain(gain: Floats, budget: float, cost: EffortCost) -> float:
    """Return the most score that `budget` buys. Limits are (m,)."""
    e = cp.Variable(cost.size)
    program = cp.Problem(cp.Maximize(gain @ e), [_cost(e, cost) <= budget, *_within(e, cost)])
    program.solve(solver=cp.CLARABEL)
    assert program.status == "optimal"
    return float(program.value)


def _cost(e: cp.Variable, cost: EffortCost) -> cp.Expression:
    if cost.p is None:
        return cp.sum_squares(np.linalg.cholesky(cost.Q).T @ e)
    return cp.pnorm(cp.multiply(cost.weights, e), cost.p)


def _within(e: cp.Variable, cost: EffortCost) -> list[cp.Constraint]:
    low, high = np.isfinite(cost.lower), np.isfinite(cost.upper)
    rows = [e[low] >= cost.lower[low]] if low.any() else []
    return rows + ([e[high] <= cost.upper[high]] if high.any() else [])


def _limits(m: int, lower, upper) -> tuple[Floats, Floats]:
    return tuple(
        np.full(m, limit) if np.ndim(limit) == 0 else np.asarray(limit, dtype=float)
        for limit in (lower, upper)
    )
