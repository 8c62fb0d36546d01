"""Against AutoEmulate at its defaults: CPU time and error on the same runs.

AutoEmulate wants an environment of its own (it pulls several gigabytes), so this script is run by
hand, in one that has both packages; its figures are recorded in the README here. Bar 5: at most a
tenth of the CPU time, and half the error.
"""

from __future__ import annotations

import contextlib
import io
import math
import time
import warnings
from typing import Any

import numpy as np
from common import Report
from threadpoolctl import threadpool_limits

from surefoot.surrogates.functions import problem
from surefoot.surrogates.regressor import SurrogateRegressor

CASES = (("branin", 20), ("friedman", 50))
SEEDS = (100, 101)
TEST_ROWS = 1000


def main() -> int:
    """Measure both on every case and seed."""
    report = Report("Surrogates: AutoEmulate's defaults and ours, the same runs, one thread")
    if not report.has("autoemulate", "AutoEmulate"):
        return report.close()
    for name, n in CASES:
        times, errors = [], []
        for seed in SEEDS:
            one, other = measured(name, n, seed, ours), measured(name, n, seed, theirs)
            report.say(f"  {name}, seed {seed}: ours {one}, AutoEmulate {other}")
            times.append(one["cpu_s"] / other["cpu_s"])
            errors.append(one["nrmse"] / other["nrmse"])
        runs = f"{name}, {n} runs, {len(SEEDS)} seeds"
        report.add(f"CPU time, ours / AutoEmulate ({runs})", mean(times), at_most=0.1)
        report.add(f"NRMSE, ours / AutoEmulate ({runs})", mean(errors), at_most=0.5)
    return report.close()


def measured(name: str, n: int, seed: int, fit: Any) -> dict[str, float]:
    """Return CPU seconds of a fit and its error on other points."""
    of = problem(name)
    X, points = of.sample(n, seed), of.sample(TEST_ROWS, seed + 1000)
    began = time.process_time()
    predict = fit(of, X, of(X))
    cpu_s = time.process_time() - began
    truth = of(points)
    error = np.sqrt(np.mean((predict(points) - truth) ** 2)) / truth.std()
    return {"cpu_s": round(cpu_s, 2), "nrmse": round(float(error), 5)}


def ours(of: Any, X: Any, y: Any) -> Any:
    """Fit Surefoot at its defaults."""
    model = SurrogateRegressor(space=of.space).fit(X, y)
    return lambda points: model.predict(points, on_extrapolation="ignore")


def theirs(of: Any, X: Any, y: Any) -> Any:
    """Fit AutoEmulate at its defaults; its best emulator then learns from all runs."""
    import torch
    from autoemulate import AutoEmulate

    def tensor(values: Any) -> torch.Tensor:
        return torch.tensor(np.asarray(values, dtype=float), dtype=torch.float32)

    torch.set_num_threads(1)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        emulate = AutoEmulate(tensor(X), tensor(y)[:, None], random_seed=0, log_level="error")
        best = emulate.best_result()
        model = best.model
        with contextlib.suppress(Exception):
            model.fit(tensor(X), tensor(y)[:, None])

    def predict(points: Any) -> Any:
        return np.asarray(model.predict_mean(tensor(points))).ravel()

    return predict


def mean(ratios: list[float]) -> float:
    """Return the geometric mean."""
    return math.exp(np.mean(np.log(ratios)))


if __name__ == "__main__":
    with threadpool_limits(1):
        raise SystemExit(main())
