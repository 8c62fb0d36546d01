"""Distances of samples: known values, zero for equals, growth with a shift."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from surefoot.ground.errors import InputError
from surefoot.surrogates.ensemble.distances import energy_distance, mmd, sliced_wasserstein

ALL = [energy_distance, mmd, sliced_wasserstein]


@pytest.mark.parametrize("distance", ALL)
def test_zero_for_equals_and_larger_for_farther(distance):
    a = np.random.default_rng(0).normal(size=(80, 3))
    assert distance(a, a[::-1]) == pytest.approx(0, abs=1e-7)
    near, far = distance(a, a + 0.1), distance(a, a + 1)
    assert 0 < near < far
    assert distance(a + 1, a) == pytest.approx(far)


def test_one_dimension_is_scipys():
    a, b = np.random.default_rng(1).normal(size=(2, 60))
    assert energy_distance(a, b) == pytest.approx(stats.energy_distance(a, b) ** 2)
    assert sliced_wasserstein(a, b[:40]) == pytest.approx(stats.wasserstein_distance(a, b[:40]))


def test_mmd_of_two_points():
    """Kernel exp(-d² / 2d²) between them: the root of 2 − 2 exp(−1/2)."""
    assert mmd([0.0], [3.0]) == pytest.approx(np.sqrt(2 - 2 * np.exp(-0.5)))


def test_sliced_wasserstein_of_a_shift():
    """The mean of |cos| over the plane's directions is 2/π."""
    a = np.random.default_rng(0).normal(size=(50, 2))
    assert sliced_wasserstein(a, a + [2, 0]) == pytest.approx(4 / np.pi, rel=0.1)


@pytest.mark.parametrize("distance", ALL)
def test_samples_of_other_shapes(distance):
    with pytest.raises(InputError, match=r"shapes \(3, 2\) and \(3, 1\)"):
        distance(np.zeros((3, 2)), np.zeros(3))
