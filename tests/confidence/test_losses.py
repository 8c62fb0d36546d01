"""Losses: score and curvature are derivatives, and survive extreme predictors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from tests.confidence.synthetic import LOSSES

from surefoot.confidence.losses import Huber, Quantile, Squared, loss_from_dict, sigmoid
from surefoot.ground.errors import InputError

Z = np.linspace(-3, 3, 41) + 0.01  # off every kink
Y = np.where(np.arange(41) % 3 == 0, 1.0, 0.0)


@pytest.mark.parametrize("name", LOSSES)
def test_score_is_the_derivative_of_the_value(name: str) -> None:
    loss, step = LOSSES[name], 1e-6
    slope = (loss.value(Z + step, Y) - loss.value(Z - step, Y)) / (2 * step)
    score = loss.score(Z, Y)
    np.testing.assert_allclose(score, slope, atol=1e-8)
    z = Z.copy()
    assert loss.score(z, Y, out=z) is z
    np.testing.assert_array_equal(z, score)


@pytest.mark.parametrize("name", ["squared", "huber", "log_loss"])
def test_curvature_is_the_derivative_of_the_score(name: str) -> None:
    loss, step = LOSSES[name], 1e-6
    slope = (loss.score(Z + step, Y) - loss.score(Z - step, Y)) / (2 * step)
    curvature = loss.curvature(Z, Y)
    np.testing.assert_allclose(curvature, slope, atol=1e-6)
    assert loss.curvature_bound is not None
    assert curvature.max() <= loss.curvature_bound


@pytest.mark.parametrize("name", ["squared", "huber", "quantile"])
def test_working_weights_bound_the_loss_from_above(name: str) -> None:
    loss = LOSSES[name]
    z, other = Z[:, None], Z[None, :]
    y = np.full_like(z, 0.31)
    weights = loss.working_weights(z, y)
    bound = loss.value(z, y) + loss.score(z, y) * (other - z) + weights / 2 * (other - z) ** 2
    assert (loss.value(other, y) <= bound + 1e-12).all()


def test_sigmoid_is_right_everywhere() -> None:
    z = np.array([-1e4, -745, -100, -1, 0, 1e-9, 1, 40, 1e4])
    np.testing.assert_allclose(sigmoid(z), expit(z), rtol=1e-13, atol=1e-308)


def test_a_tie_has_the_subgradient_minus_tau() -> None:
    assert Quantile(0.3).score(np.array([1.0]), np.array([1.0])) == -0.3


@pytest.mark.parametrize("name", LOSSES)
def test_losses_survive_as_plain_values(name: str) -> None:
    assert loss_from_dict(LOSSES[name].to_dict()) == LOSSES[name]


def test_bad_losses_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'squared'"):
        loss_from_dict({"name": "square"})
    for tau in (0, 1, float("nan")):
        with pytest.raises(InputError, match="quantile"):
            Quantile(tau)
    with pytest.raises(InputError, match="a positive number"):
        Huber(0)
    with pytest.raises(InputError, match="second derivative"):
        Quantile().curvature(Z, Y)
    assert not LOSSES["log_loss"].allows(np.array([0.5, -1])).any()
    assert Squared().allows(np.array([np.nan, 1])).tolist() == [False, True]
