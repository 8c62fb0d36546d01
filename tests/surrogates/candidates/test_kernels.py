from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gamma, kv

from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates.kernels import (
    kernel_named,
    length_gradient,
    squared_distances,
)

KERNELS = ["squared-exponential", "matern52", "matern12"]
rng = np.random.default_rng(0)
A, B, LENGTHS = rng.random((7, 3)), rng.random((5, 3)), np.array([0.2, 0.7, 3.0])


def matern(nu, r):
    x = np.sqrt(2 * nu) * r
    return 2 ** (1 - nu) / gamma(nu) * x**nu * kv(nu, x)


def test_values_are_those_of_the_definitions():
    r = np.sqrt((((A[:, None] - B[None]) / LENGTHS) ** 2).sum(axis=-1))
    s = squared_distances(A, B, LENGTHS)
    np.testing.assert_allclose(s, r**2, rtol=1e-14)
    expected = {
        "squared-exponential": np.exp(-(r**2) / 2),
        "matern52": matern(2.5, r),
        "matern12": matern(0.5, r),
    }
    for name in KERNELS:
        np.testing.assert_allclose(kernel_named(name).value(s.copy()), expected[name], rtol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_the_slope_is_the_derivative_by_each_log_length(name):
    kernel = kernel_named(name)
    R, H = kernel.value_and_slope(squared_distances(A, B, LENGTHS))
    np.testing.assert_allclose(R, kernel.value(squared_distances(A, B, LENGTHS)), rtol=1e-14)
    for j in range(3):
        step = np.zeros(3)
        step[j] = 1e-6
        up, down = (
            kernel.value(squared_distances(A, B, LENGTHS * np.exp(sign * step))) for sign in (1, -1)
        )
        D = (A[:, None, j] - B[None, :, j]) ** 2 / LENGTHS[j] ** 2
        np.testing.assert_allclose(H * D, (up - down) / 2e-6, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("name", KERNELS)
def test_a_row_is_fully_correlated_with_itself(name):
    R, H = kernel_named(name).value_and_slope(squared_distances(A, A, LENGTHS))
    np.testing.assert_array_equal(np.diag(R), 1)
    assert np.isfinite(H).all()


def test_the_contraction_is_the_sum_over_pairs():
    W = np.tril(rng.normal(size=(7, 7)), -1)
    D = (A[:, None] - A[None]) ** 2 / LENGTHS**2
    np.testing.assert_allclose(
        length_gradient(W, A, LENGTHS), np.einsum("ab,abj->j", W, D), rtol=1e-12
    )


def test_unknown_kernels_are_refused():
    with pytest.raises(InputError, match=r"kernel: found 'matern53'; .*did you mean 'matern52'"):
        kernel_named("matern53")
