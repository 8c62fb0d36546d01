"""The cases of the study: populations, sample sizes, and what runs on the same samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from surefoot.confidence.repetitions import COMPANIONS, Case

Runs = dict[str, dict[str, Any]]

LITERAL_STEPS = (0.5, 0.1, 0.05, 0.01)
STEP_SIZES = (0.5, 1.0, 2.0)
GAMMAS = (0.51, 0.6, 0.75)
COLD_STEPS = (0.01, 0.03, 0.05)
EPOCHS = (1, 2, 4)


def _ours(**params: Any) -> Runs:
    return {"ours": {"procedure": "ours", **params}}


def _compared(companions: tuple[str, ...] = COMPANIONS, **params: Any) -> Runs:
    """Return ours, the rivals that ride on its pass, and a refit."""
    return _ours(companions=list(companions), **params) | {"refit": {"procedure": "refit"}}


def _literal(steps: tuple[float, ...] = LITERAL_STEPS) -> Runs:
    return {f"literal c0={c0:g}": {"procedure": "literal", "c0": c0} for c0 in steps}


def _any_step() -> Runs:
    return {
        f"ours c0={c0:g} γ={gamma:g}": {"procedure": "ours", "c0": c0, "gamma": gamma}
        for c0 in STEP_SIZES
        for gamma in GAMMAS
    }


def _by_epochs() -> Runs:
    return {f"ours, {e} epochs": {"procedure": "ours", "n_epochs": e} for e in EPOCHS}


def _naive(c0: float | str) -> Runs:
    """Return what a user without a pilot would do: standardise, start at 0."""
    return {"naive": {"procedure": "literal", "c0": c0, "standardise": True}}


# Companions of a loss without a second derivative.
_FLAT = ("random_scaling", "batch_means")
_HARD = {"model": "logistic", "d": 20, "spread": 3.0}
# Their loss is (y − x'θ)², ours half of it, so that their steps count twice here.
_AUTHORS_STEPS = {"procedure": "literal", "c0": 400.0, "gamma": 0.85, "k0": 20_000.0}

_MEAN_5, _MEAN_20 = {"model": "linear", "d": 5}, {"model": "linear", "d": 20}
_MEAN_100, _MEAN_500 = {"model": "linear", "d": 100}, {"model": "linear", "d": 500}
_ODDS_5, _MEDIAN_5 = {"model": "logistic", "d": 5}, {"model": "median", "d": 5}
_TEN, _HUNDRED = 10_000, 100_000

# Title, population, rows of a sample, samples of a seed, runs.
FULL: Mapping[str, Case] = {
    "linear-5": Case("Mean, 5 parameters", _MEAN_5, _TEN, 100, _compared()),
    "linear-20": Case("Mean, 20 parameters", _MEAN_20, _TEN, 100, _compared()),
    "linear-100": Case("Mean, 100 parameters", _MEAN_100, _TEN, 30, _compared()),
    "logistic-5": Case("Log-odds, 5 parameters", _ODDS_5, _TEN, 100, _compared()),
    "logistic-20": Case("Log-odds, 20 parameters, strong signal", _HARD, _TEN, 20, _compared()),
    "median-5": Case("Median, 5 parameters", _MEDIAN_5, _TEN, 100, _compared(_FLAT)),
    "median-20": Case(
        "Median, 20 parameters", {"model": "median", "d": 20}, _TEN, 20, _compared(_FLAT)
    ),
    "uneven-noise": Case(
        "Mean, noise that grows with x1", {**_MEAN_5, "noise": "heteroskedastic"}, _TEN, 20,
        _compared(),
    ),
    "heavy-noise": Case(
        "Mean, Student noise with 2.5 degrees of freedom", {**_MEAN_5, "noise": "t2.5"}, _TEN, 20,
        _compared(),
    ),
    "linear-5, published": Case("Mean, 5 parameters", _MEAN_5, _TEN, 6, _literal()),
    "linear-20, published": Case("Mean, 20 parameters", _MEAN_20, _TEN, 6, _literal()),
    "logistic-5, published": Case("Log-odds, 5 parameters", _ODDS_5, _TEN, 6, _literal()),
    "median-5, published": Case("Median, 5 parameters", _MEDIAN_5, _TEN, 6, _literal()),
    "authors": Case(
        "The paper's own linear model", {"model": "authors"}, _TEN, 100, _ours(n_chains=256)
    ),
    "authors, published": Case(
        "The paper's own linear model", {"model": "authors"}, _TEN, 12,
        {"literal": {**_AUTHORS_STEPS, "multiplier": "beta", "n_chains": 256}},
    ),
    "any-step": Case("Mean, 20 parameters, nine step rules", _MEAN_20, _TEN, 50, _any_step()),
    "linear-20, n=1000": Case("Mean, 20 parameters", _MEAN_20, 1000, 20, _by_epochs()),
    "logistic-20, n=1000": Case(
        "Log-odds, 20 parameters, strong signal", _HARD, 1000, 20, _by_epochs()
    ),
    "linear-20, n=100000": Case("Mean, 20 parameters", _MEAN_20, _HUNDRED, 8, _compared()),
    "linear-100, n=100000": Case("Mean, 100 parameters", _MEAN_100, _HUNDRED, 2, _compared()),
    "linear-500, n=100000": Case(
        "Mean, 500 parameters", _MEAN_500, _HUNDRED, 1, _ours() | {"refit": {"procedure": "refit"}}
    ),
    "logistic-20, n=100000": Case(
        "Log-odds, 20 parameters, strong signal", _HARD, _HUNDRED, 6, _compared()
    ),
    "median-5, n=100000": Case("Median, 5 parameters", _MEDIAN_5, _HUNDRED, 8, _compared(_FLAT)),
    "flights": Case(
        "Delays of flights", {"table": "flights"}, 20_000, 8, _compared() | _naive("sd")
    ),
    "adult": Case("Incomes of adults", {"table": "adult"}, _TEN, 8, _compared() | _naive(0.5)),
    "cold": Case(
        "Too small a step, from 0", _MEAN_5, _TEN, 10,
        {f"cold c0={c0:g}": {"procedure": "cold", "c0": c0} for c0 in COLD_STEPS},
    ),
}  # fmt: skip

QUICK: Mapping[str, Case] = {
    "linear-20": dataclasses.replace(FULL["linear-20"], repetitions=20),
    "logistic-5": dataclasses.replace(FULL["logistic-5"], repetitions=20),
    "median-5": dataclasses.replace(FULL["median-5"], repetitions=20),
    "adult": dataclasses.replace(FULL["adult"], repetitions=4, runs=_compared()),
    "linear-5, published": dataclasses.replace(
        FULL["linear-5, published"], repetitions=4, runs=_literal((0.01,))
    ),
}


def directions(case: Case) -> int:
    """Return how many parameters a case looks at, for binomial bands."""
    if "model" not in case.population:
        return {"flights": 18, "adult": 8}[case.population["table"]]
    return 1 if case.population["model"] == "authors" else case.population["d"]
