"""Losses nobody has built in: the spread of the chains against sandwich covariances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.confidence.modules.losses import LOSSES, feed, tensors

from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.modules.chained_sgd import ChainedSGD
from surefoot.ground.errors import InputError

D = 4


def rows(n: int, seed: int, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows for which neither model is quite right: the sandwich is not the bread."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, D - 1))])
    z = X @ [1.0, 0.4, -0.3, 0.0]
    if loss == "poisson":
        return X, rng.poisson(np.exp(z) * rng.gamma(4, 1 / 4, size=n)).astype(float)
    return X, z + rng.normal(size=n) * (1 + 0.5 * np.abs(X[:, 1]))


def optimum_and_errors(X: np.ndarray, y: np.ndarray, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the full fit and its robust standard errors, by Newton and closed forms."""
    theta = np.zeros(D)
    for _ in range(60):
        z = X @ theta
        if loss == "poisson":
            score, curvature = np.exp(z) - y, np.exp(z)
        else:
            weight = np.where(y > z, 1.6, 0.4)
            score, curvature = weight * (z - y), weight
        step = np.linalg.solve((X.T * curvature) @ X, X.T @ score)
        theta = theta - step
        if np.abs(step).max() < 1e-10:
            break
    bread = np.linalg.inv((X.T * curvature) @ X)
    return theta, np.sqrt(np.diag(bread @ (X.T * score**2) @ X @ bread))


@pytest.mark.parametrize("loss", ["poisson", "expectile"])
def test_the_spread_is_that_of_the_sandwich(loss: str) -> None:
    X, y = rows(6000, 0, loss)
    theta, errors = optimum_and_errors(X, y, loss)
    start = torch.zeros(D, dtype=torch.float64)
    chained = ChainedSGD.from_loss(LOSSES[loss], start, 200)
    chained.warm_up(tensors(X, y, slice(200)))
    feed(chained, X, y, 32)
    averages = chained.averages()
    ratios = averages.spread / errors
    # One pass is a few per cent longer than the full fit; 200 chains leave 5% of chance.
    assert ratios.min() > 0.9
    assert ratios.max() < 1.25
    assert (np.abs(averages.estimate - theta) < errors).all()


def test_a_ridge_is_weighted_with_its_row() -> None:
    X, y = rows(6000, 0, "expectile")
    start = torch.zeros(D, dtype=torch.float64)
    chained = ChainedSGD.from_loss(LOSSES["expectile"], start, 200, alpha=[0.0, 1.0, 1.0, 1.0])
    chained.warm_up(tensors(X, y, slice(200)))
    feed(chained, X, y, 32)
    averages = chained.averages()
    ridge = np.diag([0.0, 1.0, 1.0, 1.0])
    theta = averages.estimate
    for _ in range(20):
        weight = np.where(y > X @ theta, 1.6, 0.4)
        gradient = X.T @ (weight * (X @ theta - y)) / len(y) + ridge @ theta
        bread = np.linalg.inv((X.T * weight) @ X / len(y) + ridge)
        theta = theta - bread @ gradient
    scores = X * (weight * (X @ theta - y))[:, None]
    errors = np.sqrt(np.diag(bread @ np.cov(scores.T) @ bread) / len(y))
    np.testing.assert_allclose(averages.spread / errors, 1.04, atol=0.14)
    assert (np.abs(averages.estimate - theta) < errors).all()


def test_names_and_sets_of_a_loss() -> None:
    X, y = rows(9600, 1, "expectile")
    start = torch.zeros(D, dtype=torch.float64)
    chained = ChainedSGD.from_loss(LOSSES["expectile"], start, names=["const", "a", "b", "c"])
    chained.warm_up(tensors(X, y, slice(200)))
    feed(chained, X, y, 32)
    result = chained.result()  # 300 steps, nothing to warn of.
    assert result.t_test("a").p_value < 1e-6
    assert result.conf_int(which="c").loc["c", "lower"] < 0 < result.conf_int().loc["c", "upper"]
    assert "theory" not in result.diagnostics


def test_a_loss_that_curves_downwards_is_called_a_heuristic() -> None:
    def loss(theta: torch.Tensor, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return 1 - torch.exp(-LOSSES["squared"](theta, batch))

    X, y = rows(600, 0, "expectile")
    chained = ChainedSGD.from_loss(loss, torch.zeros(D, dtype=torch.float64), 4)
    chained.warm_up(tensors(X, 9 * y, slice(200)))
    feed(chained, X, 9 * y, 32)
    with pytest.warns(ConfidenceWarning) as caught:
        assert "heuristic: no theory" in chained.result().summary()
    assert any("heuristic" in str(warning.message) for warning in caught)


@pytest.mark.parametrize(
    ("start", "options", "message"),
    [
        (torch.zeros(2, 2), {}, r"start: found shape \(2, 2\); allowed: a tensor of shape"),
        (torch.zeros(0), {}, r"start: found shape \(0,\)"),
        (np.zeros(2), {}, "start"),
        (torch.zeros(2, dtype=torch.int64), {}, "torch.int64"),
        (torch.tensor([0.0, np.nan]), {}, "finite numbers"),
        (torch.zeros(2), {"names": ["a"]}, "names: found 1 names; allowed: 2"),
        (torch.zeros(2), {"alpha": [1.0]}, r"alpha: found shape \(1,\)"),
        (torch.zeros(2), {"n_chains": 1}, "n_chains"),
    ],
)
def test_bad_starts_and_options_are_refused(start: Any, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ChainedSGD.from_loss(LOSSES["squared"], start, **options)
