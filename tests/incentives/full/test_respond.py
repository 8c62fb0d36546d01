"""Agents who want to pass: who can, at what price, and how both move."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incentives.full.programs import (
    BAR,
    EXPONENTS,
    INF,
    boxes,
    least_cost,
    norm_cost,
    positive,
    quadratic,
)

from surefoot.incentives.costs import EffortCost
from surefoot.incentives.full.respond import respond
from surefoot.incentives.status import Status

N = 25


def drawn(seed: int, p: float | None, kind: str) -> tuple[np.ndarray, EffortCost, np.ndarray]:
    """Return gains, a cost (p = 0: quadratic, p None: with a full matrix) and gaps."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 7))
    limits = {"free": (-INF, INF), "common": boxes(rng, m), "own": boxes(rng, N, m)}[kind]
    weights = rng.uniform(0.3, 3, m)
    if p is None:
        cost = quadratic(positive(rng, m), *limits)
    else:
        cost = norm_cost(p, weights, *limits) if p else quadratic(weights**2, *limits)
    return rng.normal(size=m), cost, rng.uniform(-0.5, 4, N)


KINDS = st.sampled_from(("free", "common", "own"))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), p=st.sampled_from((0, *EXPONENTS)), kind=KINDS)
def test_every_agent_has_a_reason(seed: int, p: float, kind: str) -> None:
    gain, cost, gap = drawn(seed, p, kind)
    found = respond(gain, gap, cost)
    lower, upper = cost.limits(N)
    reach = np.where(gain > 0, upper, np.where(gain < 0, lower, 0.0)) @ gain
    expected = np.where(gap <= 0, Status.PASSES, np.where(gap <= reach, Status.MOVES, -1))
    expected[expected < 0] = Status.OUT_OF_REACH
    assert np.array_equal(found.status, expected)
    moves = found.status == Status.MOVES
    np.testing.assert_allclose(found.effort[moves] @ gain, gap[moves], rtol=1e-12)
    np.testing.assert_allclose(found.price[moves], cost.of(found.effort[moves]), rtol=1e-11)
    assert not found.effort[~moves].any()
    assert np.all(found.price[found.status == Status.PASSES] == 0)
    assert np.all(np.isinf(found.price[found.status == Status.OUT_OF_REACH]))
    assert np.all((lower <= found.effort) & (found.effort <= upper))


@pytest.mark.parametrize("kind", ["free", "common", "own"])
@pytest.mark.parametrize("p", [0, 1.0, 1.5, INF, None])
def test_agents_agree_with_cvxpy(p: float | None, kind: str) -> None:
    gain, cost, gap = drawn(11, p, kind)
    found = respond(gain, gap, cost)
    lower, upper = cost.limits(N)
    for n in np.flatnonzero(gap > 0.1)[:3]:
        own = EffortCost(cost.p, cost.weights, cost.Q, lower[n], upper[n])
        expected = least_cost(gain, gap[n], own)
        assert (found.status[n] == Status.MOVES) == (expected is not None)
        if expected is not None:
            assert found.price[n] == pytest.approx(expected, rel=BAR)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), p=st.sampled_from((0, *EXPONENTS)), kind=KINDS)
def test_prices_rise_with_gap_and_weights(seed: int, p: float, kind: str) -> None:
    gain, cost, gap = drawn(seed, p, kind)
    price = respond(gain, gap, cost).price
    assert np.all(respond(gain, gap + 0.1, cost).price >= price * (1 - 1e-12))
    dearer = EffortCost(cost.p, cost.weights * 1.5, cost.Q * 2.25, cost.lower, cost.upper)
    assert np.all(respond(gain, gap, dearer).price >= price * (1 - 1e-12))
    wider = EffortCost(cost.p, cost.weights, cost.Q, 2 * cost.lower, 2 * cost.upper)
    assert np.all(respond(gain, gap, wider).price <= price * (1 + 1e-12))


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    p=st.sampled_from((0, *EXPONENTS)),
    kind=KINDS,
    scale=st.sampled_from((1e-100, 1e-9, 1e9, 1e100)),
)
def test_the_unit_of_effort_does_not_matter(seed: int, p: float, kind: str, scale: float) -> None:
    gain, cost, gap = drawn(seed, p, kind)
    found = respond(gain, gap, cost)
    lower, upper = cost.lower / scale, cost.upper / scale
    rescaled = EffortCost(cost.p, cost.weights * scale, cost.Q * scale**2, lower, upper)
    if cost.p is None:
        rescaled = EffortCost(None, cost.weights, cost.Q * scale**2, lower, upper)
    other = respond(gain * scale, gap, rescaled)
    assert np.array_equal(found.status, other.status)
    np.testing.assert_allclose(other.effort * scale, found.effort, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other.price, found.price, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("p", [0, *EXPONENTS, None])
@pytest.mark.parametrize("kind", ["free", "common", "own"])
def test_nothing_gains(p: float | None, kind: str) -> None:
    _, cost, gap = drawn(2, p, kind)
    found = respond(np.zeros(cost.size), gap, cost)
    expected = np.where(gap <= 0, Status.PASSES, Status.OUT_OF_REACH)
    assert np.array_equal(found.status, expected)
    assert np.array_equal(np.isinf(found.price), gap > 0)
    assert not found.effort.any()


@pytest.mark.parametrize("p", [0, *EXPONENTS, None])
@pytest.mark.parametrize("kind", ["free", "common", "own"])
def test_nobody(p: float | None, kind: str) -> None:
    gain, cost, _ = drawn(2, p, kind)
    found = respond(gain, np.zeros(0), cost.rows(slice(0, 0)))
    assert found.effort.shape == (0, cost.size)
    assert found.status.dtype == np.int8
    assert len(found.price) == 0


@pytest.mark.parametrize("kind", ["common", "own"])
def test_effort_is_continuous_at_two(kind: str) -> None:
    gain, at_two, gap = drawn(8, 2.0, kind)
    squared = respond(gain, gap, quadratic(at_two.weights**2, at_two.lower, at_two.upper))
    expected = respond(gain, gap, at_two)
    np.testing.assert_allclose(squared.effort, expected.effort, rtol=1e-12)
    np.testing.assert_allclose(squared.price, expected.price**2, rtol=1e-12)
    for p in (2 - 1e-6, 2 + 1e-6):
        near = respond(gain, gap, norm_cost(p, at_two.weights, at_two.lower, at_two.upper))
        np.testing.assert_allclose(near.effort, expected.effort, atol=1e-5)


def test_one_row_of_limits_is_the_common_limit() -> None:
    for p in (0, *EXPONENTS):
        gain, cost, gap = drawn(21, p, "common")
        rows = EffortCost(cost.p, cost.weights, cost.Q, *map(np.array, cost.limits(N)))
        common, own = respond(gain, gap, cost), respond(gain, gap, rows)
        assert np.array_equal(common.status, own.status)
        np.testing.assert_allclose(common.effort, own.effort, rtol=1e-11, atol=1e-12)


def test_one_side_of_each_agents_own() -> None:
    cost = norm_cost(2, np.ones(2), -INF, np.array([[1.0, 1.0], [3.0, 0.0]]))
    found = respond(np.array([1.0, 1.0]), np.array([2.0, 2.0]), cost)
    np.testing.assert_allclose(found.effort, [[1, 1], [2, 0]])
