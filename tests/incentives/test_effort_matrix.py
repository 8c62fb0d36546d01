"""Rectangular efforts: matrices, known or normal, and draws."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.ground.errors import InputError
from surefoot.incentives.effect_draws import EffectDraws
from surefoot.incentives.effort_matrix import EffortMatrix

EFFORTS, FEATURES = ["study", "cram"], ["essay", "test", "quiz"]
MATRIX = np.array([[2.0, 1.0, 0.5], [0.0, 3.0, -1.0]])


def test_a_known_matrix_is_its_own_mean() -> None:
    effects = EffortMatrix(MATRIX, EFFORTS, FEATURES)
    assert effects.certain
    assert effects.efforts == ("study", "cram")
    assert effects.features == ("essay", "test", "quiz")
    np.testing.assert_array_equal(effects.contribution(), MATRIX)
    M = np.diag([1.0, 2.0, 3.0])
    np.testing.assert_allclose(effects.second_moment(M), MATRIX @ M @ MATRIX.T)
    drawn = effects.draws(3, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, np.broadcast_to(MATRIX, (3, 2, 3)))


def test_moments_of_an_uncertain_matrix_agree_with_monte_carlo() -> None:
    sd = np.array([[0.5, 0.0, 1.0], [0.2, 0.3, 0.4]])
    effects = EffortMatrix(MATRIX, EFFORTS, FEATURES, sd)
    assert not effects.certain
    h = np.array([1.0, -2.0, 0.5])
    v = effects.draws(400_000, np.random.default_rng(1)) @ h
    square = v[:, :, None] * v[:, None]
    error = square.std(axis=0) / np.sqrt(len(v))
    exact = effects.second_moment(np.outer(h, h))
    assert np.abs((square.mean(axis=0) - exact) / error).max() < 4
    np.testing.assert_array_equal(EffortMatrix(MATRIX, EFFORTS, FEATURES, 0.5).sd, 0.5)


def test_draws_have_their_own_moments() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(50, 2, 3))
    effects = EffectDraws(values, EFFORTS, FEATURES)
    M = np.diag([1.0, 2.0, 3.0]) + 0.1
    np.testing.assert_allclose(effects.contribution(), values.mean(axis=0))
    direct = np.mean([C @ M @ C.T for C in values], axis=0)
    np.testing.assert_allclose(effects.second_moment(M), direct, atol=1e-12)
    assert not effects.certain
    assert effects.draws(50, rng) is effects.values
    resampled = effects.draws(20, rng)
    assert all(any(np.array_equal(one, C) for C in values) for one in resampled)
    assert len({float(one[0, 0]) for one in resampled}) > 10


def test_equal_draws_are_certain() -> None:
    effects = EffectDraws([MATRIX] * 3, EFFORTS, FEATURES)
    assert effects.certain
    np.testing.assert_array_equal(effects.contribution(), MATRIX)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((MATRIX.T, EFFORTS, FEATURES), r"matrix: found \(3, 2\); allowed: \(2 efforts, 3 feat"),
        ((MATRIX * np.nan, EFFORTS, FEATURES), "matrix: found an entry that is not finite"),
        ((MATRIX, ["a", "a"], FEATURES), r"efforts: found \['a'\]; allowed: .* each once"),
        ((MATRIX[:0], [], FEATURES), "efforts: found 'nothing'"),
        ((MATRIX, "ab", FEATURES), "efforts: found 'ab'; allowed: a sequence of names"),
        ((MATRIX, EFFORTS, FEATURES, [1.0]), r"sd: found \(1,\)"),
        ((MATRIX, EFFORTS, FEATURES, -0.5), "sd: found an entry below 0"),
        ((MATRIX, EFFORTS, FEATURES, np.inf), "sd: found an entry below 0 or not finite"),
    ],
)
def test_what_is_no_effort_matrix_is_told(arguments: tuple, match: str) -> None:
    with pytest.raises(InputError, match=match):
        EffortMatrix(*arguments)


def test_what_are_no_draws_is_told() -> None:
    with pytest.raises(InputError, match=r"values: found \(2, 3\); allowed: \(B, 2 efforts"):
        EffectDraws(MATRIX, EFFORTS, FEATURES)
    with pytest.raises(InputError, match=r"values: found \(0, 2, 3\)"):
        EffectDraws(np.zeros((0, 2, 3)), EFFORTS, FEATURES)
    with pytest.raises(InputError, match="not finite"):
        EffectDraws(np.full((1, 2, 3), np.inf), EFFORTS, FEATURES)
