from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression
from tests.incentives.designing.cases import Case, table

from surefoot.ground.errors import InputError
from surefoot.incentives.designing.losses import DataLoss, QuadraticLoss
from surefoot.incentives.designing.programs import Piece, minimise

X, Y = table(300)
LOSSES = ["logistic", "squared", "hinge"]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_is_that_of_the_value(loss) -> None:
    objective = DataLoss.of(X, Y, loss=loss, penalty=0.1)
    x = np.random.default_rng(0).normal(size=6)
    value, gradient, _ = objective.expand(x)
    assert value == objective.value(x)
    np.testing.assert_allclose(gradient, approx_fprime(x, objective.value, 1e-7), atol=1e-5)


@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_the_hessian_is_that_of_the_gradient(loss) -> None:
    objective = DataLoss.of(X, Y, loss=loss, penalty=0.1)
    x = np.random.default_rng(0).normal(size=6)
    numeric = approx_fprime(x, lambda x: objective.expand(x)[1], 1e-6)
    np.testing.assert_allclose(objective.expand(x)[2], numeric, atol=1e-5)


def test_a_rounded_hinge_is_a_hinge_but_for_its_kink() -> None:
    one = pd.DataFrame({"a": [-1.0, 1.0]})
    objective = DataLoss.of(one, [0, 1], loss="hinge", penalty=1e-9)
    for margin in np.linspace(-2, 3, 41):
        rounded = objective.value(np.array([margin, 0.0]))
        assert rounded == pytest.approx(max(1 - margin, 0), abs=0.05 + 1e-8)


def test_without_a_demand_it_is_logistic_regression() -> None:
    objective = DataLoss.of(X, Y, penalty=1e-3)
    found = minimise(objective, Piece(6), np.zeros(6))
    standard = (X - X.mean()) / X.std(ddof=0)
    model = LogisticRegression(C=1 / (1e-3 * len(X)), tol=1e-10).fit(standard, Y)
    np.testing.assert_allclose(found.x[:-1], model.coef_[0], atol=1e-5)
    rule = objective.rule(found.x)
    np.testing.assert_allclose(-rule.gap(X), model.decision_function(standard), atol=1e-4)
    np.testing.assert_allclose(objective.at(rule), found.x, atol=1e-9)


def test_weights_of_rows_are_repetitions() -> None:
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    repeated = DataLoss.of(X.loc[X.index.repeat(weights)], np.repeat(Y, weights))
    weighted = DataLoss.of(X, Y, sample_weight=weights)
    x = np.random.default_rng(1).normal(size=6)
    assert weighted.value(x) == pytest.approx(repeated.value(x))
    np.testing.assert_allclose(weighted.rule(x).weights, repeated.rule(x).weights)


def test_the_accepted_label_turns_the_score() -> None:
    one, other = (DataLoss.of(X, Y, accept=label) for label in (1, 0))
    x = np.random.default_rng(1).normal(size=6)
    assert one.value(x) == pytest.approx(other.value(-x))


def test_separable_data_have_a_best_rule() -> None:
    sure = (X["a"] > 0).astype(int)
    for loss in LOSSES:
        found = minimise(DataLoss.of(X, sure, loss=loss, penalty=1e-4), Piece(6), np.zeros(6))
        assert found.value - found.bound < 1e-8


def test_a_constant_feature_gets_no_weight() -> None:
    objective = DataLoss.of(X.assign(k=3.0), Y)
    assert objective.rule(minimise(objective, Piece(7), np.zeros(7)).x).weights[
        -1
    ] == pytest.approx(0)


def test_a_quadratic_loss_is_zero_at_its_centre() -> None:
    objective = Case(0, 4).objective
    h0 = objective.rule(objective.h0 * objective.scale)
    np.testing.assert_allclose(objective.at(h0), objective.h0 * objective.scale)
    assert objective.value(objective.at(h0)) == pytest.approx(0, abs=1e-12)
    x = np.random.default_rng(0).normal(size=4)
    numeric = approx_fprime(x, objective.value, 1e-7)
    np.testing.assert_allclose(objective.expand(x)[1], numeric, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"y": Y[:-1]}, "y: found .299,.; allowed: one label a row"),
        ({"y": np.ones(300)}, "y: found 1 classes; allowed: two classes"),
        ({"y": np.arange(300) % 3}, "y: found 3 classes"),
        ({"y": np.where(Y, np.nan, 1.0)}, "y: found missing labels"),
        ({"accept": 7}, "accept: found 7"),
        ({"loss": "hing"}, "did you mean 'hinge'"),
        ({"penalty": 0.0}, "penalty: found 0.0; allowed: a number above 0"),
        ({"sample_weight": -np.ones(300)}, "sample_weight"),
        ({"sample_weight": np.zeros(300)}, "sample_weight: found 'zeros'"),
        ({"X": X.to_numpy()}, "X: found 'ndarray'"),
        ({"X": X.assign(a=np.nan)}, r"X\['a'\], row 0"),
    ],
)
def test_what_is_no_data_is_refused(change, match) -> None:
    given = {"X": X, "y": Y} | change
    with pytest.raises(InputError, match=match):
        DataLoss.of(given.pop("X"), given.pop("y"), **given)


@pytest.mark.parametrize(
    ("M", "match"),
    [
        (np.eye(3), "QuadraticLoss.M: found .3, 3."),
        (np.diag([1.0, -1.0]), "positive definite"),
        (np.array([[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
    ],
)
def test_a_quadratic_without_a_minimum_is_refused(M, match) -> None:
    with pytest.raises(InputError, match=match):
        QuadraticLoss(M, np.ones(2), ("a", "b"))
