"""Garnet problems: their equations hold, and their streams are what the equations say."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.confidence.linear.garnet import Garnet, Transitions, garnet
from surefoot.confidence.td_cells import METHODS, garnet_cells, measure
from surefoot.ground.errors import UnmetError

PROBLEM = garnet(seed=100)
SAMPLINGS = ("independent", "trajectory")


def draw(problem: Garnet, sampling: str, n: int, seed: int) -> Transitions:
    return getattr(problem, sampling)(n, seed)


def test_a_problem_is_what_its_name_says() -> None:
    assert ((PROBLEM.moves > 0).sum(axis=2) == 3).all()
    np.testing.assert_allclose(PROBLEM.moves.sum(axis=2), 1)
    np.testing.assert_allclose(PROBLEM.policy.sum(axis=1), 1)
    assert PROBLEM.moves.shape == (10, 2, 10)
    assert PROBLEM.n_states == 10


@pytest.mark.parametrize("seed", range(100, 110))
def test_values_and_frequencies_solve_their_equations(seed: int) -> None:
    problem = garnet(seed=seed, discount=0.95)
    mean_rewards = (problem.policy * problem.rewards).sum(axis=1)
    bellman = mean_rewards + 0.95 * problem.chain @ problem.values
    np.testing.assert_allclose(problem.values, bellman)
    np.testing.assert_allclose(problem.frequencies @ problem.chain, problem.frequencies)
    assert problem.frequencies.sum() == pytest.approx(1)
    assert problem.frequencies.min() >= 0.01


def test_the_seed_decides_and_nothing_else() -> None:
    np.testing.assert_array_equal(garnet(seed=100).moves, PROBLEM.moves)
    assert (garnet(seed=101).rewards != PROBLEM.rewards).all()
    for sampling in SAMPLINGS:
        long, short = draw(PROBLEM, sampling, 300, 1), draw(PROBLEM, sampling, 300, 1)
        np.testing.assert_array_equal(long.states, short.states)
        assert (draw(PROBLEM, sampling, 300, 2).states != long.states).any()


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_streams_have_the_frequencies_and_the_transitions(sampling: str) -> None:
    n = 40_000
    states, rewards, following = draw(PROBLEM, sampling, n, 0)
    shares = np.bincount(states, minlength=10) / n
    np.testing.assert_allclose(shares, PROBLEM.frequencies, atol=0.012)
    counts = np.zeros((10, 10))
    np.add.at(counts, (states, following), 1)
    np.testing.assert_allclose(counts / counts.sum(1, keepdims=True), PROBLEM.chain, atol=0.05)
    error = rewards + PROBLEM.discount * PROBLEM.values[following] - PROBLEM.values[states]
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(n)
    assert (states[1:] == following[:-1]).mean() == pytest.approx(
        1.0 if sampling == "trajectory" else (PROBLEM.frequencies**2).sum(), abs=0.02
    )


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_asymptotic_covariance_is_that_of_least_squares(sampling: str) -> None:
    n, found = 3000, []
    for seed in range(150):
        features, rewards, following = PROBLEM.tabular(draw(PROBLEM, sampling, n, seed))
        A = features.T @ (features - PROBLEM.discount * following)
        found.append(np.linalg.solve(A, features.T @ rewards))
    expected = np.sqrt(np.diag(PROBLEM.asymptotic_covariance) / n)
    np.testing.assert_allclose(np.std(found, axis=0), expected, rtol=0.2)
    correlation = np.corrcoef(np.transpose(found))
    scale = np.sqrt(np.diag(PROBLEM.asymptotic_covariance))
    limit = PROBLEM.asymptotic_covariance / np.outer(scale, scale)
    np.testing.assert_allclose(correlation, limit, atol=0.25)


def test_every_state_is_reached_from_every_other() -> None:
    # With one way on from each of three states most chains fall apart.
    for seed in range(100, 105):
        problem = garnet(seed=seed, n_states=3, n_actions=1, branching=1)
        assert (np.linalg.matrix_power(np.eye(3) + problem.chain, 3) > 0).all()


def test_what_can_not_be_found_is_said() -> None:
    # With one way on from each of twelve states hardly a chain is a single circle.
    with pytest.raises(UnmetError, match="none of 1000 problems"):
        garnet(seed=100, n_states=12, n_actions=1, branching=1)


def test_a_cell_is_reproducible_and_flags_what_is_not_forgotten() -> None:
    first, again = (
        measure(seed=100, task="td", method="all", n=12_000, repetitions=1) for _ in range(2)
    )
    assert first == again
    assert {name.partition("|")[0] for name in first} == set(METHODS)
    assert first["no burn-in, i.i.d. states|bias_flag"] == 1
    assert first["no burn-in, i.i.d. states|coverage"] < 0.5
    for method in ("pilot, i.i.d. states", "pilot, trajectory"):
        assert 0.8 < first[f"{method}|length"] < 1.25


def test_cells_are_plain_and_their_keys_differ() -> None:
    cells = garnet_cells([100, 101])
    assert len({cell.key for cell in cells}) == 2
    assert cells[0].params["n"] == 50_000
