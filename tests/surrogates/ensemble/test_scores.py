"""Scores of laws: known values, the trivial law, calibration, intervals, skill."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from surefoot.ground.errors import InputError
from surefoot.surrogates.ensemble.mixture import Component, Mixture
from surefoot.surrogates.ensemble.scores import difference, score_law, skill, trivial_law
from surefoot.surrogates.ensemble.warps import fit_warp

UNIT = fit_warp("identity", [-1.0, 1.0])


def normal(mean, sd, warp=UNIT):
    mean = np.asarray(mean, dtype=float)
    return Mixture((Component(warp, 1.0, mean, np.broadcast_to(sd, mean.shape).astype(float)),))


def calibrated(n=400, seed=0, sd=0.3):
    """Responses of standard deviation about 1, and the law they were drawn from."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=n)
    return mean + sd * rng.normal(size=n), normal(mean, sd)


def test_point_scores():
    y = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    mean = y + np.array([0, 0, 0, 0, 0, 0, 0, 0, 3, -4])
    found = score_law(y, normal(mean, 1)).summary()
    assert found["rmse"] == pytest.approx(np.sqrt(2.5))
    assert found["nrmse"] == pytest.approx(np.sqrt(2.5 / y.var()))
    assert found["r2"] == pytest.approx(1 - 2.5 / y.var())
    assert found["mae"] == pytest.approx(0.7)
    assert found["max_error"] == 4
    assert found["p95_error"] == pytest.approx(np.quantile([0] * 8 + [3, 4], 0.95))
    assert found["mae_top_decile"] == 4
    assert found["mae_bottom_decile"] == 0


def test_law_scores_of_a_normal_law():
    y, law = calibrated()
    unit, mean, sd = y.std(), law.components[0].mean, 0.3
    scores = score_law(y, law)
    assert scores["nlpd"] == pytest.approx(-norm.logpdf(y / unit, mean / unit, sd / unit).mean())
    assert scores["crps"] == pytest.approx(law.crps(y).mean() / unit)
    assert scores["width_95"] == pytest.approx(2 * 1.959964 * sd / unit)
    low, high = mean - 1.644854 * sd, mean + 1.644854 * sd
    outside = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    expected = ((high - low) + 20 * outside).mean() / unit
    assert scores["interval_score_90"] == pytest.approx(expected)
    assert scores["coverage_90"] == ((low <= y) & (y <= high)).mean()
    assert scores["pinball_0.5"] == pytest.approx(scores["mae"] / 2 / unit)
    quantile = mean + norm.ppf(0.975) * sd
    pinball = np.where(y > quantile, 0.975 * (y - quantile), 0.025 * (quantile - y))
    assert scores["pinball_0.975"] == pytest.approx(pinball.mean() / unit)
    np.testing.assert_allclose(scores.pit, norm.cdf(y, mean, sd))


def test_the_right_law_is_calibrated():
    scores = score_law(*calibrated(4000, 1))
    for level in (50, 80, 90, 95, 99):
        assert scores[f"coverage_{level}"] == pytest.approx(level / 100, abs=0.025)
    assert scores.summary()["pit_ks"] < 0.03
    mean = calibrated(4000, 1)[1].components[0].mean
    assert score_law(calibrated(4000, 1)[0], normal(mean, 0.1)).summary()["pit_ks"] > 0.15


def test_tails_of_the_score_are_parts_of_it():
    y, law = calibrated()
    scores = score_law(y, law)
    bottom, top = np.quantile(y, [0.1, 0.9])
    middle = law.crps(y, above=bottom, below=top).mean() / y.std()
    whole = scores["crps_bottom_decile"] + middle + scores["crps_top_decile"]
    assert whole == pytest.approx(scores["crps"], rel=1e-6)


