"""Functions of the parameters, and the mean at given rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from surefoot.confidence.pushed import design, mean_frame, through
from surefoot.confidence.result import InferenceResult
from surefoot.ground.errors import InputError
from surefoot.ground.intervals import binomial_band

NAMES = ("a", "b")


def test_functions_see_the_run_and_all_chains_at_once():
    points = np.arange(8.0).reshape(4, 2)
    calls = []
    values = through(lambda theta: calls.append(theta.shape) or theta.sum(axis=1), points)
    assert calls == [(4, 2)]
    assert values.tolist() == [[1], [5], [9], [13]]
    assert through(lambda theta: theta**2, points).shape == (4, 2)


@pytest.mark.parametrize(("fn", "match"), [
    (lambda t: t[0], r"shape \(2, 1\) for theta of shape \(4, 2\)"),
    (lambda t: 1.0, r"shape \(\)"),
    (lambda t: t[:, :, None], r"shape \(4, 2, 1\)"),
    (lambda t: t[:, :0], r"shape \(4, 0\)"),
    (lambda t: np.log(t[:, 0]), "no finite value at the run itself"),
    (lambda t: 1 / (t[:, 1] - 3), "no finite value at 1 of 3 chains"),
])  # fmt: skip
def test_functions_that_will_not_do(fn, match):
    with pytest.raises(InputError, match=f"fn: .*{match}"):
        through(fn, np.arange(8.0).reshape(4, 2))


def test_a_function_is_centred_at_its_value_at_the_run():
    rng = np.random.default_rng(0)
    chains = np.array([1.0, 0]) + rng.normal(size=(300, 2))
    result = InferenceResult([1.0, 0], chains, NAMES, n_seen=10, n_steps=1)
    frame = result.functional(lambda theta: np.exp(theta[:, 0]), kind="basic", names=["odds"])
    deviations = np.exp(chains[:, 0]) - np.e
    assert frame.loc["odds", "estimate"] == np.e
    assert frame.loc["odds", "std_error"] == pytest.approx(np.sqrt(np.mean(deviations**2)))
    ordered = np.sort(deviations)
    assert frame.loc["odds", "upper"] == pytest.approx(np.e - ordered[6])
    assert frame.loc["odds", "lower"] == pytest.approx(np.e - ordered[-7])


@pytest.mark.parametrize("link", ["identity", "logit", "log"])
def test_means_cover(link):
    rng, repetitions, m = np.random.default_rng(1), 1000, 50
    truth, row = np.array([0.3, -0.2]), np.array([[1.0, 2.0]])
    mean = {"identity": lambda x: x, "logit": special.expit, "log": np.exp}[link]
    target, held = mean(row @ truth)[0], 0
    for _ in range(repetitions):
        draws = rng.normal(size=(m + 1, 2)) @ np.array([[1.0, 0.5], [0, 1]])
        covariance = draws[1:].T @ draws[1:] / m
        frame = mean_frame(row, None, truth + draws[0], covariance, m, 0.9, link)
        held += frame["lower"][0] <= target <= frame["upper"][0]
    low, high = binomial_band(0.9, repetitions, 0.9999)
    assert low <= held / repetitions <= high


def test_bounds_stay_where_means_can_be():
    covariance = np.eye(2) * 100
    rows = np.eye(2)
    shares = mean_frame(rows, None, np.zeros(2), covariance, 200, 0.95, "logit")
    assert ((shares["lower"] > 0) & (shares["upper"] < 1)).all()
    assert shares["std_error"].tolist() == [2.5, 2.5]
    rates = mean_frame(rows, None, np.zeros(2), covariance, 200, 0.95, "log")
    assert (rates["lower"] > 0).all()
    np.testing.assert_allclose(np.log(rates["upper"]), stats.t(200).ppf(0.975) * 10)
    plain = mean_frame(rows, None, np.zeros(2), covariance, 200, 0.95, "identity")
    np.testing.assert_allclose(plain["upper"], stats.t(200).ppf(0.975) * 10)
    huge = mean_frame(1000 * rows, None, np.ones(2), covariance, 200, 0.95, "log")
    assert np.isinf(huge["upper"]).all()


def test_rows_of_a_frame_keep_their_index():
    X = pd.DataFrame({"a": [1.0, 2], "b": [3.0, 4]}, index=["u", "v"])
    rows, index = design(X, NAMES)
    assert rows.tolist() == [[1, 3], [2, 4]]
    assert list(index) == ["u", "v"]
    assert design(rows, NAMES)[1] is None


@pytest.mark.parametrize(("X", "match"), [
    (pd.DataFrame({"b": [1.0], "a": [2.0]}), r"X: found \['b', 'a'\]; allowed: the columns a, b"),
    ([1.0, 2], r"X: found shape \(2,\); allowed: \(n, 2\)"),
    ([[1.0, 2, 3]], r"X: found shape \(1, 3\)"),
    ([[1.0, np.nan]], "X: found nan"),
    ([["x", "y"]], "X: .* numbers"),
])  # fmt: skip
def test_rows_that_will_not_do(X, match):
    with pytest.raises(InputError, match=match):
        design(X, NAMES)


def test_unknown_links_are_refused():
    with pytest.raises(InputError, match="link: found 'logits'; .*did you mean 'logit'"):
        mean_frame(np.eye(2), None, np.zeros(2), np.eye(2), 9, 0.9, "logits")
