"""Joint sets: coverage, the trap of the chains' own distances, and geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from surefoot.confidence.ellipsoid import (
    Ellipsoid,
    ellipsoid_of,
    hotelling_radius,
    norm_ball_of,
    squared_distance,
)
from surefoot.confidence.intervals_of_chains import covariance, rank
from surefoot.ground.errors import InputError
from surefoot.ground.intervals import binomial_band


def distances(m, d, repetitions, shift=0.0):
    """Squared distances of the truth and of the chains from the run, over studies."""
    rng = np.random.default_rng([m, d])
    mixing = np.tril(rng.normal(size=(d, d))) + 3 * np.eye(d)
    for _ in range(repetitions):
        draws = rng.normal(size=(m + 1, d))
        draws[1:, 0] += shift
        draws = draws @ mixing.T
        yield squared_distance(draws, covariance(draws[1:]))


@pytest.mark.parametrize(("m", "d", "repetitions"), [
    (20, 1, 2000), (20, 5, 2000), (50, 1, 2000), (50, 20, 1000), (200, 5, 1000), (200, 20, 500),
    (200, 100, 300), (105, 100, 300),
])  # fmt: skip
def test_hotelling_covers_exactly(m, d, repetitions):
    limit = hotelling_radius(0.95, m, d) ** 2
    held = sum(found[0] <= limit for found in distances(m, d, repetitions))
    low, high = binomial_band(0.95, repetitions, 0.9999)
    assert low <= held / repetitions <= high


def test_the_chains_own_distances_are_a_trap():
    """100 dimensions, 200 chains: their own 95% quantile covers hardly ever, Hotelling's does."""
    m, d, repetitions = 200, 100, 100
    own = honest = 0
    for found in distances(m, d, repetitions):
        own += found[0] <= np.sort(found[1:])[rank(0.95, m) - 1]
        honest += found[0] <= hotelling_radius(0.95, m, d) ** 2
    assert own / repetitions < 0.1
    assert honest / repetitions > 0.87


def test_a_common_shift_of_the_chains_only_widens():
    limit = hotelling_radius(0.95, 20, 5) ** 2
    held = sum(found[0] <= limit for found in distances(20, 5, 1000, shift=1.0))
    assert held / 1000 >= binomial_band(0.95, 1000, 0.9999)[0]


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_norm_balls_cover_as_counted_in_any_dimension(p):
    rng, m, d, repetitions = np.random.default_rng(3), 20, 100, 1000
    held = 0
    for _ in range(repetitions):
        draws = rng.normal(size=(m + 1, d))
        held += norm_ball_of([""] * d, draws[0], draws[1:], 0.95, p).contains(np.zeros(d))
    low, high = binomial_band(20 / 21, repetitions, 0.9999)
    assert low <= held / repetitions <= high


def test_the_radius_is_hotellings_and_in_one_dimension_students():
    expected = 5 * 20 / 16 * stats.f(5, 16).ppf(0.95)
    assert hotelling_radius(0.95, 20, 5) ** 2 == pytest.approx(expected)
    assert hotelling_radius(0.95, 20, 1) == pytest.approx(stats.t(20).ppf(0.975))


def made(seed=0, m=60, d=3):
    rng = np.random.default_rng(seed)
    deviations = rng.normal(size=(m, d)) @ rng.normal(size=(d, d))
    names = [f"x{j}" for j in range(d)]
    return ellipsoid_of(names, rng.normal(size=d), deviations, 0.9), deviations


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_geometry(seed):
    ellipsoid, _ = made(seed)
    rng = np.random.default_rng(seed)
    assert ellipsoid.contains(ellipsoid.center)
    sphere = rng.normal(size=(200, 3))
    sphere *= ellipsoid.radius / np.linalg.norm(sphere, axis=1, keepdims=True)
    surface = sphere @ np.linalg.cholesky(ellipsoid.shape).T
    assert ellipsoid.contains(ellipsoid.center + 0.999 * surface).all()
    assert not ellipsoid.contains(ellipsoid.center + 1.001 * surface).any()
    assert ellipsoid.contains(ellipsoid.center + surface.reshape(20, 10, 3)).shape == (20, 10)

    direction = rng.normal(size=3)
    shadow = ellipsoid.project(direction)
    reach = ellipsoid.radius * math.sqrt(direction @ ellipsoid.shape @ direction)
    middle = direction @ ellipsoid.center
    np.testing.assert_allclose(shadow.bounds, [[middle - reach, middle + reach]])
    heights = (ellipsoid.center + surface) @ direction
    assert shadow.bounds[0, 0] <= heights.min() <= heights.max() <= shadow.bounds[0, 1]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_units_and_rotations_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    center, deviations = rng.normal(size=3), rng.normal(size=(60, 3))
    turn = rng.normal(size=(3, 3)) * 10.0 ** rng.integers(-6, 7, size=(3, 1))
    theta = rng.normal(size=(30, 3))
    plain = ellipsoid_of("abc", center, deviations, 0.9)
    other = ellipsoid_of("abc", turn @ center, deviations @ turn.T, 0.9)
    near = np.abs(squared_distance(theta - center, plain.shape) - plain.radius**2) < 1e-3
    inside = plain.contains(theta)[~near]
    np.testing.assert_array_equal(other.contains(theta @ turn.T)[~near], inside)
    grown = math.log(abs(np.linalg.det(turn)))
    assert other.log_volume == pytest.approx(plain.log_volume + grown, abs=1e-6)


