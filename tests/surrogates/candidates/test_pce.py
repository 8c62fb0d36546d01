from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import lars_path
from tests.surrogates.candidates.runs import branin, error, friedman, ishigami, new_rows, runs

from surefoot.surrogates.candidates.lars import least_angle_selection
from surefoot.surrogates.candidates.pc_kriging import PCKriging, strongest_terms
from surefoot.surrogates.candidates.pce import FittedChaos, PolynomialChaos, select_basis
from surefoot.surrogates.candidates.polynomials import legendre


def brute_force(Psi, t, columns):
    """Return the corrected leave-one-out error of the refit with those columns."""
    n, F = len(t), np.column_stack([np.ones(len(t)), Psi[:, columns]])
    errors = []
    for i in range(n):
        others = np.arange(n) != i
        coefficients = np.linalg.lstsq(F[others], t[others], rcond=None)[0]
        errors.append(t[i] - F[i] @ coefficients)
    m = F.shape[1]
    return np.mean(np.square(errors)) * n / (n - m) * (1 + m / n)


def test_the_path_is_least_angle_regression_and_its_error_the_real_one():
    rng = np.random.default_rng(0)
    Psi = rng.normal(size=(40, 15))
    t = Psi[:, :5] @ [3, -2, 1, 0.5, 0.25] + 0.3 * rng.normal(size=40)
    found = least_angle_selection(Psi, t, 15)
    X = (Psi - Psi.mean(axis=0)) / np.linalg.norm(Psi - Psi.mean(axis=0), axis=0)
    _, order, _ = lars_path(X, t - t.mean(), method="lar")
    np.testing.assert_array_equal(found.columns, order[: len(found.columns)])
    stages = [brute_force(Psi, t, order[:m]) for m in range(16)]
    assert found.error == pytest.approx(min(stages), rel=1e-9)
    assert len(found.columns) == np.argmin(stages)


def test_nearly_dependent_columns_cost_no_digits():
    # Monomials of a narrow range: each is almost the sum of those before.
    x = np.random.default_rng(0).uniform(0.9, 1.0, 30)
    Psi = np.column_stack([x**k for k in range(1, 5)])
    t = np.sin(20 * x)
    found = least_angle_selection(Psi, t, 4)
    assert len(found.columns) >= 3
    centred = (Psi - Psi.mean(axis=0)) / Psi.std(axis=0)
    assert found.error == pytest.approx(brute_force(centred, t, found.columns), rel=1e-6)


def test_columns_that_depend_on_others_or_on_nothing_do_not_enter():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 30))
    Psi = np.column_stack([a, np.ones(30), a, b, a + b])
    found = least_angle_selection(Psi, 2 * a + b + 0.01 * rng.normal(size=30), 5)
    assert 1 not in found.columns
    assert len(found.columns) == 2
    nothing = least_angle_selection(np.ones((10, 2)), rng.normal(size=10), 2)
    assert len(nothing.columns) == 0


def test_a_polynomial_is_found_term_by_term():
    truth = {(0, 0, 0): 1.5, (1, 0, 0): 1.0, (0, 2, 1): -0.5, (0, 0, 3): 0.25}
    Z = runs(60, 3)[0]
    t = legendre(Z, np.array(list(truth))) @ np.array(list(truth.values()))
    fit = PolynomialChaos().fit(Z, t)
    found = dict(zip(map(tuple, fit.indices.tolist()), fit.coefficients, strict=True))
    for index, value in truth.items():
        assert found[index] == pytest.approx(value, abs=1e-8)
    mean, sd = fit.predict(new_rows())
    expected = legendre(new_rows(), np.array(list(truth))) @ np.array(list(truth.values()))
    np.testing.assert_allclose(mean, expected, atol=1e-8)
    assert (sd < 1e-6).all()


