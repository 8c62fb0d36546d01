"""What does it cost to keep every run of a simulator?

Bar 11: at most 5 CPU milliseconds a run, driver and worker together. The peers keep nothing
(`ProcessPoolExecutor`) or a pickle a run (`joblib.Memory`, in one process).
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from common import Report, cpu_time
from joblib import Memory

from surefoot.surrogates import Design, Simulator, Study
from surefoot.surrogates.functions import problem
from surefoot.surrogates.problems.mathematical import branin

RUNS = 400
BRANIN = problem("branin")


def main() -> None:
    """Run the same points in four ways."""
    report = Report(f"Surrogates: {RUNS} runs of a simulator that costs nothing")
    points = Design("lhs", RUNS, seed=0).points(BRANIN.space).to_dict("records")
    with tempfile.TemporaryDirectory() as folder:
        pool = spent(lambda: in_a_pool(points))
        memory = spent(lambda: remembered(points, folder))
        ours = {
            executor: spent(lambda e=executor: studied(f"{folder}/{e}", e))
            for executor in ("local:2", "serial")
        }
        workers = spent(lambda: studied(f"{folder}/few", "local:2", n=2))  # start and import
        again = spent(lambda: studied(f"{folder}/local:2", "local:2"))
    start = spent(lambda: in_a_pool(points[:2]))
    kept = (ours["local:2"] - workers) / (RUNS - 2)
    report.add("a run, driver and two workers together", 1e3 * kept,
               "CPU ms", at_most=5)  # fmt: skip
    report.add("a run in this process", 1e3 * ours["serial"] / RUNS, "CPU ms", at_most=5)
    report.add("the same call again, a run", 1e3 * again / RUNS, "CPU ms")
    report.add(
        "ProcessPoolExecutor, which keeps nothing, a run", 1e3 * (pool - start) / RUNS, "CPU ms"
    )
    report.add("joblib.Memory in this process, a run", 1e3 * memory / RUNS, "CPU ms")
    report.add("ours / joblib.Memory, in this process", ours["serial"] / memory)
    report.close()


def studied(folder: str, executor: str, n: int = RUNS) -> Any:
    """Run the design through a study."""
    study = Study(Simulator.from_callable(branin, BRANIN.space, ["y"]), folder)
    return study.run(Design("lhs", n, seed=0), executor, progress=False)


def in_a_pool(points: list[dict[str, float]]) -> list[Any]:
    """Run the points without keeping anything."""
    with ProcessPoolExecutor(2) as pool:
        return [done.result() for done in [pool.submit(branin, **point) for point in points]]


def remembered(points: list[dict[str, float]], folder: str) -> list[Any]:
    """Run the points through joblib's cache on disk."""
    cached = Memory(folder, verbose=0).cache(branin)
    return [cached(**point) for point in points]


def spent(call: Any) -> float:
    """Return the CPU seconds of a call, those of its finished processes included."""
    began = cpu_time()
    call()
    return cpu_time() - began


if __name__ == "__main__":
    main()
