from __future__ import annotations

import numpy as np
import pytest
from tests.surrogates.candidates.runs import new_rows, runs

from surefoot.surrogates.candidates.baselines import Linear, Mean, NearestNeighbour


def test_the_mean_is_the_law_of_a_new_response():
    t = np.array([1.0, 2.0, 6.0])
    mean, sd = Mean().fit(np.zeros((3, 1)), t).predict(np.zeros((2, 1)))
    np.testing.assert_allclose(mean, 3)
    np.testing.assert_allclose(sd, np.sqrt(t.var(ddof=1) * (1 + 1 / 3)))


def test_a_plane_is_least_squares_and_its_deviation_covers():
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(40):
        Z = rng.random((30, 3))
        t = Z @ [1.0, -2.0, 0.5] + 0.2 * rng.normal(size=30)
        fit = Linear().fit(Z, t)
        new = rng.random((100, 3))
        mean, sd = fit.predict(new)
        truth = new @ [1.0, -2.0, 0.5] + 0.2 * rng.normal(size=100)
        inside.append(np.mean(np.abs(mean - truth) < 1.96 * sd))
    assert 0.92 < np.mean(inside) < 0.98
    exact = np.linalg.lstsq(np.column_stack([np.ones(30), Z]), t, rcond=None)[0]
    np.testing.assert_allclose(fit.slopes, exact[1:], atol=0.15)


def test_without_noise_the_plane_is_exact():
    Z = runs(20, 3)[0]
    mean, _ = Linear().fit(Z, Z @ [1.0, 2.0, 3.0]).predict(new_rows())
    np.testing.assert_allclose(mean, new_rows() @ [1.0, 2.0, 3.0], atol=1e-6)


def test_fewer_rows_than_inputs_are_enough():
    Z, t = runs(10, 30)
    mean, sd = Linear().fit(Z, t).predict(new_rows(200, 30))
    assert np.abs(mean).max() < 5
    assert np.isfinite(sd).all()
    assert sd.mean() < 3


def test_unseen_directions_do_not_blow_up():
    Z, t = runs(20, 2)
    Z[:, 1] = 0.5
    mean, sd = Linear().fit(Z, t).predict(new_rows(10, 2))
    assert np.abs(mean).max() < 5
    assert sd.max() < 5


def test_neighbours_err_as_they_did_among_the_rows():
    Z = np.array([[0.0], [0.1], [0.5], [1.0]])
    t = np.array([0.0, 1.0, 3.0, 2.0])
    mean, sd = NearestNeighbour().fit(Z, t).predict(np.array([[0.04], [0.9]]))
    np.testing.assert_array_equal(mean, [0.0, 2.0])
    assert sd[0] == pytest.approx(np.sqrt((1 + 1 + 4 + 1) / 4))


def test_a_row_is_not_its_own_neighbour_where_rows_repeat():
    Z, t = np.array([[0.2], [0.2], [0.8], [0.8]]), np.array([0.0, 1.0, 4.0, 6.0])
    assert NearestNeighbour().fit(Z, t).sd == pytest.approx(np.sqrt((1 + 1 + 4 + 4) / 4))
