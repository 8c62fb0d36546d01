from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare, norm
from tests.surrogates.candidates.runs import branin, error, friedman, new_rows, runs

from surefoot.surrogates.candidates.fitted_gp import solve
from surefoot.surrogates.candidates.gp import GaussianProcess
from surefoot.surrogates.candidates.kernels import kernel_named, squared_distances
from surefoot.surrogates.candidates.polynomials import hyperbolic_indices, legendre
from surefoot.surrogates.candidates.trends import trend_indices

TRENDS = ["constant", "linear", ((2, 0, 0), (0, 1, 1), (1, 0, 0))]
THETA = np.log([0.5, 0.8, 1.5, 1e-4])


def by_hand(fit, Z_new):
    """Return universal Kriging's mean and standard deviation from plain linear algebra."""
    value = kernel_named(fit.kernel).value
    K = value(squared_distances(fit.Z, fit.Z, fit.lengths)) + fit.nugget * np.eye(len(fit.Z))
    k = value(squared_distances(Z_new, fit.Z, fit.lengths))
    F, f = legendre(fit.Z, fit.indices), legendre(Z_new, fit.indices)
    inverse = np.linalg.inv(K)
    information = F.T @ inverse @ F
    beta = np.linalg.solve(information, F.T @ inverse @ fit.T)
    residuals = fit.T - F @ beta
    variance = (residuals * (inverse @ residuals)).sum(axis=0) / (len(F) - F.shape[1])
    u = f - k @ inverse @ F
    unscaled = 1 + fit.nugget - ((k @ inverse) * k).sum(axis=1)
    unscaled += (u * np.linalg.solve(information, u.T).T).sum(axis=1)
    return f @ beta + k @ inverse @ residuals, np.sqrt(np.outer(unscaled, variance))


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("kernel", ["squared-exponential", "matern52", "matern12"])
def test_predictions_are_universal_kriging(kernel, trend):
    Z, t = runs(20, 3)
    fit = solve(kernel, Z, t[:, None], THETA, trend_indices(trend, 3))
    mean, sd = fit.predict(new_rows())
    expected_mean, expected_sd = by_hand(fit, new_rows())
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(sd, expected_sd, rtol=1e-6)


def left_out(fit, i):
    """Predict row i from the others, hyperparameters fixed and the variance profiled again."""
    others = np.arange(len(fit.Z)) != i
    theta = np.log(np.append(fit.lengths, fit.nugget))
    refit = solve(fit.kernel, fit.Z[others], fit.T[others], theta, fit.indices, single=fit.single)
    return refit.predict(fit.Z[[i]])


