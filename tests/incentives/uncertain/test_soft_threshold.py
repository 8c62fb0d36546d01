"""Uncorrelated gains at p = 1."""

from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.uncertain.worlds import cost_of, unit_by_cvxpy

from surefoot.incentives.uncertain.soft_threshold import soft_threshold


def instance(seed: int, m: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return gain, variance, weights and the ceiling."""
    rng = np.random.default_rng(seed)
    gain, variance = rng.normal(size=m), rng.uniform(0.1, 0.6, m) ** 2
    return gain, variance, rng.uniform(0.3, 2, m), float(np.sqrt(np.sum(gain**2 / variance)))


@pytest.mark.parametrize("seed", range(8))
def test_the_price_is_one_over_the_threshold(seed: int) -> None:
    gain, variance, weights, ceiling = instance(seed)
    cost = cost_of(1, np.random.default_rng(seed), 6)
    object.__setattr__(cost, "weights", weights)
    z = ceiling * (0.1 + 0.1 * seed)
    effort, lam = soft_threshold(gain, variance, z, weights)
    assert gain @ effort - z * np.sqrt(variance @ effort**2) == pytest.approx(1, rel=1e-10)
    assert weights @ np.abs(effort) == pytest.approx(1 / lam, rel=1e-10)
    assert 1 / lam == pytest.approx(unit_by_cvxpy(gain, np.diag(variance), z, cost), rel=1e-6)


def test_uncertainty_diversifies() -> None:
    spread = 0
    for seed in range(100):
        gain, variance, weights, ceiling = instance(seed)
        counts = [
            np.count_nonzero(soft_threshold(gain, variance, share * ceiling, weights)[0])
            for share in (0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
        ]
        assert counts == sorted(counts)
        assert counts[0] == 1
        spread += counts[-1] > counts[0]
    assert spread > 90


def test_without_confidence_everything_is_on_the_best_node() -> None:
    gain, variance, weights, _ = instance(0)
    best = np.argmax(np.abs(gain) / weights)
    for z in (0.0, 1e-17, 1e-12, 1e-9):
        effort, lam = soft_threshold(gain, variance, z, weights)
        assert np.flatnonzero(effort).tolist() == [best]
        assert effort[best] == pytest.approx(1 / gain[best])
        assert lam == pytest.approx(np.max(np.abs(gain) / weights))


def test_a_node_without_risk_is_a_floor() -> None:
    gain, weights = np.array([1.0, 0.9, 0.2]), np.ones(3)
    variance = np.array([0.04, 0.04, 0.0])
    low, _ = soft_threshold(gain, variance, 1.0, weights)
    assert low[2] == 0
    high, lam = soft_threshold(gain, variance, 20.0, weights)
    assert high.tolist() == [0, 0, 5]
    assert lam == 0.2
    sure, _ = soft_threshold(gain, np.zeros(3), 3.0, weights)
    assert sure.tolist() == [1, 0, 0]
