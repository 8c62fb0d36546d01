"""What do 200 perturbed copies of an SGD run cost, against a plain loop, refits and one SGD epoch?

One thread, CPU time. The loop and the refits are run on few rows and a few refits and multiplied
up, which the lines say.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from common import Report, best_times, one_thread
from numpy.typing import NDArray

from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.losses import LogLoss, Loss, Squared
from surefoot.confidence.multipliers import RowWeights, as_multiplier
from surefoot.confidence.pilot import fit_pilot, pilot_size
from surefoot.confidence.schedule import StepSchedule, batch_size_for

CHAINS, BATCH, REPEATS = 200, 32, 7
ROWS, LOOP_ROWS, REFITS = 100_000, 40, 3

Rows = tuple[NDArray, NDArray]


def rows_of(d: int, loss: Loss, n: int = ROWS) -> Rows:
    """Return a design and targets."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    z = X @ np.linspace(0, 1, d) / np.sqrt(d / 5)
    if loss.name == "log_loss":
        return X, (rng.random(n) < 1 / (1 + np.exp(-z))).astype(float)
    return X, z + rng.normal(size=n)


def whole_run(
    rows: Rows, loss: Loss, *, batch_size: int = BATCH, **options: object
) -> Callable[[], object]:
    """Return a run from nothing: pilot, chains, averages."""
    X, y = rows
    n0 = pilot_size(X.shape[1])

    def run() -> object:
        pilot = fit_pilot(X[:n0], y[:n0], loss)
        engine = ChainEngine(loss, pilot, n_chains=CHAINS, batch_size=batch_size, **options)  # type: ignore[arg-type]
        engine.consume(X, y)
        engine.finish()
        return engine.averages()

    return run


def plain_loop(rows: Rows, loss: Loss) -> Callable[[], object]:
    """Return the procedure as published code has it: one chain, one row at a time."""
    X, y = rows
    steps = StepSchedule(1.0, 0.6, 10.0).steps(1, LOOP_ROWS)
    weights = as_multiplier("mammen").row_weights(0, np.arange(LOOP_ROWS), slice(0, CHAINS + 1))

    def run() -> object:
        averages = []
        for chain in range(CHAINS + 1):
            theta, total = np.zeros(X.shape[1]), np.zeros(X.shape[1])
            for k in range(LOOP_ROWS):
                z = X[k] @ theta
                if loss.name == "log_loss":
                    z = 1 / (1 + np.exp(-z))
                theta = theta - steps[k] * weights[k, chain] * (z - y[k]) * X[k]
                total += theta
            averages.append(total / LOOP_ROWS)
        return averages

    return run


