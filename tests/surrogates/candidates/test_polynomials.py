from __future__ import annotations

import itertools

import numpy as np
import pytest

from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates.polynomials import hyperbolic_indices, legendre, quasi_norm
from surefoot.surrogates.candidates.trends import independent_columns, trend_indices


def test_the_basis_is_orthonormal_for_the_uniform_law():
    u, w = np.polynomial.legendre.leggauss(14)
    u, w = (u + 1) / 2, w / 2
    Z = np.array(list(itertools.product(u, u)))
    weights = np.outer(w, w).ravel()
    indices = hyperbolic_indices(2, 12, 1.0, 1000)
    assert len(indices) == 91
    Psi = legendre(Z, indices)
    np.testing.assert_allclose(Psi.T @ (weights[:, None] * Psi), np.eye(91), atol=1e-11)


def test_columns_are_products_of_legendre_polynomials():
    Z = np.random.default_rng(0).random((6, 3))
    x = 2 * Z - 1
    Psi = legendre(Z, np.array([[0, 0, 0], [1, 0, 0], [0, 2, 1]]))
    np.testing.assert_array_equal(Psi[:, 0], 1)
    np.testing.assert_allclose(Psi[:, 1], np.sqrt(3) * x[:, 0])
    second = np.sqrt(5) * (3 * x[:, 1] ** 2 - 1) / 2
    np.testing.assert_allclose(Psi[:, 2], second * np.sqrt(3) * x[:, 2])
    assert legendre(Z[:0], np.zeros((2, 3), int)).shape == (0, 2)


@pytest.mark.parametrize("q", [0.5, 0.75, 1.0])
@pytest.mark.parametrize(("d", "degree"), [(1, 5), (2, 4), (3, 4), (4, 3)])
def test_hyperbolic_sets_are_those_of_the_quasi_norm(d, degree, q):
    found = hyperbolic_indices(d, degree, q, 10_000)
    every = np.array(list(itertools.product(range(degree + 1), repeat=d)))
    expected = every[quasi_norm(every, q) <= degree]
    assert set(map(tuple, found.tolist())) == set(map(tuple, expected.tolist()))
    norms = quasi_norm(found, q)
    assert not found[0].any()
    assert (np.diff(norms) >= 0).all()
    # The set of a lower degree is the beginning.
    lower = hyperbolic_indices(d, degree - 1, q, 10_000)
    assert set(map(tuple, found[: len(lower)])) == set(map(tuple, lower))


def test_sets_that_are_too_large_are_not_built():
    assert hyperbolic_indices(3, 4, 1.0, 35) is not None
    assert hyperbolic_indices(3, 4, 1.0, 34) is None
    assert hyperbolic_indices(500, 6, 1.0, 1000) is None


def test_trends_by_name_are_multi_indices():
    np.testing.assert_array_equal(trend_indices("constant", 2), [[0, 0]])
    np.testing.assert_array_equal(trend_indices("linear", 2), [[0, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(trend_indices(((2, 1), (0, 0), (2, 1)), 2), [[0, 0], [2, 1]])


@pytest.mark.parametrize("trend", ["quadratic", ((1, 2, 3),), ((1, -1),)])
def test_other_trends_are_refused(trend):
    with pytest.raises(InputError, match=r"trend: found .*multi-indices of 2 whole numbers"):
        trend_indices(trend, 2)


def test_columns_that_repeat_others_are_found():
    rng = np.random.default_rng(0)
    F = np.column_stack([np.ones(8), rng.random((8, 2)), np.full(8, 3.0), rng.random(8)])
    np.testing.assert_array_equal(independent_columns(F), [True, True, True, False, True])
    np.testing.assert_array_equal(independent_columns(F[:2, :3]), [True, True, False])
