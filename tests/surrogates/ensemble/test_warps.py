"""Warps: round trips, order, slopes, domains, digits, and the clamp."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.ground.errors import InputError
from surefoot.surrogates.ensemble.warps import applicable_warps, by_row, fit_warp, restore_warp

NAMES = ("identity", "log", "yeo-johnson")
SKEWED = np.exp(np.random.default_rng(0).normal(size=60))


@st.composite
def responses(draw):
    """Samples of any skewness, size and offset, above zero for the logarithm."""
    seed, size = draw(st.integers(0, 10**6)), 10 ** draw(st.floats(-3, 3))
    shape = draw(st.floats(0.01, 2))
    t = np.random.default_rng(seed).normal(size=draw(st.integers(2, 40)))
    y = np.exp(shape * t)
    return size * draw(st.sampled_from([y, y.max() + 1 - y, 10 + t]))


@settings(deadline=None)
@given(responses(), st.sampled_from(NAMES))
def test_round_trip_and_order(y, name):
    warp = fit_warp(name, y)
    t = warp.forward(y)
    assert t.mean() == pytest.approx(0, abs=1e-9)
    assert t.std() == pytest.approx(1, rel=1e-9)
    np.testing.assert_allclose(warp.inverse(t), y, rtol=1e-9, atol=1e-9 * np.ptp(y))
    grid = np.linspace(warp.low - 0.9, warp.high + 0.9, 1001)
    assert (np.diff(warp.exact_inverse(grid)) > 0).all()
    assert (np.diff(warp.forward(np.linspace(y.min(), y.max(), 1001))) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_log_jacobian_is_the_slope(name):
    warp = fit_warp(name, SKEWED)
    y = np.linspace(0.01, 9, 50)
    step = 1e-6
    slope = (warp.forward(y + step) - warp.forward(y - step)) / (2 * step)
    np.testing.assert_allclose(warp.log_jacobian(y), np.log(slope), atol=1e-6)


def test_power_is_the_likeliest_and_stays_in_bounds():
    """As scipy's, on the same standardised responses; at a bound where the optimum is beyond."""
    from scipy import stats

    y = np.random.default_rng(3).gamma(3, size=200)
    warp = fit_warp("yeo-johnson", y)
    _, power = stats.yeojohnson((y - warp.origin) / warp.scale)
    assert 0 < power < 2
    assert warp.power == pytest.approx(power, abs=1e-4)
    assert fit_warp("yeo-johnson", np.exp(4 * np.log(SKEWED))).power == pytest.approx(0, abs=1e-4)
    assert fit_warp("yeo-johnson", -np.exp(4 * np.log(SKEWED))).power == pytest.approx(2, abs=1e-4)


def test_applicable():
    normal = np.linspace(-1, 1, 30)
    assert applicable_warps(normal) == ["identity"]
    assert applicable_warps(normal + 1.9) == ["identity", "log"]
    assert applicable_warps(SKEWED) == list(NAMES)
    assert applicable_warps(-SKEWED) == ["identity", "yeo-johnson"]
    assert applicable_warps(np.full(6, 2.0)) == ["identity"]


@pytest.mark.parametrize("name", NAMES)
def test_outside_the_domain_nothing_is_left(name):
    warp = fit_warp(name, SKEWED)
    with np.errstate(all="raise"):  # the warps look after their own limits
        t, slope = warp.forward([-np.inf, np.inf]), warp.log_jacobian([-np.inf, np.inf])
    assert t.tolist() == [-np.inf, np.inf]
    assert (slope < np.inf).all()
    if name == "log":
        assert (warp.forward([0.0, -1.0]) == -np.inf).all()
        assert (warp.log_jacobian([0.0, -1.0]) == -np.inf).all()
    assert np.isnan(warp.forward(np.nan))


def test_logarithm_of_negative_responses_is_refused():
    with pytest.raises(InputError, match="above 0 for a logarithmic warp"):
        fit_warp("log", [1.0, -0.5])


def test_unknown_warp_is_refused():
    with pytest.raises(InputError, match="did you mean 'yeo-johnson'"):
        fit_warp("yeo-jonson", [1.0, 2.0])


@pytest.mark.parametrize("name", NAMES)
def test_digits_under_a_large_offset(name):
    y = 1e9 + np.linspace(0, 1e-3, 20)  # steps of 400 units in the last place
    warp = fit_warp(name, y)
    assert (np.diff(warp.forward(y)) > 0).all()
    np.testing.assert_allclose(warp.inverse(warp.forward(y)), y, rtol=0, atol=3e-7)
    assert warp.forward(y).std() == pytest.approx(1)


@pytest.mark.parametrize("name", NAMES)
def test_equal_responses(name):
    warp = fit_warp(name, np.full(5, 7.0))
    assert warp.forward(7.0) == 0
    assert warp.log_jacobian(7.0) == pytest.approx(-np.log(7) if name == "log" else 0)
    assert warp.inverse(0.0) == 7


@pytest.mark.parametrize("name", ["log", "yeo-johnson"])
def test_inverse_is_clamped_one_range_beyond(name):
    warp = fit_warp(name, SKEWED)
    reach = warp.high - warp.low
    assert warp.inverse(1e6) == warp.exact_inverse(warp.high + reach)
    assert warp.inverse(-1e6) == warp.exact_inverse(warp.low - reach)
    assert warp.exact_inverse(warp.high + 2 * reach) > 2 * warp.inverse(1e6)


def test_identity_is_not_clamped():
    assert fit_warp("identity", [0.0, 2.0]).inverse(1e6) == 1e6 + 1


@pytest.mark.parametrize("name", NAMES)
def test_scale_equivariance(name):
    t = fit_warp(name, SKEWED).forward(SKEWED)
    np.testing.assert_allclose(fit_warp(name, 1e6 * SKEWED).forward(1e6 * SKEWED), t, rtol=1e-8)


def test_rows_with_warps_of_their_own():
    folds = np.array([0, 1, 1, 0])
    warps = [fit_warp("yeo-johnson", SKEWED[:30]), fit_warp("yeo-johnson", SKEWED[30:])]
    joint, y = by_row(warps, folds), np.array([0.1, 1.0, 2.0, 5.0])
    expected = [float(warps[f].forward(v)) for f, v in zip(folds, y, strict=True)]
    assert joint.forward(y).tolist() == expected
    assert joint.rows(slice(1, 3)).forward(y[1:3]).tolist() == expected[1:3]
    np.testing.assert_allclose(joint.inverse(joint.forward(y)), y)
    with pytest.raises(InputError, match="one warp, fitted in every fold"):
        by_row([warps[0], fit_warp("log", SKEWED)], folds)


@pytest.mark.parametrize("name", NAMES)
def test_state_survives_json(name):
    warp = fit_warp(name, SKEWED)
    again = restore_warp(json.loads(json.dumps(warp.state())))
    assert again.forward(SKEWED).tolist() == warp.forward(SKEWED).tolist()
    assert again.inverse(99.0) == warp.inverse(99.0)


def test_incomplete_state_is_refused():
    with pytest.raises(InputError, match="no spread"):
        restore_warp({k: v for k, v in fit_warp("log", SKEWED).state().items() if k != "spread"})
