"""Profiles: weights of iterates, and the learning-rate decay they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.averaging import EMA
from surefoot.averaging.profiles import DECAYS, learning_rate_factors, profile_weights
from surefoot.ground.errors import InputError


@given(st.sampled_from(sorted(DECAYS)), st.integers(1, 300), st.floats(0.1, 400))
def test_weights_are_a_distribution_over_the_horizon(name: str, n: int, horizon: float) -> None:
    weights = profile_weights(name, n, horizon)
    assert weights.shape == (n,)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    assert not weights[: max(0, n - int(np.ceil(horizon)))].any()


@pytest.mark.parametrize("name", sorted(DECAYS))
def test_merging_is_a_learning_rate_decay_made_afterwards(name: str) -> None:
    # Exact for SGD on gradients that don't depend on the weights (WSM, arXiv 2507.17634).
    steps, window = 512, 200
    gradients = np.random.default_rng(0).normal(size=(steps, 4))
    constant = -0.1 * np.cumsum(gradients, 0)
    factors = np.ones(steps)
    factors[steps - window :] = DECAYS[name](np.arange(window) / window)
    decayed = -0.1 * (factors[:, None] * gradients).sum(0)
    weights = profile_weights(name, steps, window)
    np.testing.assert_allclose(weights @ constant, decayed, atol=1e-12)
    np.testing.assert_allclose(learning_rate_factors(weights), factors, atol=1e-12)


def test_a_callable_is_a_decay_curve_and_a_scheme_brings_its_own() -> None:
    step = profile_weights(lambda x: (x < 0.5).astype(float), 10)
    assert step[4] == 1
    np.testing.assert_array_equal(profile_weights(EMA(0.9), 7), EMA(0.9).weights(7))


@pytest.mark.parametrize(
    ("profile", "n", "horizon", "message"),
    [
        ("cosin", 5, None, "did you mean 'cosine'"),
        (lambda x: x, 5, None, "falls from 1 at 0 to 0 at 1"),
        (lambda x: 1 - 2 * x + x**3, 5, None, "falls from 1"),
        (lambda x: float("nan") * x, 5, None, "falls from 1"),
        (lambda x: 1.0, 5, None, "falls from 1"),
        (3, 5, None, "a callable or a scheme"),
        ("uniform", 0, None, "1 or more iterates"),
        ("uniform", 5, 0, "a positive number"),
        ("uniform", 5, float("inf"), "a positive number"),
        (EMA(0.9), 5, 3, "a horizon of its own"),
    ],
)
def test_bad_profiles_are_refused(
    profile: object, n: int, horizon: float | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        profile_weights(profile, n, horizon)
