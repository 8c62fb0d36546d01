from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, truncnorm

from surefoot.surrogates.tasks.particles import PARTICLES, draw


@pytest.mark.parametrize("width", [0.05, 0.001])
def test_a_normal_posterior_has_its_moments(width):
    centre = np.array([0.3, 0.5, 0.8])
    U = draw(lambda U: norm.logpdf(U, centre, width).sum(axis=1), 3, seed=1)
    assert U.shape == (PARTICLES, 3)
    np.testing.assert_allclose(U.mean(0), centre, atol=0.2 * width)
    np.testing.assert_allclose(U.std(0), width, rtol=0.15)
    np.testing.assert_allclose(np.corrcoef(U.T), np.eye(3), atol=0.15)


def test_two_modes_keep_their_shares():
    def logs(U):
        one = norm.logpdf(U, 0.2, 0.03).sum(axis=1)
        other = norm.logpdf(U, 0.8, 0.03).sum(axis=1) + np.log(3)
        return np.logaddexp(one, other)

    shares = [(draw(logs, 3, seed)[:, 0] > 0.5).mean() for seed in range(5)]
    assert np.mean(shares) == pytest.approx(0.75, abs=0.06)


def test_the_edge_of_the_prior_is_the_edge_of_the_posterior():
    U = draw(lambda U: norm.logpdf(U[:, 0], 0.0, 0.1), 2, seed=0)
    assert U.min() >= 0
    assert U.max() <= 1
    exact = truncnorm(0, 10, scale=0.1)
    assert U[:, 0].mean() == pytest.approx(exact.mean(), rel=0.1)
    assert U[:, 0].std() == pytest.approx(exact.std(), rel=0.15)
    assert U[:, 1].mean() == pytest.approx(0.5, abs=0.03)


def test_without_information_the_prior_stays():
    U = draw(lambda U: np.zeros(len(U)), 2, seed=0)
    np.testing.assert_allclose(
        np.quantile(U, [0.1, 0.5, 0.9], axis=0).T, [[0.1, 0.5, 0.9]] * 2, atol=0.05
    )


def test_the_same_seed_gives_the_same_particles():
    def logs(U):
        return -((U - 0.5) ** 2).sum(axis=1) / 0.02

    np.testing.assert_array_equal(draw(logs, 3, 7), draw(logs, 3, 7))
    assert (draw(logs, 3, 7) != draw(logs, 3, 8)).any()
