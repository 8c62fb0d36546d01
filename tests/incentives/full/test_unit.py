"""Effort for one unit of score: closed forms, the dual norm, directions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incentives.full.programs import BAR, EXPONENTS, INF, least_cost, norm_cost, quadratic
from tests.incentives.full.programs import positive as positive_definite

from surefoot.ground.errors import InputError
from surefoot.incentives.full.unit import unit_response

GAIN, WEIGHTS = np.array([1.0, -2.0, 0.5, 0.0]), np.array([1.0, 3.0, 0.4, 1.0])


def dual(p: float) -> float:
    return INF if p == 1 else 1.0 if np.isinf(p) else p / (p - 1)


@pytest.mark.parametrize("p", EXPONENTS)
def test_price_is_that_of_the_dual_norm(p: float) -> None:
    unit = unit_response(GAIN, norm_cost(p, WEIGHTS))
    assert unit.price == pytest.approx(1 / np.linalg.norm(GAIN / WEIGHTS, dual(p)), rel=1e-14)
    assert unit.effort @ GAIN == pytest.approx(1, rel=1e-14)
    assert np.linalg.norm(WEIGHTS * unit.effort, p) == pytest.approx(unit.price, rel=1e-14)
    assert unit.effort[3] == 0


def test_closed_forms() -> None:
    one = unit_response(GAIN, norm_cost(1, WEIGHTS)).effort
    np.testing.assert_array_equal(one, [0, 0, 2, 0])
    two = unit_response(GAIN, norm_cost(2, WEIGHTS)).effort
    expected = GAIN / WEIGHTS**2
    np.testing.assert_allclose(two, expected / (expected @ GAIN), rtol=1e-15)
    q = dual(3)
    three = unit_response(GAIN, norm_cost(3, WEIGHTS)).effort
    expected = np.sign(GAIN) * np.abs(GAIN) ** (q - 1) / WEIGHTS**q
    np.testing.assert_allclose(three, expected / (expected @ GAIN), rtol=1e-14)
    largest = unit_response(GAIN, norm_cost(INF, WEIGHTS)).effort
    expected = np.sign(GAIN) / WEIGHTS / np.abs(GAIN / WEIGHTS).sum()
    np.testing.assert_allclose(largest, expected, rtol=1e-15)


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("one_sided", [False, True])
def test_norms_agree_with_a_conic_solver(p: float, one_sided: bool) -> None:
    rng = np.random.default_rng(int(min(p, 99) * 10))
    gain, weights = rng.normal(size=5), rng.uniform(0.3, 3, 5)
    lower = np.array([0.0, -INF, 0.0, 0.0, -INF]) if one_sided else -INF
    cost = norm_cost(p, weights, lower)
    assert unit_response(gain, cost).price == pytest.approx(least_cost(gain, 1.0, cost), rel=BAR)


@pytest.mark.parametrize("one_sided", [False, True])
def test_quadratic_costs(one_sided: bool) -> None:
    rng = np.random.default_rng(4)
    for _ in range(4):
        gain, Q = rng.normal(size=5), positive_definite(rng, 5)
        lower = np.where(rng.random(5) < 0.5, 0.0, -INF) if one_sided else -INF
        unit = unit_response(gain, quadratic(Q, lower))
        assert unit.price == pytest.approx(least_cost(gain, 1.0, quadratic(Q, lower)), rel=BAR)
        assert unit.price == pytest.approx(unit.effort @ Q @ unit.effort, rel=1e-13)
        if not one_sided:
            effort = np.linalg.solve(Q, gain)
            np.testing.assert_allclose(unit.effort, effort / (effort @ gain), rtol=1e-11)


def test_a_wrong_direction_drops_out() -> None:
    cost = norm_cost(2, np.ones(3), lower=[0.0, 0.0, -INF], upper=[INF, INF, 0.0])
    effort = unit_response(np.array([1.0, -5.0, 5.0]), cost).effort
    np.testing.assert_array_equal(effort, [1, 0, 0])


@pytest.mark.parametrize("p", EXPONENTS)
def test_no_effort_gains_anything(p: float) -> None:
    assert unit_response(np.zeros(3), norm_cost(p, np.ones(3))) is None
    assert unit_response(np.ones(3), norm_cost(p, np.ones(3), upper=0.0)) is None
    assert unit_response(np.ones(2), quadratic([[1, 0.5], [0.5, 1]], upper=0.0)) is None


def test_limits_on_size_are_refused() -> None:
    with pytest.raises(InputError, match="cost: found limits on the size .*directions"):
        unit_response(GAIN, norm_cost(2, WEIGHTS, upper=1.0))


@pytest.mark.parametrize("p", [1 + 1e-12, 1.0001, 1.01, 1e6])
def test_extreme_exponents_are_finite_and_near_their_limits(p: float) -> None:
    gain, weights = np.array([3e-8, 2.0, -7e8, 6.9e8]), np.array([1e-6, 1.0, 1e8, 1e8])
    unit = unit_response(gain, norm_cost(p, weights))
    limit = unit_response(gain, norm_cost(1.0 if p < 2 else INF, weights))
    assert np.isfinite(unit.effort).all()
    assert unit.price == pytest.approx(limit.price, rel=max(p - 1, 1e-12) if p < 2 else 20 / p)


def test_effort_is_continuous_at_two() -> None:
    at_two = unit_response(GAIN, norm_cost(2, WEIGHTS)).effort
    for p in (2 - 1e-7, 2 + 1e-7):
        near = unit_response(GAIN, norm_cost(p, WEIGHTS)).effort
        np.testing.assert_allclose(near, at_two, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    gain=st.lists(st.floats(0.01, 100), min_size=1, max_size=6),
    p=st.sampled_from(EXPONENTS),
    scale=st.floats(1e-80, 1e80),
)
def test_scales_of_gain_and_of_cost(gain: list[float], p: float, scale: float) -> None:
    v, w = np.array(gain), np.linspace(1, 2, len(gain))
    unit = unit_response(v, norm_cost(p, w))
    dearer = unit_response(v, norm_cost(p, w * scale))
    np.testing.assert_allclose(dearer.effort, unit.effort, rtol=1e-10)
    assert dearer.price == pytest.approx(unit.price * scale, rel=1e-10)
    steeper = unit_response(v * scale, norm_cost(p, w))
    np.testing.assert_allclose(steeper.effort * scale, unit.effort, rtol=1e-10)
