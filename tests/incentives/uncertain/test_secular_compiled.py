"""Compiled and NumPy roots are the same."""

from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.uncertain.test_secular import agents

from surefoot.incentives.uncertain.secular import Secular

pytest.importorskip("numba")


@pytest.mark.parametrize("k", [1, 2, 8])
@pytest.mark.parametrize("spread", [0.0, 1e-6, 1e-2, 1.0, 50.0])
@pytest.mark.parametrize("z", [0.1, 1.645, 4.0])
def test_the_same_to_twelve_digits(k: int, spread: float, z: float) -> None:
    rng = np.random.default_rng(k)
    gain, values = rng.normal(size=k), np.sort(rng.random(k)) * spread
    if k > 1 and spread:  # a node without gain and variance, too
        gain[0] = values[0] = 0
    shared = Secular.of(gain, values, z)
    mean, variance, c = agents(rng, gain, values, z, 3_000)
    plain, found = shared.solve(mean, variance, c, "numpy")
    compiled, also_found = shared.solve(mean, variance, c, "numba")
    assert np.array_equal(found, also_found)
    size = np.abs(plain).max(axis=1, keepdims=True)
    assert np.all(np.abs(compiled - plain) <= 1e-12 * size)


def test_a_broadcast_covariance_is_fine() -> None:
    shared = Secular.of(np.array([1.0, 0.5]), np.array([0.1, 0.2]), 1.0)
    mean, variance = np.array([-1.0, -2.0]), np.array([0.3, 0.4])
    c = np.broadcast_to(np.array([0.01, 0.02]), (2, 2))
    np.testing.assert_array_equal(
        shared.solve(mean, variance, c, "numba")[0], shared.solve(mean, variance, c, "numpy")[0]
    )
