"""What a result is made of: checked once, never changed, and nothing left out in silence."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from surefoot.confidence.result import InferenceResult
from surefoot.confidence.run_with_chains import RunWithChains
from surefoot.ground.errors import InputError


def parts(**changes):
    rng = np.random.default_rng(0)
    good = {
        "center": np.array([1.0, -2.0, 0.5]),
        "chains": rng.normal(size=(60, 3)),
        "names": ["a", "b", "c"],
        "n_seen": 1000,
        "n_steps": 32,
    }
    return {**good, **changes}


@pytest.mark.parametrize(("changes", "match"), [
    ({"center": [[1.0, 2, 3]]}, r"center: found shape \(1, 3\); allowed: 1 dimensions"),
    ({"center": []}, "center: found shape"),
    ({"center": ["x", "y", "z"]}, "center: .* numbers"),
    ({"center": [1, np.nan, 3]}, "center: found nan; allowed: finite numbers"),
    ({"chains": np.zeros((1, 3))}, r"chains: found shape \(1, 3\); allowed: \(2 or more, 3\)"),
    ({"chains": np.zeros((9, 2))}, r"chains: found shape \(9, 2\)"),
    ({"chains": np.zeros(3)}, "chains: .* 2 dimensions"),
    ({"names": ["a", "b"]}, "names: found 2 names"),
    ({"names": ["a", "b", "a"]}, "names: .*'a' more than once"),
    ({"n_seen": 0}, "n_seen: found 0; allowed: a whole number from 1"),
    ({"n_steps": 1.5}, "n_steps: found 1.5"),
    ({"n_steps": True}, "n_steps: found True"),
    ({"confidence_level": 95}, r"confidence_level: found 95; allowed: a number in \(0, 1\)"),
    ({"companions": {"plugin": [1.0, 2]}}, r"companions\['plugin'\]: found shape \(2,\)"),
    ({"companions": {"plugin": "?"}}, r"companions\['plugin'\]: .* numbers"),
])  # fmt: skip
def test_what_is_no_run_is_refused(changes, match):
    with pytest.raises(InputError, match=match):
        RunWithChains(**parts(**changes))


def test_the_spread_is_measured_from_the_centre():
    run = RunWithChains(**parts())
    deviations = run.chains - run.center
    np.testing.assert_allclose(run.covariance, deviations.T @ deviations / 60)
    np.testing.assert_allclose(run.std_errors**2, np.diagonal(run.covariance))
    # From zero, or from the chains' own mean, it would be another.
    assert not np.allclose(run.std_errors, np.sqrt(np.mean(run.chains**2, axis=0)))
    assert (run.std_errors > run.chains.std(axis=0)).all()


def test_arrays_are_copied_and_read_only():
    given = parts()
    run = RunWithChains(**given)
    before = run.std_errors.copy()
    given["chains"][:] = 0
    given["center"][:] = 0
    np.testing.assert_array_equal(RunWithChains(**parts()).std_errors, before)
    assert run.chains.any()
    assert run.center.any()
    for array in (run.center, run.chains):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError, match="cannot assign"):
        run.n_seen = 3


def test_chains_that_are_not_finite_are_counted_and_their_parameters_refused():
    chains = parts()["chains"]
    chains[[3, 7], 1] = np.nan, np.inf
    result = InferenceResult(**parts(chains=chains))
    assert result.nonfinite.tolist() == [0, 2, 0]
    assert np.isnan(result.std_errors).tolist() == [False, True, False]
    assert np.isnan(result.pvalues).tolist() == [False, True, False]
    assert np.isfinite(result.covariance[np.ix_([0, 2], [0, 2])]).all()
    assert np.isnan(result.covariance[1]).all()
    assert np.isnan(result.covariance[:, 1]).all()

    match = "chains of b: found 2 of 60 that are not finite; allowed: finite chains"
    refused = [
        result.conf_int,
        lambda: result.conf_int(which=["a", "b"], simultaneous=True),
        result.confidence_ellipsoid,
        result.norm_ball,
        result.test_all_zero,
        lambda: result.t_test("b"),
        lambda: result.wald_test(["a", "b"]),
        lambda: result.predict_interval([[1, 1, 0]]),
    ]
    for ask in refused:
        with pytest.raises(InputError, match=match):
            ask()
    with pytest.raises(InputError, match="no finite value at 2 of 60 chains"):
        result.functional(lambda theta: 1 / (1 + np.exp(-theta)))

    whole = InferenceResult(**parts())
    rest = ["a", "c"]
    np.testing.assert_array_equal(result.conf_int(which=rest), whole.conf_int(which=rest))
    assert result.confidence_ellipsoid(which=rest).volume > 0
    assert result.norm_ball(which=rest).radius == whole.norm_ball(which=rest).radius
    assert result.test_all_zero(rest) == whole.test_all_zero(rest)
    assert result.t_test({"a": 1, "c": -1}) == whole.t_test({"a": 1, "c": -1})
    assert result.wald_test(rest) == whole.wald_test(rest)
    np.testing.assert_array_equal(
        result.predict_interval([[1, 0, 1]]), whole.predict_interval([[1, 0, 1]])
    )
    first = result.functional(lambda theta: theta[:, 0] * theta[:, 2])
    np.testing.assert_array_equal(first, whole.functional(lambda theta: theta[:, 0] * theta[:, 2]))


def test_with_no_finite_chain_at_all_there_is_only_the_run():
    result = InferenceResult(**parts(chains=np.full((60, 3), np.nan)))
    assert np.isnan(result.std_errors).all()
    assert np.isnan(result.covariance).all()
    assert result.to_frame()["estimate"].tolist() == result.center.tolist()
    assert "no inference for a, b, c: 60 of 60 chains not finite" in result.summary()


def test_a_copy_answers_alike():
    result = InferenceResult(**parts(companions={"plugin": np.ones(3)}))
    again = copy.deepcopy(result)
    np.testing.assert_array_equal(again.conf_int(), result.conf_int())
    assert again.summary() == result.summary()
