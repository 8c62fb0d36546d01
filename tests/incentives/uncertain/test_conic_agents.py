"""One program an agent."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.incentives.uncertain.worlds import cheapest_by_cvxpy, cost_of, names, uncertain_rule

from surefoot.incentives.costs import EffortCost, LpCost
from surefoot.incentives.uncertain.conic_agents import ConicAgents


def boxed(p: float, n: int, rng: np.random.Generator) -> EffortCost:
    """Limits of each agent's own on the first node, a direction on the second."""
    nodes = names(4)
    limits = LpCost(p).bounds({nodes[0]: -rng.random(n)}, {nodes[0]: rng.random(n) * 2})
    return limits.directions({nodes[1]: 1}).resolve(nodes)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_against_an_independent_solver(p: float) -> None:
    rng = np.random.default_rng(0)
    moments, X = uncertain_rule(rng, 4, 5, 0.2), rng.normal(size=(8, 5))
    cost = boxed(p, 8, rng)
    programs = ConicAgents.of(moments, X, cost)
    statuses = set()
    for z in (0.5, 2.0):
        for agent in range(8):
            mean, sd = programs.margin(agent, np.zeros(4))
            if mean >= z * sd:
                continue
            expected = cheapest_by_cvxpy(moments, X[agent], z, cost, agent)
            found = programs.least(agent, z)
            statuses.add(found is None)
            if found is None:
                assert expected == np.inf
            else:
                assert cost.of(found) == pytest.approx(expected, rel=1e-5, abs=1e-6)
                assert np.all(cost.lower <= found) or cost.lower.ndim == 2
                assert cost.lower[agent, 0] <= found[0] <= cost.upper[agent, 0]
    assert statuses == {True, False}


def test_margins_are_those_of_the_moments() -> None:
    rng = np.random.default_rng(1)
    moments, X = uncertain_rule(rng, 4, 6, 0.3, rank=3), rng.normal(size=(5, 6))
    programs = ConicAgents.of(moments, X, cost_of(2, rng, 4))
    mean, variance, covariance = moments.at(X)
    for agent, e in enumerate(rng.normal(size=(5, 4))):
        found = programs.margin(agent, e)
        spread = variance[agent] + 2 * covariance[agent] @ e + e @ moments.gain_cov @ e
        assert found == pytest.approx((mean[agent] + moments.gain @ e, np.sqrt(spread)))


def surest_of(programs: ConicAgents, agent: int, efforts: NDArray) -> float:
    return max(np.divide(*programs.margin(agent, effort)) for effort in efforts)


@pytest.mark.parametrize("p", [1, 2, None])
def test_nothing_within_the_budget_is_surer(p: float | None) -> None:
    rng = np.random.default_rng(2)
    moments, X = uncertain_rule(rng, 3, 3, 0.3), rng.normal(size=(6, 3))
    moments.theta[-1] = 2.0
    cost, signs = cost_of(p, rng, 3, (0, 1)), set()
    programs = ConicAgents.of(moments, X, cost)
    tried = rng.normal(size=(3_000, 3))
    tried[:, 1] = np.abs(tried[:, 1])
    tried /= cost.of(tried)[:, None] if p is not None else np.sqrt(cost.of(tried))[:, None]
    for agent in range(6):
        budget = 0.05 * 8.0**agent
        effort, z = programs.surest(agent, budget)
        assert cost.of(effort) <= budget * (1 + 1e-7)
        assert effort[1] >= 0
        mean, sd = programs.margin(agent, effort)
        assert z == pytest.approx(mean / sd)
        size = budget if p is not None else np.sqrt(budget)
        radius = rng.random((3_000, 1))
        others = np.vstack([tried, tried * radius]) * size
        signs.add(z > 0)
        if z > 0:
            assert z >= surest_of(programs, agent, others) - 1e-6
            # The least cost of that confidence is the budget.
            least = programs.least(agent, z * (1 - 1e-6))
            assert least is not None
            assert cost.of(least) <= budget * (1 + 1e-6)
        else:
            best = max(programs.margin(agent, other)[0] for other in others)
            assert mean >= best - 1e-6
            assert effort.any()
    assert signs == {True, False}


def test_nothing_to_spend_and_nothing_to_move() -> None:
    rng = np.random.default_rng(3)
    moments, X = uncertain_rule(rng, 2, 2, 0.3), rng.normal(size=(1, 2))
    effort, z = ConicAgents.of(moments, X, cost_of(2, rng, 2)).surest(0, 0.0)
    mean, variance, _ = moments.at(X)
    assert not effort.any()
    assert z == pytest.approx(mean[0] / np.sqrt(variance[0]))
    nobody = ConicAgents.of(moments, X, cost_of(2, rng, 2, immutable=[0, 1]))
    assert nobody.least(0, 2.0) is None
    assert not nobody.surest(0, 1.0)[0].any()
