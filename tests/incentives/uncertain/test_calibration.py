"""A z that keeps the promise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtr
from tests.incentives.uncertain.beliefs import Noise, joint, normal, rare
from tests.incentives.uncertain.worlds import cost_of

from surefoot import InputError
from surefoot.incentives.margins import MarginDraws, MarginMoments
from surefoot.incentives.status import Status
from surefoot.incentives.uncertain import calibration
from surefoot.incentives.uncertain.calibration import (
    Calibrated,
    calibrated_z,
    cantelli_z,
    normal_z,
)
from surefoot.incentives.uncertain.respond import respond

COST = cost_of(2, np.random.default_rng(0), 5)
X = np.random.default_rng(1).normal(size=(60, 5))


@pytest.fixture(autouse=True)
def _fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "DRAWS", 30_000)
    monkeypatch.setattr(calibration, "AGENTS", 60)


def pass_rate(draws: MarginDraws, z: float, moments: MarginMoments) -> float:
    found = respond(moments, X, z, COST)
    moves = found.status == Status.MOVES
    return float(draws.pass_rate(X[moves], found.effort[moves]).mean())


@pytest.mark.parametrize("noise", [normal, rare])
@pytest.mark.parametrize("confidence", [0.6, 0.9])
def test_agents_pass_as_often_as_they_want_to(noise: Noise, confidence: float) -> None:
    draws_of, moments = joint(0, noise, 0.2)
    found = calibrated_z(moments, draws_of, X, confidence, COST)
    assert found.kept
    assert found.low <= found.pass_rate <= found.high
    fresh = draws_of(50_000, np.random.default_rng(9))
    assert pass_rate(fresh, found.z, moments) == pytest.approx(confidence, abs=0.01)
    assert pass_rate(fresh, cantelli_z(confidence), moments) >= confidence
    assert calibrated_z(moments, draws_of, X, confidence, COST) == found


def test_it_corrects_a_margin_that_is_not_normal() -> None:
    draws_of, moments = joint(2, rare, 0.3)
    fresh = draws_of(50_000, np.random.default_rng(9))
    plain = pass_rate(fresh, normal_z(0.95), moments)
    found = calibrated_z(moments, draws_of, X, 0.95, COST)
    assert abs(plain - 0.95) > 2 * abs(pass_rate(fresh, found.z, moments) - 0.95)
    assert found.z != pytest.approx(normal_z(0.95), abs=0.02)


def test_moments_that_lie_are_found_out() -> None:
    draws_of, moments = joint(3)

    def luckless(n: int, generator: np.random.Generator) -> MarginDraws:
        # What calibrates is not what checks: the second time gains are a tenth lower.
        draws = draws_of(n, generator)
        calls.append(n)
        return draws if len(calls) == 1 else MarginDraws(draws.theta, 0.9 * draws.gains)

    calls: list[int] = []
    found = calibrated_z(moments, luckless, X, 0.9, COST)
    assert len(calls) == 2
    assert not found.kept
    assert found.high < 0.895


def test_more_confidence_than_there_is() -> None:
    # Gains mean next to nothing beside their spread. Nobody moves, and no promise is broken.
    def hopeless(n: int, generator: np.random.Generator) -> MarginDraws:
        gains = 0.1 + generator.normal(size=(n, 5))
        return MarginDraws(np.broadcast_to([0.0] * 5 + [1.0], (n, 6)), gains)

    nothing = np.zeros((6, 6))
    moments = MarginMoments(
        np.eye(6)[5], nothing, np.full(5, 0.1), np.eye(5), np.zeros((5, 6))
    )  # fmt: skip
    found = calibrated_z(moments, hopeless, X, 0.9, COST)
    assert found.kept
    assert np.isnan(found.pass_rate)
    assert np.all(respond(moments, X, found.z, COST).status == Status.NEVER_SURE)


def test_a_normal_margin_would_give_up() -> None:
    # A gain that rarely is a large loss: nine in ten pass, though the ceiling is at z = 0.3.
    def mostly_good(n: int, generator: np.random.Generator) -> MarginDraws:
        gains = np.where(generator.random((n, 1)) < 0.92, 1.0, -5.0)
        return MarginDraws(np.broadcast_to([0.0, 1.0], (n, 2)), gains)

    variance = 0.92 * 0.08 * 36
    moments = MarginMoments(
        np.array([0.0, 1.0]), np.zeros((2, 2)), np.array([0.52]), np.array([[variance]]),
        np.zeros((1, 2)),
    )  # fmt: skip
    cost = cost_of(2, np.random.default_rng(0), 1)
    assert np.all(respond(moments, X[:, :1], normal_z(0.9), cost).status == Status.NEVER_SURE)
    found = calibrated_z(moments, mostly_good, X[:, :1], 0.9, cost)
    assert found.kept
    assert found.pass_rate == pytest.approx(0.92, abs=0.01)


def test_nobody_to_calibrate_for() -> None:
    draws_of, moments = joint(5)
    richest = X + 1e3 * np.sign(moments.theta[:-1])
    found = calibrated_z(moments, draws_of, richest, 0.9, COST)
    assert (found.z, found.kept) == (normal_z(0.9), True)
    assert np.isnan(found.pass_rate)


def test_short_by_chance_is_not_short() -> None:
    assert Calibrated(1.3, 0.9, 0.897, 0.895, 0.899).kept
    assert not Calibrated(1.3, 0.9, 0.891, 0.888, 0.894).kept


def test_z_of_a_confidence() -> None:
    for confidence in (0.5, 0.8, 0.975):
        assert ndtr(normal_z(confidence)) == pytest.approx(confidence)
        # The two points at which Cantelli's bound is attained.
        z = cantelli_z(confidence)
        assert 1 / (1 + z**2) == pytest.approx(1 - confidence)
    assert cantelli_z(0.9) == pytest.approx(3)


@pytest.mark.parametrize("confidence", [0.49, 1.0, 0.0, np.nan, 90.0])
@pytest.mark.parametrize("function", [normal_z, cantelli_z])
def test_confidences_that_are_none(function: Callable[[float], float], confidence: float) -> None:
    with pytest.raises(InputError, match=r"confidence: found .*\[0.5, 1\)"):
        function(confidence)
