from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import genpareto, norm, t

from surefoot.ground.errors import InputError
from surefoot.surrogates.tasks.psis import fit_pareto, smoothed


@pytest.mark.parametrize("shape", [-0.4, 0.0, 0.3, 0.7, 1.2])
def test_shape_and_scale_of_a_pareto_law_are_found(shape):
    # Its quantiles in place of draws: an answer without noise.
    excess = genpareto.ppf((np.arange(2_000) + 0.5) / 2_000, shape, scale=3.0)
    k, scale = fit_pareto(excess)
    assert k == pytest.approx(shape, abs=0.03)
    assert scale == pytest.approx(3, rel=0.05)


def test_few_values_are_drawn_towards_one_half():
    excess = genpareto.ppf((np.arange(10) + 0.5) / 10, -1.0)
    assert fit_pareto(excess)[0] > -0.6


def test_equal_laws_need_no_smoothing():
    found = smoothed(np.full(50, -3.0))
    np.testing.assert_allclose(found.weights, 1 / 50)
    assert found.ess == pytest.approx(50)
    assert found.k_hat == 0
    assert found.reliable


def test_a_good_proposal_is_told_from_a_bad_one():
    rng = np.random.default_rng(0)
    wide = rng.standard_t(5, 1_000)
    good = smoothed(norm.logpdf(wide) - t.logpdf(wide, 5))
    assert good.k_hat < 0.5
    assert good.ess > 600
    apart = rng.normal(5, 1, 200)
    far = smoothed(norm.logpdf(apart) - norm.logpdf(apart, 5))
    assert far.k_hat > 0.7
    assert not far.reliable
    assert far.ess < 20


def test_k_is_that_of_the_ratios_tail():
    # Ratios of N(0, 1) to N(0, ½²) have the tail of a Pareto law with k = 1 − ½².
    found = []
    for seed in range(15):
        x = np.random.default_rng(seed).normal(0, 0.5, 1_000)
        found.append(smoothed(norm.logpdf(x) - norm.logpdf(x, 0, 0.5)).k_hat)
    assert np.mean(found) == pytest.approx(0.75, abs=0.1)


def test_smoothing_keeps_order_and_brings_means_nearer():
    errors = {"raw": [], "smooth": []}
    for seed in range(200):
        x = np.random.default_rng(seed).normal(0, 0.6, 400)
        logs = norm.logpdf(x) - norm.logpdf(x, 0, 0.6)
        found = smoothed(logs)
        assert (np.diff(found.weights[np.argsort(logs)]) >= -1e-15).all()
        raw = np.exp(logs) / np.exp(logs).sum()
        errors["raw"].append(raw @ x**2 - 1)
        errors["smooth"].append(found.weights @ x**2 - 1)
    rms = {name: np.sqrt(np.mean(np.square(one))) for name, one in errors.items()}
    assert rms["smooth"] < rms["raw"]


def test_draws_outside_the_wanted_law_get_no_weight():
    logs = np.where(np.arange(100) < 60, 0.0, -np.inf)
    found = smoothed(logs)
    assert found.ess == pytest.approx(60)
    assert found.weights[60:].sum() == 0


def test_too_few_draws_and_no_support_are_refused():
    with pytest.raises(InputError, match="draws: found 24; allowed: 25 or more"):
        smoothed(np.zeros(24))
    with pytest.raises(InputError, match="log ratios: found .*-inf"):
        smoothed(np.full(30, -np.inf))
