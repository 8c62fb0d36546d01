"""Temperatures: known optima, outliers, and cases with hardly any information."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from surefoot.surrogates.ensemble.temperature import temper


def objective(log_tau, t, mean, sd):
    density = norm.logpdf(t, mean, np.exp(log_tau) * sd)
    return np.maximum(density, -30).sum() - 0.5 * log_tau**2


def test_members_are_brought_to_their_errors():
    rng = np.random.default_rng(0)
    true, claimed = np.array([1.0, 0.3, 5.0, 0.01]), np.array([1.0, 1.0, 1.0, 1.0])
    t = rng.normal(size=(4000, 1)) * true
    tau = temper(t, np.zeros((4000, 4)), np.tile(claimed, (4000, 1)))
    np.testing.assert_allclose(tau, t.std(axis=0), rtol=0.01)


def test_is_the_optimum():
    rng = np.random.default_rng(1)
    t, mean = rng.normal(size=(20, 6)), rng.normal(size=(20, 6))
    sd = np.exp(rng.normal(size=(20, 6)) - 1)
    for k, tau in enumerate(temper(t, mean, sd)):
        column = (t[:, k], mean[:, k], sd[:, k])
        values = [objective(x, *column) for x in np.linspace(-7, 7, 4001)]
        assert objective(np.log(tau), *column) > max(values) - 1e-9
        near = minimize_scalar(
            lambda x, c=column: -objective(x, *c),
            bounds=np.log(tau) + [-0.1, 0.1],
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert np.log(tau) == pytest.approx(near.x, abs=2e-5)


def test_one_wild_response_does_not_decide():
    t = np.random.default_rng(2).normal(size=(50, 1))
    wild = t.copy()
    wild[0] = 1e6
    zero, one = np.zeros_like(t), np.ones_like(t)
    assert temper(wild, zero, one) == pytest.approx(temper(t, zero, one), rel=0.05)


def test_no_errors_at_all():
    """The prior alone would let 20 perfect rows go to e^-20."""
    assert temper(np.zeros((20, 1)), np.zeros((20, 1)), np.ones((20, 1))) == pytest.approx(1e-3)


def test_prior_is_half_a_row():
    """With one row at two standard deviations: 4 / τ² = 1 + ln τ, below the 2 of the data alone."""
    tau = temper(np.full((1, 1), 2.0), np.zeros((1, 1)), np.ones((1, 1)))[0]
    assert 4 / tau**2 == pytest.approx(1 + np.log(tau), abs=1e-4)
    assert 1.5 < tau < 1.7
