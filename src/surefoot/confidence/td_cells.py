"""Cells of the study: TD(0) on Garnet problems, whose values are known exactly."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from surefoot.confidence.bias import BIAS_LIMIT
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.linear.garnet import Garnet, Transitions, garnet
from surefoot.confidence.linear.td import TDLearner
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.streams import subseed
from surefoot.ground.work import Cell

_VERSION = 1
_LEVEL = 0.95

# The published steps, 4/k^.55 a row, twice as large and four rows at a time: with 4 a fifth of the
# rows is not enough to forget the start.
_PLAIN: dict[str, Any] = {
    "schedule": StepSchedule(16, 0.55), "batch_size": 4, "precondition": False,
}  # fmt: skip
# How states are drawn, the share of rows left out of the average, and the run.
METHODS: dict[str, tuple[str, float, dict[str, Any]]] = {
    "burn-in, i.i.d. states": ("independent", 0.2, _PLAIN),
    "burn-in, trajectory": ("trajectory", 0.2, _PLAIN),
    "no burn-in, i.i.d. states": ("independent", 0.0, _PLAIN),
    "pilot, i.i.d. states": ("independent", 0.0, {}),
    "pilot, trajectory": ("trajectory", 0.0, {}),
}


def garnet_cells(seeds: Sequence[int], *, n: int = 50_000, repetitions: int = 20) -> list[Cell]:
    """Return a cell for each seed, which is a Garnet problem of its own."""
    params = {"task": "td", "method": "all", "n": n, "repetitions": repetitions}
    function = "surefoot.confidence.td_cells:measure"
    return [Cell(f"td/seed={seed}", function, params, seed, _VERSION) for seed in seeds]


def measure(*, seed: int, task: str, method: str, n: int, repetitions: int) -> dict[str, float]:
    """Return metrics of each method on the problem of one seed, as ``method|metric``.

    ========= ==============================================================================
    coverage  share of intervals, over states and repetitions, that hold the value
    length    median length over that of the interval with the asymptotic standard error
    bias_flag share of repetitions whose predicted bias is beyond its limit
    ========= ==============================================================================
    """
    del task, method
    problem = garnet(seed=seed)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in METHODS}
    for repetition in range(repetitions):
        key = subseed(seed, "td", repetition)
        seen = {
            "independent": problem.independent(n, key), "trajectory": problem.trajectory(n, key)
        }  # fmt: skip
        for name, (sampling, burn_in, options) in METHODS.items():
            options = options | {"burn_in": int(burn_in * n), "seed": key}
            found[name].append(_judged(problem, seen[sampling], options))
    means = {name: np.mean(rows, axis=0).tolist() for name, rows in found.items()}
    return {
        f"{name}|{metric}": value
        for name, values in means.items()
        for metric, value in zip(("coverage", "length", "bias_flag"), values, strict=True)
    }


def _judged(
    problem: Garnet, seen: Transitions, options: dict[str, Any]
) -> tuple[float, float, float]:
    """Return coverage, length and bias flag of one run."""
    learner = TDLearner(
        problem.n_states, problem.discount, confidence_level=_LEVEL, n_chains=100, **options
    )
    learner.learn(*problem.tabular(seen))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConfidenceWarning)
        result = learner.result()
    intervals = result.conf_int()
    inside = (intervals["lower"] <= problem.values) & (problem.values <= intervals["upper"])
    std_errors = np.sqrt(np.diag(problem.asymptotic_covariance) / len(seen.states))
    best = NormalDist().inv_cdf((1 + _LEVEL) / 2) * std_errors
    reach = (intervals["upper"] - intervals["estimate"]).to_numpy()
    bias = float(result.diagnostics["predicted bias / SD"])
    return float(inside.mean()), float(np.median(reach / best)), float(bias > BIAS_LIMIT)
