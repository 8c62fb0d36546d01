"""A conic program for each agent: the kernels where they know better, cvxpy where they don't."""

from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.full.programs import (
    BAR,
    INF,
    boxes,
    least_cost,
    most_gain,
    positive,
    quadratic,
)

from surefoot.incentives.full.conic_agents import make_up_for, spend_all
from surefoot.incentives.full.respond import respond

pytest.importorskip("clarabel")


def test_agents_agree_with_cvxpy() -> None:
    rng = np.random.default_rng(2)
    gain, Q, gap = rng.normal(size=4), positive(rng, 4), rng.uniform(0.3, 4, 12)
    cost = quadratic(Q, *boxes(rng, 12, 4))
    effort, norms, met = make_up_for(gain, gap, cost)
    assert 0 < met.sum() < 12
    assert np.all((cost.lower <= effort) & (effort <= cost.upper))
    np.testing.assert_allclose(effort[met] @ gain, gap[met], rtol=1e-9)
    assert not effort[~met].any()
    spent = spend_all(gain, norms, cost)
    for n in range(12):
        own = quadratic(Q, cost.lower[n], cost.upper[n])
        expected = least_cost(gain, gap[n], own)
        assert met[n] == (expected is not None)
        if met[n]:
            assert norms[n] ** 2 == pytest.approx(expected, rel=BAR)
            assert gain @ spent[n] == pytest.approx(gap[n], rel=BAR)
            assert gain @ spent[n] == pytest.approx(most_gain(gain, norms[n] ** 2, own), rel=BAR)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_separable_costs_as_the_kernel_has_them(scale: float) -> None:
    rng = np.random.default_rng(5)
    gain, gap = rng.normal(size=5) * scale, rng.uniform(-0.5, 3, 30) * scale
    cost = quadratic(rng.uniform(0.5, 4, 5), *boxes(rng, 30, 5))
    effort, norms, met = make_up_for(gain, gap, cost)
    expected = respond(gain, gap, cost)
    assert np.array_equal(met, np.isfinite(expected.price))
    np.testing.assert_allclose(effort, expected.effort, atol=2e-6)
    np.testing.assert_allclose(norms[met] ** 2, expected.price[met], rtol=BAR)


def test_just_within_reach() -> None:
    Q = np.array([[1.0, 0.3], [0.3, 2.0]])
    cost = quadratic(Q, lower=0.0, upper=[1.0, 2.0])
    gap = 5 * np.array([1 - 1e-12, 1.0, 1 + 1e-10, 1 + 1e-8])
    effort, _, met = make_up_for(np.array([1.0, 2.0]), gap, cost)
    assert met.tolist() == [True, True, True, False]
    np.testing.assert_allclose(effort[:3], [[1, 2]] * 3, atol=1e-6)


def test_agents_who_need_or_can_do_nothing() -> None:
    cost = quadratic([[1.0, 0.5], [0.5, 1.0]], upper=[0.0, 1.0], lower=[0.0, -INF])
    effort, norms, met = make_up_for(np.array([1.0, 0.0]), np.array([-1.0, 0.0, 1.0]), cost)
    assert met.tolist() == [True, True, False]
    assert not effort.any()
    assert not norms.any()
    assert not spend_all(np.array([1.0, 0.0]), np.array([0.0, 1.0]), cost).any()
