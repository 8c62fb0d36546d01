"""Step sizes: the formula, the delay, and what is no schedule."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.confidence.schedule import StepSchedule, batch_size_for
from surefoot.ground.errors import InputError


def test_steps_follow_the_formula() -> None:
    schedule = StepSchedule(0.5, 0.75, 10.0)
    np.testing.assert_allclose(schedule.steps(1, 3), 0.5 / np.array([11, 12, 13]) ** 0.75)
    assert schedule.step(3) == schedule.steps(3, 1)[0]


@pytest.mark.parametrize("gamma", [0.51, 0.6, 1.0])
@pytest.mark.parametrize("batch_size", [1, 32])
def test_the_delay_keeps_the_first_step_stable(gamma: float, batch_size: int) -> None:
    schedule = StepSchedule(2.0, gamma).resolved(
        largest_weight=2.618, row_curvature=20, batch_size=batch_size, top_curvature=3
    )
    assert schedule.step(0) == pytest.approx(1 / (3 + 2.618 * 20 / batch_size))
    assert schedule.resolved(largest_weight=9, row_curvature=1, batch_size=1) is schedule


def test_a_schedule_without_a_number_has_no_steps() -> None:
    with pytest.raises(InputError, match="a resolved schedule"):
        StepSchedule().steps(1, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"c0": 0}, "c0"), ({"c0": float("inf")}, "c0"), ({"gamma": 0.5}, "gamma"),
        ({"gamma": 1.01}, "gamma"), ({"k0": -1}, "k0"), ({"k0": "automatic"}, "k0"),
    ],
)  # fmt: skip
def test_bad_schedules_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        StepSchedule(**options)


def test_minibatches_leave_enough_steps() -> None:
    sizes = [batch_size_for(n) for n in (None, 10, 1000, 5000, 10_000, 10**7)]
    assert sizes == [32, 8, 8, 16, 32, 64]
