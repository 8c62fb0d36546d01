"""Agents who want the best score: for a budget, and net of the cost."""

from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.full.programs import (
    BAR,
    EXPONENTS,
    INF,
    boxes,
    most_gain,
    norm_cost,
    positive,
    quadratic,
)

from surefoot.ground.errors import InputError
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.full.respond import respond
from surefoot.incentives.full.spend import best_utility, spend
from surefoot.incentives.full.unit import unit_response

N, M = 12, 5


def drawn(p: float | None, kind: str) -> tuple[np.ndarray, EffortCost, np.ndarray]:
    """Return gains, a cost (p = 0: quadratic, p None: with a full matrix) and budgets."""
    rng = np.random.default_rng(3)
    limits = {"free": (-INF, INF), "common": boxes(rng, M), "own": boxes(rng, N, M)}[kind]
    weights = rng.uniform(0.3, 3, M)
    if p is None:
        cost = quadratic(positive(rng, M), *limits)
    else:
        cost = norm_cost(p, weights, *limits) if p else quadratic(weights**2, *limits)
    return rng.normal(size=M), cost, rng.uniform(0.01, 4, N)


@pytest.mark.parametrize("kind", ["free", "common", "own"])
@pytest.mark.parametrize("p", [0, *EXPONENTS, None])
def test_budgets(p: float | None, kind: str) -> None:
    gain, cost, budget = drawn(p, kind)
    budget[0] = 0.0
    effort = spend(gain, budget, cost)
    lower, upper = cost.limits(N)
    assert np.all((lower <= effort) & (effort <= upper))
    assert not effort[0].any()
    assert np.all(cost.of(effort) <= budget * (1 + BAR))
    for n in range(1, 4):
        own = EffortCost(cost.p, cost.weights, cost.Q, lower[n], upper[n])
        assert effort[n] @ gain == pytest.approx(most_gain(gain, budget[n], own), rel=BAR)
    # The least cost of what a budget gains is that budget, unless limits leave some of it.
    back = respond(gain, effort @ gain, cost)
    assert np.all(back.price <= budget * (1 + BAR))
    np.testing.assert_allclose(back.effort @ gain, effort @ gain, rtol=BAR, atol=1e-12)


@pytest.mark.parametrize("p", [0, *EXPONENTS, None])
def test_without_limits_the_direction_is_that_of_passing(p: float | None) -> None:
    gain, cost, budget = drawn(p, "free")
    unit = unit_response(gain, cost)
    share = budget / unit.price
    length = np.sqrt(share) if cost.p is None else share
    np.testing.assert_allclose(spend(gain, budget, cost), np.outer(length, unit.effort), rtol=1e-12)


@pytest.mark.parametrize("p", [0, *EXPONENTS, None])
@pytest.mark.parametrize("kind", ["common", "own"])
def test_a_budget_without_end(p: float | None, kind: str) -> None:
    gain, cost, budget = drawn(p, kind)
    limited = EffortCost(
        cost.p, cost.weights, cost.Q, np.maximum(cost.lower, -3), np.minimum(cost.upper, 3)
    )
    budget[2] = INF
    effort = spend(gain, budget, limited)
    most = np.where(gain > 0, *limited.limits(N)[::-1])[2]
    assert np.array_equal(effort[2], most)
    others = np.arange(N) != 2
    expected = spend(gain, np.where(others, budget, 0.0), limited)
    np.testing.assert_allclose(effort[others], expected[others], rtol=1e-12)
    # More than enough is as good as no end, but for a solver's digits.
    np.testing.assert_allclose(spend(gain, np.full(N, 1e4), limited)[2], most, atol=1e-6)
    gain_of_endless = np.where(np.arange(M) == 0, 1.0, gain)
    with pytest.raises(InputError, match="budget: found inf.*without a limit on each node"):
        endless = cost.upper.copy()
        endless[..., 0] = INF
        spend(
            gain_of_endless, budget, EffortCost(cost.p, cost.weights, cost.Q, cost.lower, endless)
        )


@pytest.mark.parametrize("p", [0, *EXPONENTS, None])
@pytest.mark.parametrize("kind", ["common", "own"])
def test_nothing_gains_and_nobody(p: float | None, kind: str) -> None:
    gain, cost, budget = drawn(p, kind)
    assert not spend(np.zeros(M), budget, cost).any()
    assert spend(gain, budget[:0], cost.rows(slice(0, 0))).shape == (0, M)


def test_compiled_and_numpy_agree() -> None:
    pytest.importorskip("numba")
    for p in (0, *EXPONENTS):
        gain, cost, budget = drawn(p, "own")
        fast, slow = (spend(gain, budget, cost, backend) for backend in ("numba", "numpy"))
        np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-12)


def test_half_the_squared_effort_gives_the_gain_itself() -> None:
    gain = np.array([1.0, -2.0, 0.0])
    assert np.array_equal(best_utility(gain, quadratic([0.5, 0.5, 0.5]), 2), [gain, gain])


@pytest.mark.parametrize("kind", ["free", "common", "own"])
@pytest.mark.parametrize("p", [0, None])
def test_utility_falls_in_every_direction(p: float | None, kind: str) -> None:
    gain, cost, _ = drawn(p, kind)
    effort = best_utility(gain, cost, N)
    lower, upper = cost.limits(N)
    best = effort @ gain - cost.of(effort)
    rng = np.random.default_rng(0)
    for step in (1e-3, 1.0):
        for _ in range(20):
            other = np.clip(effort + step * rng.normal(size=(N, M)), lower, upper)
            assert np.all(other @ gain - cost.of(other) <= best + 1e-12)


def test_utility_of_nobody_and_of_a_norm() -> None:
    gain, cost, _ = drawn(None, "own")
    assert best_utility(gain, cost.rows(slice(0, 0)), 0).shape == (0, M)
    with pytest.raises(InputError, match="cost: found a norm with p = 2; allowed: a quadratic"):
        best_utility(np.ones(2), norm_cost(2, np.ones(2)), 1)
