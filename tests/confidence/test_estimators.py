"""Estimators: scikit-learn's contract, the same bits for any chunking, and honest warnings."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom
from scipy.stats import t as student
from sklearn.exceptions import NotFittedError
from tests.confidence.synthetic import stream

from surefoot import InputError
from surefoot.confidence.estimators import SGDInferenceClassifier, SGDInferenceRegressor
from surefoot.confidence.health import ConfidenceWarning

ROWS = stream(3000, 3)
LABELS = stream(12_800, 2, loss="log_loss")
SMALL: dict[str, Any] = {"n_chains": 5}
# Long enough for 300 steps.
STEPS: dict[str, Any] = {"n_chains": 20, "batch_size": 8}


@pytest.mark.parametrize("cuts", [[1500], [7, 200, 201, 2999], list(range(100, 3000, 93))])
def test_chunking_changes_no_bit(cuts: list[int]) -> None:
    whole = SGDInferenceRegressor(**STEPS, shuffle=False).fit(ROWS.X, ROWS.y)
    parts = SGDInferenceRegressor(**STEPS)
    for X, y in zip(np.split(ROWS.X, cuts), np.split(ROWS.y, cuts), strict=True):
        parts.partial_fit(X, y)
    assert np.array_equal(parts.result_.center, whole.result_.center)
    assert np.array_equal(parts.result_.chains, whole.result_.chains)
    assert parts.n_seen_ == whole.n_seen_ == 3000
    assert parts.n_steps_ == whole.n_steps_ == 375


def test_chunking_changes_no_bit_of_columns_in_one_piece() -> None:
    X = np.asfortranarray(ROWS.X)
    whole, parts = (SGDInferenceRegressor(**STEPS, fit_intercept=False) for _ in range(2))
    whole.partial_fit(X, ROWS.y)
    for start in range(0, 3000, 77):
        parts.partial_fit(X[start : start + 77], ROWS.y[start : start + 77])
    assert np.array_equal(parts.result_.chains, whole.result_.chains)


def test_an_extreme_quantile_has_a_pilot_that_reaches_it() -> None:
    rng = np.random.default_rng(0)
    X, noise = rng.normal(size=(20_000, 2)), rng.standard_t(5, size=20_000)
    params = {"loss": "quantile", "quantile": 0.999, "n_chains": 60}
    found = SGDInferenceRegressor(**params).fit(X, noise).conf_int().loc["const"]
    truth = student(5).ppf(0.999)
    assert found.lower < truth < found.upper
    with pytest.warns(ConfidenceWarning, match="200 pilot rows .* one row in 1,000"):
        SGDInferenceRegressor(**params, pilot=200).fit(X, noise)


def test_partial_fit_goes_on_after_fit() -> None:
    whole = SGDInferenceRegressor(**STEPS, shuffle=False).fit(ROWS.X, ROWS.y)
    parts = SGDInferenceRegressor(**STEPS, shuffle=False).fit(ROWS.X[:2501], ROWS.y[:2501])
    parts.partial_fit(ROWS.X[2501:], ROWS.y[2501:])
    assert np.array_equal(parts.result_.chains, whole.result_.chains)


def test_coverage() -> None:
    covered = 0
    for seed in range(60):
        rows = stream(3000, 3, seed)
        model = SGDInferenceRegressor(n_chains=50, batch_size=8, random_state=seed)
        found = model.fit(rows.X, rows.y).conf_int().loc["x2"]
        covered += found.lower < rows.theta[1] < found.upper
    low, high = binom(60, 0.95).interval(0.999)
    assert low <= covered <= high


def test_coefficients_follow_the_units() -> None:
    A = np.array([[1000, 0, 0], [20, 0.01, 0], [0, 3, 2]])
    model = SGDInferenceRegressor(**STEPS).fit(ROWS.X, ROWS.y)
    moved = SGDInferenceRegressor(**STEPS).fit(ROWS.X @ A + [5, -7, 0], 3 * ROWS.y + 2)
    np.testing.assert_allclose(A @ moved.coef_, 3 * model.coef_, rtol=1e-6)
    spread = np.sqrt(np.diag(A @ moved.result_.covariance[1:, 1:] @ A.T))
    np.testing.assert_allclose(spread, 3 * model.coef_std_, rtol=1e-3)


def test_fit_is_near_least_squares() -> None:
    model = SGDInferenceRegressor(**STEPS, companions=("plugin",)).fit(ROWS.X, ROWS.y)
    design = np.column_stack([np.ones(3000), ROWS.X])
    exact = np.linalg.lstsq(design, ROWS.y, rcond=None)[0]
    error = np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    assert (np.abs(model.result_.center - exact) < error).all()
    np.testing.assert_allclose(model.result_.companions["plugin"], error, rtol=0.15)
    assert model.result_.names == ("const", "x1", "x2", "x3")
    assert "predicted bias" in model.summary()


def test_order_of_a_table_does_not_matter_when_shuffled() -> None:
    order = np.argsort(ROWS.y)
    model = SGDInferenceRegressor(**STEPS, n_epochs=2, burn_in=0.1).fit(
        ROWS.X[order], ROWS.y[order]
    )
    assert (np.abs(model.coef_ - ROWS.theta) < 5 * model.coef_std_).all()


@pytest.mark.parametrize("loss", ["huber", "quantile"])
def test_other_losses_know_their_errors(loss: Any) -> None:
    model = SGDInferenceRegressor(loss=loss, **STEPS).fit(ROWS.X, ROWS.y)
    assert (np.abs(model.coef_ - ROWS.theta) < 5 * model.coef_std_).all()


@pytest.mark.parametrize("labels", [["no", "yes"], [-1, 1], [7.0, 9.0], [False, True]])
def test_labels_are_arbitrary(labels: list[Any]) -> None:
    codes = LABELS.y.astype(int)
    plain = SGDInferenceClassifier(n_chains=5).fit(LABELS.X, codes)
    model = SGDInferenceClassifier(n_chains=5).fit(LABELS.X, np.array(labels)[codes])
    assert np.array_equal(model.coef_, plain.coef_)
    predicted = model.predict(LABELS.X)
    assert np.array_equal(predicted, np.array(labels)[plain.predict(LABELS.X)])
    probabilities = model.predict_proba(LABELS.X)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-12)
    assert np.array_equal(predicted == labels[1], probabilities[:, 1] > 0.5)


def test_a_stream_in_order_of_time_warns_and_stays_finite() -> None:
    n = 6000
    late = np.repeat([0.0, 1.0], n // 2)
    X = np.column_stack([np.random.default_rng(0).normal(size=n), late])
    model = SGDInferenceRegressor(**STEPS)
    with pytest.warns(ConfidenceWarning) as caught:
        for part in np.split(np.arange(n), 6):
            model.partial_fit(X[part], X[part, 0] + 5 * late[part])
    said = " ".join(str(warning.message) for warning in caught)
    assert "constant in the pilot rows: x2" in said
    assert "1,000 rows unlike any in the pilot" in said
    assert model.diagnostics_["rows unlike the pilot"] == 3000
    assert np.isfinite(model.result_.chains).all()


def test_warnings_come_once() -> None:
    model = SGDInferenceRegressor(n_chains=5, alpha=1.0)
    with pytest.warns(ConfidenceWarning, match="penalised") as caught:
        for part in np.split(np.arange(3000), 5):
            model.partial_fit(ROWS.X[part], ROWS.y[part])
    assert len(caught) == 1


def test_what_is_off_is_said() -> None:
    few = SGDInferenceRegressor(n_chains=5)
    with pytest.warns(ConfidenceWarning, match="38 steps"):
        few.fit(ROWS.X[:300], ROWS.y[:300])
    twice = np.column_stack([ROWS.X, ROWS.X[:, 0]])
    with pytest.warns(ConfidenceWarning, match="span 4 of 5 directions"):
        SGDInferenceRegressor(**STEPS).fit(twice, ROWS.y)


def test_separated_classes_are_said() -> None:
    y = LABELS.X[:, 0] > 0
    with pytest.warns(ConfidenceWarning) as caught:
        SGDInferenceClassifier(n_chains=5).fit(LABELS.X, y)
    assert any("told apart without error" in str(warning.message) for warning in caught)


def test_a_companion_that_collinear_features_defeat_is_nan() -> None:
    unmoved = np.column_stack([ROWS.X, np.zeros(3000)])
    model = SGDInferenceRegressor(**STEPS, companions=("plugin",))
    with pytest.warns(ConfidenceWarning, match="constant in the pilot rows: x4"):
        model.fit(unmoved, ROWS.y)
    assert np.isnan(model.result_.companions["plugin"]).all()


def test_nothing_is_known_before_the_pilot_is_complete() -> None:
    model = SGDInferenceRegressor(**SMALL).partial_fit(ROWS.X[:120], ROWS.y[:120])
    with pytest.raises(NotFittedError, match="needs 200 rows and has 120"):
        model.conf_int()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_chains", 1), ("n_chains", 2.5), ("multiplier", "gauss"), ("batch_size", 0),
        ("batch_size", "large"), ("c0", 0.0), ("gamma", 0.5), ("k0", -1.0), ("pilot", -1),
        ("pilot", 3), ("pilot", "all"), ("dtype", "float16"), ("block_length", 0),
        ("precondition", "full"), ("burn_in", 1.0),
        ("n_epochs", 0), ("alpha", -1.0), ("companions", ("hulc",)), ("confidence_level", 1.0),
        ("loss", "absolute"),
    ],
)  # fmt: skip
def test_bad_parameters(name: str, value: Any) -> None:
    with pytest.raises(InputError, match="allowed"):
        SGDInferenceRegressor(**{name: value}).fit(ROWS.X, ROWS.y)


@pytest.mark.parametrize(("loss", "name"), [("quantile", "quantile"), ("huber", "epsilon")])
def test_bad_parameters_of_losses(loss: Any, name: Any) -> None:
    with pytest.raises(InputError, match=name):
        SGDInferenceRegressor(loss=loss, **{name: 0}).fit(ROWS.X, ROWS.y)


@pytest.mark.parametrize(("name", "value"), [("burn_in", 0.1), ("n_epochs", 2)])
def test_partial_fit_refuses_what_needs_the_whole_stream(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{name}.*does not know the whole stream"):
        SGDInferenceRegressor(**{name: value}).partial_fit(ROWS.X, ROWS.y)


def test_bad_rows() -> None:
    X, y = ROWS.X.copy(), ROWS.y.copy()
    X[3, 1] = np.inf
    with pytest.raises(InputError, match=r"X: found NaN or infinity at \(3, 1\)"):
        SGDInferenceRegressor().fit(X, y)
    y[5] = np.nan
    with pytest.raises(InputError, match=r"y: found NaN or infinity at \(5,\)"):
        SGDInferenceRegressor().fit(ROWS.X, y)
    with pytest.raises(InputError, match="0 for every row of the pilot"):
        SGDInferenceRegressor(shuffle=False).fit(ROWS.X, ROWS.y, np.arange(3000) >= 200)


def test_bad_labels() -> None:
    X, y = LABELS.X[:50], LABELS.y[:50]
    with pytest.raises(InputError, match="1 class"):
        SGDInferenceClassifier().fit(X, np.ones(50))
    with pytest.raises(InputError, match="Only binary"):
        SGDInferenceClassifier().fit(X, np.arange(50) % 3)
    with pytest.raises(InputError, match="both labels in the first call"):
        SGDInferenceClassifier().partial_fit(X, y)
    model = SGDInferenceClassifier().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(InputError, match="y: found 2.0"):
        model.partial_fit(X, y + 1)
    with pytest.raises(InputError, match="as before"):
        model.partial_fit(X, y, classes=[1, 2])


def test_questions_are_those_of_the_result() -> None:
    model = SGDInferenceRegressor(n_chains=50, batch_size=8).fit(ROWS.X, ROWS.y)
    result = model.result_
    assert model.to_frame().equals(result.to_frame())
    assert model.conf_int(0.9, kind="normal").equals(result.conf_int(0.9, "normal"))
    assert model.confidence_ellipsoid(0.9, ["x1", "x2"]).bounds.tolist() == (
        result.confidence_ellipsoid(0.9, ["x1", "x2"]).bounds.tolist()
    )
    assert model.norm_ball(0.9, np.inf).radius == result.norm_ball(0.9, np.inf).radius
    assert model.t_test({"x1": 1, "x2": -1}, 0.5) == result.t_test({"x1": 1, "x2": -1}, 0.5)
    assert model.wald_test(["x1", "x2"], [0, 1]) == result.wald_test(["x1", "x2"], [0, 1])
    assert model.test_all_zero("x1") == result.test_all_zero("x1")
    assert model.functional(np.exp, names=list("abcd")).equals(
        result.functional(np.exp, names=list("abcd"))
    )
    assert model.cov_ is result.covariance
    assert model.pvalues_ is result.pvalues
    assert model.chains_.shape == (50, 4)
    with pytest.raises(ValueError, match="read-only"):
        model.chains_[0] = 0
    assert not hasattr(SGDInferenceRegressor(), "chains_")


def test_a_mean_knows_how_sure_it_is() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(ROWS.X[:5], columns=["x1", "x2", "x3"], index=list("vwxyz"))
    model = SGDInferenceRegressor(**STEPS).fit(
        pandas.DataFrame(ROWS.X, columns=table.columns), ROWS.y
    )
    found = model.predict(table, return_interval=True)
    assert list(found.index) == list("vwxyz")
    np.testing.assert_allclose(found.estimate, model.predict(table))
    row = np.array([1, *ROWS.X[2]])
    np.testing.assert_allclose(found.std_error["x"], np.sqrt(row @ model.cov_ @ row))
    wider = model.predict(table, return_interval=True, level=0.99)
    assert ((wider.lower < found.lower) & (found.upper < wider.upper)).all()


def test_a_probability_knows_how_sure_it_is() -> None:
    model = SGDInferenceClassifier(**STEPS).fit(LABELS.X, LABELS.y)
    found = model.predict_proba(LABELS.X, return_interval=True)
    np.testing.assert_allclose(found.estimate, model.predict_proba(LABELS.X)[:, 1])
    assert ((found.lower > 0) & (found.lower < found.estimate) & (found.upper < 1)).all()
    z = model.decision_function(LABELS.X)
    design = np.column_stack([np.ones(len(z)), LABELS.X])
    spread = np.sqrt(np.einsum("ij,jk,ik->i", design, model.cov_, design))
    # Equally far to both sides on the scale of log-odds.
    reach = np.log(found.upper / (1 - found.upper)) - z
    np.testing.assert_allclose(reach / spread, student.ppf(0.975, 20), rtol=1e-6)


def test_rows_keep_their_weights_by_id() -> None:
    model = SGDInferenceRegressor(**STEPS, shuffle=False)
    plain = model.fit(ROWS.X, ROWS.y).chains_
    assert np.array_equal(model.fit(ROWS.X, ROWS.y, row_ids=np.arange(3000)).chains_, plain)
    other = model.fit(ROWS.X, ROWS.y, row_ids=np.arange(3000)[::-1]).chains_
    assert not np.array_equal(other, plain)
    parts = SGDInferenceRegressor(**STEPS)
    for part in np.split(np.arange(3000), [1201]):
        parts.partial_fit(ROWS.X[part], ROWS.y[part], row_ids=2999 - part)
    assert np.array_equal(parts.chains_, other)


def test_a_second_pass_needs_the_ids_it_had() -> None:
    ratio = []
    for ids in (None, np.arange(3000)):
        model = SGDInferenceRegressor(n_chains=200, batch_size=8)
        for _ in range(4):
            model.partial_fit(ROWS.X, ROWS.y, row_ids=ids)
        ratio.append(model.coef_std_ * 3000**0.5)
    assert (ratio[1] / ratio[0] > 1.6).all()


def test_blocks_of_rows_share_their_weights() -> None:
    X, y = np.repeat(ROWS.X, 4, axis=0), np.repeat(ROWS.y, 4)
    apart, together = (
        SGDInferenceRegressor(n_chains=200, batch_size=8, block_length=length).fit(X, y).coef_std_
        for length in (1, 4)
    )
    np.testing.assert_allclose(together / apart, 2, rtol=0.2)


@pytest.mark.filterwarnings("ignore::surefoot.confidence.health.ConfidenceWarning")
def test_without_a_pilot_the_start_is_cold() -> None:
    model = SGDInferenceRegressor(**STEPS, pilot=0).partial_fit(ROWS.X[:199], ROWS.y[:199])
    assert not hasattr(model, "result_")
    model.partial_fit(ROWS.X[199:], ROWS.y[199:])
    pilot = model._engine.pilot
    assert pilot.scale.tolist() == [1] * 4
    assert pilot.theta.tolist() == [0] * 4
    assert model.diagnostics_["predicted bias / SD"] > 0.25


def test_half_the_precision_is_enough() -> None:
    full, half = (
        SGDInferenceRegressor(**STEPS, dtype=dtype).fit(ROWS.X, ROWS.y)
        for dtype in ("float64", "float32")
    )
    assert half.chains_.dtype == np.float64
    error = np.abs(half.coef_ - full.coef_) / full.coef_std_
    assert 0 < error.max() < 1e-3
    assert 0 < half.diagnostics_["rounding / SD"] < 1e-3
    assert "rounding / SD" not in full.diagnostics_


@pytest.mark.filterwarnings("ignore::surefoot.confidence.health.ConfidenceWarning")
@pytest.mark.parametrize("offset", [1e2, 1e4, 1e5, 1e6])
def test_rounding_is_predicted(offset: float) -> None:
    y = ROWS.y + offset
    full, half = (
        SGDInferenceRegressor(**STEPS, dtype=dtype).fit(ROWS.X, y)
        for dtype in ("float64", "float32")
    )
    error = (np.abs(half.result_.center - full.result_.center) / full.result_.std_errors).max()
    assert 0.01 * error < half.diagnostics_["rounding / SD"]
    assert error < 2 * half.diagnostics_["rounding / SD"]


@pytest.mark.filterwarnings("ignore::surefoot.confidence.health.ConfidenceWarning")
@pytest.mark.parametrize(
    ("d", "options"),
    [
        (20, {"n_chains": 200}),
        (50, {"n_chains": 1000, "dtype": "float32", "fit_intercept": False}),
        (100, {"n_chains": 50, "companions": ("plugin", "batch_means", "score_bootstrap")}),
        (200, {"n_chains": 20}),
    ],
)
def test_memory_is_known_beforehand(d: int, options: dict[str, Any]) -> None:
    model, rng = SGDInferenceRegressor(**options), np.random.default_rng(0)
    model.fit(ROWS.X, ROWS.y)  # whatever is imported on the way
    model = SGDInferenceRegressor(**options)
    tracemalloc.start()
    try:
        for _ in range(model._pilot_rows(d + 1) // 250 + 25):
            X = rng.normal(size=(250, d))
            model.partial_fit(X, X.sum(1) + rng.normal(size=250))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert model.memory_needed(d) == pytest.approx(peak, rel=0.25)


def test_names_come_from_the_table() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(ROWS.X, columns=["age", "dose", "const"])
    with pytest.raises(InputError, match="'const' more than once"):
        SGDInferenceRegressor(**STEPS).fit(table, ROWS.y)
    model = SGDInferenceRegressor(**STEPS, fit_intercept=False).fit(table, ROWS.y)
    assert list(model.conf_int().index) == ["age", "dose", "const"]
    assert model.intercept_ == 0