def test_trivial_law_has_no_standardised_loss():
    y, law = calibrated()
    base = score_law(y, trivial_law(y, len(y)))
    assert base["nrmse"] == pytest.approx(1)
    assert base["nlpd"] == pytest.approx(0.5 * np.log(2 * np.pi * np.e))
    nothing = difference(base, base, "nlpd")
    assert (nothing.estimate, nothing.low, nothing.high) == (0, 0, 0)
    gained = difference(score_law(y, law), base, "nlpd")
    assert gained.high < -0.8


def test_scores_are_free_of_units():
    y, law = calibrated()
    warp = fit_warp("identity", 1e6 + np.array([-1e3, 1e3]))
    component = law.components[0]
    scaled = normal(component.mean, component.sd, warp)
    a, b = score_law(y, law), score_law(1e6 + 1e3 * y, scaled)
    for score in ("nrmse", "r2", "nlpd", "crps", "crps_top_decile", "interval_score_95"):
        assert b[score] == pytest.approx(a[score], rel=1e-7)


def test_interval_of_a_root_covers():
    """The root mean squared error of normal errors is their standard deviation."""
    held = 0
    for seed in range(40):
        y, law = calibrated(100, seed)
        found = score_law(y, law).interval("rmse", seed=seed)
        assert found.low < found.estimate < found.high
        held += found.low <= 0.3 <= found.high
    assert held >= 34


def test_replicates_widen_the_interval():
    """Ten copies of a row say what the row says: the interval is that of the rows alone."""
    y, law = calibrated(50)
    groups = np.tile(np.arange(50), 10)
    copies = normal(np.tile(law.mean(), 10), 0.3)
    alone = score_law(y, law).interval("mae")
    grouped = score_law(np.tile(y, 10), copies, groups).interval("mae")
    naive = score_law(np.tile(y, 10), copies).interval("mae")
    assert (grouped.low, grouped.high) == pytest.approx((alone.low, alone.high))
    assert naive.high - naive.low < 0.5 * (grouped.high - grouped.low)


def test_many_rows_take_students_t():
    found = score_law(*calibrated(2001)).interval("nrmse")
    assert found.method == "t"
    assert found.low < found.estimate < found.high


def test_infinite_loss_has_no_interval():
    y = np.array([1.0, 2.0, 5.0, 9.0])
    law = normal(np.zeros(4), 1.0, fit_warp("log", y))
    y[0] = -1
    found = score_law(y, law).interval("nlpd")
    assert found.estimate == np.inf
    assert np.isnan([found.low, found.high]).all()


def test_skill():
    y, law = calibrated()
    scores, base = score_law(y, law), score_law(y, trivial_law(y, len(y)))
    found = skill(scores, base, "nrmse")
    assert found.estimate == pytest.approx(1 - scores["nrmse"] / base["nrmse"])
    assert found.low < found.estimate < found.high < 1
    assert found.low > 0.65
    none = skill(base, base, "crps")
    assert (none.estimate, none.low, none.high) == pytest.approx((0, 0, 0))
    perfect = skill(score_law(y, normal(y, 0.1)), base, "mae")
    assert perfect.estimate == 1
    assert np.isnan(perfect.low)


def test_equal_responses_have_unit_one():
    found = score_law(np.full(5, 3.0), normal(np.full(5, 3.5), 1)).summary()
    assert found["nrmse"] == found["rmse"] == 0.5
    assert found["r2"] == 0.75


@pytest.mark.parametrize(("call", "message"), [
    (lambda s: s.interval("rsme"), "did you mean 'rmse'"),
    (lambda s: skill(s, s, "nlpd"), "see difference"),
    (lambda s: difference(s, s, "rmse"), "see skill"),
])  # fmt: skip
def test_scores_that_do_not_suit(call, message):
    with pytest.raises(InputError, match=message):
        call(score_law(*calibrated(10)))


def test_responses_for_other_points():
    with pytest.raises(InputError, match="found 3 points; allowed: 4"):
        score_law(np.arange(4.0), normal(np.zeros(3), 1))
