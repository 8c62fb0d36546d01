from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal
from tests.surrogates.candidates.runs import runs

from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates.kernels import kernel_named, squared_distances
from surefoot.surrogates.candidates.polynomials import legendre
from surefoot.surrogates.candidates.reml import RestrictedLikelihood
from surefoot.surrogates.candidates.trends import trend_indices


def likelihood(n=20, d=3, *, kernel="matern52", trend="constant", nugget="tiny", columns=1):
    Z, t = runs(n, d)
    T = np.column_stack([t, np.cos(4 * Z[:, 0]) * 3, Z[:, -1] ** 2][:columns])
    F = legendre(Z, trend_indices(trend, d))
    return RestrictedLikelihood(
        kernel_named(kernel), Z - Z.mean(axis=0), F, T - T.mean(axis=0), nugget
    )


@pytest.mark.parametrize("kernel", ["squared-exponential", "matern52", "matern12"])
@pytest.mark.parametrize("trend", ["constant", "linear", ((2, 0, 0), (1, 1, 0))])
@pytest.mark.parametrize("columns", [1, 3])
def test_the_gradient_is_the_derivative(kernel, trend, columns):
    objective = likelihood(kernel=kernel, trend=trend, columns=columns)
    theta = np.log([0.4, 0.9, 2.0, 1e-3])
    numeric = np.array(
        [
            (objective(theta + h)[0] - objective(theta - h)[0]) / 2e-5
            for h in 1e-5 * np.eye(len(theta))
        ]
    )
    np.testing.assert_allclose(objective(theta)[1], numeric, rtol=1e-5, atol=1e-5)


def test_the_gradient_holds_at_a_nugget_that_hardly_regularises():
    objective = likelihood(kernel="squared-exponential")
    theta = np.log([1.0, 1.5, 2.0, 1e-8])
    numeric = approx_fprime(theta, lambda x: objective(x)[0], 1e-6)
    np.testing.assert_allclose(objective(theta)[1], numeric, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("trend", ["constant", "linear"])
def test_the_value_is_the_likelihood_with_the_trend_integrated_out(trend):
    # Six rows; β integrated numerically at the profiled variance.
    n, d = 6, 1
    objective = likelihood(n, d, trend=trend)
    theta = np.log([0.3, 0.05])
    q = objective.F.shape[1]
    R = kernel_named("matern52").value(squared_distances(objective.Z, objective.Z, np.array([0.3])))
    K = R + 0.05 * np.eye(n)
    inverse = np.linalg.inv(K)
    F, t = objective.F, objective.T[:, 0]
    beta = np.linalg.solve(F.T @ inverse @ F, F.T @ inverse @ t)
    variance = (t - F @ beta) @ inverse @ (t - F @ beta) / (n - q)

    # The trapezium rule on a grid that holds all of the mass.
    axes = [np.linspace(b - 12, b + 12, 401) for b in beta]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, q)
    density = multivariate_normal.pdf(t - grid @ F.T, cov=variance * K)
    integral = density.sum() * (24 / 400) ** q
    constant = 0.5 * (n - q) * (np.log(2 * np.pi) + 1)
    prior = 0.5 * (((theta - objective.typical()) / [np.sqrt(3), 3.0]) ** 2).sum()
    np.testing.assert_allclose(objective(theta)[0], prior - np.log(integral) - constant, rtol=1e-5)


def test_several_responses_add_up():
    theta = np.log([0.4, 0.9, 2.0, 1e-3])
    together = likelihood(columns=3)
    prior = 0.5 * (((theta - together.typical()) / [*[np.sqrt(3)] * 3, 3.0]) ** 2).sum()
    alone = [
        RestrictedLikelihood(together.kernel, together.Z, together.F, t[:, None])(theta)[0] - prior
        for t in together.T.T
    ]
    assert together(theta)[0] == pytest.approx(sum(alone) + prior, rel=1e-12)


@pytest.mark.parametrize("nugget", ["tiny", "free"])
def test_the_maximum_is_no_worse_than_what_a_long_search_finds(nugget):
    objective = likelihood(25, 3, nugget=nugget)
    found = objective.maximum(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(300):
        other = objective.typical() + rng.normal(size=4) * [2, 2, 2, 4]
        assert objective(found)[0] <= objective(np.clip(other, -11, 7))[0] + 1e-6


def test_a_refit_leads_on_from_where_it_starts():
    objective = likelihood(25, 3)
    best = objective.maximum(seed=0)
    again = objective.maximum(seed=1, start=best)
    assert objective(again)[0] <= objective(best)[0] + 1e-9
    np.testing.assert_allclose(again, best, atol=0.05)


def test_unknown_nuggets_are_refused():
    with pytest.raises(InputError, match="nugget: found 'none'; allowed: 'tiny', 'free'"):
        likelihood(nugget="none").maximum(seed=0)
