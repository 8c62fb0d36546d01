"""Intervals off chains: coverage where the truth is known, and what counting can tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from surefoot.confidence.intervals_of_chains import (
    KINDS,
    bounds,
    check_level,
    covariance,
    interval_frame,
    listed,
    max_t,
    rank,
    standard_errors,
    t_ratio,
    tail_rank,
)
from surefoot.ground.errors import InputError
from surefoot.ground.intervals import binomial_band

_REPETITIONS = 20_000


def coverage(m, kind, draw=None, level=0.95, shift=0.0):
    """Share of many independent quantities whose interval holds the truth, which is 0.

    The error of an estimate and the deviations of its chains are draws from one distribution.
    """
    rng = np.random.default_rng([m, KINDS.index(kind)])
    draws = (draw or rng.standard_normal)((m + 1, _REPETITIONS))
    lower, upper = bounds(draws[0], draws[1:] + shift, level, kind)
    return np.mean((lower <= 0) & (upper >= 0)), np.mean(lower > 0), np.mean(upper < 0)


def in_band(share, p, n=_REPETITIONS):
    low, high = binomial_band(p, n, 0.9999)
    return low <= share <= high


@pytest.mark.parametrize("m", [2, 5, 20, 50, 200])
def test_t_covers_exactly_with_m_degrees(m):
    assert in_band(coverage(m, "t")[0], 0.95)


@pytest.mark.parametrize("m", [20, 50, 200])
def test_normal_is_short_for_few_chains(m):
    short = 2 * stats.t(m).cdf(stats.norm.ppf(0.975)) - 1
    assert in_band(coverage(m, "normal")[0], short)


@pytest.mark.parametrize("m", [19, 20, 50, 200])
def test_symmetric_covers_as_counted(m):
    assert in_band(coverage(m, "symmetric")[0], rank(0.95, m) / (m + 1))


@pytest.mark.parametrize("kind", ["basic", "percentile"])
@pytest.mark.parametrize("m", [39, 200])
def test_tails_cover_as_counted(kind, m):
    covered, below, above = coverage(m, kind)
    tail = tail_rank(0.95, m) / (m + 1)
    assert in_band(covered, 1 - 2 * tail)
    assert in_band(below, tail)
    assert in_band(above, tail)


def test_percentile_puts_skewness_on_the_wrong_side():
    def skewed(size):
        return np.random.default_rng(4).exponential(size=size) - 1

    _, below, above = coverage(200, "basic", skewed)
    tail = tail_rank(0.95, 200) / 201
    assert in_band(below, tail)
    assert in_band(above, tail)
    covered, below, above = coverage(200, "percentile", skewed)
    assert below > 2 * tail
    assert above < tail / 2
    assert covered < 0.95


@pytest.mark.parametrize("shift", [0.3, 1.0, 3.0])
def test_a_common_shift_of_the_chains_only_lengthens(shift):
    assert coverage(20, "t", shift=shift)[0] > 0.95


@pytest.mark.parametrize(("m", "d", "repetitions"), [
    (20, 5, 1000), (20, 20, 600), (20, 100, 300), (50, 20, 600), (200, 20, 400), (200, 100, 100),
])  # fmt: skip
def test_simultaneous_intervals_cover_together(m, d, repetitions):
    rng = np.random.default_rng([m, d])
    mixing = np.tril(rng.normal(size=(d, d))) / np.sqrt(d)  # correlated, of unlike sizes
    held = 0
    for _ in range(repetitions):
        draws = rng.normal(size=(m + 1, d)) @ mixing.T
        lower, upper = bounds(draws[0], draws[1:], 0.95, "t", simultaneous=True)
        held += bool(((lower <= 0) & (upper >= 0)).all())
    assert held / repetitions >= binomial_band(rank(0.95, m) / (m + 1), repetitions, 0.9999)[0]
    assert held / repetitions <= 0.99 + 0.01 * (repetitions < 200)


def test_chains_studentised_by_themselves_would_stay_too_near():
    """The reason for leaving a chain out of its own standard error."""
    rng, m, d, held = np.random.default_rng(0), 20, 100, 0
    for _ in range(200):
        draws = rng.normal(size=(m + 1, d))
        chains = draws[1:]
        own = np.sort(np.abs(chains / standard_errors(chains)).max(axis=1))[rank(0.95, m) - 1]
        held += np.abs(draws[0] / standard_errors(chains)).max() <= own
    assert held / 200 < 0.75


def test_max_t_leaves_each_chain_out_of_its_own_standard_error():
    deviations = np.random.default_rng(1).normal(size=(7, 3))
    expected = [
        np.abs(one / standard_errors(np.delete(deviations, i, 0))).max()
        for i, one in enumerate(deviations)
    ]
    np.testing.assert_allclose(max_t(deviations), np.sort(expected))


def test_exact_chains_give_the_closed_form():
    """Two chains at ± s have root mean square s."""
    estimate, s = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    deviations = np.array([s, -s])
    np.testing.assert_array_equal(standard_errors(deviations), s)
    np.testing.assert_allclose(np.diagonal(covariance(deviations)), s**2)
    for kind, law in (("normal", stats.norm()), ("t", stats.t(2))):
        lower, upper = bounds(estimate, deviations, 0.9, kind)
        np.testing.assert_allclose(lower, estimate + law.ppf(0.05) * s, rtol=1e-12)
        np.testing.assert_allclose(upper, estimate + law.ppf(0.95) * s, rtol=1e-12)


def test_tails_are_those_of_ordered_chains():
    deviations = np.random.default_rng(2).permutation(np.arange(1.0, 40.0))[:, None]
    lower, upper = bounds(np.zeros(1), deviations, 0.95, "percentile")
    assert (lower[0], upper[0]) == (1, 39)
    lower, upper = bounds(np.zeros(1), deviations, 0.9, "basic")
    assert (lower[0], upper[0]) == (-38, -2)
    lower, upper = bounds(np.full(1, 5.0), deviations, 0.95, "symmetric")
    assert (lower[0], upper[0]) == (5 - 38, 5 + 38)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_units_do_not_matter(seed, scale, offset):
    rng = np.random.default_rng(seed)
    estimate, deviations = rng.normal(size=3), rng.normal(size=(60, 3))
    for kind in KINDS:
        for together in (False, True) if kind not in ("basic", "percentile") else (False,):
            plain = bounds(estimate, deviations, 0.9, kind, simultaneous=together)
            other = bounds(
                scale * estimate + offset, scale * deviations, 0.9, kind, simultaneous=together
            )
            for a, b in zip(plain, other, strict=True):
                np.testing.assert_allclose(b, scale * a + offset, rtol=1e-9, atol=1e-9 * scale)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(19, 60))
def test_simultaneous_intervals_of_more_parameters_are_longer(seed, m):
    deviations = np.random.default_rng(seed).normal(size=(m, 4))
    few, many = (
        bounds(np.zeros(k), deviations[:, :k], 0.95, "t", simultaneous=True)[1] for k in (2, 4)
    )
    assert (many[:2] >= few).all()


@given(st.floats(0.01, 0.99), st.integers(2, 500))
def test_ranks_are_the_least_that_hold_the_level(level, m):
    needed = math.ceil(round(level / (1 - level), 6))
    if m < needed:
        with pytest.raises(InputError, match="chains can tell by counting"):
            rank(level, m)
    else:
        k = rank(level, m)
        assert (k - 1) / (m + 1) < level <= k / (m + 1) + 1e-9


@pytest.mark.parametrize(("kind", "needed"), [("symmetric", 19), ("basic", 39), ("percentile", 39)])
def test_a_level_beyond_the_chains_names_how_many_it_takes(kind, needed):
    deviations = np.random.default_rng(0).normal(size=(needed, 2))
    bounds(np.zeros(2), deviations, 0.95, kind)
    with pytest.raises(InputError, match=rf"0\.95 with {needed - 1} chains.* {needed} or more"):
        bounds(np.zeros(2), deviations[1:], 0.95, kind)


def test_what_is_not_an_interval_is_refused():
    deviations = np.ones((50, 1))
    for level in (0, 1, 1.5, -0.1, math.nan, "95%", True):
        with pytest.raises(InputError, match=r"level: .*a number in \(0, 1\)"):
            check_level(level)
    with pytest.raises(InputError, match="did you mean 'percentile'"):
        bounds(np.zeros(1), deviations, 0.95, "percentil")
    with pytest.raises(InputError, match="for simultaneous intervals"):
        bounds(np.zeros(1), deviations, 0.95, "basic", simultaneous=True)


def test_huge_and_tiny_chains_have_standard_errors():
    deviations = np.array([[1e200, 1e-200, 0.0], [-1e200, 1e-200, 0.0]])
    np.testing.assert_allclose(standard_errors(deviations), [1e200, 1e-200, 0])
    np.testing.assert_allclose(max_t(deviations), [1, 1])


def test_ratios_without_a_standard_error():
    ratios = t_ratio(np.array([0.0, 2, -2, 3]), np.array([0.0, 0, 0, 2]))
    np.testing.assert_array_equal(ratios, [0, np.inf, -np.inf, 1.5])


def test_a_frame_warns_of_rough_tails_and_of_no_length():
    estimate, deviations = np.array([1.0, 2.0]), np.zeros((50, 2))
    deviations[:, 0] = np.random.default_rng(0).normal(size=50)

    def ask(kind, columns=slice(None)):
        names = ["a", "b"][columns]
        return interval_frame(names, estimate[columns], deviations[:, columns], 0.9, kind)

    with pytest.warns(RuntimeWarning, match="agree with the run on b: intervals without length"):
        frame = ask("t")
    assert frame.index.tolist() == ["a", "b"]
    assert frame.columns.tolist() == ["estimate", "std_error", "lower", "upper"]
    assert frame.loc["b"].tolist() == [2, 0, 2, 2]
    with pytest.warns(RuntimeWarning, match="basic interval: the tails of 50 chains"):
        ask("basic", slice(1))
    ask("symmetric", slice(1))


def test_long_lists_are_cut():
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
