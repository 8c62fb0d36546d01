from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import norm
from tests.surrogates.tasks.models import Fake

from surefoot.ground.errors import InputError
from surefoot.surrogates.problems.dynamics import SEIR_CURVE
from surefoot.surrogates.simulation.space import Categorical, Real, Space
from surefoot.surrogates.tasks.posterior import Posterior, PosteriorWarning

LINE = Space(x=Real(0, 10))
PLANE = Space(x=Real(0, 10), y=Real(0, 10))
SLOPES = np.array([[1.0, 0.5], [0.2, 1.5], [1.0, -1.0]])


def plane(frame):
    return frame[["x", "y"]].to_numpy() @ SLOPES.T


def test_a_line_has_the_exact_posterior():
    task = Posterior(observed=8.0, noise_sd=0.5)
    found = task.run(Fake(lambda frame: 2 * frame["x"], sd=1e-9), LINE)
    assert found.method == "grid"
    assert found.mean[0] == pytest.approx(4, abs=1e-4)
    assert found.sd[0] == pytest.approx(0.25, rel=1e-3)
    assert found.widened_sd[0] == pytest.approx(found.sd[0])
    assert found.disagreement < 1e-9


def test_several_outputs_on_two_inputs_have_the_exact_posterior():
    observed = SLOPES @ [4, 6] + [0.3, -0.2, 0.1]
    covariance = 1.2**2 * np.linalg.inv(SLOPES.T @ SLOPES)
    mean = covariance @ SLOPES.T @ observed / 1.2**2
    found = Posterior(observed, 1.2).score(Fake(plane, sd=1e-9), PLANE, plane, runs=None)
    np.testing.assert_allclose(found.mean, mean, atol=1e-3)
    np.testing.assert_allclose(found.sd, np.sqrt(np.diag(covariance)), rtol=5e-3)
    assert found.tv < 1e-9
    assert found.w1 == pytest.approx((0, 0), abs=1e-9)


def test_the_surrogates_variance_widens_one_variant_only():
    task = Posterior(8.0, 0.5)
    exact = task.run(Fake(lambda frame: 2 * frame["x"], sd=1e-9), LINE)
    with pytest.warns(PosteriorWarning, match=r"differ by 0\.\d\d in total variation"):
        found = task.run(Fake(lambda frame: 2 * frame["x"], sd=1.0), LINE)
    assert found.sd == exact.sd
    assert found.widened_sd[0] == pytest.approx(np.hypot(0.5, 1) / 2, rel=1e-2)
    x = np.linspace(0, 10, 100_001)
    p, q = norm.pdf(x, 4, 0.25), norm.pdf(x, 4, np.hypot(0.5, 1) / 2)
    assert found.disagreement == pytest.approx(np.abs(p - q).sum() * 1e-4 / 2, abs=1e-3)


def test_a_variance_that_differs_from_place_to_place_is_no_evidence_by_itself():
    class Doubtful(Fake):
        def predict(self, X, return_std=False):
            return 2 * X["x"].to_numpy(), 0.1 * X["x"].to_numpy()

    x = (np.arange(1296) + 0.5) / 129.6
    p = norm.pdf(8, 2 * x, np.hypot(0.5, 0.1 * x))
    with pytest.warns(PosteriorWarning, match="differ by"):
        found = Posterior(8.0, 0.5).run(Doubtful(None), LINE)
    assert found.widened_mean[0] == pytest.approx(p @ x / p.sum(), rel=1e-9)


def test_a_surrogate_that_is_off_is_off_by_a_known_distance():
    found = Posterior(8.0, 0.5).score(
        Fake(lambda frame: 2 * frame["x"] + 0.5, sd=1e-9),
        LINE,
        lambda frame: 2 * frame["x"],
        runs=None,
    )
    # Both posteriors are normal, a standard deviation apart.
    assert found.tv == pytest.approx(2 * norm.cdf(0.5) - 1, abs=1e-3)
    assert found.w1[0] == pytest.approx(0.025, abs=1e-4)
    assert found.widened_tv == pytest.approx(found.tv)


def test_runs_at_its_draws_mend_a_posterior_that_is_near():
    def truth(frame):
        return 2 * frame["x"]

    near = Posterior(8.0, 0.5).score(
        Fake(lambda f: truth(f) + 0.25, sd=1e-9), LINE, truth, runs=400
    )
    assert near.runs == 400
    assert near.k_hat < 0.7
    assert 250 < near.ess < 400
    assert near.mean[0] == pytest.approx(3.875, abs=1e-3)
    assert near.corrected_mean[0] == pytest.approx(4, abs=0.04)
    assert near.corrected_sd[0] == pytest.approx(0.25, abs=0.05)


def test_runs_at_its_draws_find_a_posterior_that_is_far():
    def truth(frame):
        return 2 * frame["x"]

    far = Posterior(8.0, 0.5).score(Fake(lambda f: truth(f) + 4, sd=1e-9), LINE, truth)
    assert far.k_hat > 0.7
    assert far.ess < 10
    assert "k̂" in str(far)
    exact = Posterior(8.0, 0.5).score(Fake(truth, sd=1e-9), LINE, truth)
    assert exact.ess == pytest.approx(50)
    assert exact.k_hat == 0


