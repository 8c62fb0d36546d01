"""The mean of the worst."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from tests.incentives.uncertain.beliefs import joint, rare
from tests.incentives.uncertain.worlds import cost_of, names

from surefoot import InputError
from surefoot.incentives.costs import EffortCost, LpCost
from surefoot.incentives.margins import MarginDraws
from surefoot.incentives.status import Status
from surefoot.incentives.uncertain.calibration import normal_z
from surefoot.incentives.uncertain.cvar import cvar_respond
from surefoot.incentives.uncertain.respond import respond

X = np.random.default_rng(1).normal(size=(20, 5))


def by_cvxpy(
    draws: MarginDraws, x: np.ndarray, confidence: float, cost: EffortCost, upper: float = np.inf
) -> float:
    """The program of Rockafellar and Uryasev, with a variable for each draw."""
    n, m = draws.gains.shape
    e, level = cp.Variable(m), cp.Variable()
    losses = -(draws.theta @ np.append(x, -1.0) + draws.gains @ e)
    limits = [level + cp.sum(cp.pos(losses - level)) / ((1 - confidence) * n) <= 0]
    if np.isfinite(upper):
        limits.append(cp.abs(e) <= upper)
    problem = cp.Problem(cp.Minimize(cp.norm(cp.multiply(cost.weights, e), cost.p)), limits)
    problem.solve(solver=cp.CLARABEL)
    return float(problem.value)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.9333])
def test_against_the_whole_program(p: float, confidence: float) -> None:
    draws = joint(0)[0](200, np.random.default_rng(2))
    cost = cost_of(p, np.random.default_rng(3), 5)
    found = cvar_respond(draws, X[:6], confidence, cost)
    assert set(found.status) == {Status.PASSES, Status.MOVES}
    for x, price in zip(X, found.price, strict=False):
        assert price == pytest.approx(by_cvxpy(draws, x, confidence, cost), rel=1e-5, abs=1e-6)


def test_limits_of_each_agents_own() -> None:
    draws = joint(0)[0](200, np.random.default_rng(2))
    most = np.linspace(0.05, 1.0, 20)
    nodes = names(5)
    bounds = dict.fromkeys(nodes, -most), dict.fromkeys(nodes, most)
    cost = LpCost(1).bounds(*bounds).resolve(nodes)
    found = cvar_respond(draws, X, 0.9, cost)
    assert set(found.status) == {Status.PASSES, Status.MOVES, Status.NEVER_SURE}
    assert np.all(np.abs(found.effort) <= most[:, None])
    assert np.abs(found.effort).max() > most[0]
    for i in range(1, 20, 2):
        assert found.price[i] == pytest.approx(
            by_cvxpy(draws, X[i], 0.9, cost, most[i]), rel=1e-5, abs=1e-6
        )


@pytest.mark.parametrize("noise_is_rare", [False, True])
def test_it_is_conservative(noise_is_rare: bool) -> None:
    draws_of, moments = joint(1, rare, 0.3) if noise_is_rare else joint(1)
    cost = cost_of(2, np.random.default_rng(3), 5)
    found = cvar_respond(draws_of(3_000, np.random.default_rng(2)), X, 0.9, cost)
    moves = found.status == Status.MOVES
    fresh = draws_of(50_000, np.random.default_rng(5))
    assert np.all(fresh.pass_rate(X[moves], found.effort[moves]) > 0.9)
    if not noise_is_rare:
        normal = respond(moments, X, normal_z(0.9), cost)
        assert np.all(found.price[moves] > normal.price[moves])


def test_a_known_rule_has_one_unit() -> None:
    draws = joint(2)[0](500, np.random.default_rng(2))
    known = MarginDraws(np.broadcast_to(draws.theta[0], draws.theta.shape), draws.gains)
    cost = cost_of(2, np.random.default_rng(3), 5)
    found = cvar_respond(known, X, 0.8, cost)
    gap = draws.theta[0, -1] - X @ draws.theta[0, :-1]
    assert np.array_equal(found.status == Status.MOVES, gap > 0)
    each = found.effort[gap > 0] / gap[gap > 0, None]
    np.testing.assert_allclose(each, np.broadcast_to(each[0], each.shape))
    i = int(np.argmax(gap))
    assert found.price[i] == pytest.approx(by_cvxpy(known, X[i], 0.8, cost), rel=1e-5)
    doubled = MarginDraws(known.theta, known.gains * np.array([1.0, -1.0] * 250)[:, None])
    never = cvar_respond(doubled, X, 0.8, cost)
    assert np.array_equal(never.status == Status.NEVER_SURE, gap > 0)
    assert np.all(np.isinf(never.price[gap > 0]))


def test_confidence_is_checked() -> None:
    draws = joint(2)[0](50, np.random.default_rng(2))
    with pytest.raises(InputError, match="confidence: found 0.3"):
        cvar_respond(draws, X, 0.3, cost_of(2, np.random.default_rng(3), 5))
