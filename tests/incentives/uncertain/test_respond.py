"""Who responds how, by every way there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incentives.uncertain.worlds import (
    cheapest_by_cvxpy,
    cost_of,
    covariance,
    names,
    uncertain_graph,
    uncertain_rule,
)

from surefoot import InputError
from surefoot.incentives.costs import LpCost
from surefoot.incentives.margins import MarginMoments
from surefoot.incentives.status import Status
from surefoot.incentives.uncertain import respond as module
from surefoot.incentives.uncertain.ceiling import ceiling
from surefoot.incentives.uncertain.respond import respond, spend


def short_by(moments: MarginMoments, X: np.ndarray, effort: np.ndarray, z: float) -> np.ndarray:
    mean, variance, covariance = moments.at(X)
    own, shared = effort @ moments.gain_cov * effort, 2 * covariance * effort
    spread = variance + np.sum(shared + own, axis=1)
    # A root makes 1e-8 of rounding where effort takes away all doubt.
    rounding = 1e-14 * (variance + np.sum(np.abs(shared) + np.abs(own), axis=1))
    sd = np.sqrt(np.where(spread > rounding, spread, 0))
    return z * sd - mean - effort @ moments.gain


@pytest.mark.parametrize("p", [2, None])
@pytest.mark.parametrize("rank", [None, 2])
@pytest.mark.parametrize("scale", [0.05, 0.5])
def test_the_secular_way_against_an_independent_solver(
    p: float | None, rank: int | None, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubtful, programs = [], module._programs

    def counted(moments: MarginMoments, X: np.ndarray, *rest: object) -> object:
        doubtful.extend(X)
        return programs(moments, X, *rest)

    monkeypatch.setattr(module, "_programs", counted)
    rng = np.random.default_rng(0)
    moments, X = uncertain_rule(rng, 4, 5, scale, rank), rng.normal(size=(25, 5))
    cost = cost_of(p, rng, 4, immutable=[2])
    z = 1.5
    found = respond(moments, X, z, cost)
    for i, x in enumerate(X):
        expected = cheapest_by_cvxpy(moments, x, z, cost)
        assert np.isfinite(found.price[i]) == np.isfinite(expected)
        if np.isfinite(expected):
            assert found.price[i] == pytest.approx(expected, rel=1e-4, abs=1e-4)
    moved = found.status == Status.MOVES
    assert moved.any()
    assert np.all(short_by(moments, X, found.effort, z)[moved] <= 1e-8)
    assert not found.effort[:, 2].any()
    # Where the spread is singular, effort may take away all doubt: rounding then decides.
    assert len(doubtful) <= (0 if rank is None else 1)


def test_ways_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    moments, X = uncertain_rule(rng, 3, 3, 0.4), rng.normal(size=(60, 3))
    cost = cost_of(2, rng, 3)
    highest = ceiling(moments.gain, moments.gain_cov, cost)
    found = {z: respond(moments, X, z, cost) for z in (1.0, 0.9 * highest, 1.2 * highest)}
    assert Status.NEVER_SURE in found[1.2 * highest].status
    for z, fast in found.items():
        for backend in ("numpy", "numba"):
            other = respond(moments, X, z, cost, backend)
            np.testing.assert_allclose(other.effort, fast.effort, rtol=1e-10, atol=1e-12)
        # Doubtful margins go to the programs: here all of them.
        with monkeypatch.context() as doubt:
            doubt.setattr(module, "_SHORT", -1.0)
            slow = respond(moments, X, z, cost)
            assert not (fast.effort.any() and np.array_equal(slow.effort, fast.effort))
        np.testing.assert_array_equal(slow.status, fast.status)
        np.testing.assert_allclose(slow.price, fast.price, rtol=1e-6)


@pytest.mark.parametrize("p", [1, 1.5, 2, None])
def test_a_known_rule_scales_one_effort(p: float | None) -> None:
    rng = np.random.default_rng(2)
    moments = uncertain_graph(rng, 4, covariance(rng, 4, 0.2))
    X = rng.normal(size=(30, 4))
    cost = cost_of(p, rng, 4)
    found = respond(moments, X, 1.2, cost)
    gap = moments.theta[-1] - X @ moments.theta[:-1]
    assert np.array_equal(found.status == Status.PASSES, gap <= 0)
    moved = found.status == Status.MOVES
    unit = found.effort[moved] / gap[moved, None]
    np.testing.assert_allclose(unit, np.broadcast_to(unit[0], unit.shape), rtol=1e-9)
    assert np.all(short_by(moments, X, found.effort, 1.2)[moved] <= 1e-7 * gap[moved])
    # As if the rule were uncertain by next to nothing.
    tiny = replace(moments, theta_cov=np.eye(5) * 1e-18)
    other = respond(tiny, X, 1.2, cost)
    np.testing.assert_allclose(other.price[moved], found.price[moved], rtol=1e-5)


def test_limits_are_full_information() -> None:
    rng = np.random.default_rng(3)
    moments, X = uncertain_rule(rng, 4, 4, 0.3), rng.normal(size=(50, 4))
    for p in (2, None):
        cost = cost_of(p, rng, 4)
        gap = np.maximum(moments.theta[-1] - X @ moments.theta[:-1], 0)
        inverse = np.linalg.solve(cost.Q, moments.gain)
        expected = gap[:, None] * inverse / (moments.gain @ inverse)
        np.testing.assert_allclose(respond(moments, X, 0.0, cost).effort, expected, atol=1e-12)
        calm = replace(
            moments,
            theta_cov=moments.theta_cov * 1e-16,
            gain_cov=moments.gain_cov * 1e-16,
            cross=moments.cross * 1e-16,
        )
        for world, z in ((moments, 1e-8), (calm, 1.6)):
            near = respond(world, X, z, cost)
            np.testing.assert_allclose(near.effort, expected, atol=1e-6)


def test_statuses() -> None:
    nodes = names(2)
    zeros = np.zeros((3, 3))
    moments = MarginMoments(
        np.array([1.0, 1.0, 1.0]), zeros, np.ones(2), np.eye(2) * 0.25, np.zeros((2, 3))
    )
    X = np.array([[0.5, 0.5], [0.3, 0.2], [2.0, 0.0]])
    free = LpCost(1).resolve(nodes)
    assert respond(moments, X, 1.0, free).status.tolist() == [
        Status.PASSES, Status.MOVES, Status.PASSES,
    ]  # fmt: skip
    # Beyond the ceiling, sqrt(8): only who passes already is sure.
    beyond = respond(moments, X, 2.9, free)
    assert beyond.status.tolist() == [Status.PASSES, Status.NEVER_SURE, Status.PASSES]
    assert beyond.price.tolist() == [0, np.inf, 0]
    assert not beyond.effort.any()
    # Bounds: sum of the gains 0.6 is enough for the mean, but not at z = 1; 0.4 is never.
    for most, status in ((0.3, Status.NEVER_SURE), (0.2, Status.OUT_OF_REACH)):
        bounded = LpCost(1).bounds(upper=dict.fromkeys(nodes, most)).resolve(nodes)
        assert respond(moments, X, 1.0, bounded).status[1] == status
        assert respond(moments, X, 2.9, bounded).status[1] == status
    down = LpCost(1).directions(dict.fromkeys(nodes, -1)).resolve(nodes)
    assert respond(moments, X, 0.5, down).status[1] == Status.OUT_OF_REACH
    fixed = LpCost(2).immutable(*nodes).resolve(nodes)
    assert respond(moments, X, 0.5, fixed).status[1] == Status.OUT_OF_REACH
    doubt = replace(moments, theta_cov=np.eye(3))
    assert respond(doubt, X, 0.5, fixed).status[2] == Status.NEVER_SURE
    assert len(respond(doubt, X[:0], 0.5, free).status) == 0


def test_limits_stay_with_their_agents() -> None:
    rng = np.random.default_rng(8)
    moments, X = uncertain_rule(rng, 3, 3, 0.3), rng.normal(size=(40, 3))
    nodes = names(3)
    most = 0.5 * rng.random(40)
    bounds = dict.fromkeys(nodes, -most), dict.fromkeys(nodes, most)
    cost = LpCost(1).bounds(*bounds).resolve(nodes)
    found = respond(moments, X, 0.7, cost)
    assert {Status.PASSES, Status.MOVES} <= set(found.status)
    assert np.all(np.abs(found.effort) <= cost.upper)
    assert np.any(np.isclose(np.abs(found.effort), cost.upper))
    for i in range(40):
        alone = respond(moments, X[i : i + 1], 0.7, cost.rows(slice(i, i + 1)))
        assert alone.status[0] == found.status[i]
        np.testing.assert_allclose(alone.effort[0], found.effort[i], atol=1e-6)


def test_rounding_does_not_move_anybody() -> None:
    moments = uncertain_graph(np.random.default_rng(4), 2, np.eye(2) * 0.01)
    moments = replace(moments, theta=np.array([0.3, -0.1, 0.2]))
    found = respond(moments, np.array([[1.0, 1.0]]), 1.0, cost_of(2, np.random.default_rng(0), 2))
    assert found.status.tolist() == [Status.PASSES]  # 0.3 - 0.1 - 0.2 is -2.8e-17


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), z=st.lists(st.floats(0, 6), min_size=2, max_size=2))
def test_confidence_costs(seed: int, z: list[float]) -> None:
    rng = np.random.default_rng(seed)
    moments, X = uncertain_rule(rng, 3, 3, 0.3), rng.normal(size=(50, 3))
    cost = cost_of(2, rng, 3)
    less, more = (respond(moments, X, value, cost) for value in sorted(z))
    assert np.all(less.price <= more.price * (1 + 1e-8) + 1e-12)
    assert np.all((more.status == Status.PASSES) <= (less.status == Status.PASSES))
    for found in (less, more):
        assert np.array_equal(np.isinf(found.price), found.status > Status.MOVES)
        assert np.array_equal(found.effort.any(axis=1), found.status == Status.MOVES)


def test_spending_what_it_takes_gives_the_confidence() -> None:
    rng = np.random.default_rng(5)
    moments, X = uncertain_rule(rng, 3, 3, 0.3), rng.normal(size=(30, 3))
    for p in (1, 2, None):
        cost = cost_of(p, rng, 3)
        least = respond(moments, X, 1.3, cost)
        moved = least.status == Status.MOVES
        effort, z = spend(moments, X[moved], least.price[moved], cost)
        np.testing.assert_allclose(z, 1.3, rtol=1e-5)
        np.testing.assert_allclose(effort, least.effort[moved], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("budget", [-1.0, np.nan, np.inf])
def test_budgets_that_are_none(budget: float) -> None:
    rng = np.random.default_rng(6)
    moments = uncertain_rule(rng, 2, 2, 0.3)
    with pytest.raises(InputError, match="budget: .*finite numbers, 0 or more"):
        spend(moments, np.zeros((2, 2)), np.array([1.0, budget]), cost_of(2, rng, 2))


@pytest.mark.parametrize("z", [-0.1, np.nan, np.inf])
def test_a_z_that_is_none(z: float) -> None:
    rng = np.random.default_rng(7)
    with pytest.raises(InputError, match="z: found .*0 or more"):
        respond(uncertain_rule(rng, 2, 2, 0.3), np.zeros((1, 2)), z, cost_of(2, rng, 2))
