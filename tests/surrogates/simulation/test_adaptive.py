"""Adaptive batches: they go where the variance is, and never to where a run has been."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates.fitted_gp import FittedGP
from surefoot.surrogates.candidates.gp import GaussianProcess
from surefoot.surrogates.simulation.adaptive import CRITERIA, choose_batch, unit_points

# Runs in the left half only.
DONE = unit_points(2, 16, 3) * [0.5, 1]
CANDIDATES = unit_points(2, 128, 4)
REFERENCE = unit_points(2, 512, 9)


def process(y: np.ndarray) -> FittedGP:
    return GaussianProcess("squared-exponential").fit(DONE, (y - y.mean()) / y.std())


WAVES = process(np.sin(6 * DONE[:, 0]) + np.cos(5 * DONE[:, 1]))


@pytest.mark.parametrize("criterion", ["alc", "variance", "maximin"])
def test_batches_go_where_nothing_has_been_run(criterion: str) -> None:
    batch = choose_batch([WAVES], DONE, CANDIDATES, REFERENCE, 4, criterion)
    assert len(set(batch.rows)) == 4
    assert (CANDIDATES[batch.rows, 0] > 0.5).sum() >= 3


def test_the_first_run_of_alc_leaves_least_by_its_own_account() -> None:
    left = {
        c: choose_batch([WAVES], DONE, CANDIDATES, REFERENCE, 1, c).variance_left for c in CRITERIA
    }
    assert left["alc"] == min(left.values())
    alc = choose_batch([WAVES], DONE, CANDIDATES, REFERENCE, 1, "alc")
    assert alc.variance_left_space_filling == pytest.approx(left["maximin"])


def test_a_run_that_may_fail_is_worth_less() -> None:
    best = choose_batch([WAVES], DONE, CANDIDATES, REFERENCE, 1, "alc").rows[0]
    likely = np.ones(len(CANDIDATES))
    likely[best] = 0.01
    assert choose_batch([WAVES], DONE, CANDIDATES, REFERENCE, 1, "alc", likely).rows[0] != best


def test_alc_is_what_a_run_takes_from_the_variance() -> None:
    """The closed form against adding the run and predicting again."""
    chosen = choose_batch([WAVES], DONE, CANDIDATES[:8], REFERENCE, 1, "alc").rows[0]
    left = [(WAVES.given(CANDIDATES[[row]]).predict(REFERENCE)[1] ** 2).mean() for row in range(8)]
    assert chosen == int(np.argmin(left))


def test_improvement_is_sought_near_the_best_run() -> None:
    bowl = process(((DONE - [0.25, 0.5]) ** 2).sum(axis=1))
    row = choose_batch([bowl], DONE, CANDIDATES, REFERENCE, 1, "minimum").rows[0]
    assert np.abs(CANDIDATES[row] - [0.25, 0.5]).max() < 0.2
    row = choose_batch([bowl], DONE, CANDIDATES, REFERENCE, 1, "maximum").rows[0]
    assert np.abs(CANDIDATES[row] - [0.25, 0.5]).max() > 0.3


def test_several_responses_are_weighed_alike() -> None:
    once = choose_batch([WAVES], DONE, CANDIDATES, REFERENCE, 2, "alc").rows
    assert choose_batch([WAVES, WAVES], DONE, CANDIDATES, REFERENCE, 2, "alc").rows == once


@pytest.mark.parametrize(
    ("n", "criterion", "message"), [(0, "alc", "n: found 0"), (3, "entropy", "criterion")]
)
def test_wrong_questions(n: int, criterion: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_batch([WAVES], DONE, CANDIDATES, REFERENCE, n, criterion)
