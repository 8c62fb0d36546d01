"""What does the full comparison cost, and what do predictions of the mixture?

Bar 16: at most 10 CPU seconds for ten folds and five families at 100 runs of 8 inputs; at most 5
and 1 GiB for 100,000 predictions with their deviations. The peer of the comparison is what a user
of scikit-learn would write: a grid search over Gaussian processes, ten folds. That of predictions
is one Gaussian process of scikit-learn, asked in parts that fit into memory.
"""

from __future__ import annotations

import resource
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from common import Report
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from surefoot.surrogates.functions import problem
from surefoot.surrogates.regressor import SurrogateRegressor

RUNS, POINTS, PART = 100, 100_000, 4096
BOREHOLE = problem("borehole")


def main() -> int:
    """Time both, in turns."""
    report = Report("Surrogates: the full comparison and its predictions, one thread")
    X = BOREHOLE.sample(RUNS, seed=100)
    Z, y = BOREHOLE.space.encode(X), BOREHOLE(X)
    ours, searched = [], []
    for _ in range(3):
        ours.append(timed(lambda: SurrogateRegressor(space=BOREHOLE.space).fit(X, y)))
        searched.append(timed(lambda: search().fit(Z, (y - y.mean()) / y.std())))
    (model, _), (process, _) = ours[0], searched[0]
    one, other = (min(seconds for _, seconds in runs) for runs in (ours, searched))
    members = len(model.comparisons_[0].trials)
    report.add(f"compare {members} members in ten folds", one, "CPU s", at_most=10)
    report.add("grid search over four processes of scikit-learn, ten folds", other, "CPU s")
    report.add("compare / grid search", one / other)

    points = BOREHOLE.sample(POINTS, seed=200)
    encoded = BOREHOLE.space.encode(points)
    before = peak_memory()
    (mean, _), mine = timed(
        lambda: model.predict(points, return_std=True, on_extrapolation="ignore")
    )
    report.add(f"predict {POINTS:,} points, mean and deviation", mine, "CPU s", at_most=5)
    report.add("memory beyond what was held before", (peak_memory() - before) / 2**20, "MiB",
               at_most=1024)  # fmt: skip
    parts = np.array_split(encoded, POINTS // PART)
    predicted, theirs = timed(
        lambda: [process.best_estimator_.predict(each, return_std=True) for each in parts]
    )
    report.add("one process of scikit-learn", theirs, "CPU s")
    report.add("mixture / one process", mine / theirs)
    truth = BOREHOLE(points)
    errors = mean - truth, np.concatenate([m for m, _ in predicted]) * y.std() + y.mean() - truth
    for name, error in zip(("the mixture", "the searched process"), errors, strict=True):
        report.add(f"NRMSE of {name}", float(np.sqrt(np.mean(error**2)) / truth.std()), "")
    return report.close()


def search() -> GridSearchCV:
    """Return scikit-learn's own way to choose among processes."""
    d = len(BOREHOLE.space)
    shapes = [RBF(np.ones(d)), *(Matern(np.ones(d), nu=nu) for nu in (1.5, 2.5))]
    kernels = [ConstantKernel() * shape + WhiteKernel(1e-6, (1e-10, 1)) for shape in shapes]
    kernels.append(ConstantKernel() * Matern(np.ones(d), nu=2.5) + WhiteKernel(1e-2, (1e-4, 1)))
    process = GaussianProcessRegressor(n_restarts_optimizer=1, random_state=0)
    return GridSearchCV(process, {"kernel": kernels}, cv=10)


def peak_memory() -> float:
    """Return the peak of resident memory so far, in bytes."""
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result and its CPU seconds."""
    began = time.process_time()
    result = call()
    return result, time.process_time() - began


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        raise SystemExit(main())