def test_three_inputs_are_sought_by_particles():
    space = Space(x=Real(0, 10), y=Real(0, 10), z=Real(0, 10))
    A = np.array([[1, 0.3, 0], [0, 1, 0.5], [0.4, 0, 1.0]])

    def truth(frame):
        return frame.to_numpy() @ A.T

    observed = A @ [3, 5, 7]
    covariance = 0.5**2 * np.linalg.inv(A.T @ A)
    found = Posterior(observed, 0.5).score(Fake(truth, sd=0.05), space, truth, runs=60)
    assert found.method == "particles"
    np.testing.assert_allclose(found.mean, [3, 5, 7], atol=0.12)
    np.testing.assert_allclose(found.sd, np.sqrt(np.diag(covariance)), rtol=0.1)
    assert found.disagreement < 0.05
    assert found.ess == pytest.approx(60)
    with pytest.raises(InputError, match="runs: found None.*more than two inputs"):
        Posterior(observed, 0.5).score(Fake(truth), space, truth, runs=None)


def test_particles_disagree_as_much_as_their_laws():
    space = Space(x=Real(0, 10), y=Real(0, 10), z=Real(0, 10))

    def truth(frame):
        return frame.to_numpy()

    task = Posterior([3, 5, 7], 0.5)
    with pytest.warns(PosteriorWarning, match="differ by"):
        found = task.run(Fake(truth, sd=0.5), space)
    # Of N(0, 1) and N(0, √2) in three dimensions, by their densities at draws of the wider.
    x = np.random.default_rng(0).normal(0, np.sqrt(2), (200_000, 3))
    ratio = np.exp((norm.logpdf(x) - norm.logpdf(x, 0, np.sqrt(2))).sum(axis=1))
    assert found.disagreement == pytest.approx(np.abs(ratio - 1).mean() / 2, abs=0.04)


def test_an_epidemics_rates_are_found_in_its_curve():
    fixed = {"sigma": 0.3, "i0": 1e-3}
    space = SEIR_CURVE.space
    at = space.check({"beta": [0.6], "gamma": [0.2], "sigma": [0.3], "i0": [1e-3]})
    curve = SEIR_CURVE(at)[0]
    noisy = curve + 0.01 * np.random.default_rng(0).standard_normal(curve.shape)
    # A linear surrogate around the truth, exact near it: dear runs would cost a minute on the grid.
    step = at.copy()
    slopes = []
    for name in ("beta", "gamma"):
        step = at.assign(**{name: at[name] + 1e-4})
        slopes.append((SEIR_CURVE(step)[0] - curve) / 1e-4)

    def tangent(frame):
        moved = frame[["beta", "gamma"]].to_numpy() - [0.6, 0.2]
        return curve + moved @ np.array(slopes)

    found = Posterior(noisy, 0.01, fixed=fixed).score(
        Fake(tangent, sd=1e-4), space, SEIR_CURVE, runs=30
    )
    assert found.names == ("beta", "gamma")
    assert abs(found.mean[0] - 0.6) < 3 * found.sd[0] < 0.1
    assert abs(found.mean[1] - 0.2) < 3 * found.sd[1] < 0.05
    assert found.ess > 5
    np.testing.assert_allclose(found.corrected_mean, [0.6, 0.2], atol=0.03)
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert "\n" not in str(found)


def test_a_grid_too_coarse_is_told():
    with pytest.warns(PosteriorWarning, match=r"lies in 1\.\d of 1296 cells"):
        Posterior([4.3, 10.5, -2.6], 0.01).run(Fake(plane, sd=1e-9), PLANE)


def test_levels_can_be_fixed_but_not_sought():
    space = Space(x=Real(0, 10), mesh=Categorical(["a", "b"]))

    def truth(frame):
        return np.where(frame["mesh"] == "b", 2.0, 1.0) * frame["x"]

    found = Posterior(8.0, 0.5, fixed={"mesh": "b"}).run(Fake(truth), space)
    assert found.mean[0] == pytest.approx(4, abs=1e-3)
    with pytest.raises(InputError, match="input 'mesh': found 'levels'.*fix it"):
        Posterior(8.0, 0.5).run(Fake(truth), space)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observed": np.nan, "noise_sd": 1}, "observed: found nan"),
        ({"observed": [], "noise_sd": 1}, "observed: found"),
        ({"observed": 1.0, "noise_sd": 0}, "noise_sd: found .*above 0"),
        ({"observed": [1.0, 2.0, 3.0], "noise_sd": [1.0, 1.0]}, "noise_sd: found .*2 values"),
    ],
)
def test_observations_that_say_nothing_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Posterior(**options)


def test_requests_that_do_not_fit_are_named():
    surrogate = Fake(plane)
    with pytest.raises(InputError, match=r"observed: found .*2 values for 3 outputs"):
        Posterior([1, 2], 1.0).run(surrogate, PLANE)
    with pytest.raises(InputError, match="fixed: found 'z'"):
        Posterior([1, 2, 3], 1.0, fixed={"z": 1}).run(surrogate, PLANE)
    with pytest.raises(InputError, match="at least one input"):
        Posterior([1, 2, 3], 1.0, fixed={"x": 1, "y": 1}).run(surrogate, PLANE)
    with pytest.raises(InputError, match="runs: found 10; allowed: 25"):
        Posterior([1, 2, 3], 1.0).score(surrogate, PLANE, plane, runs=10)
