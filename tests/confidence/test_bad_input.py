"""What should not be asked or believed: each case, what is done, and the error or warning it gets.

Errors come first, then warnings; what is allowed though it looks odd comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from tests.confidence.synthetic import Stream, stream

from surefoot.confidence import parameters
from surefoot.confidence.estimators import SGDInferenceClassifier, SGDInferenceRegressor
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.multipliers import as_multiplier
from surefoot.confidence.streams.row_stream import RowStream
from surefoot.ground.errors import InputError, UnmetError

ROWS, LABELS = stream(3000, 3), stream(6000, 2, loss="log_loss")
X, Y = ROWS.X, ROWS.y
DATED = pd.DataFrame({"age": X[:, 0], "day": pd.date_range("2020", periods=3000)})
WORDS = pd.DataFrame({"age": X[:, 0], "sex": np.where(X[:, 1] > 0, "f", "m")})


def regressor(**parameters: Any) -> SGDInferenceRegressor:
    """Return a regressor whose runs of 3,000 rows have 375 steps."""
    return SGDInferenceRegressor(**{"n_chains": 20, "batch_size": 8} | parameters)


def classifier(**parameters: Any) -> SGDInferenceClassifier:
    return SGDInferenceClassifier(**{"n_chains": 20, "batch_size": 8} | parameters)


def with_one(values: np.ndarray, place: Any, value: float) -> np.ndarray:
    changed = values.copy()
    changed[place] = value
    return changed


def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    yield from ((X[i : i + 500], Y[i : i + 500]) for i in range(0, 3000, 500))


ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "NaN in X": (
        lambda: regressor().fit(with_one(X, (3, 1), np.nan), Y),
        InputError, r"X: found NaN or infinity at \(3, 1\)",
    ),
    "dates among features": (
        lambda: regressor().fit(DATED, Y),
        InputError, r"X, column day: found 'datetime64.*derive some",
    ),
    "nothing but dates": (
        lambda: regressor().fit(DATED[["day"]], Y), InputError, "X, column day: found 'datetime64",
    ),
    "dates as objects": (
        lambda: regressor().fit(DATED.assign(day=DATED["day"].astype(object)), Y),
        InputError, "X, column day: found Timestamp",
    ),
    "dates as targets": (
        lambda: regressor().fit(X, DATED["day"]), InputError, "y: found 'datetime64",
    ),
    "infinity in y": (
        lambda: regressor().fit(X, with_one(Y, 5, np.inf)),
        InputError, r"y: found NaN or infinity at \(5,\)",
    ),
    "NaN in rows to predict": (
        lambda: regressor().fit(X, Y).predict(with_one(X, (3, 1), np.nan)),
        InputError, r"NaN or infinity at \(3, 1\)",
    ),
    "NaN in a stream": (
        lambda: regressor().fit_stream([(with_one(X, (3, 1), np.nan), Y)]),
        InputError, "row 3, column 'x2'",
    ),
    "three classes": (
        lambda: classifier().fit(X, np.arange(3000) % 3),
        InputError, "Only binary classification",
    ),
    "one class": (
        lambda: classifier().fit(X, np.ones(3000)), InputError, r"1 class \[1.0\]",
    ),
    "one class in the first rows of a stream": (
        lambda: classifier().fit_stream([(X, np.ones(3000))]),
        InputError, r"first rows.*1 class \[1.0\]",
    ),
    "a label that was not there before": (
        lambda: classifier().partial_fit(X, Y > 0, classes=[0, 1]).partial_fit(X, Y),
        ValueError, "continuous",
    ),
    "quantile of 0": (
        lambda: regressor(loss="quantile", quantile=0).fit(X, Y), InputError, r"in \(0, 1\)",
    ),
    "quantile beyond 1": (
        lambda: regressor(loss="quantile", quantile=50).fit(X, Y), InputError, r"in \(0, 1\)",
    ),
    "gamma of a half": (
        lambda: regressor(gamma=0.5).fit(X, Y), InputError, r"gamma: .* in \(1/2, 1\]",
    ),
    "gamma beyond 1": (
        lambda: regressor(gamma=1.1).fit(X, Y), InputError, r"gamma: .* in \(1/2, 1\]",
    ),
    "one chain": (
        lambda: regressor(n_chains=1).fit(X, Y), InputError, "n_chains: .* from 2",
    ),
    "an ellipsoid of too few chains": (
        lambda: regressor(n_chains=5).fit(X, Y).confidence_ellipsoid(),
        InputError, "4 quantities and 5 chains",
    ),
    "a level in percent": (
        lambda: regressor(confidence_level=95).fit(X, Y), InputError, "confidence_level: found 95",
    ),
    "a level in percent later": (
        lambda: regressor().fit(X, Y).conf_int(95), InputError, "level: found 95",
    ),
    "a pilot too small to whiten": (
        lambda: regressor(pilot=4).fit(X, Y), InputError, "pilot: found 4 rows.*at least 5",
    ),
    "a negative pilot": (
        lambda: regressor(pilot=-1).fit(X, Y), InputError, "pilot: .* from 0",
    ),
    "a column of words": (
        lambda: regressor().fit(WORDS, Y), InputError, "X, column sex: found '[fm]'.*encode",
    ),
    "a table of words": (
        lambda: regressor().fit(WORDS.to_numpy(), Y), InputError, "X, column 1: found '[fm]'",
    ),
    "words as targets": (
        lambda: regressor().fit(X, np.array(["low"] * 3000)), InputError, "y: found 'low'",
    ),
    "other features in partial_fit": (
        lambda: regressor().partial_fit(X, Y).partial_fit(X[:, :2], Y),
        ValueError, "X has 2 features, but SGDInferenceRegressor is expecting 3",
    ),
    "features of other names in partial_fit": (
        lambda: regressor().partial_fit(WORDS[["age"]], Y).partial_fit(
            WORDS[["age"]].rename(columns={"age": "years"}), Y
        ),
        ValueError, "feature names should match",
    ),
    "no features": (
        # An intercept alone is the model of a column of ones: see ALLOWED.
        lambda: regressor().fit(X[:, :0], Y), ValueError, r"0 feature\(s\)",
    ),
    "a question before the pilot is complete": (
        lambda: regressor().partial_fit(X[:120], Y[:120]).conf_int(),
        NotFittedError, "needs 200 rows and has 120",
    ),
    "a question before any fit": (
        lambda: regressor().wald_test("x1"), NotFittedError, "not fitted",
    ),
    "weights with another mean": (
        lambda: regressor(multiplier=[0, 1.9]).fit(X, Y), InputError, "found mean 0.95 and",
    ),
    "weights with another variance": (
        lambda: regressor(multiplier=[0.5, 1.5]).fit(X, Y), InputError, "variance 0.25",
    ),
    "negative weights": (
        lambda: regressor(multiplier=lambda u: 1 + 2 * 3**0.5 * (u - 0.5)).fit(X, Y),
        InputError, "weights from 0, or signed=True",
    ),
    "a law that is unknown": (
        lambda: regressor(multiplier="mammon").fit(X, Y), InputError, "did you mean 'mammen'",
    ),
    "no weight in the pilot": (
        lambda: regressor(shuffle=False).fit(X, Y, np.arange(3000) >= 200),
        InputError, "0 for every row of the pilot",
    ),
    "negative sample weights": (
        lambda: regressor().fit(X, Y, -np.ones(3000)), ValueError, "Negative",
    ),
    "row ids that are no integers": (
        lambda: regressor().fit(X, Y, row_ids=np.arange(3000) / 2), InputError, "3000 integers",
    ),
    "a single row": (
        lambda: regressor().fit(X[:1], Y[:1]), ValueError, "n_samples = 1",
    ),
    "several epochs of what comes once": (
        lambda: regressor(n_epochs=2).fit_stream(pairs()),
        InputError, "n_epochs: .* cannot be replayed",
    ),
    "several epochs in partial_fit": (
        lambda: regressor(n_epochs=2).partial_fit(X, Y), InputError, "the whole stream",
    ),
    "a burn-in of an unknown number of rows": (
        lambda: regressor(burn_in=0.1).fit_stream(pairs), InputError, "of unknown length",
    ),
    "steps so large that the run blows up": (
        lambda: regressor(c0=1e3, k0=0).fit(X, Y), UnmetError, "smaller steps",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("ask", "error", "said"), ERRORS.values(), ids=ERRORS)
def test_errors(ask: Callable[[], Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        ask()


def continued(model: Any, harm: Callable[[Any], None], y: np.ndarray = Y) -> Any:
    """Return a model whose chains were harmed half-way."""
    model.partial_fit(X[:1600], y[:1600])
    harm(model._engine._chains.phi)
    return model.partial_fit(X[1600:], y[1600:])


def overlapping(flipped: int) -> Stream:
    """Return rows whose classes overlap by a few."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20_000, 3))
    y = (features[:, 0] > 0).astype(float)
    y[:flipped] = 1 - y[:flipped]
    return Stream(features, y, np.zeros(3))


