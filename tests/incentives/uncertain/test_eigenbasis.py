"""One basis for cost and variance."""

from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.uncertain.worlds import cost_of, covariance

from surefoot.incentives.uncertain.eigenbasis import Eigenbasis


@pytest.mark.parametrize("p", [2, None])
@pytest.mark.parametrize("rank", [1, 5])
def test_cost_and_variance_are_sums_of_squares(p: float | None, rank: int) -> None:
    rng = np.random.default_rng(0)
    cost, cov, gain = cost_of(p, rng, 5), covariance(rng, 5, 0.3, rank), rng.normal(size=5)
    basis = Eigenbasis.of(cov, cost)
    w = rng.normal(size=5)
    e = basis.vectors @ w
    assert e @ cost.Q @ e == pytest.approx(w @ w)
    assert e @ cov @ e == pytest.approx(basis.values @ w**2)
    assert gain @ e == pytest.approx(basis.coordinates(gain) @ w)
    assert np.sum(basis.values == 0) == 5 - rank


def test_nodes_that_nobody_moves_are_left_out() -> None:
    rng = np.random.default_rng(1)
    basis = Eigenbasis.of(covariance(rng, 4, 0.3), cost_of(2, rng, 4, immutable=[1, 3]))
    assert basis.vectors.shape == (4, 2)
    assert not basis.vectors[[1, 3]].any()
    assert basis.vectors[[0, 2]].any()
    everything = cost_of(2, rng, 2, immutable=[0, 1])
    assert Eigenbasis.of(np.eye(2), everything).ratio(np.ones(2)) == 0


def test_a_gain_outside_the_range_has_no_variance() -> None:
    rng = np.random.default_rng(2)
    direction = rng.normal(size=4)
    basis = Eigenbasis.of(np.outer(direction, direction), cost_of(2, rng, 4))
    assert basis.ratio(direction) == pytest.approx(1.0)  # and rounding outside is none
    assert basis.ratio(rng.normal(size=4)) == np.inf
