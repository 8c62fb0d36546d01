"""One effort for all who know the rule and not the graph."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from tests.incentives.uncertain.worlds import NORMS, cost_of, covariance, unit_by_cvxpy

from surefoot.incentives.costs import EffortCost
from surefoot.incentives.uncertain.ceiling import ceiling
from surefoot.incentives.uncertain.graph_unit import UnitResponse, unit_response


def margin(unit: UnitResponse, gain: np.ndarray, cov: np.ndarray, z: float) -> float:
    return float(gain @ unit.effort - z * np.sqrt(unit.effort @ cov @ unit.effort))


def world(seed: int, diagonal: bool) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    cov = np.diag(rng.uniform(0.1, 0.5, 4) ** 2) if diagonal else covariance(rng, 4, 0.3)
    return rng.normal(size=4), cov, rng


@pytest.mark.parametrize("p", [*NORMS, None])
@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("signs", [(), (1, 0, -1, -1)])
def test_every_way_against_an_independent_solver(
    p: float | None, diagonal: bool, signs: tuple[int, ...]
) -> None:
    gain, cov, rng = world(7, diagonal)
    cost = cost_of(p, rng, 4, signs)
    z = 0.6 * ceiling(gain, cov, cost)
    unit = unit_response(gain, cov, z, cost)
    assert unit is not None
    assert margin(unit, gain, cov, z) == pytest.approx(1, rel=1e-8)
    assert unit.price == pytest.approx(unit_by_cvxpy(gain, cov, z, cost), rel=1e-6)
    assert unit.price == pytest.approx(cost.of(unit.effort))
    assert np.all((unit.effort >= cost.lower) & (unit.effort <= cost.upper))


@pytest.mark.parametrize("p", [*NORMS, None])
@pytest.mark.parametrize("diagonal", [True, False])
def test_near_the_ceiling(p: float | None, diagonal: bool) -> None:
    gain, cov, rng = world(8, diagonal)
    cost = cost_of(p, rng, 4)
    highest = ceiling(gain, cov, cost)
    below = unit_response(gain, cov, 0.99 * highest, cost)
    assert below is not None
    assert margin(below, gain, cov, 0.99 * highest) == pytest.approx(1, rel=1e-7)
    assert unit_response(gain, cov, 1.01 * highest, cost) is None
    assert unit_response(gain, cov, highest, cost) is None


def full_information(gain: np.ndarray, cost: EffortCost) -> float:
    """The price of a unit by the dual norm."""
    if cost.p is None:
        return float(1 / (gain @ np.linalg.solve(cost.Q, gain)))
    q = np.inf if cost.p == 1 else 1.0 if np.isinf(cost.p) else cost.p / (cost.p - 1)
    return float(1 / np.linalg.norm(gain / cost.weights, ord=q))


@pytest.mark.parametrize("p", [*NORMS, None])
def test_limits_are_full_information(p: float | None) -> None:
    gain, cov, rng = world(9, False)
    cost = cost_of(p, rng, 4)
    expected = full_information(gain, cost)
    for z, spread in ((0.0, cov), (1.3, np.zeros((4, 4)))):
        exact = unit_response(gain, spread, z, cost)
        assert exact is not None
        assert exact.price == pytest.approx(expected, rel=1e-9)
        assert exact.multiplier == 0
    for z, spread in ((1e-7, cov), (1.3, cov * 1e-14)):
        near = unit_response(gain, spread, z, cost)
        assert near is not None
        assert near.price == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("p", [1, 1.5, 2, None])
def test_spread_only_lowers_the_gain(p: float | None) -> None:
    gain, cov, rng = world(10, True)
    cost = cost_of(p, rng, 4)
    unit = unit_response(gain, cov, 0.5 * ceiling(gain, cov, cost), cost)
    assert unit is not None
    lowered = gain - unit.multiplier * cov @ unit.effort
    assert full_information(lowered, cost) == pytest.approx(unit.price, rel=1e-8)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("confidence", [0.7, 0.9, 0.95, 0.99])
def test_agents_pass_as_often_as_they_want_to(p: float, confidence: float) -> None:
    gain, cov, rng = world(11, True)
    unit = unit_response(gain, cov, ndtri(confidence), cost_of(p, rng, 4))
    assert unit is not None
    draws = rng.multivariate_normal(gain, cov, 200_000)
    assert (draws @ unit.effort >= 1).mean() == pytest.approx(confidence, abs=0.004)


def test_an_effort_without_risk_at_any_confidence() -> None:
    gain, cov = np.array([1.0, 0.5, 0.2]), np.diag([0.04, 0.0, 0.0])
    for p in (1, 2, 3, None):
        cost = cost_of(p, np.random.default_rng(0), 3)
        unit = unit_response(gain, cov, 50.0, cost)
        assert unit is not None
        assert unit.effort[0] == pytest.approx(0, abs=1e-12)
        assert unit.multiplier == 0
        assert unit.price == pytest.approx(unit_by_cvxpy(gain, cov, 50.0, cost), rel=1e-6)


def test_no_gain_no_response() -> None:
    cost = cost_of(2, np.random.default_rng(0), 2)
    assert unit_response(np.zeros(2), np.eye(2), 0.0, cost) is None
    nobody = cost_of(2, np.random.default_rng(0), 2, immutable=[0, 1])
    assert unit_response(np.ones(2), np.eye(2), 0.0, nobody) is None


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    p=st.sampled_from([1, 1.5, 2, 8, None]),
    shares=st.tuples(st.floats(0, 0.97), st.floats(0, 0.97)),
    diagonal=st.booleans(),
    scale=st.floats(1e-3, 1e3),
)
def test_more_confidence_costs_more_and_units_do_not_matter(
    seed: int, p: float | None, shares: tuple[float, float], diagonal: bool, scale: float
) -> None:
    gain, cov, rng = world(seed, diagonal)
    cost = cost_of(p, rng, 4)
    highest = ceiling(gain, cov, cost)
    low, high = sorted(shares)
    less = unit_response(gain, cov, low * highest, cost)
    more = unit_response(gain, cov, high * highest, cost)
    assert less is not None
    assert more is not None
    assert less.price <= more.price * (1 + 1e-6)
    scaled = unit_response(gain * scale, cov * scale**2, low * highest, cost)
    assert scaled is not None
    np.testing.assert_allclose(
        scaled.effort * scale, less.effort, rtol=1e-4, atol=1e-4 * np.abs(less.effort).max()
    )
