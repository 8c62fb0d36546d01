"""Which method, when."""

from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.uncertain.beliefs import joint, normal, rare
from tests.incentives.uncertain.worlds import cost_of

from surefoot.incentives.margins import MarginDraws
from surefoot.incentives.status import Status
from surefoot.incentives.uncertain import calibration
from surefoot.incentives.uncertain import choose as module
from surefoot.incentives.uncertain.choose import Shape, choose
from surefoot.incentives.uncertain.respond import respond

COST = cost_of(2, np.random.default_rng(0), 5)
X = np.random.default_rng(1).normal(size=(30, 5))


@pytest.fixture(autouse=True)
def _fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (calibration, module):
        monkeypatch.setattr(place, "DRAWS", 30_000)
    monkeypatch.setattr(module, "_SCENARIOS", 1_000)


def test_nearly_normal_margins_get_a_calibrated_z() -> None:
    draws_of, moments = joint(0, normal)
    choice = choose(moments, draws_of, X, 0.9, COST)
    assert choice.method == "calibrated"
    assert choice.shape.normal
    assert choice.check.kept
    expected = respond(moments, X, choice.check.z, COST)
    np.testing.assert_array_equal(choice.found.effort, expected.effort)


def test_margins_of_another_shape_get_the_mean_of_the_worst() -> None:
    draws_of, moments = joint(0, rare, 0.4)
    choice = choose(moments, draws_of, X, 0.9, COST)
    assert choice.method == "cvar"
    assert not choice.shape.normal
    assert np.isnan(choice.check.z)
    assert choice.check.low > 0.9
    assert set(choice.found.status) == {Status.PASSES, Status.MOVES}


def test_a_failed_check_gets_the_mean_of_the_worst() -> None:
    draws_of, moments = joint(0, normal)
    calls: list[int] = []

    def luckless(n: int, generator: np.random.Generator) -> MarginDraws:
        draws = draws_of(n, generator)
        calls.append(n)  # for the shape, to calibrate, to check: from here on gains are lower
        return draws if len(calls) < 3 else MarginDraws(draws.theta, 0.9 * draws.gains)

    choice = choose(moments, luckless, X, 0.9, COST)
    assert choice.shape.normal
    assert choice.method == "cvar"
    assert choice.check.kept


def test_shape() -> None:
    rng = np.random.default_rng(2)
    theta, effort = np.zeros((200_000, 6)), np.eye(5)[:1]
    gains = np.zeros((200_000, 5))
    for sample, skewness, kurtosis in (
        (rng.normal(size=200_000), 0, 0),
        (rng.exponential(size=200_000), 2, 6),
        (-rng.exponential(size=200_000), 2, 6),
        (rng.uniform(size=200_000), 0, 1.2),
    ):
        gains[:, 0] = sample
        shape = Shape.of(MarginDraws(theta, gains), X[:1], effort)
        assert shape.skewness == pytest.approx(skewness, abs=0.1)
        assert shape.kurtosis == pytest.approx(kurtosis, abs=0.6)
        assert shape.normal == (skewness == 0)
    still = Shape.of(MarginDraws(theta, gains), X[:1], np.zeros((1, 5)))
    assert still == Shape(0, 0)
