from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.confidence.synthetic import LOSSES, stream

from surefoot.confidence.m_estimates import m_estimate


def test_least_squares_and_its_two_errors() -> None:
    X, y, _ = stream(500, 4, seed=2)
    y = y * (1 + np.abs(X[:, 0]))
    found = m_estimate(X, y, LOSSES["squared"])
    theta = np.linalg.lstsq(X, y, rcond=None)[0]
    residuals, bread = y - X @ theta, np.linalg.inv(X.T @ X)
    assert found.theta == pytest.approx(theta, rel=1e-8)
    assert found.robust == pytest.approx(bread @ (X.T * residuals**2) @ X @ bread, rel=1e-8)
    assert found.model_based == pytest.approx(residuals @ residuals / 496 * bread, rel=1e-8)
    assert (found.deficient, found.separated) == (0, False)


def test_log_odds_are_those_of_scikit_learn() -> None:
    X, y, _ = stream(3000, 5, seed=2, loss="log_loss")
    found = m_estimate(X, y, LOSSES["log_loss"])
    theirs = LogisticRegression(C=np.inf, tol=1e-10, fit_intercept=False).fit(X, y)
    assert found.theta == pytest.approx(theirs.coef_[0], abs=1e-5)
    p = 1 / (1 + np.exp(-X @ found.theta))
    fisher = (X.T * (p * (1 - p))) @ X
    assert found.model_based == pytest.approx(np.linalg.inv(fisher), rel=0.01)


def test_the_check_loss_has_no_model_of_its_noise() -> None:
    X, y, _ = stream(2000, 3, loss="squared")
    assert m_estimate(X, y, LOSSES["quantile"]).model_based is None


def test_collinear_columns_are_counted() -> None:
    X, y, _ = stream(500, 3)
    assert m_estimate(np.column_stack([X, X[:, 0] + X[:, 1]]), y, LOSSES["squared"]).deficient == 1
