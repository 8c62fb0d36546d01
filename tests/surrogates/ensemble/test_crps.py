"""Continuous ranked probability scores against samples, integrals and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr

from surefoot.surrogates.ensemble import crps
from surefoot.surrogates.ensemble.mixture import Component, Mixture, mixture_of
from surefoot.surrogates.ensemble.warps import fit_warp

RESPONSES = np.exp(0.7 * np.random.default_rng(0).normal(size=60))
THREE = ("identity", "log", "yeo-johnson")


def law_of(names, m=4, seed=1):
    rng = np.random.default_rng(seed)
    k = len(names)
    sd = np.exp(0.5 * rng.normal(size=(m, k)) - 1)
    warps = [fit_warp(name, RESPONSES) for name in names]
    return mixture_of(warps, rng.dirichlet(np.ones(k)), rng.normal(size=(m, k)), sd)


def integral(law, i, y, above=-np.inf, below=np.inf):
    """The definition, by adaptive quadrature between many quantiles."""
    one = law.rows([i])
    shares = [1e-13, 1e-9, 1e-5, 0.01, 0.1, 0.5, 0.9, 0.99, 1 - 1e-5, 1 - 1e-9, 1 - 1e-13]
    cuts = np.sort(np.clip([*one.quantile(shares)[0], y], above, below))
    pieces = itertools.pairwise(cuts)
    return sum(
        quad(lambda x: (one.cdf([x])[0] - (x >= y)) ** 2, a, b, epsrel=1e-9)[0]
        for a, b in pieces
        if b > a
    )


@pytest.mark.parametrize("names", [("identity",) * 3, THREE, ("log",), ("yeo-johnson", "log")])
@pytest.mark.parametrize("y", [-1.0, 0.4, 1.1, 30.0])
def test_is_the_integral(names, y):
    law = law_of(names)
    expected = [integral(law, i, y) for i in range(len(law))]
    tolerance = 1e-8 if set(names) == {"identity"} else 1e-4
    np.testing.assert_allclose(law.crps(np.full(len(law), y)), expected, rtol=tolerance)


def test_normal_mixture_against_a_million_samples():
    law, y = law_of(("identity",) * 3, m=1), 0.8
    a, b = law.sample(2_000_000, np.random.default_rng(0)).reshape(2, -1)
    parts = np.abs(a - y) - 0.5 * np.abs(a - b)
    error = 4 * parts.std() / 1000
    assert law.crps([y])[0] == pytest.approx(parts.mean(), abs=error)


def test_log_normal_closed_form():
    """Baran and Lerch, QJRMS 2015."""
    warp = fit_warp("log", RESPONSES)
    y, mu, sd = np.array([0.05, 0.5, 1, 3, 40]), 0.3, 1.2
    law = Mixture((Component(warp, 1.0, np.full(5, mu), np.full(5, sd)),))
    m, s = np.log(warp.scale) + warp.centre + warp.spread * mu, warp.spread * sd
    omega = (np.log(y) - m) / s
    mean = np.exp(m + s**2 / 2)
    expected = y * (2 * ndtr(omega) - 1) - 2 * mean * (ndtr(omega - s) + ndtr(s / 2**0.5) - 1)
    np.testing.assert_allclose(law.crps(y), expected, rtol=1e-5)


def test_threshold_parts_the_score():
    law, y = law_of(THREE), np.array([0.3, 1.0, 2.0, 9.0])
    np.testing.assert_allclose(law.crps(y, above=1.2) + law.crps(y, below=1.2), law.crps(y))
    expected = [integral(law, i, v, above=1.2) for i, v in enumerate(y)]
    np.testing.assert_allclose(law.crps(y, above=1.2), expected, rtol=1e-3)


def test_a_certain_law_has_its_absolute_error():
    law = Mixture(
        (Component(fit_warp("identity", [-1.0, 1.0]), 1.0, np.zeros(2), np.full(2, 1e-9)),)
    )
    np.testing.assert_allclose(law.crps([3.0, -0.5]), [3, 0.5], atol=1e-8)


def test_rows_in_batches(monkeypatch):
    law, y = law_of(THREE, m=7), np.linspace(0.1, 3, 7)
    whole = law.crps(y)
    monkeypatch.setattr(crps, "_BATCH_VALUES", 1)
    assert law.crps(y).tolist() == whole.tolist()
