"""Limits of each agent's own: compiled and NumPy agree, and both are right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incentives.full.programs import BAR, EXPONENTS, INF, boxes, least_cost, norm_cost

from surefoot.ground.errors import InputError
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.full.boxed import Target, boxed
from surefoot.incentives.full.levers import Levers

pytest.importorskip("numba")
N = 40


def drawn(seed: int, m: int, p: float) -> tuple[np.ndarray, EffortCost, np.ndarray]:
    rng = np.random.default_rng(seed)
    gain = rng.normal(size=m) * (rng.random(m) < 0.8)
    cost = norm_cost(p, rng.uniform(0.2, 5, m), *boxes(rng, N, m))
    return gain, cost, rng.uniform(-0.5, 4, N)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    m=st.integers(1, 9),
    p=st.sampled_from((*EXPONENTS, 1.0003, 1.02, 50.0)),
    spends=st.booleans(),
    scale=st.sampled_from((1e-120, 1.0, 1e120)),
)
def test_compiled_and_numpy_agree(seed: int, m: int, p: float, spends: bool, scale: float) -> None:
    gain, cost, amounts = drawn(seed, m, p)
    levers = Levers.of(gain * scale, cost)
    target = Target.gap(levers, amounts * scale)
    if spends and np.isfinite(p):
        target = Target.norm(levers, amounts)
    fast, slow = (
        boxed(levers, target, cost.lower, cost.upper, backend) for backend in ("numba", "numpy")
    )
    for found, expected in zip(fast[:2], slow[:2], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert np.array_equal(fast[2], slow[2])


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), m=st.integers(1, 9), p=st.sampled_from((*EXPONENTS, 1.0003)))
def test_the_target_is_met_within_the_limits(seed: int, m: int, p: float) -> None:
    gain, cost, gap = drawn(seed, m, p)
    levers = Levers.of(gain, cost)
    effort, norms, met = boxed(levers, Target.gap(levers, gap), cost.lower, cost.upper)
    assert np.all((cost.lower <= effort) & (effort <= cost.upper))
    asked = met & (gap > 0)
    np.testing.assert_allclose(effort[asked] @ gain, gap[asked], rtol=1e-13)
    np.testing.assert_allclose(norms, np.linalg.norm(effort * cost.weights, p, axis=1), rtol=1e-12)
    assert not effort[gap <= 0].any()
    # Who falls short gives everything.
    assert np.all(effort[~met] @ gain < gap[~met])
    useful = gain != 0
    most = np.where(gain > 0, cost.upper, cost.lower)
    assert np.array_equal(effort[~met][:, useful], most[~met][:, useful])
    if np.isfinite(p):
        # Spending what a gap costs closes it.
        back, again, _ = boxed(levers, Target.norm(levers, norms), cost.lower, cost.upper)
        np.testing.assert_allclose(back @ gain, effort @ gain, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(again, norms, rtol=1e-9)


@pytest.mark.parametrize("p", EXPONENTS)
def test_agents_agree_with_a_conic_solver(p: float) -> None:
    gain, cost, gap = drawn(7, 5, p)
    levers = Levers.of(gain, cost)
    _, norms, met = boxed(levers, Target.gap(levers, gap), cost.lower, cost.upper)
    assert 0 < met[gap > 0].sum() < (gap > 0).sum()
    for n in np.flatnonzero(gap > 0)[:8]:
        own = norm_cost(p, cost.weights, cost.lower[n], cost.upper[n])
        expected = least_cost(gain, gap[n], own)
        assert met[n] == (expected is not None)
        assert not met[n] or norms[n] == pytest.approx(expected, rel=BAR)


def test_a_worse_node_waits_at_p_near_one() -> None:
    # Half the gain for its cost: 2^-10000 of the better node's effort, until that is exhausted.
    cost = norm_cost(1.0001, [1.0, 1.0], 0.0, np.array([[1.0, 5.0]] * 3))
    levers = Levers.of(np.array([2.0, 1.0]), cost)
    target = Target.gap(levers, np.array([1.0, 2.0, 5.0]))
    for backend in ("numba", "numpy"):
        effort, _, _ = boxed(levers, target, cost.lower * np.ones((3, 1)), cost.upper, backend)
        np.testing.assert_allclose(effort, [[0.5, 0], [1, 0], [1, 3]], atol=1e-12)


@pytest.mark.parametrize("backend", ["numba", "numpy"])
@pytest.mark.parametrize("p", EXPONENTS)
def test_just_within_reach(p: float, backend: str) -> None:
    gain = np.array([1.0, -3.0, 0.7])
    limits = np.array([[-1.1, -0.3, 0.0]] * 4), np.array([[0.9, 0.0, 1.3]] * 4)
    cost = norm_cost(p, [1.0, 2.0, 3.0], *limits)
    reach = 0.9 + 3 * 0.3 + 0.7 * 1.3
    gap = reach * np.array([1 - 1e-12, 1.0, 1 + 1e-10, 1 + 1e-8])
    levers = Levers.of(gain, cost)
    effort, _, met = boxed(levers, Target.gap(levers, gap), *limits, backend)
    assert met.tolist() == [True, True, True, False]
    np.testing.assert_allclose(effort, [[0.9, -0.3, 1.3]] * 4, rtol=1e-10)
    assert np.all((limits[0] <= effort) & (effort <= limits[1]))


@pytest.mark.parametrize("backend", ["numba", "numpy"])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_nobody_and_nothing(p: float, backend: str) -> None:
    nobody = norm_cost(p, np.ones(2), np.zeros((0, 2)), np.ones((0, 2)))
    levers = Levers.of(np.ones(2), nobody)
    effort, norms, met = boxed(
        levers, Target.gap(levers, np.zeros(0)), nobody.lower, nobody.upper, backend
    )
    assert (effort.shape, norms.shape, met.shape) == ((0, 2), (0,), (0,))
    stuck = norm_cost(p, np.ones(2), np.zeros((2, 2)), np.zeros((2, 2)))
    levers = Levers.of(np.ones(2), stuck)
    _, _, met = boxed(levers, Target.gap(levers, np.array([1.0, -1.0])), stuck.lower, stuck.upper)
    assert met.tolist() == [False, True]


def test_limits_may_be_broadcast() -> None:
    gain, cost, gap = drawn(3, 4, 2.0)
    levers = Levers.of(gain, cost)
    target = Target.gap(levers, np.broadcast_to(gap[0], N))
    effort, _, _ = boxed(levers, target, *(np.broadcast_to(x[1], (N, 4)) for x in cost.limits(N)))
    assert np.all(effort == effort[0])


def test_unknown_backend() -> None:
    gain, cost, gap = drawn(0, 2, 2.0)
    levers = Levers.of(gain, cost)
    with pytest.raises(InputError, match="backend: found 'nunba'.*did you mean 'numba'"):
        boxed(levers, Target.gap(levers, gap), cost.lower, cost.upper, "nunba")


def test_unlimited_nodes_share_what_is_left() -> None:
    cost = norm_cost(INF, [1.0, 1.0, 1.0], 0.0, np.array([[0.5, INF, INF]]))
    levers = Levers.of(np.ones(3), cost)
    target = Target.gap(levers, np.array([4.5]))
    effort, norms, _ = boxed(levers, target, np.zeros((1, 3)), cost.upper)
    np.testing.assert_allclose(effort, [[0.5, 2, 2]])
    np.testing.assert_allclose(norms, [2])
