from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from surefoot import InputError
from surefoot.incentives.rules import LinearRule

RNG = np.random.default_rng(7)
X = pd.DataFrame(RNG.normal([1, 50, -3], [1, 9, 0.1], (200, 3)), columns=["a", "b", "c"])
Y = (X["a"] + 0.1 * X["b"] - 5 * X["c"] + RNG.normal(size=200) > 21).to_numpy()


@pytest.mark.parametrize(
    "scalers",
    [
        (),
        (StandardScaler(),),
        (StandardScaler(with_mean=False),),
        (StandardScaler(with_std=False),),
        (MinMaxScaler((-1, 3)),),
        (MaxAbsScaler(),),
        (RobustScaler(),),
        ("passthrough", MinMaxScaler(), StandardScaler()),
    ],
)
def test_a_pipeline_of_scalers_becomes_the_rule_in_raw_units(scalers: tuple) -> None:
    model = make_pipeline(*scalers, LogisticRegression(max_iter=5000)).fit(X, Y)
    rule = LinearRule.from_estimator(model)
    assert rule.names == ("a", "b", "c")
    np.testing.assert_allclose(
        rule.score(X) - rule.threshold, model.decision_function(X), atol=1e-9
    )
    assert (rule.accepts(X) == model.predict(X)).all()


@pytest.mark.parametrize("last", [LinearSVC(), RidgeClassifier(), LinearDiscriminantAnalysis()])
def test_any_linear_classifier_is_a_rule(last: object) -> None:
    model = make_pipeline(StandardScaler(), last).fit(X, Y)
    assert (LinearRule.from_estimator(model).accepts(X) == model.predict(X)).all()


def test_the_first_class_can_be_the_one_that_is_accepted() -> None:
    model = LogisticRegression(max_iter=5000).fit(X, np.where(Y, "ill", "healthy"))
    rule = LinearRule.from_estimator(model, accept="healthy")
    assert (rule.accepts(X) == (model.predict(X) == "healthy")).all()
    with pytest.raises(InputError, match="one of the classes"):
        LinearRule.from_estimator(model, accept="well")


def test_a_threshold_on_the_probability() -> None:
    model = LogisticRegression(max_iter=5000).fit(X, Y)
    rule = LinearRule.from_estimator(model, probability=0.8)
    assert (rule.accepts(X) == (model.predict_proba(X)[:, 1] >= 0.8)).all()
    with pytest.raises(InputError, match="no probabilities"):
        LinearRule.from_estimator(RidgeClassifier().fit(X, Y), probability=0.8)


def test_columns_are_matched_by_name() -> None:
    rule = LinearRule([1.0, 2.0], 0.0, ["a", "b"])
    assert (rule.score(X[["b", "a", "c"]]) == rule.score(X)).all()
    with pytest.raises(InputError, match="also b"):
        rule.score(X[["a"]])
    with pytest.raises(InputError, match="a DataFrame with the columns a, b"):
        rule.score(X.to_numpy())
    with pytest.raises(InputError, match="each feature once"):
        rule.score(pd.concat([X, X[["a"]]], axis=1))


def test_what_is_not_a_number_is_named_with_its_row() -> None:
    rule = LinearRule([1.0], 0.0, ["a"])
    with pytest.raises(InputError, match=r"X\['a'\], row r2: found nan"):
        rule.score(pd.DataFrame({"a": [1.0, np.nan]}, index=["r1", "r2"]))
    with pytest.raises(InputError, match="a column of numbers"):
        rule.score(pd.DataFrame({"a": ["x", "y"]}))


def test_an_agent_on_the_threshold_is_over_it() -> None:
    rule = LinearRule([0.1, 0.2], 0.3, ["a", "b"])
    table = pd.DataFrame({"a": [1.0], "b": [1.0]})
    assert 0.1 + 0.2 != 0.3
    assert rule.gap(table).tolist() == [0.0]
    assert rule.accepts(table).all()
    assert not rule.shifted(1e-6).accepts(table).any()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: LinearRule([], 0.0, []), "finite numbers, one a feature"),
        (lambda: LinearRule([np.nan], 0.0, ["a"]), "finite numbers"),
        (lambda: LinearRule([1.0], 0.0, ["a", "b"]), "1 names, one a weight"),
        (lambda: LinearRule([1.0, 1.0], 0.0, ["a", "a"]), "names that differ"),
        (lambda: LinearRule([1.0], np.inf, ["a"]), "threshold"),
        (lambda: LinearRule([1.0], 0.0, ["a"]).weights_of(["b"]), "features of the rule: a"),
        (lambda: LinearRule.from_estimator(DecisionTreeClassifier().fit(X, Y)), "linear classif"),
        (
            lambda: LinearRule.from_estimator(
                make_pipeline(PolynomialFeatures(), LogisticRegression(max_iter=9000)).fit(X > 1, Y)
            ),
            "'PolynomialFeatures'; allowed: before a linear classifier",
        ),
        (
            lambda: LinearRule.from_estimator(LogisticRegression().fit(X > 1, (X["a"] * 2) // 1)),
            "two classes",
        ),
        (
            lambda: LinearRule.from_estimator(LogisticRegression().fit(X.to_numpy() > 1, Y)),
            "holds none",
        ),
    ],
)
def test_what_is_no_rule_is_refused(make: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()  # type: ignore[operator]
