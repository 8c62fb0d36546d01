"""Cells of the study that put a surrogate to use: what it was wanted for, against the truth."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.streams import stream, subseed
from surefoot.surrogates.cases import DEVELOPMENT, FunctionCase
from surefoot.surrogates.cells import OURS, drawn, surrogate
from surefoot.surrogates.functions import problem
from surefoot.surrogates.problems.dynamics import seir, seir_curve
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.space import Real, Space
from surefoot.surrogates.tasks.optimum import Optimum
from surefoot.surrogates.tasks.posterior import Posterior, PosteriorWarning
from surefoot.surrogates.tasks.sobol import SobolIndices

Floats = NDArray[np.float64]

SENSITIVITY, CONSERVATION = "sensitivity", "conservation"
OPTIMA: Mapping[str, str] = {"optimum of branin": "branin", "optimum of hartmann6": "hartmann6"}
INVERSE: Mapping[str, int] = {"epidemic, 30 runs": 30, "epidemic, 60 runs": 60}
BEST_RUN = "best run"
SEPARATE = "separate outputs"

_SENSITIVITY = FunctionCase("ishigami", 100)
# So many that the sums themselves are right to 0.001.
_BASE_POINTS = 2**14
# An epidemic of which two rates are sought, the others known.
_SOUGHT = Space(beta=Real(0.4, 0.9, unit="1/day"), gamma=Real(0.1, 0.25, unit="1/day"))
_SIGMA, _I0 = 0.3, 1e-3
_NOISE_SD = 0.01
_DAY = 40.0
_CONSERVING_RUNS, _CHECKED = 40, 200


def measure(*, seed: int, task: str, method: str) -> dict[str, float]:
    """Return how far a task is missed, by metric; see the functions below."""
    return TASKS[task](task, method, seed)


def _sensitivity(task: str, method: str, seed: int) -> dict[str, float]:
    """Return the largest absolute error of S1 and ST on Ishigami's function."""
    runs = drawn(_SENSITIVITY, seed)
    of = problem("ishigami")
    found = SobolIndices(n=_BASE_POINTS, seed=seed).score(
        surrogate(method, runs, seed), runs.space, first=of.first_order, total=of.total_order
    )
    return {"error": _largest(found.error_first, found.error_total)}


def _optimum(task: str, method: str, seed: int) -> dict[str, float]:
    """Return the regret at the surrogate's minimum, and that of the best run it learned from."""
    runs, of = drawn(DEVELOPMENT[OPTIMA[task]], seed), problem(OPTIMA[task])
    found = Optimum(seed=seed).score(
        surrogate(method, runs, seed), runs.space, of, best=of.minimum, design=runs.y
    )
    regrets = {"regret": _largest(found.regret)}
    if method == OURS:
        regrets[f"{BEST_RUN}|regret"] = _largest(found.design_regret)
    return regrets


class Exponential:
    """A surrogate of a logarithm, asked for what it is the logarithm of."""

    def __init__(self, model: SurrogateRegressor) -> None:
        self.model = model

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the median, and to first order the standard deviation."""
        mean, sd = self.model.predict(X, return_std=True, on_extrapolation="ignore")
        return (np.exp(mean), np.exp(mean) * sd) if return_std else np.exp(mean)


def _inverse(task: str, method: str, seed: int) -> dict[str, float]:
    """Return total variation and overlap of an epidemic's posterior with the true one.

    Rates of transmission and recovery are sought from one noisy curve of infectious shares; the
    surrogate is of the logarithm of the curve.
    """
    space, random = _SOUGHT, stream(seed, "epidemic")
    X = Design("lhs", INVERSE[task], subseed(seed, "runs", "epidemic")).points(space)
    clean = _curves(space.from_unit(random.uniform(0.2, 0.8, size=(1, 2))))[0]
    observed = clean + _NOISE_SD * random.standard_normal(clean.shape)
    model = SurrogateRegressor(space=space, field=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)  # both variants are measured
        found = Posterior(tuple(observed), _NOISE_SD).score(
            Exponential(model.fit(X, np.log(_curves(X)))), space, _curves, runs=None
        )
    return {"tv": _largest(found.tv), "widened_tv": _largest(found.widened_tv)}


def _conservation(task: str, method: str, seed: int) -> dict[str, float]:
    """Return by how much the four shares of an epidemic miss one, and their NRMSE."""
    of = problem("seir-peak")
    X = Design("lhs", _CONSERVING_RUNS, subseed(seed, "runs", CONSERVATION)).points(of.space)
    X_new = of.sample(_CHECKED, seed)
    Y, Y_new = _compartments(X), _compartments(X_new)
    model = SurrogateRegressor(
        space=of.space,
        linear_constraints=None if method == SEPARATE else "preserve",
        random_state=seed,
    )
    began = time.process_time()
    mean = model.fit(X, Y).predict(X_new, on_extrapolation="ignore")
    cpu_s = time.process_time() - began
    residual = float(np.abs(mean.sum(axis=1) - 1).max())
    nrmse = np.sqrt(((mean - Y_new) ** 2).mean(axis=0)) / Y_new.std(axis=0)
    # An exact sum would have no logarithm.
    digits = float(np.log10(max(residual, 1e-16)))
    return {"log10 residual": digits, "nrmse": float(nrmse.mean()), "cpu_s": cpu_s}


def _largest(*scores: float | None) -> float:
    """Return the largest of a task's scores; NaN where one was not computed."""
    return float(np.array(scores, dtype=np.float64).max())


def _compartments(X: Any) -> Floats:
    day = np.array([_DAY])
    return np.array([seir(b, s, g, i, day)[:, 0] for b, s, g, i in X.to_numpy().tolist()])


def _curves(X: Any) -> Floats:
    return _kept_curves(X.to_numpy(np.float64).tobytes())


@lru_cache(maxsize=4)  # the posterior's grid is the same for every seed, and takes seconds
def _kept_curves(rates: bytes) -> Floats:
    beta, gamma = np.frombuffer(rates).reshape(-1, 2).T
    return seir_curve(beta, _SIGMA, gamma, _I0)


TASKS: Mapping[str, Callable[[str, str, int], dict[str, float]]] = {
    SENSITIVITY: _sensitivity,
    **dict.fromkeys(OPTIMA, _optimum),
    **dict.fromkeys(INVERSE, _inverse),
    CONSERVATION: _conservation,
}
