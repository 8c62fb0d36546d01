"""What a user asks of a result, and that the answers agree with each other."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from surefoot.confidence import result as module
from surefoot.confidence.result import InferenceResult
from surefoot.ground.errors import InputError

SEEDS = st.integers(0, 2**32 - 1)


def made(seed=0, m=60, d=3, center=None, **changes):
    rng = np.random.default_rng(seed)
    center = rng.normal(size=d) if center is None else center
    chains = center + rng.normal(size=(m, d)) @ rng.normal(size=(d, d)) / 5
    names = [f"x{j}" for j in range(d)]
    given = {"center": center, "chains": chains, "names": names, "n_seen": 1000, "n_steps": 32}
    return InferenceResult(**{**given, **changes})


def test_intervals_are_a_frame_by_name():
    result = made()
    frame = result.conf_int()
    assert frame.index.tolist() == ["x0", "x1", "x2"]
    assert frame.columns.tolist() == ["estimate", "std_error", "lower", "upper"]
    np.testing.assert_array_equal(frame["estimate"], result.center)
    np.testing.assert_allclose(frame["std_error"], result.std_errors)
    reach = stats.t(60).ppf(0.975) * result.std_errors
    np.testing.assert_allclose(frame["upper"], result.center + reach)
    np.testing.assert_allclose(frame["lower"], result.center - reach)


def test_which_and_level_are_heeded():
    result = made(confidence_level=0.8)
    pd.testing.assert_frame_equal(result.conf_int(), result.conf_int(0.8))
    pd.testing.assert_frame_equal(result.conf_int(which=["x2", 0]), result.conf_int().iloc[[2, 0]])
    pd.testing.assert_frame_equal(result.conf_int(which="x1"), result.conf_int().iloc[[1]])
    assert (result.conf_int(0.9)["upper"] > result.conf_int()["upper"]).all()
    assert result.confidence_ellipsoid().confidence_level == 0.8
    assert result.norm_ball(0.9).confidence_level == 0.9
    assert result.confidence_ellipsoid(which=["x2", "x0"]).names == ("x2", "x0")
    np.testing.assert_array_equal(result.norm_ball(which=2).center, result.center[[2]])


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from(["t", "normal", "symmetric", "basic", "percentile"]))
def test_the_identity_as_a_functional_gives_the_intervals(seed, kind):
    result = made(seed, m=200)
    pd.testing.assert_frame_equal(
        result.functional(lambda theta: theta, 0.9, kind, names=result.names),
        result.conf_int(0.9, kind),
    )


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_rescaled_parameters_have_rescaled_intervals(seed):
    rng = np.random.default_rng(seed)
    scale, offset = 10.0 ** rng.integers(-6, 7, size=3), rng.normal(size=3)
    one = made(seed, m=200)
    other = made(center=one.center * scale + offset, chains=one.chains * scale + offset)
    for simultaneous in (False, True):
        a, b = (result.conf_int(simultaneous=simultaneous) for result in (one, other))
        for column in ("lower", "upper"):
            error = np.abs(a[column] * scale + offset - b[column])
            assert (error <= 1e-9 * (scale + 1)).all()
    assert other.wald_test(np.eye(3), offset).statistic == pytest.approx(
        one.wald_test(np.eye(3)).statistic, rel=1e-4
    )


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_single_answers_agree(seed):
    result = made(seed)
    for j, name in enumerate(result.names):
        by_name, by_weights = result.t_test(name), result.t_test(np.eye(3)[j])
        assert by_name == by_weights
        assert by_name.p_value == pytest.approx(result.pvalues[j])
        joint = result.wald_test(name)
        assert joint.statistic == pytest.approx(by_name.statistic**2)
        assert joint.p_value == pytest.approx(by_name.p_value)
        lower, upper = result.conf_int(which=name)[["lower", "upper"]].iloc[0]
        ellipsoid = result.confidence_ellipsoid(which=name)
        np.testing.assert_allclose(ellipsoid.bounds, [[lower, upper]])
        assert (by_name.p_value < 0.05) == (lower > 0 or upper < 0)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_combinations_are_those_of_pushed_chains(seed):
    result = made(seed)
    row = np.random.default_rng(seed).normal(size=3)
    frame = result.functional(lambda theta: theta @ row)
    estimate, std_error = frame.loc[0, ["estimate", "std_error"]]
    assert estimate == pytest.approx(row @ result.center)
    assert std_error == pytest.approx(math.sqrt(row @ result.covariance @ row))
    test = result.t_test(row, 0.5)
    assert test.statistic == pytest.approx((estimate - 0.5) / std_error)
    predicted = result.predict_interval(row[None])
    np.testing.assert_allclose(predicted, frame)
    shadow = result.confidence_ellipsoid().project(row)
    reach = shadow.radius * std_error
    np.testing.assert_allclose(shadow.bounds, [[estimate - reach, estimate + reach]])


def test_simultaneous_intervals_are_those_of_the_max_t_test():
    result = made(center=np.array([0.3, 0.0, 0.0]), m=200)
    together = result.conf_int(simultaneous=True)
    pd.testing.assert_frame_equal(together, result.conf_int(kind="normal", simultaneous=True))
    ratios = (together["upper"] - together["estimate"]) / together["std_error"]
    assert np.ptp(ratios) < 1e-9
    assert ratios.iloc[0] > stats.t(200).ppf(0.975)
    test = result.test_all_zero()
    excludes = (together["lower"] > 0) | (together["upper"] < 0)
    assert (test.p_value <= 0.05) == excludes.any()
    assert result.test_all_zero(["x1", "x2"]).p_value == 1


def test_hypotheses_in_words():
    result = made()
    assert result.t_test("x0").hypothesis == "x0 = 0"
    assert result.t_test({"x0": 1, "x1": -2}, 0.5).hypothesis == "x0 − 2·x1 = 0.5"
    assert result.wald_test(["x0", "x2"]).hypothesis == "x0 = 0, x2 = 0"
    assert result.wald_test(["x0", "x2"], [1, 2]).hypothesis == "x0 = 1, x2 = 2"
    assert result.test_all_zero("x1").hypothesis == "x1 = 0"
    assert str(result.t_test("x0")).startswith("x0 = 0: t = ")


def test_a_hypothesis_that_is_true_of_the_run_is_not_doubted():
    result = made()
    assert result.wald_test(np.eye(3), result.center).p_value == 1
    assert result.t_test("x1", result.center[1]).p_value == 1


@pytest.mark.parametrize(("ask", "match"), [
    (lambda r: r.conf_int(kind="student"), "kind: found 'student'"),
    (lambda r: r.conf_int(95), "level: found 95"),
    (lambda r: r.conf_int(which="x9"), "which: found 'x9'; allowed: 'x0', 'x1', 'x2'"),
    (lambda r: r.conf_int(0.999, "symmetric"), "0.999 with 60 chains; .* 999 or more"),
    (lambda r: r.conf_int(0.99, simultaneous=True), "0.99 with 60 chains; .* 99 or more"),
    (lambda r: r.norm_ball(0.99), "0.99 with 60 chains"),
    (lambda r: r.norm_ball(p=3), "p: found 3"),
    (lambda r: r.confidence_ellipsoid(0), "level: found 0"),
    (lambda r: r.t_test(np.eye(3)), "contrast: found 3 rows; allowed: one row; wald_test"),
    (lambda r: r.t_test("x0", [1, 2]), r"value: found \[1, 2\]; allowed: one number"),
    (lambda r: r.t_test("x0", math.nan), "value: found nan"),
    (lambda r: r.wald_test(["x0", "x1"], [1]), r"q: found shape \(1,\); allowed: \(2,\)"),
    (lambda r: r.wald_test([[1, 0, 0], [2, 0, 0]]), "linearly dependent"),
    (lambda r: r.functional(lambda theta: theta, names=["a"]), "names: found 1 names"),
    (lambda r: r.functional(lambda theta: theta[0]), "fn: found shape"),
])  # fmt: skip
def test_what_can_not_be_answered_is_refused(ask, match):
    with pytest.raises(InputError, match=match):
        ask(made())


def test_warnings_point_at_the_caller():
    result = made()
    for ask in (
        lambda: result.conf_int(kind="basic"),
        lambda: result.functional(lambda theta: theta, kind="percentile"),
        lambda: made(m=20).confidence_ellipsoid(),
    ):
        with pytest.warns(RuntimeWarning, match="chains") as caught:
            ask()
        assert [one.filename for one in caught] == [__file__]


def test_the_example_runs():
    examples = {"np": np, "InferenceResult": InferenceResult}
    assert doctest.testmod(module, extraglobs=examples).failed == 0
