"""Companions: online formulas equal their definitions, and critical values the published ones."""

from __future__ import annotations

import numpy as np
import pytest
from tests.confidence.synthetic import engine, stream

from surefoot.confidence.companions import ScoreBootstrap, random_scaling_critical_value
from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError

ALL = ("plugin", "random_scaling", "batch_means", "score_bootstrap")
ROWS, B = 1600, 8
SAMPLE_WEIGHT = np.random.default_rng(9).uniform(0.5, 1.5, ROWS)


@pytest.fixture(scope="module")
def followed() -> tuple[ChainEngine, np.ndarray]:
    """Return an engine and its iterates in the user's coordinates, (steps, d)."""
    rows = stream(ROWS, 3)
    made = engine(rows, companions=ALL, batch_size=B, n_chains=400)
    iterates = []
    for start in range(0, ROWS, B):
        part = slice(start, start + B)
        made.consume(rows.X[part], rows.y[part], sample_weight=SAMPLE_WEIGHT[part])
        iterates.append(made.pilot.to_user(made._chains.phi[:, 0]))
    return made, np.array(iterates)


def test_random_scaling_is_its_definition(followed: tuple[ChainEngine, np.ndarray]) -> None:
    made, iterates = followed
    steps = np.arange(1, len(iterates) + 1)[:, None]
    moved = steps * (np.cumsum(iterates, 0) / steps - iterates.mean(0))
    V = moved.T @ moved / len(iterates) ** 2
    np.testing.assert_allclose(
        made.companion_covariance("random_scaling"), V / len(iterates), rtol=1e-8
    )


def test_batch_means_are_their_definition(followed: tuple[ChainEngine, np.ndarray]) -> None:
    made, iterates = followed
    centred, V, lengths = iterates - iterates.mean(0), np.zeros((3, 3)), 0
    starts = [int(np.floor(m ** (2 / (1 - 0.6)))) for m in range(1, 20)]
    for k in range(1, len(iterates) + 1):
        start = max(s for s in starts if s <= k)
        block = centred[start - 1 : k].sum(0)
        V += np.outer(block, block)
        lengths += k - start + 1
    expected = V / lengths / len(iterates)
    np.testing.assert_allclose(made.companion_covariance("batch_means"), expected, rtol=1e-8)


def gradients_along(iterates: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the inverse curvature and the gradients of the rows along the path."""
    rows = stream(ROWS, 3)
    path = np.vstack([start, iterates[:-1]]).repeat(B, axis=0)
    weighted = rows.X * SAMPLE_WEIGHT[:, None]
    scores = (rows.X * path).sum(1) - rows.y
    return np.linalg.inv(weighted.T @ rows.X / ROWS), weighted * scores[:, None]


def test_plug_in_is_the_sandwich(followed: tuple[ChainEngine, np.ndarray]) -> None:
    made, iterates = followed
    bread, gradients = gradients_along(iterates, made.pilot.theta)
    expected = bread @ np.cov(gradients.T, bias=True) @ bread / ROWS
    np.testing.assert_allclose(made.companion_covariance("plugin"), expected, rtol=1e-8)


def test_score_bootstrap_is_plug_in_with_chains(followed: tuple[ChainEngine, np.ndarray]) -> None:
    made, iterates = followed
    bread, gradients = gradients_along(iterates, made.pilot.theta)
    W = made.multiplier.row_weights(made.seed, np.arange(ROWS), slice(1, 401))
    companion = made.companions["score_bootstrap"]
    assert isinstance(companion, ScoreBootstrap)
    deviations = made.pilot.to_user(companion.deviations())
    np.testing.assert_allclose(deviations, -bread @ gradients.T @ (W - 1) / ROWS, rtol=1e-7)
    # It has the weights of the chains, and goes where they go.
    chains = made.averages().chains
    for j in range(3):
        assert np.corrcoef(deviations[j], chains[:, j])[0, 1] > 0.9
    covariance = made.companion_covariance("score_bootstrap")
    np.testing.assert_allclose(covariance, deviations @ deviations.T / 400, rtol=1e-8)


def test_a_burn_in_and_an_epoch_start_companions_afresh() -> None:
    rows = stream(800, 3)
    late, again = (engine(rows, companions=ALL, burn_in=b) for b in (320, 0))
    late.consume(rows.X, rows.y)
    again.consume(rows.X[:320], rows.y[:320])
    again.start_epoch()
    again.consume(rows.X[320:], rows.y[320:], row_ids=np.arange(320, 800))
    for name in ALL:
        np.testing.assert_array_equal(
            late.companion_covariance(name), again.companion_covariance(name)
        )


def test_intervals_are_centred_and_grow_with_the_level() -> None:
    rows = stream(800, 3)
    made = engine(rows, companions=ALL)
    made.consume(rows.X, rows.y)
    center = made.averages().estimate
    for name in ALL:
        (low, high), (lower, higher) = (
            made.companion_interval(name, level) for level in (0.9, 0.99)
        )
        np.testing.assert_allclose((low + high) / 2, center)
        assert (lower < low).all()
        assert (high < higher).all()
    spread = np.sqrt(np.diag(made.companion_covariance("plugin")))
    low, high = made.companion_interval("plugin")
    np.testing.assert_allclose((high - low) / 2, 1.959964 * spread, rtol=1e-6)
    with pytest.raises(InputError, match=r"a number in \(0, 1\)"):
        made.companion_interval("plugin", 95)
    with pytest.raises(InputError, match="did you mean 'plugin'"):
        made.companion_interval("plug_in")


@pytest.mark.parametrize(
    ("level", "published"), [(0.8, 3.875), (0.9, 5.323), (0.95, 6.747), (0.98, 8.613)]
)
def test_critical_values_are_the_published_ones(level: float, published: float) -> None:
    assert random_scaling_critical_value(level) == pytest.approx(published, abs=6e-4)


def test_critical_values_agree_with_simulated_paths() -> None:
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=(4000, 500)), axis=1) / np.sqrt(500)
    bridge = walk - np.linspace(1 / 500, 1, 500) * walk[:, -1:]
    t = np.abs(walk[:, -1]) / np.sqrt((bridge**2).mean(1))
    for level in (0.5, 0.7, 0.95):
        inside = (t <= random_scaling_critical_value(level)).mean()
        assert inside == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 4000))


def test_batch_means_need_a_slower_schedule() -> None:
    with pytest.raises(InputError, match="less than 1 for batch means"):
        engine(stream(200, 2), companions=("batch_means",), schedule=StepSchedule(gamma=1.0))
