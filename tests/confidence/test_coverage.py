"""Does it cover? Small binomial checks; the study has the full ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom
from tests.confidence.synthetic import LOSSES, stream

from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.pilot import fit_pilot, no_pilot
from surefoot.confidence.schedule import StepSchedule

REPEATS = 60


def oracle_errors(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the robust standard errors of least squares on the same rows."""
    theta = np.linalg.lstsq(X, y, rcond=None)[0]
    bread = np.linalg.inv(X.T @ X)
    return np.sqrt(np.diag(bread @ (X.T * (X @ theta - y) ** 2) @ X @ bread))


@pytest.mark.parametrize("loss", ["squared", "log_loss"])
@pytest.mark.parametrize("options", [{}, {"n_epochs": 2}], ids=str)
def test_intervals_cover_without_tuning(loss: str, options: dict[str, Any]) -> None:
    inside, ratios = np.zeros(5, dtype=int), []
    for seed in range(REPEATS):
        rows = stream(4000, 5, seed, loss=loss)
        pilot = fit_pilot(rows.X[:200], rows.y[:200], LOSSES[loss])
        made = ChainEngine(LOSSES[loss], pilot, n_chains=100, batch_size=16, seed=seed)
        for epoch in range(options.get("n_epochs", 1)):
            if epoch:
                made.start_epoch()
            made.consume(rows.X, rows.y)
        made.finish()
        averages = made.averages()
        spread = averages.chains.std(0)
        inside += np.abs(averages.estimate - rows.theta) <= 1.96 * spread
        if loss == "squared":
            ratios.append(spread / oracle_errors(rows.X, rows.y))
    # Coordinates are nearly independent; the band is that of one run in ten thousand.
    low, high = binom.ppf([1e-4, 1 - 1e-4], REPEATS * 5, [0.94, 0.97])
    assert low <= inside.sum() <= high
    if ratios:
        assert 0.97 <= np.median(ratios) <= 1.12


def test_without_pilot_and_delay_the_same_procedure_blows_up() -> None:
    """Why the guard exists: the procedure as published, started at 0 with a full step."""
    ratios, literal = [], StepSchedule(0.5, 0.501, 0.0)
    for seed in range(6):
        rows = stream(4000, 20, seed)
        truth = oracle_errors(rows.X, rows.y)
        bare = no_pilot(20, row_curvature=20.0)
        guarded = fit_pilot(rows.X[:400], rows.y[:400], LOSSES["squared"])
        lengths = []
        for pilot, schedule, B in ((bare, literal, 1), (guarded, None, 16)):
            made = ChainEngine(
                LOSSES["squared"], pilot, schedule=schedule, batch_size=B, n_chains=50, seed=seed
            )
            made.consume(rows.X, rows.y)
            lengths.append(np.median(made.averages().chains.std(0) / truth))
        ratios.append(lengths)
    published, ours = np.median(ratios, axis=0)
    assert published > 20
    assert ours < 1.2
