"""Principal coordinates: identities are kept, fields are reduced to what unseen rows need."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.surrogates.candidates.baselines import Linear
from surefoot.surrogates.candidates.gp import GaussianProcess
from surefoot.surrogates.ensemble.folds import assign_folds
from surefoot.surrogates.members import Member
from surefoot.surrogates.outputs import Directions, ReachedOutputs, SeparateOutputs, fit_outputs
from surefoot.surrogates.stack import Comparison, compare

RNG = np.random.default_rng(0)
Z = RNG.random((40, 2))
NEW = RNG.random((50, 2))
FOLD = assign_folds(40, 5, 0)


def parts(Z: np.ndarray) -> np.ndarray:
    """Three parts that sum to one, and twice the first plus 7."""
    raw = np.exp(np.stack([np.sin(3 * Z[:, 0]), Z[:, 1] ** 2, Z.sum(axis=1)], axis=1))
    shares = raw / raw.sum(axis=1, keepdims=True)
    return np.column_stack([shares, 2 * shares[:, 0] + 7])


def one(y: np.ndarray) -> Comparison:
    members = [
        Member(GaussianProcess("squared-exponential"), "identity"),
        Member(Linear(), "identity"),
    ]
    return compare(members, Z, y, fold=FOLD, groups=np.arange(40), seed=0)


def test_linear_identities_of_the_runs_hold_everywhere() -> None:
    outputs, comparisons, laws = fit_outputs(parts(Z), FOLD, one, preserve=True, field=False)
    mean, sd = outputs.moments(NEW)
    assert len(comparisons) == 4
    assert np.abs(mean[:, :3].sum(axis=1) - 1).max() < 1e-12
    assert np.abs(mean[:, 3] - 2 * mean[:, 0] - 7).max() < 1e-12
    drawn = outputs.sample(NEW, 4, np.random.default_rng(0))
    assert np.abs(drawn[..., :3].sum(axis=2) - 1).max() < 1e-12
    errors = mean - parts(NEW)
    assert np.abs(errors).max() < 0.02
    inside = np.abs(errors) < 1.96 * sd
    assert 0.85 < inside.mean() <= 1
    assert len(laws) == 4


def test_separate_responses_break_the_identity() -> None:
    outputs, _, _ = fit_outputs(parts(Z), FOLD, one, preserve=False, field=False)
    assert isinstance(outputs, SeparateOutputs)
    mean, _ = outputs.moments(NEW)
    assert np.abs(mean[:, :3].sum(axis=1) - 1).max() > 1e-9


def test_a_field_of_two_modes_in_noise_is_reduced_to_two() -> None:
    x = np.linspace(0, 1, 60)
    modes = np.stack([np.sin(np.pi * x), np.cos(2 * np.pi * x)])
    C = np.stack([3 * Z[:, 0], Z[:, 1] ** 2], axis=1)
    Y = C @ modes + 0.01 * RNG.normal(size=(40, 60))
    directions, q = Directions.reducing(Y, FOLD)
    assert q.shape == (40, 2)
    # What is left is the noise, for every point of the field.
    np.testing.assert_allclose(directions.rest, 0.01, rtol=0.6)
    rebuilt = directions.responses(q)
    assert np.abs(rebuilt - C @ modes).max() < 0.05


def test_a_projection_leaves_the_runs_alone_and_is_never_further_from_the_truth() -> None:
    truth = parts(NEW)
    directions, Q = Directions.projecting(parts(Z))
    np.testing.assert_allclose(directions.responses(Q), Q, atol=1e-12)
    wrong = truth + 0.1 * directions.scale * RNG.normal(size=truth.shape)
    moved = directions.responses(wrong)
    before, after = (((y - truth) / directions.scale) ** 2 for y in (wrong, moved))
    assert (after.sum(axis=1) <= before.sum(axis=1) + 1e-12).all()
    assert after.sum() < 0.8 * before.sum()


def test_a_constant_response_stays_constant() -> None:
    Y = np.column_stack([parts(Z)[:, 0], np.full(40, 5.0)])
    outputs, _, _ = fit_outputs(Y, FOLD, one, preserve=True, field=False)
    mean, _ = outputs.moments(NEW)
    np.testing.assert_allclose(mean[:, 1], 5, atol=1e-12)


def test_deviations_are_calibrated_and_covariances_agree_with_them() -> None:
    outputs, _, _ = fit_outputs(parts(Z), FOLD, one, preserve=True, field=False)
    assert isinstance(outputs, ReachedOutputs)
    _, sd = outputs.moments(NEW)
    covariance = outputs.covariance(NEW)
    np.testing.assert_allclose(np.sqrt(np.einsum("pmm->mp", covariance)), sd, rtol=1e-6)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


@pytest.mark.parametrize("preserve", [True, False])
def test_no_rows_give_no_predictions(preserve: bool) -> None:
    outputs, _, _ = fit_outputs(parts(Z)[:, :2], FOLD, one, preserve=preserve, field=False)
    mean, sd = outputs.moments(np.empty((0, 2)))
    assert mean.shape == sd.shape == (0, 2)
