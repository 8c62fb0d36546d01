"""What the benchmarks share: one thread, timings taken in turns, bars that are met or missed."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import threadpoolctl
import torch

INSTALL_PEERS = "pip install -r requirements/bench.txt"


@dataclass(frozen=True)
class Figure:
    """One measured number; without a bar it is for information."""

    name: str
    value: float
    unit: str
    bar: str | None = None
    met: bool | None = None

    def __str__(self) -> str:
        verdict = "" if self.met is None else "met" if self.met else "NOT MET"
        value = f"{self.value:,.4g} {self.unit}"
        return f"  {self.name:<62} {value:>16}   {self.bar or '':<12} {verdict}".rstrip()


@dataclass
class Report:
    """Figures of one script, printed as they come; `close` decides the exit code."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    tables: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parser = argparse.ArgumentParser(description=self.title)
        parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
        parser.add_argument("--no-fail", action="store_true", help="exit 0 even if a bar is missed")
        options = parser.parse_args()
        self.json, self.fails = options.json, not options.no_fail
        self.say(self.title)

    def say(self, line: str) -> None:
        """Print a line, unless JSON is asked for."""
        if not self.json:
            print(line, flush=True)

    def add(
        self,
        name: str,
        value: float,
        unit: str = "×",
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Record and print a figure."""
        bar, met = None, None
        if at_most is not None:
            bar, met = f"≤ {at_most:g}", bool(value <= at_most)
        elif at_least is not None:
            bar, met = f"≥ {at_least:g}", bool(value >= at_least)
        self.figures.append(Figure(name, float(value), unit, bar, met))
        self.say(str(self.figures[-1]))

    def has(self, module: str, peer: str) -> bool:
        """Return whether a peer is installed; if it is not, say how to get it."""
        if importlib.util.find_spec(module) is not None:
            return True
        self.skipped.append(peer)
        self.say(f"  {peer} is not installed, its comparison is skipped: {INSTALL_PEERS}")
        return False

    def close(self) -> None:
        """Print the JSON if asked for, and exit 1 if a bar was missed."""
        if self.json:
            print(json.dumps(asdict(self), indent=2, ensure_ascii=False))
        missed = [figure.name for figure in self.figures if figure.met is False]
        sys.exit(1 if missed and self.fails else 0)


def one_thread() -> None:
    """Keep torch and every BLAS that is loaded to one thread."""
    torch.set_num_threads(1)
    threadpoolctl.threadpool_limits(1)


def cpu_time() -> float:
    """Return the CPU seconds of this process and of its finished children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def best_times(
    tasks: Mapping[str, Callable[[], object]],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the minimum of `repeats` timings of each task in seconds; the tasks take turns."""
    best = dict.fromkeys(tasks, math.inf)
    for task in tasks.values():  # warm caches, lazy imports and allocators
        task()
    for _ in range(repeats):
        for name, task in tasks.items():
            start = clock()
            task()
            best[name] = min(best[name], clock() - start)
    return best
