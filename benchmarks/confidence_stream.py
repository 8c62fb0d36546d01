"""What does a stream larger than memory cost, and does memory stay bounded?

Bar 8: three million flights, shuffled on disk, against least squares on all of them. Bar 11: peak
memory for streams of 10⁵, 10⁶ and 10⁷ rows. Each run has a process of its own; its CPU time counts
from the start of the interpreter.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.estimators import SGDInferenceRegressor
from surefoot.confidence.flights_stream import designs, least_squares, shuffled
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.streams.row_stream import RowStream
from surefoot.ground.datasets import where
from surefoot.ground.errors import UnmetError
from surefoot.ground.streams import stream

CHAINS, BATCH = 200, 64
LENGTHS = (100_000, 1_000_000, 10_000_000)
GENERATED_FEATURES, GENERATED_ROWS = 4, 50_000


def in_time_order() -> RowStream:
    """Return the flights as they are in the file."""

    def batches() -> Iterator[tuple[NDArray, NDArray]]:
        for design in designs():
            yield design.X[:, 1:], design.y

    return RowStream.from_batches(batches, names=next(designs()).names[1:])


def generated(n_rows: int) -> RowStream:
    """Return rows that are made while they are read."""

    def batches() -> Iterator[tuple[NDArray, NDArray]]:
        for number in range(n_rows // GENERATED_ROWS):
            rng = stream(0, "generated", number)
            X = rng.normal(size=(GENERATED_ROWS, GENERATED_FEATURES))
            yield X, X.sum(axis=1) + rng.normal(size=GENERATED_ROWS)

    return RowStream.from_batches(batches, shuffled=True)


STREAMS: dict[str, Callable[[], RowStream]] = {
    "shuffled on disk": lambda: shuffled(0),
    "time order": in_time_order,
    **{f"{n} rows": lambda n=n: generated(n) for n in LENGTHS},
    **{f"{n} rows, shuffled on disk": lambda n=n: generated(n).shuffle() for n in LENGTHS},
}


def fit(rows: RowStream) -> SGDInferenceRegressor:
    """Train on a stream."""
    return SGDInferenceRegressor(n_chains=CHAINS, batch_size=BATCH).fit_stream(rows)


def child(name: str) -> None:
    """Print what a run on a stream gave and took; meant for a fresh interpreter."""
    measured: dict[str, Any] = {"theta": [], "errors": [], "refusal": None}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConfidenceWarning)
        try:
            result = fit(STREAMS[name]()).result_
            measured |= {"theta": result.center.tolist(), "errors": result.std_errors.tolist()}
        except UnmetError as error:
            measured["refusal"] = str(error)
    measured["warnings"] = [str(w.message) for w in caught if w.category is ConfidenceWarning]
    print(json.dumps(measured | {"cpu_s": time.process_time(), "peak_mb": peak_memory()}))


def peak_memory() -> float:
    """Return this process's largest resident memory so far in MB.

    `getrusage` would also count the parent, of which a child begins as a copy.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def run(name: str) -> dict[str, Any]:
    """Run `child` in a fresh interpreter."""
    code = f"from confidence_stream import child; child({name!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def flights(report: Any) -> None:
    """Bar 8."""
    if where("flights").kind != "folder":
        report.skipped.append("flights")
        report.say("  the flights are not on this machine: surefoot data fetch flights")
        return
    theta, errors = least_squares()
    ours = run("shuffled on disk")
    ratios = np.array(ours["errors"]) / errors
    off = np.abs(ours["theta"] - theta) / errors
    report.add("8 flights: CPU time with reading and shuffling", ours["cpu_s"], "s", at_most=25)
    report.add("8 flights: peak memory", ours["peak_mb"], "MB", at_most=600)
    report.add("8 flights: smallest SE ratio to least squares", ratios.min(), at_least=0.85)
    report.add("8 flights: largest SE ratio to least squares", ratios.max(), at_most=1.2)
    report.add("8 flights: farthest coefficient", off.max(), "SE", at_most=0.5)
    ordered = run("time order")
    finite = all(map(math.isfinite, ordered["theta"] + ordered["errors"]))
    told = any("not in random order" in line for line in ordered["warnings"])
    report.add("8 in time order: warned of", told, "", at_least=1)
    report.add("8 in time order: refused, or finite", finite, "", at_least=1)
    for line in filter(None, [*ordered["warnings"], ordered["refusal"]]):
        report.say(f"    {line}")


def lengths(report: Any) -> None:
    """Bar 11."""
    for shuffled_, bar in (("", 20.0), (", shuffled on disk", None)):
        peaks = {}
        for n in LENGTHS:
            took = run(f"{n} rows{shuffled_}")
            peaks[n] = took["peak_mb"]
            report.add(f"{n:,} rows{shuffled_}: peak memory", peaks[n], "MB")
        spread = max(peaks.values()) - min(peaks.values())
        report.add(f"11 largest less smallest peak{shuffled_}", spread, "MB", at_most=bar)


def main() -> None:
    # Not for the children: it loads torch, which would count as theirs.
    from common import Report, one_thread

    report = Report(f"confidence: streams, {CHAINS} chains, minibatches of {BATCH}")
    one_thread()
    flights(report)
    lengths(report)
    report.close()


if __name__ == "__main__":
    main()
