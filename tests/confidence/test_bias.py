"""Diagnostics: they fire where intervals are wrong and keep quiet where they are right."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.confidence.synthetic import LOSSES, Stream, run, stream

from surefoot.confidence.averages import Averages
from surefoot.confidence.bias import (
    DRIFT_LIMIT,
    Path,
    TransientBias,
    chain_tails,
    exploded,
    half_sample_drift,
    in_spreads,
    keeps_growing,
    relative_spreads,
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


def test_a_parameter_on_which_chains_agree_has_no_say() -> None:
    chains = np.array([[1.0, 0], [3, 0]])
    assert in_spreads(np.array([0.5, 1e-17]), Averages(1, np.zeros(2), chains)) == 0.5
    assert in_spreads(np.ones(2), Averages(1, np.zeros(2), chains * 0)) == 0


@pytest.mark.parametrize(("n", "scale", "grows"), [(20_000, 2, False), (20_000, 100, True)])
def test_log_odds_that_keep_growing_are_noticed(n: int, scale: float, grows: bool) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n, 3))
        y = (rng.random(n) < 1 / (1 + np.exp(-scale * X[:, 0]))).astype(float)
        made = run(Stream(X, y, np.zeros(3)), "log_loss", n0=200)
        assert keeps_growing(made.path, made.pilot) is grows


@pytest.mark.parametrize(
    ("sizes", "grows"),
    [([1.2, 1.6, 2.0, 2.2], True), ([1.2, 1.6, 1.8, 1.9], False), ([1.2, 2.6, 2.5, 2.7], False)],
)
def test_growth_is_twice_the_start_and_in_every_quarter(sizes: list[float], grows: bool) -> None:
    pilot = run(stream(400, 3, loss="log_loss"), "log_loss", n0=200).pilot
    start, path = pilot.to_whitened(pilot.theta), Path()
    path.begin(np.zeros(3))
    for size in np.repeat(sizes, 8):
        path.update(size * start)
    assert keeps_growing(path, pilot) is grows


def test_a_short_path_does_not_grow() -> None:
    made = run(stream(96, 3, loss="log_loss"), "log_loss", n0=96)
    assert np.isnan(made.path.quarters()).all()
    assert not keeps_growing(made.path, made.pilot)


def test_quarters_are_means_of_iterates() -> None:
    iterates, path = np.arange(20.0).reshape(10, 2), Path()
    path.begin(np.ones(2))
    for phi in iterates:
        path.update(phi)
    np.testing.assert_allclose(path.quarters(), iterates[:8].reshape(4, 2, 2).mean(1))


def test_relative_spreads_do_not_depend_on_the_unit_of_the_target() -> None:
    rows = stream(2000, 3)
    plain, moved = run(rows), run(rows._replace(y=1e3 * rows.y))
    spreads = [relative_spreads(made.averages(), made.pilot) for made in (plain, moved)]
    np.testing.assert_allclose(spreads[1], spreads[0], rtol=1e-6)


def test_a_run_far_from_its_warm_start_has_exploded() -> None:
    rows = stream(2000, 3)
    made = run(rows)
    found = made.averages()
    assert not exploded(found, made.pilot)
    far = dataclasses.replace(found, estimate=found.estimate * 1e9)
    assert exploded(far, made.pilot)
    assert exploded(dataclasses.replace(found, estimate=found.estimate * np.nan), made.pilot)
    # From 0 every size is a million times as large.
    cold = dataclasses.replace(made.pilot, theta=np.zeros(3))
    assert not exploded(found, cold)
