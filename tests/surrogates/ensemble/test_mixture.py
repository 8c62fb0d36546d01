"""Mixtures: total mass, quantiles, moments, samples, warps by row, empty input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from surefoot.ground.errors import InputError
from surefoot.surrogates.ensemble.mixture import Component, Mixture, mixture_of
from surefoot.surrogates.ensemble.warps import by_row, fit_warp

NAMES = ("identity", "log", "yeo-johnson")
RESPONSES = np.exp(0.7 * np.random.default_rng(0).normal(size=60))


def law_of(m, seed=0, names=NAMES, y=RESPONSES):
    rng = np.random.default_rng(seed)
    k = len(names)
    warps = [fit_warp(name, y) for name in names]
    sd = np.exp(0.5 * rng.normal(size=(m, k)) - 1.5)
    return mixture_of(warps, rng.dirichlet(np.ones(k)), 0.5 * rng.normal(size=(m, k)), sd)


def normals(means, sds, weights):
    """A mixture of normal laws at one point, in the unit of y."""
    warp = fit_warp("identity", [-1.0, 1.0])
    parts = zip(weights, np.atleast_2d(means).T, np.atleast_2d(sds).T, strict=True)
    return Mixture(tuple(Component(warp, w, mean, sd) for w, mean, sd in parts))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.lists(st.sampled_from(NAMES), min_size=1, max_size=4))
def test_cdf_of_quantile(seed, names):
    law, q = law_of(4, seed, names), np.array([1e-6, 0.025, 0.3, 0.5, 0.9, 0.999999])
    y = law.quantile(q)
    assert y.shape == (4, 6)
    np.testing.assert_allclose(law.cdf(y.T).T, np.tile(q, (4, 1)), rtol=0, atol=1e-10)


def test_density_integrates_to_one_and_to_the_cdf():
    law = law_of(3)
    for i in range(3):
        one = law.rows([i])
        cuts = one.quantile([1e-12, 0.01, 0.5, 0.99, 1 - 1e-12])[0]

        def density(x, one=one):
            return np.exp(one.log_density(np.array([x])))[0]

        parts = [quad(density, a, b, epsabs=1e-12)[0] for a, b in itertools.pairwise(cuts)]
        assert sum(parts) == pytest.approx(1, abs=1e-8)
        assert sum(parts[:2]) == pytest.approx(0.5, abs=1e-8)


def test_nothing_outside_the_domain_of_a_logarithm():
    law = law_of(2, names=("log",))
    assert (law.log_density([-1.0, 0.0]) == -np.inf).all()
    assert (law.cdf([-1.0, 0.0]) == 0).all()
    both = law_of(2, names=("identity", "log"))
    assert np.isfinite(both.log_density([-0.1, 0.0])).all()


def test_far_modes():
    """Half of the mass at -1e6, half at +1e6, and nothing for a Newton step in between."""
    law = normals([-1e6, 1e6, 1e6], [1e-3, 1e-3, 10], [0.5, 0.3, 0.2])
    q = np.linspace(0.01, 0.99, 99)
    np.testing.assert_allclose(law.cdf(law.quantile(q).T)[:, 0], q, rtol=0, atol=1e-6)
    low, high = law.interval(0.9)
    assert abs(low[0] + 1e6) < 1
    assert 0 < high[0] - 1e6 < 20


def test_spike_in_a_broad_law():
    law = normals([0, 0.3], [1, 1e-9], [0.5, 0.5])
    q = np.linspace(0.01, 0.99, 99)
    np.testing.assert_allclose(law.cdf(law.quantile(q).T)[:, 0], q, rtol=0, atol=1e-6)


def test_quantiles_beside_a_lost_member():
    """Its own quantiles overflow; the other nine tenths of the mass are where they are."""
    warps = [fit_warp("identity", RESPONSES), fit_warp("log", RESPONSES)]
    mean, sd = np.zeros((1, 2)), np.array([[0.1, 1e4]])
    law, q = mixture_of(warps, np.array([0.9, 0.1]), mean, sd), np.array([0.06, 0.5, 0.94])
    assert (np.abs(law.quantile(q)) < 10).all()
    np.testing.assert_allclose(law.cdf(law.quantile(q).T)[:, 0], q, rtol=0, atol=1e-10)


def test_moments_of_normal_mixtures_are_exact():
    law = normals([0, 4], [1, 2], [0.75, 0.25])
    assert law.mean()[0] == pytest.approx(1, rel=1e-15)
    assert law.std()[0] == pytest.approx(np.sqrt(0.75 * 1 + 0.25 * 4 + 0.75 * 1 + 0.25 * 9))


def test_moments_of_warped_mixtures_are_those_of_samples():
    law = law_of(5, 3)
    draws = law.sample(200_000, np.random.default_rng(1))
    assert draws.shape == (5, 200_000)
    np.testing.assert_allclose(draws.mean(axis=1), law.mean(), atol=4 * law.std().max() / 400)
    np.testing.assert_allclose(draws.std(axis=1), law.std(), rtol=0.03)
    np.testing.assert_allclose((law.quantile([0.2])[:, 0] >= draws.T).mean(axis=0), 0.2, atol=0.005)


def test_clamp_keeps_the_moments_of_a_lost_member():
    """A member that knows nothing says so; without the clamp its mean is 1e37."""
    warp = fit_warp("log", RESPONSES)
    law = Mixture((Component(warp, 1.0, np.zeros(1), np.full(1, 20.0)),))
    top = warp.exact_inverse(2 * warp.high - warp.low)
    assert 0 < law.mean()[0] < top
    assert law.sample(1000, np.random.default_rng(0)).max() <= top
    assert np.exp(0.5 * (20 * warp.spread) ** 2) > 1e30


def test_digits_under_a_large_offset():
    y = 1e9 + np.linspace(0, 1e-3, 20)
    law = law_of(4, names=("identity", "yeo-johnson"), y=y)
    assert (np.abs(law.mean() - y.mean()) < 1e-3).all()
    assert ((law.std() > 1e-5) & (law.std() < 1e-3)).all()
    low, high = law.interval(0.9)
    assert ((low < law.mean()) & (law.mean() < high)).all()


def test_fold_with_equal_responses():
    """Its warp has unit scale, and its law stands beside those of the other folds."""
    warps = [fit_warp("yeo-johnson", np.full(5, 2.0)), fit_warp("yeo-johnson", RESPONSES)]
    warp = by_row(warps, np.array([0, 1, 0]))
    law = Mixture((Component(warp, 1.0, np.zeros(3), np.array([0.1, 0.2, 0.3])),))
    assert law.mean()[[0, 2]].tolist() == [2, 2]
    assert law.cdf(law.quantile([0.5])[:, 0]) == pytest.approx([0.5] * 3)
    assert np.isfinite(law.log_density(np.full(3, 2.0))).all()


def test_rows_with_warps_of_their_own_are_as_alone():
    folds = np.array([0, 1, 1, 0, 1])
    warps = [[fit_warp(n, half) for n in NAMES] for half in (RESPONSES[:30], RESPONSES[30:])]
    rng = np.random.default_rng(5)
    mean, sd, weights = rng.normal(size=(5, 3)), np.full((5, 3), 0.3), np.array([0.2, 0.5, 0.3])
    joint = [by_row([fold[k] for fold in warps], folds) for k in range(3)]
    law, y = mixture_of(joint, weights, mean, sd), np.linspace(0.2, 4, 5)
    for i, fold in enumerate(folds):
        alone = mixture_of(warps[fold], weights, mean[[i]], sd[[i]])
        assert law.mean()[i] == pytest.approx(alone.mean()[0], rel=1e-14)
        assert law.quantile([0.1])[i] == pytest.approx(alone.quantile([0.1])[0], rel=1e-12)
        assert law.crps(y)[i] == pytest.approx(alone.crps(y[[i]])[0], rel=1e-12)
        assert law.log_density(y)[i] == pytest.approx(alone.log_density(y[[i]])[0], rel=1e-12)


def test_no_points():
    law = law_of(0)
    assert law.mean().shape == law.std().shape == law.crps([]).shape == law.cdf([]).shape == (0,)
    assert law.quantile([0.1, 0.9]).shape == (0, 2)
    assert law.sample(7, np.random.default_rng(0)).shape == (0, 7)
    assert law.log_density([]).shape == (0,)


def test_members_without_weight_are_left_out():
    warp = fit_warp("identity", RESPONSES)
    law = mixture_of([warp, warp], np.array([1.0, 0.0]), np.zeros((2, 2)), np.ones((2, 2)))
    assert len(law.components) == 1


@pytest.mark.parametrize(("change", "message"), [
    ({"weight": 0.7}, "sum to 1"),
    ({"sd": np.zeros(2)}, "standard deviations above 0"),
    ({"mean": np.zeros(3)}, "one shape"),
])  # fmt: skip
def test_what_is_no_law_is_refused(change, message):
    good = {"weight": 1.0, "mean": np.zeros(2), "sd": np.ones(2)}
    with pytest.raises(InputError, match=message):
        Mixture((Component(fit_warp("identity", RESPONSES), **{**good, **change}),))


@pytest.mark.parametrize("q", [[0.0], [1.0], [np.nan]])
def test_quantiles_at_the_ends_are_refused(q):
    with pytest.raises(InputError, match=r"probabilities in \(0, 1\)"):
        law_of(1).quantile(q)


def test_a_hopeless_member_does_not_decide_the_crps():
    """The tail of a wide logarithm, far beyond all responses, is not counted."""
    y = np.exp(np.linspace(0, 3, 30))
    plain, wide = fit_warp("identity", y), fit_warp("log", y)
    good = Component(plain, 0.95, np.zeros(2), np.full(2, 0.1))
    hopeless = Component(wide, 0.05, np.zeros(2), np.full(2, 200.0))
    scores = Mixture((good, hopeless)).crps(np.full(2, y.mean()))
    assert (scores < 5 * np.ptp(y)).all()
