"""Cells of the study and of `coverage`: draw, run, look whether the truth is inside, many times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.confidence import procedures
from surefoot.confidence.m_estimates import m_estimate
from surefoot.confidence.populations import Population, TablePopulation, model
from surefoot.confidence.procedures import Outcome, Setting
from surefoot.ground.streams import stream
from surefoot.ground.work import Cell

_VERSION = 1
_LONGEST = 1e9  # in lengths of the oracle's: what diverges has no length that JSON can hold
COMPANIONS = ("plugin", "random_scaling", "batch_means", "score_bootstrap")


@dataclass(frozen=True)
class Case:
    """A population, a sample size and the runs that are compared on the same samples.

    Attributes
    ----------
    title : str
    population : mapping
        "model" and its options (see `surefoot.confidence.populations.model`), or "table" and how
        to read it (see `surefoot.confidence.tables`).
    n : int
        Rows of a sample.
    repetitions : int
        Samples of one seed.
    runs : mapping of str to mapping
        By name, see `surefoot.confidence.procedures.outcomes`.
    level : float
    data : str
        Fingerprint of the table.
    """

    title: str
    population: Mapping[str, Any]
    n: int
    repetitions: int
    runs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    level: float = 0.95
    data: str = ""

    def cells(self, task: str, seeds: Sequence[int]) -> list[Cell]:
        """Return a cell a seed."""
        params = {
            "task": task, "method": "all", "population": dict(self.population), "n": self.n,
            "repetitions": self.repetitions, "runs": {k: dict(v) for k, v in self.runs.items()},
            "level": self.level,
        }  # fmt: skip
        function = "surefoot.confidence.repetitions:measure"
        return [
            Cell(f"{task}/seed={seed}", function, params, seed, _VERSION, self.data)
            for seed in seeds
        ]


def measure(
    *,
    seed: int,
    task: str,
    method: str,
    population: Mapping[str, Any],
    n: int,
    repetitions: int,
    runs: Mapping[str, Mapping[str, Any]],
    level: float,
) -> dict[str, float]:
    """Return metrics of each method over the samples of one seed, as ``method|metric``.

    ============== =================================================================
    coverage       share of intervals that hold the truth
    length         median length over that of the sandwich's interval at its optimum
    squared_error  mean of ((estimate − truth)/standard error of the sandwich)²
    simultaneous   share of samples in which all max-t intervals hold the truth
    ellipsoid      share of samples in which the ellipsoid does
    symmetric, percentile   coverage of other kinds of intervals
    bias_flag, drift_flag, diverged   share of samples
    ============== =================================================================
    """
    del method
    case = Case(task, population, n, repetitions, runs, level)
    found = run_repetitions(population_of(population), case, task, seed)
    return {f"{name}|{metric}": v for name, values in found.items() for metric, v in values.items()}


def run_repetitions(
    population: Population, case: Case, task: str, seed: int
) -> dict[str, dict[str, float]]:
    """Return the metrics of `measure` by method."""
    tallies: dict[str, _Tally] = {}
    for repetition in range(case.repetitions):
        rng = stream(seed, "coverage", task, repetition)
        X, y = population.draw(case.n, rng)
        fit = m_estimate(X, y, population.loss)
        setting = Setting(X, y, population, int(rng.integers(2**31)), case.level, fit)
        variance = population.variance()
        best = setting.std_errors(fit.robust if variance is None else variance / case.n)
        for name, run in case.runs.items():
            for outcome in procedures.outcomes(setting, name, run):
                tally = tallies.setdefault(outcome.method, _Tally())
                tally.add(outcome, setting, best)
    return {name: tally.metrics() for name, tally in tallies.items()}


def population_of(described: Mapping[str, Any]) -> Population:
    """Return the population of a case; one that was read before is not read again."""
    return _population(json.dumps(described, sort_keys=True))


@lru_cache(maxsize=4)
def _population(text: str) -> Population:
    described = json.loads(text)
    if "model" in described:
        return model(described.pop("model"), **described)
    from surefoot.confidence.tables import table_population

    found: TablePopulation = table_population(described)
    return found


def by_method(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of a study with the methods that its metrics name."""
    names = table["metric"].str.partition("|")
    return table.assign(
        method=names[0].where(names[1] == "|", table["method"]),
        metric=names[2].where(names[1] == "|", table["metric"]),
    )


class _Tally:
    """What is kept of one method's outcomes."""

    def __init__(self) -> None:
        self.inside: list[NDArray] = []
        self.ratios: list[NDArray] = []
        self.errors: list[NDArray] = []
        self.joint: dict[str, list[float]] = {}

    def add(self, outcome: Outcome, setting: Setting, best: NDArray) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            off = outcome.center - setting.truth
            self.inside.append(np.abs(off) <= outcome.reach)
            ratio = outcome.reach / (setting.normal_quantile * best)
            self.ratios.append(np.nan_to_num(ratio, nan=_LONGEST, posinf=_LONGEST))
            self.errors.append(np.nan_to_num((off / best) ** 2, nan=_LONGEST, posinf=_LONGEST))
        for name, value in outcome.joint.items():
            self.joint.setdefault(name, []).append(value)

    def metrics(self) -> dict[str, float]:
        return {
            "coverage": float(np.mean(self.inside)),
            "length": float(min(np.median(self.ratios), _LONGEST)),
            "squared_error": float(np.mean(self.errors)),
            **{name: float(np.mean(values)) for name, values in self.joint.items()},
        }
