"""The pilot: right fits, coordinates in which the curvature is one, and honest warnings."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.confidence.synthetic import LOSSES, stream

from surefoot.confidence.losses import Huber, LogLoss, Quantile, Squared
from surefoot.confidence.pilot import Pilot, density_at_zero, fit_pilot, no_pilot, pilot_size
from surefoot.ground.errors import InputError


@pytest.mark.parametrize("loss", LOSSES)
def test_the_curvature_is_one_in_whitened_coordinates(loss: str) -> None:
    rows = stream(400, 6, loss=loss)
    pilot = fit_pilot(rows.X, rows.y, LOSSES[loss], ridge=0.1)
    whitened = pilot.quadratic_to_whitened(pilot.curvature)
    # The prior of one row of a logistic fit is in the coordinates, but not in the curvature.
    np.testing.assert_allclose(whitened, np.eye(6), atol=0.05 if loss == "log_loss" else 1e-10)
    phi = np.arange(1, 7.0)
    np.testing.assert_allclose(pilot.to_whitened(pilot.to_user(phi)), phi)
    np.testing.assert_allclose(pilot.theta, rows.theta, atol=0.6)


def test_fits_are_those_of_known_solvers() -> None:
    rows = stream(300, 4)
    ols = np.linalg.lstsq(rows.X, rows.y, rcond=None)[0]
    np.testing.assert_allclose(fit_pilot(rows.X, rows.y, Squared()).theta, ols, atol=1e-10)
    binary = stream(300, 4, loss="log_loss")
    peer = LogisticRegression(C=1 / (300 * 0.2), fit_intercept=False, tol=1e-10, max_iter=500)
    ours = fit_pilot(binary.X, binary.y, LogLoss(), ridge=0.2).theta
    # Apart from the prior of one row.
    np.testing.assert_allclose(ours, peer.fit(binary.X, binary.y).coef_[0], atol=8e-3)


@pytest.mark.parametrize("loss", ["huber", "quantile"])
def test_no_direction_leads_further_down(loss: str) -> None:
    rows, rng = stream(400, 4), np.random.default_rng(0)
    theta = fit_pilot(rows.X, rows.y, LOSSES[loss]).theta
    value = LOSSES[loss].value(rows.X @ theta, rows.y).mean()
    for _ in range(50):
        other = theta + 0.1 * rng.normal(size=4)
        assert LOSSES[loss].value(rows.X @ other, rows.y).mean() > value


def test_sample_weights_are_repeated_rows() -> None:
    rows = stream(200, 3)
    weight = np.tile([1.0, 3.0], 100)
    repeated = np.repeat(np.arange(200), weight.astype(int))
    a = fit_pilot(rows.X, rows.y, Squared(), ridge=0.1, sample_weight=weight / 2)
    b = fit_pilot(rows.X[repeated], rows.y[repeated], Squared(), ridge=0.1)
    np.testing.assert_allclose(a.theta, b.theta, rtol=1e-10)
    np.testing.assert_allclose(a.curvature, b.curvature, rtol=1e-10)
    assert a.row_curvature == pytest.approx(b.row_curvature)


def test_the_units_of_features_make_no_difference() -> None:
    rows, units = stream(300, 5, loss="log_loss"), 10.0 ** np.arange(-6, 9, 3)
    a, b = (fit_pilot(X, rows.y, LogLoss()) for X in (rows.X, rows.X * units))
    np.testing.assert_allclose(b.theta * units, a.theta, rtol=1e-8)
    assert b.row_curvature == pytest.approx(a.row_curvature)
    assert b.condition == pytest.approx(a.condition)


def test_the_curvature_of_a_row_is_d_where_the_bound_is_attained() -> None:
    rows = stream(400, 6)
    assert fit_pilot(rows.X, rows.y, Squared()).row_curvature == pytest.approx(6)
    assert fit_pilot(rows.X, rows.y, Quantile()).row_curvature == pytest.approx(6)


def test_a_logistic_row_counts_between_its_curvature_and_the_bound() -> None:
    rows = stream(2000, 6, loss="log_loss")
    pilot = fit_pilot(rows.X, rows.y, LogLoss())
    seen = rows.X @ pilot.scale
    most = 0.25 * (seen**2).sum(1).mean()
    assert most > 9
    assert pilot.row_curvature == pytest.approx(np.sqrt(6 * most), rel=1e-2)


def test_plainer_coordinates_know_their_largest_curvature() -> None:
    rows = stream(400, 6)
    X = rows.X * np.arange(1, 7)
    plain = fit_pilot(X, rows.y, Squared(), precondition=None)
    assert plain.top_curvature == pytest.approx(np.linalg.eigvalsh(X.T @ X / 400)[-1])
    diagonal = fit_pilot(X, rows.y, Squared(), precondition="diag")
    whitened = diagonal.quadratic_to_whitened(diagonal.curvature)
    np.testing.assert_allclose(np.diagonal(whitened), 1)
    phi = np.ones((6, 2))
    np.testing.assert_allclose(diagonal.to_whitened(diagonal.to_user(phi)), phi)
    out = np.empty_like(X)
    diagonal.whiten(X, out)
    np.testing.assert_allclose(np.mean(out**2, 0), 1)


def test_directions_without_rows_are_marked_and_noticed_later() -> None:
    rows = stream(400, 4)
    level = np.zeros((400, 1))  # a level that has not appeared yet
    X = np.hstack([rows.X, rows.X[:, :1] - 2 * rows.X[:, 1:2], level])
    pilot = fit_pilot(X, rows.y, Squared())
    assert pilot.rank == 4
    assert pilot.condition > 1e8
    assert pilot.deficient_directions.shape == (6, 2)
    np.testing.assert_allclose(X @ pilot.deficient_directions, 0, atol=1e-6)
    assert pilot.constant.tolist() == [5]
    assert np.isfinite(pilot.theta).all()

    seen = np.empty((3, 6))
    pilot.whiten(X[:3], seen)
    assert pilot.outside(seen) == 0
    later = X[:3].copy()
    later[1, 5] = 1
    pilot.whiten(later, seen)
    assert pilot.outside(seen) == 1
    assert np.abs(seen).max() < 20


def test_rows_far_beyond_the_pilot_are_noticed() -> None:
    rows = stream(400, 4)
    pilot = fit_pilot(rows.X, rows.y, Squared())
    whitened = np.empty((400, 4))
    pilot.whiten(rows.X, whitened)
    assert pilot.outside(whitened) == 0
    pilot.whiten(rows.X[:2] * 1e3, whitened[:2])
    assert pilot.outside(whitened) == 2


@pytest.mark.parametrize("epsilon", [1e-14, 1e-4])
def test_a_very_narrow_huber_loss_is_the_median(epsilon: float) -> None:
    rows = stream(300, 3)
    pilot, median = (fit_pilot(rows.X, rows.y, loss) for loss in (Huber(epsilon), Quantile()))
    np.testing.assert_allclose(pilot.theta, median.theta, atol=0.02)
    # Neither is the curvature bound of a residual that hardly any row has.
    assert pilot.row_curvature == pytest.approx(3, rel=1e-6)
    seen = rows.X @ pilot.scale
    assert np.linalg.cond(seen.T @ seen) < 10


@pytest.mark.parametrize("unit", [1e-20, 1e-12, 1e5, 1e12, 1e20])
def test_the_unit_of_the_target_makes_no_difference_to_a_quantile(unit: float) -> None:
    rows = stream(300, 3)
    one, other = (fit_pilot(rows.X, rows.y * u, Quantile(0.7)) for u in (1, unit))
    np.testing.assert_allclose(other.theta / unit, one.theta, atol=0.02)
    assert other.row_curvature == pytest.approx(one.row_curvature)


@pytest.mark.parametrize("loss", [Quantile(), Huber()])
def test_a_target_that_is_nothing_but_zero_is_fitted_by_zero(loss: Quantile | Huber) -> None:
    rows = stream(300, 3)
    weight = np.full(300, 1e6)
    assert not fit_pilot(rows.X, np.zeros(300), loss, sample_weight=weight).theta.any()


def test_separated_classes_are_seen_and_stay_finite() -> None:
    rows = stream(300, 3)
    y = (rows.X[:, 0] > 0).astype(float)
    pilot = fit_pilot(rows.X, y, LogLoss())
    assert pilot.separated
    assert np.abs(pilot.theta).max() < 100
    assert np.isfinite(pilot.scale).all()
    one_class = fit_pilot(np.ones((300, 1)), np.zeros(300), LogLoss())
    assert one_class.separated
    binary = stream(300, 3, loss="log_loss")
    assert not fit_pilot(binary.X, binary.y, LogLoss()).separated


def test_the_density_of_residuals_is_about_right() -> None:
    residuals = np.random.default_rng(0).normal(size=4000)
    assert density_at_zero(residuals) == pytest.approx(0.399, rel=0.1)
    assert np.isfinite(density_at_zero(np.zeros(9)))


def test_a_pilot_survives_as_arrays() -> None:
    rows = stream(100, 3)
    pilot = fit_pilot(rows.X, rows.y, Squared())
    other = Pilot.from_arrays(pilot.to_arrays())
    assert vars(other).keys() == vars(pilot).keys()
    for name, value in vars(pilot).items():
        np.testing.assert_array_equal(getattr(other, name), value)
        assert type(getattr(other, name)) is type(value)


def test_too_few_rows_to_whiten_are_refused() -> None:
    rows = stream(6, 6)
    with pytest.raises(InputError, match="at least 7 rows, 200 are better"):
        fit_pilot(rows.X, rows.y, Squared())
    assert fit_pilot(rows.X, rows.y, Squared(), precondition="diag").n_rows == 6
    with pytest.raises(InputError, match="did you mean 'whiten'"):
        fit_pilot(rows.X, rows.y, Squared(), precondition="white")  # type: ignore[arg-type]
    assert (pilot_size(3), pilot_size(50)) == (200, 1000)
    assert no_pilot(2, row_curvature=2).theta.tolist() == [0, 0]
