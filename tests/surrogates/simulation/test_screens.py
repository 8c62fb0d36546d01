from __future__ import annotations

import numpy as np
import pytest

from surefoot.surrogates.simulation.screens import gamma_share, learnable_share, replicate_share


def points(n: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.random((n, d)), random.normal(size=n)


def brute_force(B: np.ndarray, y: np.ndarray) -> float:
    errors = []
    for row in range(len(y)):
        rest = np.arange(len(y)) != row
        errors.append(y[row] - B[row] @ np.linalg.lstsq(B[rest], y[rest])[0])
    return float(np.mean(np.square(errors)))


def test_the_learnable_share_is_that_of_points_left_out() -> None:
    Z, noise = points(30, 2)
    y = Z @ [1.0, 2.0] + 0.3 * noise
    B = np.column_stack([np.ones(30), Z])
    mean = brute_force(np.ones((30, 1)), y)
    errors = [brute_force(B, y), brute_force(np.column_stack([B, Z**2]), y)]
    assert learnable_share(Z, y) == pytest.approx(1 - min(errors) / mean, rel=1e-9)


@pytest.mark.parametrize(
    ("response", "low", "high"),
    [
        (lambda Z, noise: Z @ [1, -2], 1 - 1e-9, 1.0),
        (lambda Z, noise: (Z[:, 0] - 0.5) ** 2, 1 - 1e-9, 1.0),
        (lambda Z, noise: np.sin(9 * Z[:, 0]) * np.cos(9 * Z[:, 1]), 0.6, 1.0),
        (lambda Z, noise: noise, -1.0, 0.1),
        (lambda Z, noise: np.sign(np.sin(300 * Z[:, 0])), -1.0, 0.1),
    ],
    ids=["linear", "square", "waves", "noise", "comb"],
)
def test_what_simple_models_learn(response: object, low: float, high: float) -> None:
    Z, noise = points(150, 2)
    assert low <= learnable_share(Z, response(Z, noise)) <= high


def test_noise_of_replicates_is_measured() -> None:
    Z, noise = points(200, 2)
    y = np.repeat(3 * Z[:, 0], 4) + 0.5 * np.random.default_rng(1).normal(size=800)
    share = replicate_share(np.repeat(Z, 4, axis=0), y)
    assert share == pytest.approx(0.25 / (0.25 + 9 / 12), rel=0.1)
    assert replicate_share(Z, noise) is None


@pytest.mark.parametrize(("sd", "expected"), [(0.0, 0.0), (0.5, 0.25), (5.0, 0.97)])
def test_noise_without_replicates_is_estimated(sd: float, expected: float) -> None:
    Z, noise = points(400, 2)
    y = 3 * Z[:, 0] + sd * noise
    assert gamma_share(Z, y) == pytest.approx(expected, abs=0.1)


def test_too_little_to_say() -> None:
    Z, noise = points(30, 2)
    assert learnable_share(Z[:3], noise[:3]) is None
    assert gamma_share(Z[:19], noise[:19]) is None
    for screen in (learnable_share, gamma_share):
        assert screen(Z, np.ones(30)) is None
    assert learnable_share(*points(6, 8)) is not None, "more inputs than runs"
    coinciding = np.zeros((30, 2))
    assert gamma_share(coinciding, noise) is None
    assert replicate_share(coinciding, noise) == pytest.approx(1.0)
