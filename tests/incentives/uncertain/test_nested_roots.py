"""Uncorrelated gains at any p > 1."""

from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.uncertain.test_soft_threshold import instance
from tests.incentives.uncertain.worlds import cost_of, unit_by_cvxpy

from surefoot.incentives.uncertain.nested_roots import nested_roots


def price(effort: np.ndarray, weights: np.ndarray, p: float) -> float:
    return float(np.linalg.norm(weights * effort, ord=p))


@pytest.mark.parametrize("p", [1.2, 1.5, 2, 3, 8, np.inf])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_against_an_independent_solver(p: float, share: float) -> None:
    gain, variance, weights, ceiling = instance(3)
    cost = cost_of(p, np.random.default_rng(0), 6)
    object.__setattr__(cost, "weights", weights)
    z = share * ceiling
    effort = nested_roots(gain, variance, z, weights, p)
    assert gain @ effort - z * np.sqrt(variance @ effort**2) == pytest.approx(1, rel=1e-9)
    expected = unit_by_cvxpy(gain, np.diag(variance), z, cost)
    assert price(effort, weights, p) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("p", [1.001, 1.5, 2, 8, 200, np.inf])
def test_without_confidence_the_price_is_the_dual_norm(p: float) -> None:
    gain, variance, weights, _ = instance(4)
    q = 1.0 if np.isinf(p) else p / (p - 1)
    ratio = np.abs(gain) / weights
    dual = ratio.max() * np.sum((ratio / ratio.max()) ** q) ** (1 / q)
    for spread, z in ((variance, 0.0), (np.zeros(6), 2.0), (variance * 1e-20, 1.0)):
        effort = nested_roots(gain, spread, z, weights, p)
        assert price(effort, weights, p) == pytest.approx(1 / dual, rel=1e-8)


def test_p_is_continuous_where_the_inner_equation_changes() -> None:
    gain, variance, weights, ceiling = instance(5)
    below, at, above = (
        nested_roots(gain, variance, 0.5 * ceiling, weights, p) for p in (2 - 1e-7, 2, 2 + 1e-7)
    )
    np.testing.assert_allclose(below, at, rtol=1e-6)
    np.testing.assert_allclose(above, at, rtol=1e-6)


def test_only_what_has_no_risk_is_worth_much_confidence() -> None:
    gain, weights = np.array([1.0, 0.5, 0.5]), np.ones(3)
    effort = nested_roots(gain, np.array([0.04, 0.0, 0.0]), 30.0, weights, 3)
    np.testing.assert_allclose(effort, [0, 1, 1])
