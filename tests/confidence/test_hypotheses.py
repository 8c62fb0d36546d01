"""Tests: size under the hypothesis, closed forms, and agreement with the sets they mirror."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from surefoot.confidence.ellipsoid import hotelling_radius, squared_distance
from surefoot.confidence.hypotheses import (
    HypothesisTest,
    max_t_test_of,
    t_p_values,
    t_test_of,
    wald_test_of,
)
from surefoot.confidence.intervals_of_chains import bounds, covariance, standard_errors
from surefoot.ground.errors import InputError


def test_p_values_are_uniform_under_the_hypothesis():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(21, 5000))
    single = t_p_values(draws[0] / standard_errors(draws[1:]), 20)
    assert stats.kstest(single, "uniform").pvalue > 1e-3
    joint = []
    for _ in range(1000):
        draws = rng.normal(size=(21, 5))
        joint.append(wald_test_of("", "R", draws[0], draws[1:]).p_value)
    assert stats.kstest(joint, "uniform").pvalue > 1e-3


def test_counted_p_values_reject_as_often_as_they_say():
    rng, repetitions = np.random.default_rng(1), 1000
    p = np.empty(repetitions)
    for i in range(repetitions):
        draws = rng.normal(size=(40, 8))
        p[i] = max_t_test_of("", draws[0], draws[1:]).p_value
    assert p.min() >= 1 / 40
    for size in (0.05, 0.1, 0.5):
        assert np.mean(p <= size) <= stats.binom(repetitions, size).ppf(0.9999) / repetitions
        assert np.mean(p <= size) > size / 2


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 4), st.sampled_from([0.8, 0.9, 0.95]))
def test_tests_mirror_their_sets(seed, size, level):
    rng = np.random.default_rng(seed)
    estimate, deviations = size * rng.normal(size=3), rng.normal(size=(50, 3))
    lower, upper = bounds(estimate, deviations, level, "t")
    single = t_test_of("", estimate[0], deviations[:, 0])
    assert (single.p_value < 1 - level) == bool(lower[0] > 0 or upper[0] < 0)

    lower, upper = bounds(estimate, deviations, level, "t", simultaneous=True)
    together = max_t_test_of("", estimate, deviations)
    assert (together.p_value <= 1 - level + 1e-9) == bool(((lower > 0) | (upper < 0)).any())

    joint = wald_test_of("", "R", estimate, deviations)
    distance = squared_distance(estimate, covariance(deviations))
    assert (joint.p_value < 1 - level) == bool(distance > hotelling_radius(level, 50, 3) ** 2)


def test_closed_forms():
    deviations = np.array([[2.0], [-2.0], [2.0], [-2.0]])
    single = t_test_of("x = 0", 3.0, deviations[:, 0])
    assert (single.method, single.df, single.n_chains) == ("t", (4,), 4)
    assert single.statistic == 1.5
    assert single.p_value == pytest.approx(2 * stats.t(4).sf(1.5))
    joint = wald_test_of("x = 0", "R", np.array([3.0]), deviations)
    assert (joint.method, joint.df) == ("F", (1, 4))
    assert joint.statistic == pytest.approx(1.5**2)
    assert joint.p_value == pytest.approx(single.p_value)
    # Each chain is as far as all others: five times 1, of which the run reaches 1.5.
    farthest = max_t_test_of("x = 0", np.array([3.0]), deviations)
    assert (farthest.method, farthest.df, farthest.statistic) == ("max-t", (), 1.5)
    assert farthest.p_value == 1 / 5
    assert max_t_test_of("x = 0", np.array([1.0]), deviations).p_value == 1


def test_wald_by_hand():
    rng = np.random.default_rng(2)
    x, deviations = rng.normal(size=3), rng.normal(size=(40, 3))
    squared = x @ np.linalg.inv(deviations.T @ deviations / 40) @ x
    found = wald_test_of("", "R", x, deviations)
    assert found.statistic == pytest.approx(squared * 38 / (3 * 40))
    assert found.p_value == pytest.approx(stats.f(3, 38).sf(found.statistic))


def test_without_spread_a_difference_is_certain():
    deviations = np.zeros(4)
    assert t_test_of("", 0.0, deviations).p_value == 1
    certain = t_test_of("x = 0", -1.0, deviations)
    assert (certain.statistic, certain.p_value) == (-math.inf, 0)
    assert str(certain) == "x = 0: t = −∞ (4 degrees of freedom), p < 0.001"
    with pytest.raises(InputError, match="linearly dependent"):
        wald_test_of("", "R", np.ones(1), deviations[:, None])


def test_more_quantities_than_chains_are_refused():
    with pytest.raises(InputError, match="R: found 3 quantities and 4 chains"):
        wald_test_of("", "R", np.zeros(3), np.eye(4)[:, :3])


def test_sentences():
    joint = HypothesisTest("a = 0, b = 0", "F", 3.21, (2, 199), 0.0423, 200)
    expected = "a = 0, b = 0: F = 3.210 (2 and 199 degrees of freedom), p = 0.042"
    assert str(joint) == joint.sentence == expected
    counted = HypothesisTest("a = 0", "max-t", 5.0, (), 1 / 1001, 1000)
    assert counted.sentence == "a = 0: max-t = 5.000 (counted over 1,000 chains), p < 0.001"
