"""Are best responses under limits exact, and what does a population of them cost?

Bar 1: random graphs, costs and limits against Clarabel, called by cvxpy. Bar 2: a million agents,
each with limits of its own, against what a practitioner would write; one thread, CPU time. The
loops and the stacked program are run on the first agents and compared by agent. Bar 17: ten million
agents in chunks, in a process of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.streams import stream
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.full.conic_agents import make_up_for
from surefoot.incentives.full.respond import respond
from surefoot.incentives.full.spend import spend
from surefoot.incentives.status import Status

EXPONENTS = (1.0, 1.2, 1.5, 2.0, 3.0, 8.0, float("inf"))
INSTANCES, GAPS = 200, 3
AGENTS, NODES = 1_000_000, 10
LOOP, CONIC_LOOP, OSQP_LOOP, STACKED = 200, 1_000, 2_000, 2_000
STREAMED, CHUNK = 10_000_000, 100_000

Floats = NDArray[np.float64]


@dataclass
class Population:
    """Agents with limits of their own, all of whom can pass."""

    gain: Floats
    weights: Floats
    lower: Floats
    upper: Floats
    gap: Floats

    @classmethod
    def drawn(cls, n: int, *names: int) -> Population:
        """Return n agents; gains and weights are the same for all names."""
        rng = stream(0, "benchmark", "shared")
        gain, weights = rng.normal(size=NODES), rng.uniform(0.5, 2, NODES)
        rng = stream(0, "benchmark", "agents", *names)
        lower, upper = -rng.uniform(0.1, 2, (n, NODES)), rng.uniform(0.1, 2, (n, NODES))
        reach = np.maximum(gain * lower, gain * upper).sum(axis=1)
        return cls(gain, weights, lower, upper, reach * rng.uniform(0.05, 0.95, n))

    def cost(self, p: float | None = None, rows: slice = slice(None)) -> EffortCost:
        """Return the cost: quadratic without a p."""
        w = np.ones(NODES) if p is None else self.weights
        Q = np.diag(self.weights**2)
        return EffortCost(p, w, Q, self.lower[rows], self.upper[rows])


def exactness(report: Any) -> None:
    """Bar 1."""
    import cvxpy as cp

    off, equal = [], []
    for k in range(INSTANCES):
        rng = stream(0, "benchmark", "exact", k)
        m, p = int(rng.integers(2, 9)), EXPONENTS[k % len(EXPONENTS)]
        edges = np.triu(rng.normal(size=(m, m)) * (rng.random((m, m)) < 0.4), 1)
        gain = np.linalg.solve(np.eye(m) - edges, rng.normal(size=m))
        weights = rng.uniform(0.3, 3, m)
        lower, upper = np.full((GAPS, m), -np.inf), np.full((GAPS, m), np.inf)
        if k % 3:  # two in three have limits: some of size, some of direction
            lower, upper = -rng.uniform(0, 2, (GAPS, m)), rng.uniform(0, 2, (GAPS, m))
            lower[:, rng.random(m) < 0.25], upper[:, rng.random(m) < 0.15] = 0.0, np.inf
        if k % 3 == 1:
            lower, upper = lower[0], upper[0]
        cost = EffortCost(p, weights, np.diag(weights**2), lower, upper)
        gap = rng.uniform(0.5, 6, GAPS)
        ours = respond(gain, gap, cost)
        lower, upper = cost.limits(GAPS)
        for n in range(GAPS):
            e = cp.Variable(m)
            low, high = np.isfinite(lower[n]), np.isfinite(upper[n])
            rows = [gain @ e >= gap[n]]
            rows += [e[low] >= lower[n][low]] if low.any() else []
            rows += [e[high] <= upper[n][high]] if high.any() else []
            program = cp.Problem(cp.Minimize(cp.pnorm(cp.multiply(weights, e), p)), rows)
            program.solve(solver=cp.CLARABEL, max_threads=1)
            solved = program.status.startswith("optimal")
            equal.append(solved == (ours.status[n] == Status.MOVES))
            if solved:
                off.append(abs(ours.price[n] / program.value - 1))
    name = f"1 {INSTANCES} instances: cost, farthest from Clarabel's"
    report.add(name, float(max(off)), "", at_most=1e-6)
    share = 100 * float(np.mean(equal))
    report.add(f"1 statuses equal, of {len(equal):,} programs", share, "%", at_least=100)
    report.add(f"  of which can pass ({len(off)})", 100 * len(off) / len(equal), "%")


def cvxpy_loop(agents: Population) -> Floats:
    """Return costs by one parametrised program, compiled once and solved for each agent."""
    import cvxpy as cp

    e, gap = cp.Variable(NODES), cp.Parameter()
    lower, upper = cp.Parameter(NODES), cp.Parameter(NODES)
    objective = cp.Minimize(cp.sum_squares(cp.multiply(agents.weights, e)))
    program = cp.Problem(objective, [agents.gain @ e >= gap, e >= lower, e <= upper])
    costs = np.empty(LOOP)
    for n in range(LOOP):
        gap.value, lower.value, upper.value = agents.gap[n], agents.lower[n], agents.upper[n]
        costs[n] = program.solve(solver=cp.CLARABEL, max_threads=1)
    return costs


def stacked(agents: Population) -> Floats:
    """Return costs by one program for many agents."""
    import cvxpy as cp

    e, rows = cp.Variable((STACKED, NODES)), slice(STACKED)
    each = cp.multiply(np.tile(agents.weights, (STACKED, 1)), e)
    limits = [e >= agents.lower[rows], e <= agents.upper[rows]]
    program = cp.Problem(
        cp.Minimize(cp.sum_squares(each)), [e @ agents.gain >= agents.gap[rows], *limits]
    )
    program.solve(solver=cp.CLARABEL, max_threads=1)
    return np.sum((agents.weights * e.value) ** 2, axis=1)


def osqp_loop(agents: Population) -> Floats:
    """Return costs by OSQP without a modelling layer: set up once, then updates."""
    import osqp
    import scipy.sparse as sp

    solver = osqp.OSQP()
    P = sp.diags(2 * agents.weights**2, format="csc")
    A = sp.csc_matrix(np.vstack([agents.gain, np.eye(NODES)]))
    first = np.append(agents.gap[0], agents.lower[0]), np.append(np.inf, agents.upper[0])
    solver.setup(
        P, np.zeros(NODES), A, *first, verbose=False, eps_abs=1e-8, eps_rel=1e-8, max_iter=20_000
    )
    costs = np.empty(OSQP_LOOP)
    for n in range(OSQP_LOOP):
        solver.update(
            l=np.append(agents.gap[n], agents.lower[n]), u=np.append(np.inf, agents.upper[n])
        )
        costs[n] = solver.solve().info.obj_val
    return costs


def clarabel_loop(agents: Population) -> Floats:
    """Return costs by Clarabel without a modelling layer: what no kernel covers is solved so."""
    rows = slice(CONIC_LOOP)
    return make_up_for(agents.gain, agents.gap[rows], agents.cost(rows=rows))[1] ** 2


def speed(report: Any, best_times: Callable[..., dict[str, float]]) -> None:
    """Bar 2."""
    agents = Population.drawn(AGENTS)
    own, one = agents.cost(), agents.cost(1.0)
    common = EffortCost(None, own.weights, own.Q, agents.lower[0], agents.upper[0])
    tasks: dict[str, Callable[[], Any]] = {
        "own limits": lambda: respond(agents.gain, agents.gap, own),
        "the same, NumPy": lambda: respond(agents.gain, agents.gap, own, "numpy"),
        "own limits, p = 1": lambda: respond(agents.gain, agents.gap, one),
        "own limits, p = 1.5": lambda: respond(agents.gain, agents.gap, agents.cost(1.5)),
        "own limits, all of a budget": lambda: spend(agents.gain, agents.gap, own),
        "limits in common": lambda: respond(agents.gain, agents.gap, common),
    }
    seconds = best_times(tasks, 3, time.process_time)
    for name, taken in seconds.items():
        bar = 3.0 if name == "own limits" else None
        report.add(f"2 {AGENTS:,} agents, {NODES} nodes: {name}", taken, "s", at_most=bar)
    ours, each = respond(agents.gain, agents.gap, own).price, seconds["own limits"] / AGENTS
    peers = [
        ("cvxpy", "parametrised cvxpy loop", cvxpy_loop, 1_000),
        ("osqp", "OSQP loop with updates", osqp_loop, 50),
        ("cvxpy", f"one cvxpy program of {STACKED:,} agents", stacked, 50),
        ("clarabel", "Clarabel loop, built by hand", clarabel_loop, None),
    ]
    for module, name, peer, bar in peers:
        if report.has(module, name):
            taken = best_times({name: lambda peer=peer: peer(agents)}, 1, time.process_time)[name]
            costs = peer(agents)
            report.add(f"2 {name} / ours", taken / len(costs) / each, at_least=bar)
            off = np.abs(costs / ours[: len(costs)] - 1).max()
            report.add("  its costs, farthest from ours", off, "")


def child() -> None:
    """Print what ten million agents took; meant for a fresh interpreter."""
    counts = np.zeros(len(Status), dtype=int)
    for number in range(STREAMED // CHUNK):
        agents = Population.drawn(CHUNK, number)
        found = respond(agents.gain, agents.gap, agents.cost())
        counts += np.bincount(found.status, minlength=len(Status))
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    print(
        json.dumps({"movers": int(counts[Status.MOVES]), "peak": peak, "cpu": time.process_time()})
    )


def memory(report: Any) -> None:
    """Bar 17."""
    done = subprocess.run(
        [sys.executable, "-c", "from incentives_boxed import child; child()"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
    )  # fmt: skip
    took = json.loads(done.stdout)
    assert took["movers"] == STREAMED
    report.add(f"17 {STREAMED:,} agents streamed: peak memory", took["peak"], "MiB", at_most=600)
    report.add("   CPU time, drawing them included", took["cpu"], "s")


def main() -> None:
    # Not for the child: it loads torch, which would count as the child's.
    from common import Report, best_times, one_thread

    report = Report("incentives: best responses within limits (CPU time)")
    one_thread()
    warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
    if report.has("cvxpy", "cvxpy"):
        exactness(report)
    speed(report, best_times)
    memory(report)
    report.close()


if __name__ == "__main__":
    main()