@pytest.mark.parametrize("trend", [*TRENDS, tuple(map(tuple, hyperbolic_indices(3, 3, 0.75, 99)))])
@pytest.mark.parametrize("columns", [1, 2])
def test_closed_form_leave_one_out_is_the_real_one(trend, columns):
    Z, t = runs(24, 3)
    T = np.column_stack([t, np.cos(5 * Z[:, 1])])[:, :columns]
    fit = solve("matern52", Z, T, THETA, trend_indices(trend, 3))
    mean, sd = fit.loo()
    real = [left_out(fit, i) for i in range(len(Z))]
    np.testing.assert_allclose(mean, np.vstack([law[0] for law in real]), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(sd, np.vstack([law[1] for law in real]), rtol=1e-8)


def test_covariances_agree_with_deviations_and_with_sampled_responses():
    Z, t = runs(20, 3)
    fit = GaussianProcess("matern52", "linear").fit(Z, t)
    rows = new_rows(6)
    mean, sd = fit.predict(rows)
    same_mean, cov = fit.predict_cov(rows)
    np.testing.assert_array_equal(mean, same_mean)
    np.testing.assert_allclose(np.sqrt(np.diag(cov)), sd, rtol=1e-12)
    np.testing.assert_allclose(cov, cov.T, atol=1e-14)
    assert np.linalg.eigvalsh(cov).min() > 0
    function = fit.covariance(rows, rows)
    np.testing.assert_allclose(
        np.diag(cov) - np.diag(function), fit.nugget * fit.variance[0], rtol=1e-3
    )
    np.testing.assert_allclose(fit.covariance(rows, rows[:2]), function[:, :2], atol=1e-12)


def test_runs_to_come_lower_the_variance_as_the_covariance_says():
    Z, t = runs(20, 3)
    fit = solve("matern52", Z, t[:, None], THETA, trend_indices("linear", 3), single=True)
    new, reference = new_rows(1), new_rows(10, seed=5)
    before, after = fit.predict(reference)[1] ** 2, fit.given(new).predict(reference)[1] ** 2
    own = fit.predict(new)[1] ** 2
    reduction = fit.covariance(new, reference)[0] ** 2 / own
    np.testing.assert_allclose(before - after, reduction, rtol=1e-6, atol=1e-12)
    # Without responses nothing is learned of the mean; with them it is.
    np.testing.assert_allclose(
        fit.given(new).predict(reference)[0], fit.predict(reference)[0], atol=1e-9
    )
    np.testing.assert_allclose(fit.given(new, np.array([7.0])).predict(new)[0], 7.0, atol=0.3)


def test_a_second_batch_of_fantasies_is_worth_less():
    Z, t = runs(20, 3)
    fit = GaussianProcess().fit(Z, t)
    new = new_rows(3)
    once, twice = fit.given(new), fit.given(new).given(new)
    first = fit.predict(new)[1] - once.predict(new)[1]
    second = once.predict(new)[1] - twice.predict(new)[1]
    assert (second < 0.05 * first).all()


@pytest.mark.parametrize(
    ("candidate", "function", "n", "d", "bar"),
    [
        (GaussianProcess("squared-exponential"), friedman, 50, 5, 0.05),
        (GaussianProcess("matern52"), branin, 20, 2, 0.15),
        (GaussianProcess("matern52", "linear"), friedman, 50, 5, 0.04),
    ],
)
def test_smooth_functions_are_met(candidate, function, n, d, bar):
    assert error(candidate, function, n, d) < bar


def test_noise_is_found_and_told():
    Z, t = runs(200, 2)
    noisy = t + 0.3 * np.random.default_rng(1).normal(size=len(t))
    fit = GaussianProcess(nugget="free").fit(Z, noisy)
    np.testing.assert_allclose(np.sqrt(fit.nugget * fit.variance[0]), 0.3, rtol=0.2)
    Z_new, t_new = runs(500, 2, seed=7)
    mean, sd = fit.predict(Z_new)
    assert (sd > 0.2).all()
    assert np.abs(mean - t_new).mean() < 0.1


def test_trends_that_the_rows_cannot_carry_are_dropped():
    Z, t = runs(12, 3)
    Z[:, 1] = 0.25
    assert GaussianProcess(trend="linear").fit(Z, t).describe()["trend_terms"] == 3
    few = GaussianProcess(trend="linear").fit(Z[:4, [0, 2, 2]], t[:4])
    assert few.describe()["trend_terms"] == 1


def test_duplicate_rows_and_bounds_are_told():
    Z, t = runs(30, 2)
    twice, same = np.vstack([Z, Z]), np.concatenate([t, t])
    fit = GaussianProcess("squared-exponential").fit(twice, same)
    mean, sd = fit.predict(Z)
    np.testing.assert_allclose(mean, t, atol=1e-3)
    assert np.isfinite(sd).all()
    theta = np.log([50.0, 50.0, 1e-13])
    raised = solve("squared-exponential", twice, same[:, None], theta, trend_indices("constant", 2))
    told = raised.describe()
    assert told["nugget"] > told["nugget_raised_from"] == pytest.approx(1e-13)
    longest = solve("matern52", Z, t[:, None], np.log([1e3, 1, 1e-8]), trend_indices("constant", 2))
    assert longest.describe()["length_scales_at_bound"] == [0]
    assert "length_scales_at_bound" not in fit.describe()


def test_many_rows_cost_what_five_hundred_do():
    Z, t = runs(700, 2, function=branin)
    fit = GaussianProcess().fit(Z, t)
    assert len(fit.Z) == 700
    Z_new = new_rows(200, 2)
    y = branin(Z)
    expected = (branin(Z_new) - y.mean()) / y.std()
    np.testing.assert_allclose(fit.predict(Z_new)[0], expected, atol=3e-3)


def test_ranks_among_draws_from_the_prior_are_uniform():
    # Functions drawn from the process with β = 0 and known hyperparameters, one row kept back.
    rng = np.random.default_rng(3)
    theta, n = np.log([0.3, 0.6, 1e-4]), 40
    ranks = []
    for _ in range(600):
        Z = rng.random((n + 1, 2))
        K = kernel_named("matern52").value(squared_distances(Z, Z, np.exp(theta[:-1])))
        t = np.linalg.cholesky(K + 1e-4 * np.eye(n + 1)) @ rng.normal(size=n + 1)
        fit = solve("matern52", Z[1:], t[1:, None], theta, trend_indices("constant", 2))
        mean, sd = fit.predict(Z[:1])
        ranks.append(norm.cdf((t[0] - mean[0, 0]) / sd[0, 0]))
    counts = np.histogram(ranks, bins=10, range=(0, 1))[0]
    assert chisquare(counts).pvalue > 1e-3