def test_volumes():
    disc = Ellipsoid(np.zeros(2), np.diag([4.0, 9.0]), 2.0, ("a", "b"), 0.95)
    assert disc.volume == pytest.approx(math.pi * 4 * 6)
    line = Ellipsoid(np.zeros(1), np.array([[4.0]]), 3.0, ("a",), 0.95)
    assert line.volume == pytest.approx(12)
    tiny = Ellipsoid(np.zeros(300), 1e-8 * np.eye(300), 1.0, ("",) * 300, 0.95)
    assert tiny.volume == 0
    assert tiny.log_volume < -2000


def test_shadows_by_name_keep_the_radius():
    ellipsoid, _ = made()
    shadow = ellipsoid.project(["x2", "x0"])
    assert shadow.names == ("x2", "x0")
    assert shadow.radius == ellipsoid.radius
    np.testing.assert_allclose(shadow.shape, ellipsoid.shape[np.ix_([2, 0], [2, 0])])
    np.testing.assert_allclose(shadow.bounds, ellipsoid.bounds[[2, 0]])
    assert ellipsoid.project({"x0": 1, "x2": -1}).names == ("x0 − x2",)


def test_balls_hold_what_their_norm_says():
    deviations = np.array([[3.0, 4.0]] * 19)
    for p, radius in ((1, 7), (2, 5), (math.inf, 4)):
        ball = norm_ball_of("ab", np.ones(2), deviations, 0.95, p)
        assert (ball.radius, ball.p, ball.names) == (radius, p, ("a", "b"))
        points = np.array([[4.0, 5.0], [4.1, 5.1], [1, 1]])
        assert ball.contains(points).tolist() == [True, False, True]


def test_few_chains_warn_and_too_few_are_refused():
    deviations = np.random.default_rng(0).normal(size=(30, 3))
    ellipsoid_of("abc", np.zeros(3), deviations, 0.9)
    with pytest.warns(RuntimeWarning, match="29 chains for an ellipsoid in 3 dimensions"):
        ellipsoid_of("abc", np.zeros(3), deviations[1:], 0.9)
    with pytest.warns(RuntimeWarning, match="5 chains"):
        ellipsoid_of("abc", np.zeros(3), deviations[:5], 0.9)
    with pytest.raises(InputError, match="3 quantities and 4 chains; allowed: at least two chains"):
        ellipsoid_of("abc", np.zeros(3), deviations[:4], 0.9)


def test_dependent_chains_have_no_ellipsoid():
    deviations = np.random.default_rng(0).normal(size=(50, 2))
    copied = deviations[:, [0, 1, 0]]
    constant = np.column_stack([deviations, np.zeros(50)])
    for broken in (copied, constant, copied * [1, 1, 1e-9]):
        with pytest.raises(InputError, match="chains that are linearly dependent"):
            ellipsoid_of("abc", np.zeros(3), broken, 0.9)
    with pytest.raises(InputError, match=r"a deviation of .*e\+250; allowed: chains that did not"):
        ellipsoid_of("ab", np.zeros(2), deviations * 1e250, 0.9)


def test_wrong_points_and_norms_are_refused():
    ellipsoid, deviations = made()
    ball = norm_ball_of(ellipsoid.names, ellipsoid.center, deviations, 0.9, 2)
    for region in (ellipsoid, ball):
        for theta in (0.0, [1, 2], np.zeros((3, 2))):
            with pytest.raises(InputError, match=r"theta: found shape .* allowed: \(\.\.\., 3\)"):
                region.contains(theta)
        with pytest.raises(InputError, match="theta: .* numbers"):
            region.contains(["a", "b", "c"])
        assert not region.contains([np.nan, 0, 0])
    for p in (3, 0, "2", True):
        with pytest.raises(InputError, match="p: .* 1, 2 or inf"):
            norm_ball_of("abc", ellipsoid.center, deviations, 0.9, p)