def new_level() -> RowStream:
    """Return a stream in which one level of a category comes late."""
    late = np.arange(3000) >= 2000
    return RowStream.from_batches([(np.column_stack([X, late]), Y)], shuffled=True)


def fitted_to_order_of_time() -> SGDInferenceRegressor:
    month = np.arange(3000) // 250
    levels = (month[:, None] == np.arange(12)).astype(float)
    return regressor(fit_intercept=False).fit_stream([(levels, month + Y)])


WARNINGS: dict[str, tuple[Callable[[], Any], str]] = {
    "a rank-deficient pilot": (
        lambda: regressor().fit(np.column_stack([X, X[:, 0]]), Y), "span 4 of 5 directions",
    ),
    "rows that leave the pilot": (
        lambda: regressor().fit_stream(new_level()), "1,000 rows unlike any in the pilot",
    ),
    "rows in order of time": (
        fitted_to_order_of_time, r"not in random order: .*stream\.shuffle\(\)",
    ),
    "a column far from 0": (
        lambda: regressor().fit(X + [1e6, 0, 0], Y), "span 3 of 4 .* until they are centred",
    ),
    "a constant column": (
        lambda: regressor().fit(np.column_stack([X, np.ones(3000)]), Y),
        "constant in the pilot rows: x4",
    ),
    "classes that are separated": (
        lambda: classifier().fit(X, X[:, 0] > 0), "told apart without error",
    ),
    "classes that hardly overlap": (
        lambda: classifier(shuffle=False).fit(*overlapping(20)[:2]), "keep growing.*alpha > 0",
    ),
    "few steps": (
        lambda: regressor(batch_size=32).fit(X, Y), "94 steps: with fewer than 300",
    ),
    "a start that is not forgotten": (
        lambda: regressor(pilot=0).fit(X, Y), "predicted bias of 0.3. standard errors",
    ),
    "a stream that drifts": (
        lambda: continued(regressor(), lambda phi: None, np.where(np.arange(3000) < 1600, Y, 5)),
        "halves of the run differ",
    ),
    "a wild chain": (
        lambda: continued(
            regressor(n_chains=200), lambda phi: phi.__setitem__((slice(None), 3), 1e3)
        ),
        "a few chains are wild",
    ),
    "a chain that is not finite": (
        lambda: continued(regressor(), lambda phi: phi.__setitem__((0, 3), np.nan)),
        "1 chain of 20 not finite",
    ),
    "a chain that overflowed": (
        lambda: continued(regressor(), lambda phi: phi.__setitem__((0, 3), np.inf)),
        "1 chain of 20 not finite",
    ),
    "a penalty": (
        lambda: regressor(alpha=0.1).fit(X, Y), "intervals are for the penalised optimum",
    ),
    "a perfect fit": (lambda: regressor().fit(X, X @ [1, 2, 3]), "perfect fit, .* no length"),
    "a constant target": (lambda: regressor().fit(X, np.full(3000, 7.3)), "perfect fit"),
    "numbers too coarse for the spread": (
        lambda: regressor(dtype="float32").fit(X, Y + 1e6), "float32 may have moved the run",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::surefoot.confidence.health.ConfidenceWarning")
@pytest.mark.parametrize(("do", "said"), WARNINGS.values(), ids=WARNINGS)
def test_warnings(do: Callable[[], Any], said: str) -> None:
    with pytest.warns(ConfidenceWarning, match=said):
        model = do()
    assert np.isfinite(model.coef_).all()


def test_more_parameters_than_are_whitened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "_MOST_WHITENED", 3)
    with pytest.warns(ConfidenceWarning, match="4 parameters: precondition='diag'"):
        model = regressor().fit(X, Y)
    assert model._engine.pilot.scale.shape == (4,)


def test_an_ellipsoid_of_few_chains() -> None:
    with pytest.warns(RuntimeWarning, match="20 chains for an ellipsoid in 4 dimensions"):
        regressor().fit(X, Y).confidence_ellipsoid()


@pytest.mark.filterwarnings("ignore::surefoot.confidence.health.ConfidenceWarning")
def test_a_perfect_fit_has_intervals_without_length() -> None:
    model = regressor().fit(X, X @ [1, 2, 3])
    with pytest.warns(RuntimeWarning, match="intervals without length"):
        found = model.conf_int(which=["x2"])
    assert found.lower["x2"] == found.upper["x2"] == pytest.approx(2)
    assert model.diagnostics_["predicted bias / SD"] == 0


@pytest.mark.filterwarnings("ignore::surefoot.confidence.health.ConfidenceWarning")
def test_a_chain_that_is_not_finite_is_never_dropped() -> None:
    model = continued(regressor(), lambda phi: phi.__setitem__((0, 3), np.nan))
    assert np.isnan(model.chains_).any(axis=1).sum() == 1
    assert model.diagnostics_["chains not finite"] == 1
    assert np.isnan(model.to_frame().std_error).all()
    with pytest.raises(InputError, match="found 1 of 20 that are not finite"):
        model.conf_int()


def test_an_intercept_alone() -> None:
    ones = pd.DataFrame({"const": np.ones(3000)})
    model = regressor(n_chains=200, fit_intercept=False).fit(ones, Y)
    assert abs(model.coef_[0] - Y.mean()) < model.coef_std_[0]
    assert model.coef_std_[0] == pytest.approx(Y.std() / 3000**0.5, rel=0.2)


def test_one_feature_without_an_intercept() -> None:
    model = regressor(fit_intercept=False).fit(X[:, :1], Y)
    assert model.conf_int().shape == (1, 4)


def test_features_of_any_size() -> None:
    sizes = np.array([1e-9, 1, 1e9])
    plain, model = regressor().fit(X, Y), regressor().fit(X * sizes, Y)
    np.testing.assert_allclose(model.coef_ * sizes, plain.coef_, rtol=1e-6)


def test_rows_that_are_alike_have_weights_of_their_own() -> None:
    twice = regressor(n_chains=200).fit(np.repeat(X, 2, axis=0), np.repeat(Y, 2))
    tied = regressor(n_chains=200).fit(
        np.repeat(X, 2, axis=0), np.repeat(Y, 2), row_ids=np.repeat(np.arange(3000), 2)
    )
    # Half the variance for what counts as twice the rows.
    np.testing.assert_allclose(tied.coef_std_ / twice.coef_std_, 2**0.5, rtol=0.2)


def test_negative_weights_on_demand() -> None:
    law = as_multiplier(lambda u: 1 + 2 * 3**0.5 * (u - 0.5), signed=True)
    assert np.isfinite(regressor(multiplier=law).fit(X, Y).coef_std_).all()


@pytest.mark.parametrize("loss", ["squared", "huber", "quantile"])
def test_a_target_with_ties(loss: Any) -> None:
    model = regressor(loss=loss).fit(X, np.round(Y))
    assert (np.abs(model.coef_ - ROWS.theta) < 6 * model.coef_std_).all()