def costs(report: Report) -> None:
    """Bar 6: µs per row, and how many times faster than the loop."""
    for d in (5, 20, 100):
        for loss in (Squared(), LogLoss()):
            rows = rows_of(d, loss, ROWS // 4)
            tasks = {"ours": whole_run(rows, loss), "loop": plain_loop(rows, loss)}
            tasks["float32"] = whole_run(rows, loss, dtype="float32")
            seconds = best_times(tasks, REPEATS, time.process_time)
            per_row = 4e6 / ROWS * seconds["ours"]
            loop = 1e6 / LOOP_ROWS * seconds["loop"]
            bars = d == 20 and loss.name == "squared"
            name = f"d={d} {loss.name}"
            report.add(f"6 {name}: ours", per_row, "µs/row", at_most=4.0 if bars else None)
            report.add(f"{name}: ours, float32", 4e6 / ROWS * seconds["float32"], "µs/row")
            report.add(
                f"6 {name}: loop over 201 chains ({LOOP_ROWS} rows) / ours",
                loop / per_row,
                at_least=200 if bars else None,
            )


def weights_alone(report: Report) -> None:
    """Time the keyed weights without anything around them."""
    ids, out = np.arange(12_800), np.empty((12_800, CHAINS))
    for law in ("mammen", "rademacher", "exponential"):
        source = RowWeights(as_multiplier(law), 0, slice(0, CHAINS))
        seconds = best_times({law: lambda s=source: s.fill(ids, out)}, REPEATS, time.process_time)
        bar = 1.0 if law == "mammen" else None
        report.add(f"{law} weights, 200 chains", seconds[law] / 12_800 * 1e6, "µs/row", at_most=bar)


def single_rows(report: Report) -> None:
    """Time steps of one row each, by NumPy and compiled."""
    if not report.has("numba", "numba"):
        return
    for d in (5, 20):
        rows = rows_of(d, Squared(), ROWS // 10)
        tasks = {
            "NumPy": whole_run(rows, Squared(), batch_size=1),
            "compiled": whole_run(rows, Squared(), batch_size=1, compiled=True),
        }
        seconds = best_times(tasks, 3, time.process_time)
        per_row = seconds["compiled"] * 1e7 / ROWS
        report.add(f"d={d}, one row a step: ours, compiled", per_row, "µs/row")
        report.add(
            f"d={d}, one row a step: NumPy / compiled", seconds["NumPy"] / seconds["compiled"]
        )


def against_scikit_learn(report: Report) -> None:
    """Bar 6: 200 weighted refits, and one epoch of averaged SGD."""
    if not report.has("sklearn", "scikit-learn"):
        return
    from sklearn.linear_model import LogisticRegression, SGDRegressor

    logistic, linear = rows_of(20, LogLoss()), rows_of(20, Squared())
    weights = as_multiplier("mammen").row_weights(0, np.arange(ROWS), slice(0, REFITS))

    def refits() -> None:
        for weight in weights.T:
            LogisticRegression(C=np.inf).fit(*logistic, sample_weight=weight)

    def epoch() -> None:
        SGDRegressor(average=True, max_iter=1, tol=None).fit(*linear)

    tasks = {"logistic": whole_run(logistic, LogLoss()), "refits": refits}
    tasks |= {"linear": whole_run(linear, Squared()), "epoch": epoch}
    seconds = best_times(tasks, 5, time.process_time)
    report.add("n=100,000, d=20, logistic: ours", seconds["logistic"], "s")
    report.add(
        f"6 200 weighted LogisticRegression refits ({REFITS} of them) / ours",
        seconds["refits"] / REFITS * CHAINS / seconds["logistic"],
        at_least=8,
    )
    report.add(
        "6 ours / one epoch of SGDRegressor", seconds["linear"] / seconds["epoch"], at_most=20
    )


def against_compiled_plug_in(report: Report) -> None:
    """Bar 6: one compiled chain that keeps the two d × d matrices of a plug-in, row by row."""
    if not report.has("numba", "numba"):
        return
    import numba

    @numba.njit(fastmath=True)
    def plug_in(X: NDArray, y: NDArray, A: NDArray, S: NDArray) -> NDArray:
        n, d = X.shape
        theta, total = np.zeros(d), np.zeros(d)
        for k in range(n):
            x = X[k]
            residual = -y[k]
            for j in range(d):
                residual += x[j] * theta[j]
            rate = 0.01 / (k + 1) ** 0.6
            for i in range(d):
                theta[i] -= rate * residual * x[i]
                total[i] += theta[i]
                for j in range(d):
                    product = x[i] * x[j]
                    A[i, j] += product
                    S[i, j] += residual * residual * product
        return total / n

    for d in (20, 100):
        rows = rows_of(d, Squared())
        matrices = np.zeros((2, d, d))
        default = batch_size_for(ROWS)
        tasks = {
            f"minibatches of {BATCH}": whole_run(rows, Squared()),
            f"minibatches of {default}": whole_run(rows, Squared(), batch_size=default),
            "float32": whole_run(rows, Squared(), dtype="float32"),
            "plug-in": lambda r=rows, m=matrices: plug_in(*r, *m),
        }
        seconds = best_times(tasks, 5, time.process_time)
        for name in list(tasks)[:-1]:
            report.add(
                f"6 d={d}: ours, {name} / compiled plug-in, row by row",
                seconds[name] / seconds["plug-in"],
                at_most=1.5 if d == 100 else None,
            )


def main() -> None:
    report = Report(f"confidence: cost of {CHAINS} chains, minibatches of {BATCH} (CPU time)")
    one_thread()
    weights_alone(report)
    costs(report)
    against_scikit_learn(report)
    single_rows(report)
    against_compiled_plug_in(report)
    report.close()


if __name__ == "__main__":
    main()
