"""Joint uncertainty: random graphs of five nodes with uncertain edges, and an uncertain rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.margins import MarginDraws, MarginMoments
from surefoot.incentives.uncertain.calibration import DrawsOf

Noise = Callable[[np.random.Generator, tuple[int, ...]], NDArray]


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray:
    return rng.normal(size=shape)


def rare(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray:
    """One in fifty is large and negative; mean 0, variance 1."""
    return np.where(rng.random(shape) < 0.02, -7.0, 1 / 7)


def joint(seed: int, noise: Noise = normal, sd: float = 0.15) -> tuple[DrawsOf, MarginMoments]:
    """Draws of (θ, v), and their moments from many of them."""
    rng = np.random.default_rng(seed)
    m = 5
    edges = np.triu(rng.random((m, m)) < 0.5, 1)
    W = np.where(edges, 0.4 * rng.normal(size=(m, m)), 0.0)
    h = rng.normal(size=m)

    def draws_of(n: int, generator: np.random.Generator) -> MarginDraws:
        drawn = np.broadcast_to(W, (n, m, m)).copy()
        drawn[:, edges] += sd * noise(generator, (n, int(edges.sum())))
        weights = h + 0.1 * generator.normal(size=(n, m))
        gains = np.linalg.solve(np.eye(m) - drawn, weights[:, :, None])[:, :, 0]
        return MarginDraws(np.column_stack([weights, np.full(n, 0.5)]), gains)

    many = draws_of(100_000, np.random.default_rng(seed + 1))
    both = np.column_stack([many.theta, many.gains])
    mean, cov = both.mean(axis=0), np.cov(both.T)
    k = m + 1
    return draws_of, MarginMoments(mean[:k], cov[:k, :k], mean[k:], cov[k:, k:], cov[k:, :k])
