"""Rows from known models, for the tests of the room."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import toeplitz

from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.losses import Huber, LogLoss, Loss, Quantile, Squared
from surefoot.confidence.pilot import fit_pilot

LOSSES: dict[str, Loss] = {
    "squared": Squared(), "huber": Huber(), "quantile": Quantile(0.3), "log_loss": LogLoss(),
}  # fmt: skip


class Stream(NamedTuple):
    X: NDArray
    y: NDArray
    theta: NDArray


def stream(n: int, d: int, seed: int = 0, *, loss: str = "squared") -> Stream:
    """Return rows with neighbouring features correlated by ½, noise N(0, 1)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ np.linalg.cholesky(toeplitz(0.5 ** np.arange(d))).T
    theta = np.linspace(0, 1, d)
    if loss == "log_loss":
        return Stream(X, (rng.random(n) < 1 / (1 + np.exp(-X @ theta))).astype(float), theta)
    return Stream(X, X @ theta + rng.normal(size=n), theta)


def engine(rows: Stream, loss: str = "squared", *, n0: int = 100, **options) -> ChainEngine:
    """Return an engine that knows its pilot and has seen nothing else."""
    pilot = fit_pilot(rows.X[:n0], rows.y[:n0], LOSSES[loss], ridge=options.get("ridge", 0.0))
    return ChainEngine(LOSSES[loss], pilot, **{"n_chains": 5, "seed": 3} | options)


def run(rows: Stream, loss: str = "squared", **options) -> ChainEngine:
    """Return an engine that has seen all rows."""
    made = engine(rows, loss, **options)
    made.consume(rows.X, rows.y)
    made.finish()
    return made
