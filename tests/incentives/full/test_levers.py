"""Levers and norms: what every kernel rests on."""

from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.full.programs import EXPONENTS, INF, norm_cost, quadratic

from surefoot.incentives.costs import norm
from surefoot.incentives.full.levers import Levers, farthest, joined, parted


def test_only_what_gains_is_a_lever_and_the_best_comes_first() -> None:
    gain = np.array([1.0, 0.0, -4.0, 3.0, -9.0])
    cost = norm_cost(2, [1.0, 1.0, 2.0, 1.0, 1.0], lower=[-INF, -INF, -INF, 0.0, 0.0])
    levers = Levers.of(gain, cost)
    assert levers.nodes.tolist() == [3, 2, 0]
    assert levers.signs.tolist() == [1, -1, 1]
    assert levers.rates.tolist() == [3, 2, 1]
    np.testing.assert_allclose(np.exp(levers.logs), [1, 2 / 3, 1 / 3])
    assert levers.caps(-np.arange(5.0), np.full(5, 7.0)).tolist() == [7, 2, 7]


def test_a_node_that_one_agent_can_move_is_a_lever() -> None:
    upper = np.array([[0.0, 0.0], [0.0, 2.0]])
    assert Levers.of(np.ones(2), norm_cost(1, np.ones(2), 0.0, upper)).nodes.tolist() == [1]
    assert Levers.of(np.ones(2), norm_cost(1, np.ones(2), 0.0, upper[:0])).nodes.tolist() == []


def test_a_quadratic_cost_is_a_norm_squared() -> None:
    levers = Levers.of(np.ones(2), quadratic([4.0, 9.0]))
    assert levers.p == 2
    assert levers.weights.tolist() == [2, 3]


def test_farthest() -> None:
    limits = np.array([-1.0, -INF, -3.0, -4.0]), np.array([INF, 2.0, 3.0, 0.0])
    gain = np.array([1.0, 0.0, -1.0, 1.0])
    assert farthest(gain, *limits).tolist() == [INF, 0, -3, 0]


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_norms_at_any_scale(p: float, scale: float) -> None:
    y = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    expected = np.linalg.norm(y, p, axis=1) * scale
    np.testing.assert_allclose(norm(y * scale, p), expected, rtol=1e-14)
    a, b = y[:, 0] * scale, y[:, 1] * scale
    together = joined(a, b, p)
    np.testing.assert_allclose(together, norm(np.stack([a, b], axis=1), p), rtol=1e-14)
    if np.isfinite(p):
        np.testing.assert_allclose(parted(together, a, p), b, rtol=1e-12)


def test_nothing_is_left_where_rounding_says_less_than_nothing() -> None:
    assert parted(np.array([1.0]), np.array([1 + 1e-16 * 4]), 2.0) == 0
