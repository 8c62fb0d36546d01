"""Diagnostics: they fire where intervals are wrong and keep quiet where they are right."""

from __future__ import annotations

import numpy as np
import pytest
from tests.confidence.streams import LOSSES, Stream, run, stream

from surefoot.confidence.averages import Averages
from surefoot.confidence.bias import (
    DRIFT_LIMIT,
    Path,
    TransientBias,
    chain_tails,
    half_sample_drift,
    remaining,
    transient_bias,
)
from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.pilot import fit_pilot
from surefoot.confidence.schedule import StepSchedule


def bias_of(made: ChainEngine) -> TransientBias:
    return transient_bias(
        made.averages(), made.pilot, made.schedule, made.first_averaged, made.n_steps
    )


def cold(rows: Stream, c0: float, loss: str = "squared") -> ChainEngine:
    """Return a run that starts at 0 in the user's coordinates, with steps that suit nothing."""
    pilot = fit_pilot(rows.X[:200], rows.y[:200], LOSSES[loss], precondition=None)
    pilot.theta[:] = 0
    schedule = StepSchedule(c0, 0.501, 0.0)
    made = ChainEngine(LOSSES[loss], pilot, schedule=schedule, batch_size=1, n_chains=50)
    made.consume(rows.X, rows.y)
    return made


def test_what_remains_is_the_mean_product() -> None:
    schedule, curvatures = StepSchedule(0.9, 0.7, 2.0), np.array([0.0, 0.05, 1.0, 4.0])
    products = np.cumprod(np.abs(1 - np.outer(schedule.steps(1, 9000), curvatures)), axis=0)
    for first, last in [(1, 1), (1, 9000), (700, 9000), (5000, 9000)]:
        expected = products[first - 1 : last].mean(0)
        found = remaining(curvatures, schedule, first, last)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-14)


def test_the_predicted_bias_is_the_real_one() -> None:
    # Without noise all that separates the average from the truth is the start.
    X = np.random.default_rng(0).normal(size=(4000, 4))
    rows = Stream(X, X @ np.arange(1, 5.0), np.arange(1, 5.0))
    made = cold(rows, 0.01)
    real = made.averages().estimate - rows.theta
    # The curvature is that of the 200 rows of the pilot.
    assert np.linalg.norm(bias_of(made).bias - real) < 0.15 * np.linalg.norm(real)


@pytest.mark.parametrize(("loss", "c0"), [("squared", 0.01), ("squared", 0.03), ("log_loss", 0.03)])
def test_too_small_steps_are_flagged(loss: str, c0: float) -> None:
    for seed in range(5):
        assert bias_of(cold(stream(5000, 5, seed, loss=loss), c0, loss)).flagged


@pytest.mark.parametrize("loss", ["squared", "log_loss", "quantile"])
def test_the_defaults_are_not_flagged(loss: str) -> None:
    for seed in range(8):
        made = run(stream(10_000, 5, seed, loss=loss), loss, n0=200, n_chains=100)
        averages = made.averages()
        assert not bias_of(made).flagged
        assert not chain_tails(averages).flagged
        assert half_sample_drift(made.path, made.pilot, averages) < DRIFT_LIMIT


def test_a_stream_that_changes_is_noticed() -> None:
    rows = stream(10_000, 5)
    y = rows.y + rows.X[:, 0] * 0.5 * (np.arange(10_000) > 6000)
    made = run(rows._replace(y=y), n_chains=100)
    assert half_sample_drift(made.path, made.pilot, made.averages()) > DRIFT_LIMIT


@pytest.mark.parametrize("steps", [2, 7, 31, 32, 33, 100, 1000])
def test_a_path_knows_its_halves(steps: int) -> None:
    iterates = np.random.default_rng(0).normal(size=(steps, 2)) + 5
    path = Path()
    path.begin(np.ones(2))
    for phi in iterates:
        path.update(phi)
    assert len(path.sums) <= 32
    full = steps // path.length
    half = full // 2 * path.length
    end = full * path.length
    expected = iterates[end - half : end].mean(0) - iterates[:half].mean(0)
    np.testing.assert_allclose(path.drift(), expected, atol=1e-10)
    assert half > 0.43 * steps or steps < 8


def test_a_path_of_one_step_has_no_halves() -> None:
    path = Path()
    path.begin(np.zeros(2))
    path.update(np.ones(2))
    assert np.isnan(path.drift()).all()


def test_wild_chains_are_told() -> None:
    chains = np.random.default_rng(0).normal(size=(200, 3))
    tame = chain_tails(Averages(1, np.zeros(3), chains))
    assert not tame.flagged
    assert tame.farthest < 4.5
    assert abs(tame.kurtosis) < 1.5
    chains[7, 1] = 300
    wild = chain_tails(Averages(1, np.zeros(3), chains))
    assert wild.flagged
    assert wild.kurtosis > 100
    chains[9] = np.nan
    assert chain_tails(Averages(1, np.zeros(3), chains)).nonfinite == 1
    assert chain_tails(Averages(1, np.zeros(3), chains * np.nan)).flagged


def test_a_perfect_fit_is_not_wild() -> None:
    same = Averages(1, np.ones(2), np.ones((9, 2)))
    assert not chain_tails(same).flagged
