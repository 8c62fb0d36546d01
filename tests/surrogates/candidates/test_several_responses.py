"""Responses that share their hyperparameters: the mean is one linear smoother of them all."""

from __future__ import annotations

import numpy as np
import pytest
from tests.surrogates.candidates.runs import new_rows, runs

from surefoot.surrogates.candidates.gp import GaussianProcess


def compartments(n=25):
    """Return rows and four responses that add up to one, the last of them constant."""
    Z, t = runs(n, 2)
    a, b = 0.3 + 0.1 * t, 0.2 + 0.05 * np.cos(3 * Z[:, 0])
    return Z, np.column_stack([a, b, 0.9 - a - b, np.full(n, 0.1)])


@pytest.mark.parametrize("trend", ["constant", "linear"])
def test_what_is_linear_among_the_runs_is_linear_among_predictions(trend):
    Z, T = compartments()
    fit = GaussianProcess("matern52", trend).fit(Z, T)
    mean, sd = fit.predict(new_rows(100, 2))
    assert mean.shape == sd.shape == (100, 4)
    np.testing.assert_allclose(mean.sum(axis=1), 1, atol=1e-10)
    np.testing.assert_allclose(mean[:, 3], 0.1, atol=1e-12)
    assert (sd[:, 3] < 1e-6).all()
    assert (sd > 0).all()


def test_separate_processes_do_not_keep_the_sum():
    Z, T = compartments()
    means = [GaussianProcess().fit(Z, t).predict(new_rows(100, 2))[0] for t in T.T]
    assert np.abs(np.sum(means, axis=0) - 1).max() > 1e-6


def test_one_column_is_the_vector():
    Z, t = runs(25, 2)
    vector, column = GaussianProcess().fit(Z, t), GaussianProcess().fit(Z, t[:, None])
    for a, b in zip(vector.predict(Z), column.predict(Z), strict=True):
        np.testing.assert_array_equal(a, b[:, 0])
    assert column.predict_cov(Z)[1].shape == (1, 25, 25)


def test_constant_columns_have_no_part_in_the_search():
    Z, T = compartments()
    with_constant, without = GaussianProcess().fit(Z, T), GaussianProcess().fit(Z, T[:, :3])
    np.testing.assert_array_equal(with_constant.start, without.start)


def test_covariances_and_fantasies_have_one_layer_a_response():
    Z, T = compartments()
    fit = GaussianProcess().fit(Z, T)
    rows = new_rows(5, 2)
    mean, cov = fit.predict_cov(rows)
    assert mean.shape == (5, 4)
    assert cov.shape == (4, 5, 5)
    np.testing.assert_allclose(np.sqrt(np.einsum("pii->ip", cov)), fit.predict(rows)[1], rtol=1e-12)
    assert fit.given(rows).predict(rows)[0].shape == (5, 4)
    assert fit.loo()[0].shape == (25, 4)
