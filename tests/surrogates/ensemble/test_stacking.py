"""Stacking weights: the optimum, ties, impossible rows, and bootstrap batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

from surefoot.ground.errors import InputError
from surefoot.surrogates.ensemble import stacking
from surefoot.surrogates.ensemble.stacking import log_score, stack


def table(seed, n=60, k=6):
    """Log densities of members with errors of their own and one in common."""
    rng = np.random.default_rng(seed)
    sd = np.exp(rng.normal(size=k))
    error = sd * rng.normal(size=(n, k)) + rng.normal(size=(n, 1))
    return -0.5 * (error / sd) ** 2 - np.log(sd)


def optimum(log_density, prior):
    """The same objective, by a quasi-Newton method on unbounded coordinates."""

    def loss(free):
        log_w = log_softmax(free)
        return -logsumexp(log_w + log_density, axis=1).sum() - prior * log_w.sum()

    return np.exp(log_softmax(minimize(loss, np.zeros(log_density.shape[1]), tol=1e-12).x))


@pytest.mark.parametrize("seed", range(20))
def test_is_scipys_optimum(seed, monkeypatch):
    monkeypatch.setattr(stacking, "_NEGLIGIBLE", 0)
    log_density = table(seed, n=20 + 5 * seed, k=2 + seed % 7)
    weights, best = stack(log_density), optimum(log_density, stacking._PRIOR_ROWS)
    gain = log_score(best, log_density).mean() - log_score(weights, log_density).mean()
    assert abs(gain) < 2e-6
    np.testing.assert_allclose(weights, best, atol=2e-3)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 120))
def test_weights_are_on_the_simplex(seed, n, k):
    weights = stack(100 * np.random.default_rng(seed).normal(size=(n, k)))
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    kept = weights[weights > 0]
    assert kept.min() >= min(0.01, 0.5 / k)


def test_twins_share():
    log_density = table(0, k=1).repeat(3, axis=1)
    assert stack(log_density) == pytest.approx([1 / 3] * 3)


def test_useless_members_are_dropped():
    log_density = np.column_stack([table(0, k=1), np.full(60, -20.0)])
    assert stack(log_density).tolist() == [1, 0]


def test_units_of_the_response_do_not_matter():
    log_density = table(4)
    shift = np.random.default_rng(0).normal(size=(60, 1)) * 1000
    np.testing.assert_allclose(stack(log_density + shift), stack(log_density), atol=1e-9)


def test_counts_are_repeated_rows():
    log_density = table(1)
    counts = np.random.default_rng(0).multinomial(60, np.full(60, 1 / 60), size=5)
    batch = stack(log_density, counts)
    for weights, count in zip(batch, counts, strict=True):
        np.testing.assert_allclose(weights, stack(log_density.repeat(count, axis=0)), atol=1e-6)


def test_impossible_rows():
    """A row that no member allows tells nothing; one that a member forbids speaks against it."""
    log_density = table(2, k=2)
    lost = np.vstack([log_density, np.full((1, 2), -np.inf)])
    np.testing.assert_allclose(stack(lost), stack(log_density), atol=0.01)
    forbidden = log_density.copy()
    forbidden[:30, 0] = -np.inf
    assert stack(forbidden)[0] < stack(log_density)[0]


def test_log_score_is_that_of_the_mixture():
    log_density, weights = table(3) - 800, np.array([[0.5, 0.5, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]])
    expected = [logsumexp(log_density[:, :2], axis=1) - np.log(2), log_density[:, 4]]
    np.testing.assert_allclose(log_score(weights, log_density), expected, rtol=1e-12)
    np.testing.assert_allclose(log_score(weights[0], log_density), expected[0], rtol=1e-12)


@pytest.mark.parametrize(("found", "message"), [
    (np.zeros(3), "rows and candidates"),
    (np.zeros((0, 3)), "rows and candidates"),
    ([[0.0, 1.0], [0.0, np.nan]], r"log_density\[1, 1\]: found 'NaN'"),
])  # fmt: skip
def test_what_can_not_be_stacked(found, message):
    with pytest.raises(InputError, match=message):
        stack(found)
