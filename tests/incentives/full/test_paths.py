"""One path for all agents: the scan of single agents, piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.incentives.full.programs import EXPONENTS, INF, boxes, norm_cost, positive, quadratic

from surefoot.incentives.full.boxed import Target, boxed
from surefoot.incentives.full.levers import Levers
from surefoot.incentives.full.paths import Path

N = 60


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6), m=st.integers(1, 9), p=st.sampled_from((*EXPONENTS, 1.001, 50.0))
)
@example(seed=18, m=3, p=1.001)  # a node waits for ever, but for a subnormal number
def test_points_are_what_single_agents_do(seed: int, m: int, p: float) -> None:
    rng = np.random.default_rng(seed)
    gain = rng.normal(size=m) * (rng.random(m) < 0.8)
    cost = norm_cost(p, rng.uniform(0.2, 5, m), *boxes(rng, m))
    path, levers = Path.of(gain, cost), Levers.of(gain, cost)
    gap = rng.uniform(0, min(path.reach, 5.0), N)
    gap[0], gap[1] = 0.0, min(path.reach, 1e3)
    effort, norms = path.at_gap(gap)
    limits = cost.limits(N)
    expected, expected_norms, met = boxed(levers, Target.gap(levers, gap), *limits, "numpy")
    assert met.all()
    np.testing.assert_allclose(effort, expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(norms, expected_norms, rtol=1e-11, atol=1e-11)
    if np.isfinite(p):
        budgets = rng.uniform(0, 5, N)
        expected, _, _ = boxed(levers, Target.norm(levers, budgets), *limits, "numpy")
        # Where a node is about to join, a budget's last digit is many of its effort's.
        np.testing.assert_allclose(path.at_norm(budgets), expected, rtol=1e-9, atol=1e-9)


def test_pieces() -> None:
    # Rates 4, 2, 1: at p = 2 effort rises in these proportions, the limits met at s = .5, 1, 3.
    cost = norm_cost(2, np.ones(3), 0.0, [2.0, 2.0, 3.0])
    path = Path.of(np.array([4.0, 2.0, 1.0]), cost)
    assert path.starts.tolist() == [0, 4 * 2 + 2 * 1 + 0.5, 4 * 2 + 2 * 2 + 1]
    assert path.held.tolist() == [[0, 0, 0], [2, 0, 0], [2, 2, 0]]
    np.testing.assert_allclose(path.prices, [0, np.sqrt(5.25), 3])
    assert path.reach == 15


def test_a_node_without_limit_ends_the_path() -> None:
    cost = norm_cost(1, np.ones(3), 0.0, [1.0, INF, 1.0])
    path = Path.of(np.array([3.0, 2.0, 1.0]), cost)
    assert path.starts.tolist() == [0, 3]
    assert path.reach == INF
    assert path.at_gap(np.array([2.0, 9.0]))[0].tolist() == [[2 / 3, 0, 0], [1, 3, 0]]


@pytest.mark.parametrize("p", EXPONENTS)
def test_without_limits_effort_is_in_proportion_to_the_gap(p: float) -> None:
    rng = np.random.default_rng(0)
    path = Path.of(rng.normal(size=5), norm_cost(p, rng.uniform(0.5, 2, 5)))
    gap = rng.uniform(0, 10, 5)
    (once, price), (twice, dearer) = path.at_gap(gap), path.at_gap(2 * gap)
    assert np.array_equal(2 * once, twice)
    assert np.array_equal(2 * price, dearer)
    assert len(path.starts) == 1


def test_which_costs_have_a_path() -> None:
    gain, Q = np.ones(2), positive(np.random.default_rng(0), 2)
    assert Path.of(gain, quadratic(Q)) is not None
    assert Path.of(gain, quadratic(Q, lower=[0.0, -INF])) is not None
    assert Path.of(gain, quadratic(Q, upper=1.0)) is None
    assert Path.of(gain, norm_cost(2, np.ones(2), upper=1.0)) is not None
    assert Path.of(gain, norm_cost(2, np.ones(2), upper=np.ones((3, 2)))) is None


@pytest.mark.parametrize("p", EXPONENTS)
def test_a_path_of_no_nodes(p: float) -> None:
    path = Path.of(np.zeros(2), norm_cost(p, np.ones(2)))
    effort, norms = path.at_gap(np.zeros(3))
    assert path.reach == 0
    assert not effort.any()
    assert not norms.any()


def test_efforts_of_more_agents_than_a_block() -> None:
    cost = norm_cost(2, np.ones(2), upper=[1.0, INF])
    path = Path.of(np.array([2.0, 1.0]), cost)
    gap = np.linspace(0, 6, 20_000)
    effort, norms = path.at_gap(gap)
    np.testing.assert_allclose(effort @ [2.0, 1.0], gap, atol=1e-14)
    np.testing.assert_allclose(norms, np.hypot(*effort.T), rtol=1e-14)
    np.testing.assert_allclose(path.at_norm(norms), effort, atol=1e-7)