def test_moments_and_indices_from_coefficients_are_those_of_the_surrogate():
    Z, t = runs(120, 3, function=ishigami)
    fit = PolynomialChaos().fit(Z, t)
    rng = np.random.default_rng(1)
    A, B = rng.random((2, 100_000, 3))
    at_a = fit.predict(A)[0]
    assert at_a.mean() == pytest.approx(fit.coefficients[0], abs=0.01)
    assert at_a.var() == pytest.approx((fit.coefficients[1:] ** 2).sum(), rel=0.02)
    first, total = fit.sobol_indices()
    for j in range(3):
        # Jansen's estimators: only, or all but, input j differs.
        only, all_but = A.copy(), B.copy()
        only[:, j], all_but[:, j] = B[:, j], A[:, j]
        halves = np.mean((at_a - fit.predict(only)[0]) ** 2) / 2 / at_a.var()
        rest = 1 - np.mean((at_a - fit.predict(all_but)[0]) ** 2) / 2 / at_a.var()
        assert total[j] == pytest.approx(halves, abs=0.015)
        assert first[j] == pytest.approx(rest, abs=0.015)
    np.testing.assert_allclose(first, [0.314, 0.442, 0.0], atol=0.02)  # Ishigami's own
    np.testing.assert_allclose(total, [0.558, 0.442, 0.244], atol=0.02)


def test_a_constant_has_no_indices():
    fit = FittedChaos(np.zeros((1, 2), int), np.ones(1), np.ones((1, 1)), 0.0, 1.0, 0)
    for indices in fit.sobol_indices():
        np.testing.assert_array_equal(indices, 0)


def test_the_deviation_is_on_average_the_leave_one_out_error():
    Z, t = runs(50, 2, function=branin)
    basis, fit = select_basis(Z, t), PolynomialChaos().fit(Z, t)
    assert np.mean(fit.predict(Z)[1] ** 2) == pytest.approx(basis.error, rel=1e-8)


def test_noise_brings_no_terms_worth_having():
    Z = runs(60, 4)[0]
    noise = np.random.default_rng(0).normal(size=60)
    mean, sd = PolynomialChaos().fit(Z, noise).predict(new_rows(500, 4))
    assert mean.std() < 1
    assert 0.7 < sd.mean() < 1.4


@pytest.mark.parametrize(
    ("candidate", "function", "n", "d", "bar"),
    [
        (PolynomialChaos(), friedman, 50, 5, 0.1),
        (PolynomialChaos(), ishigami, 60, 3, 0.1),
        (PCKriging(), friedman, 50, 5, 0.02),
        (PCKriging(), branin, 20, 2, 0.05),
    ],
)
def test_smooth_functions_are_met(candidate, function, n, d, bar):
    assert error(candidate, function, n, d) < bar


def test_the_trend_is_the_strongest_terms_and_the_constant():
    Z, t = runs(40, 3, function=ishigami)
    terms = strongest_terms(Z, t, 6)
    assert not terms[0].any()
    chaos = PolynomialChaos().fit(Z, t)
    strength = dict(
        zip(map(tuple, chaos.indices.tolist()), np.abs(chaos.coefficients), strict=True)
    )
    strongest = sorted((i for i in strength if any(i)), key=strength.__getitem__, reverse=True)[:5]
    assert list(map(tuple, terms[1:].tolist())) == strongest
    assert PCKriging().fit(Z, t).describe()["trend_terms"] <= 0.35 * 40
    assert len(strongest_terms(Z, t, 0)) == 1


def test_the_basis_is_chosen_again_in_every_fold():
    Z, t = runs(40, 3, function=ishigami)
    full = PCKriging().fit(Z, t)
    fold = PCKriging().fit(Z[8:], t[8:], start=full.start)
    np.testing.assert_array_equal(
        sorted(map(tuple, fold.indices.tolist())),
        sorted(map(tuple, strongest_terms(Z[8:], t[8:], int(0.35 * 32)).tolist())),
    )
