"""Are responses under uncertainty right, do their promises hold, and what do they cost?

Bar 3: agents unsure of the rule, against a parametrised cvxpy program and against Clarabel without
a modelling layer, which are run on few agents and compared by agent. Bars 4 and 5: agents unsure of
the graph. Bar 6: agents unsure of both, with edges of three distributions. One thread, CPU time.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from common import Report, best_times, one_thread
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import ndtr

from surefoot.ground.streams import stream
from surefoot.incentives.costs import EffortCost, LpCost
from surefoot.incentives.margins import MarginDraws, MarginMoments
from surefoot.incentives.status import Status
from surefoot.incentives.uncertain.calibration import (
    DrawsOf,
    calibrated_z,
    cantelli_z,
    normal_z,
)
from surefoot.incentives.uncertain.ceiling import ceiling
from surefoot.incentives.uncertain.conic_agents import ConicAgents
from surefoot.incentives.uncertain.cvar import cvar_respond
from surefoot.incentives.uncertain.graph_unit import unit_response
from surefoot.incentives.uncertain.respond import respond

Floats = NDArray[np.float64]

AGENTS, NODES, LOOP, CONIC_LOOP = 300_000, 8, 300, 2_000
SETTINGS = [(scale, z) for scale in (0.05, 0.4, 3.0) for z in (0.5, 1.645, 4.0)]
CHECKED = 60
CONFIDENCES, DRAWS = (0.7, 0.9, 0.95, 0.99), 400_000
SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
TARGET, FRESH, EDGE_SD, SEMS, MOVERS = 0.9, 300_000, 0.15, 10, 40
PRECISE = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}


def cost_of(p: float, m: int, weights: Floats | None = None) -> EffortCost:
    """Return a cost without limits."""
    nodes = [str(i) for i in range(m)]
    each = 1.0 if weights is None else dict(zip(nodes, weights.tolist(), strict=True))
    return LpCost(p, each).resolve(nodes)


def unsure_of_the_rule(scale: float, n: int, *names: int) -> tuple[MarginMoments, Floats]:
    """Return beliefs with the given spread of weights and threshold, and n agents."""
    rng = stream(0, "benchmark", "rule", *names)
    weights = rng.normal(size=NODES)
    root = rng.normal(size=(NODES + 1, NODES + 1)) * scale
    cov = root @ root.T
    edges = np.triu(0.3 * rng.normal(size=(NODES, NODES)), 1)
    C = np.linalg.inv(np.eye(NODES) - edges)
    X = rng.normal(size=(n, NODES))
    theta = np.append(weights, np.linalg.norm(weights))
    inner = cov[:-1, :-1]
    return MarginMoments(theta, cov, C @ weights, C @ inner @ C.T, C @ cov[:-1]), X


def margins(moments: MarginMoments, X: Floats, effort: Floats, z: float) -> Floats:
    """Return ``mean − z sd`` of the margins after an effort."""
    mean, variance, covariance = moments.at(X)
    spread = variance + np.sum(effort * (2 * covariance + effort @ moments.gain_cov), axis=1)
    return mean + effort @ moments.gain - z * np.sqrt(np.maximum(spread, 0.0))


def cvxpy_loop(moments: MarginMoments, X: Floats, z: float) -> Floats:
    """Return least costs by one parametrised program, compiled once and solved for each agent."""
    import cvxpy as cp

    joint = np.block([[moments.theta_cov, moments.cross.T], [moments.cross, moments.gain_cov]])
    values, vectors = np.linalg.eigh(joint)
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    extended = np.column_stack([X, np.full(len(X), -1.0)])
    means, offsets = extended @ moments.theta, extended @ root[:, : NODES + 1].T
    e, mean, offset = cp.Variable(NODES), cp.Parameter(), cp.Parameter(len(root))
    sure = mean + moments.gain @ e >= z * cp.norm(root[:, NODES + 1 :] @ e + offset)
    program = cp.Problem(cp.Minimize(cp.sum_squares(e)), [sure])
    costs = np.empty(len(X))
    for agent in range(len(X)):
        mean.value, offset.value = means[agent], offsets[agent]
        costs[agent] = program.solve(solver=cp.CLARABEL)
    return costs


def clarabel_loop(moments: MarginMoments, X: Floats, z: float) -> Floats:
    """Return least costs by Clarabel without a modelling layer: set up once, then updates."""
    import clarabel
    import scipy.sparse as sp

    parts = ConicAgents.of(moments, X, cost_of(2, NODES))
    A = sp.csc_matrix(np.vstack([-parts.gain, -z * parts.root]))
    sides = np.column_stack([parts.mean, z * parts.offset])
    P, cones = sp.eye(NODES, format="csc") * 2.0, [clarabel.SecondOrderConeT(A.shape[0])]
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.presolve_enable, settings.max_threads = False, False, 1
    solver = clarabel.DefaultSolver(P, np.zeros(NODES), A, sides[0], cones, settings)
    costs = np.empty(len(X))
    for agent in range(len(X)):
        solver.update(b=sides[agent])
        costs[agent] = solver.solve().obj_val
    return costs


def fallback(moments: MarginMoments, X: Floats, z: float) -> None:
    """Solve agents the way that all other costs are solved."""
    programs = ConicAgents.of(moments, X, cost_of(2, NODES))
    for agent in range(len(X)):
        programs.least(agent, z)


def unsure_of_the_rule_speed(report: Report) -> None:
    """Bar 3: speed, on one population; 95 % confidence."""
    moments, X = unsure_of_the_rule(0.05, AGENTS, 0)
    cost, z = cost_of(2, NODES), normal_z(0.95)
    unsure = X[margins(moments, X, np.zeros((AGENTS, NODES)), z) < 0]
    tasks: dict[str, Callable[[], Any]] = {
        "numba": lambda: respond(moments, X, z, cost),
        "NumPy": lambda: respond(moments, X, z, cost, "numpy"),
        "fallback": lambda: fallback(moments, unsure[:CONIC_LOOP], z),
    }
    loops: dict[str, tuple[int, Callable[..., Floats], float | None]] = {
        "cvxpy": (LOOP, cvxpy_loop, 500),
        "clarabel": (CONIC_LOOP, clarabel_loop, None),
    }
    loops = {name: loop for name, loop in loops.items() if report.has(name, name)}
    for name, (n, loop, _) in loops.items():
        tasks[name] = lambda n=n, loop=loop: loop(moments, unsure[:n], z)
    seconds = best_times(tasks, 3, time.process_time)
    found = respond(moments, X, z, cost)
    name = f"{AGENTS:,} agents, {NODES} nodes"
    report.add(f"3 {name}: ours", seconds["numba"], "s", at_most=3)
    report.add(f"3 {name}: ours, NumPy", seconds["NumPy"], "s")
    # Only agents who aren't sure as they stand count, for us as for the loops.
    each = seconds["numba"] / len(unsure)
    report.add("  an agent who isn't sure: ours", each * 1e6, "µs")
    report.add("  the same, our fallback", seconds["fallback"] / CONIC_LOOP * 1e6, "µs")
    price = found.price[found.status == Status.MOVES]
    for name, (n, loop, bar) in loops.items():
        report.add(f"  the same, {name}", seconds[name] / n * 1e6, "µs")
        report.add(f"3 parametrised loop of {name} / ours", seconds[name] / n / each, at_least=bar)
        off = np.abs(price[:n] ** 2 / loop(moments, unsure[:n], z) - 1).max()
        report.add("  its costs, farthest from ours", off, "")
    moved = found.status == Status.MOVES
    least = margins(moments, X, found.effort, z)[moved].min()
    report.add(f"3 least margin of {moved.sum():,} who move", least, "", at_least=-1e-8)


def unsure_of_the_rule_exact(report: Report) -> None:
    """Bar 3: statuses and objective, over beliefs and confidences of all sizes."""
    cost, equal, off, least, never = cost_of(2, NODES), [], [], [], 0
    for number, (scale, z) in enumerate(SETTINGS):
        moments, X = unsure_of_the_rule(scale, 4 * CHECKED, 1, number)
        X = X[margins(moments, X, np.zeros((len(X), NODES)), z) < 0][:CHECKED]
        found, expected = respond(moments, X, z, cost), cvxpy_loop(moments, X, z)
        moved = found.status == Status.MOVES
        equal.append(moved == np.isfinite(expected))
        never += int(np.sum(~moved))
        both = moved & np.isfinite(expected)
        off.append(np.abs(found.price[both] ** 2 / expected[both] - 1))
        least.append(margins(moments, X, found.effort, z)[moved])
    statuses = np.concatenate(equal)
    name = f"of {len(statuses)} agents in {len(SETTINGS)} settings"
    report.add(f"3 statuses equal, {name}", 100 * statuses.mean(), "%", at_least=100)
    report.add("  of which never sure", never, "agents")
    report.add("3 objective, farthest from cvxpy's", np.concatenate(off).max(), "", at_most=1e-4)
    report.add("3 least margin", np.concatenate(least).min(), "", at_least=-1e-8)


def unit_by_cvxpy(
    gain: Floats, cov: Floats, z: float, weights: Floats, p: float
) -> tuple[float, Floats]:
    """Return price and effort for a unit of score."""
    import cvxpy as cp

    e, root = cp.Variable(len(gain)), np.linalg.cholesky(cov).T
    sure = gain @ e - 1 >= z * cp.norm(root @ e)
    program = cp.Problem(cp.Minimize(cp.norm(cp.multiply(weights, e), p)), [sure])
    program.solve(solver=cp.CLARABEL, **PRECISE)
    return float(program.value), e.value


def unsure_of_the_graph(report: Report) -> None:
    """Bar 4: one effort for all; 20 dense covariances."""
    off, ends, rates = [], [], {confidence: [] for confidence in CONFIDENCES}
    for number in range(20):
        rng = stream(0, "benchmark", "graph", number)
        m = 6
        gain, root = rng.normal(size=m), 0.15 * rng.normal(size=(m, m))
        cov, weights = root @ root.T + 0.01 * np.eye(m), rng.uniform(0.5, 2, m)
        cost = cost_of(2, m, weights)
        highest = ceiling(gain, cov, cost)
        drawn = rng.multivariate_normal(gain, cov, DRAWS)
        for confidence in CONFIDENCES:
            if normal_z(confidence) > 0.9 * highest:
                continue
            unit = unit_response(gain, cov, normal_z(confidence), cost)
            assert unit is not None
            _, effort = unit_by_cvxpy(gain, cov, normal_z(confidence), weights, 2)
            off.append(np.abs(unit.effort - effort).max() / np.abs(effort).max())
            rates[confidence].append(np.mean(drawn @ unit.effort >= 1) - confidence)
        for share in (0.99, 1.01):
            price, _ = unit_by_cvxpy(gain, cov, share * highest, weights, 2)
            ours = unit_response(gain, cov, share * highest, cost)
            ends.append((ours is not None) == (share < 1) == np.isfinite(price))
    report.add(f"4 effort, farthest from cvxpy's, {len(off)} cases", max(off), "", at_most=1e-4)
    for confidence, misses in rates.items():
        worst = max(misses, key=abs)
        name = f"4 pass rate less target {confidence}, worst of {len(misses)}, {DRAWS:,} draws"
        report.add(name, abs(worst), "", at_most=0.003)
    name = f"4 sure at 0.99 of the ceiling and not at 1.01, ours and cvxpy, {len(ends)} cases"
    report.add(name, 100 * float(np.mean(ends)), "%", at_least=100)


def diversification(report: Report) -> None:
    """Bar 5: p = 1, uncorrelated gains."""
    off, ordered, entered = [], [], []
    for number in range(100):
        rng = stream(0, "benchmark", "l1", number)
        m = int(rng.integers(2, 11))
        gain, variance = rng.normal(size=m), rng.uniform(0.1, 0.6, m) ** 2
        weights = rng.uniform(0.3, 2, m)
        cost, cov = cost_of(1, m, weights), np.diag(variance)
        highest = ceiling(gain, cov, cost)
        units = [unit_response(gain, cov, share * highest, cost) for share in SHARES]
        active = [np.count_nonzero(unit.effort) for unit in units if unit is not None]
        ordered.append(len(active) == len(SHARES) and active == sorted(active))
        entered.append(active[-1] - active[0])
        k = number % len(SHARES)
        price, _ = unit_by_cvxpy(gain, cov, SHARES[k] * highest, weights, 1)
        assert units[k] is not None
        off.append(abs(units[k].price / price - 1))
    report.add("5 least cost 1/λ, farthest from Clarabel's, 100 cases", max(off), "", at_most=1e-6)
    name = "5 active nodes never fewer at more confidence, of 100 cases"
    report.add(name, 100 * float(np.mean(ordered)), "%", at_least=100)
    report.add("  nodes that enter, mean", float(np.mean(entered)), "nodes")


NOISES: dict[str, Callable[[np.random.Generator, tuple[int, int]], Floats]] = {
    "Gaussian": lambda rng, shape: rng.normal(size=shape),
    "t(5)": lambda rng, shape: rng.standard_t(5, size=shape) / np.sqrt(5 / 3),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1,
}


@dataclass(frozen=True, eq=False)
class Sem:
    """A linear structural model of six nodes whose edges, and a rule whose weights, are uncertain.

    Attributes
    ----------
    moments : MarginMoments
        Of 400,000 draws.
    draws_of : callable
    X : ndarray of shape (300, 6)
    """

    moments: MarginMoments
    draws_of: DrawsOf
    X: Floats

    @classmethod
    def drawn(cls, number: int, noise: str) -> Sem:
        """Return a model; its edges and weights are the same for all noises."""
        rng, m = stream(0, "benchmark", "sem", number), 6
        present = np.triu(rng.random((m, m)) < 0.5, 1)
        edges = np.where(present, 0.4 * rng.normal(size=(m, m)), 0.0)
        weights, X = rng.normal(size=m), rng.normal(size=(300, m))
        threshold = float(np.quantile(X @ weights, 0.7))

        def draws_of(n: int, generator: np.random.Generator) -> MarginDraws:
            drawn = np.broadcast_to(edges, (n, m, m)).copy()
            shape = n, int(present.sum())
            drawn[:, present] += EDGE_SD * NOISES[noise](generator, shape)
            h = weights + 0.15 * generator.normal(size=(n, m))
            gains = np.linalg.solve(np.eye(m) - drawn, h[:, :, None])[:, :, 0]
            return MarginDraws(np.column_stack([h, np.full(n, threshold)]), gains)

        many = draws_of(400_000, stream(0, "benchmark", "moments", number, noise))
        both = np.column_stack([many.theta, many.gains])
        mean, cov, k = both.mean(axis=0), np.cov(both.T), m + 1
        moments = MarginMoments(mean[:k], cov[:k, :k], mean[k:], cov[k:, k:], cov[k:, :k])
        return cls(moments, draws_of, X)


def searched(draws: MarginDraws, x: Floats, start: Floats, rng: np.random.Generator) -> Floats:
    """Return the shortest effort of five starts that passes in the target's share of draws.

    The share is smoothed over a twentieth of the margin's spread, so that it has gradients.
    """
    base = draws.theta @ np.append(x, -1.0)
    width = 0.05 * np.std(base + draws.gains @ start)
    size = float(np.linalg.norm(start))

    def share(e: Floats) -> float:
        return float(np.mean(ndtr((base + draws.gains @ (size * e)) / width))) - TARGET

    def slope(e: Floats) -> Floats:
        at = (base + draws.gains @ (size * e)) / width
        density = np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi) / width
        return size * (density @ draws.gains) / len(at)

    best = np.full(len(start), np.inf)
    for number in range(5):
        first = start / size + (0.3 * rng.normal(size=len(start)) if number else 0.0)
        found = minimize(
            lambda e: e @ e, first, jac=lambda e: 2 * e, method="SLSQP",
            constraints={"type": "ineq", "fun": share, "jac": slope},
        )  # fmt: skip
        if share(found.x) > -1e-5 and found.x @ found.x < best @ best:
            best = found.x
    return size * best


def same_promise(draws: MarginDraws, x: Floats, effort: Floats, share: float) -> Floats:
    """Return a multiple of the effort that passes in this share of the draws."""
    low, high = 0.5, 2.0
    for _ in range(40):
        middle = (low + high) / 2
        enough = draws.pass_rate(x[None], middle * effort[None])[0] >= share
        low, high = (low, middle) if enough else (middle, high)
    return high * effort


def scenarios() -> Iterator[dict[str, Any]]:
    """Yield pass rates and costs of each model and noise, by each method."""
    cost = cost_of(2, 6)
    for number in range(SEMS):
        for noise in NOISES:
            sem = Sem.drawn(number, noise)
            fresh = sem.draws_of(FRESH, stream(0, "benchmark", "fresh", number, noise))
            start = time.process_time()
            calibrated = calibrated_z(sem.moments, sem.draws_of, sem.X, TARGET, cost, seed=number)
            row: dict[str, Any] = {"model": number, "edges": noise, "z": calibrated.z}
            row["seconds"], row["kept"] = time.process_time() - start, calibrated.kept
            every = {
                "normal": respond(sem.moments, sem.X, normal_z(TARGET), cost),
                "calibrated": respond(sem.moments, sem.X, calibrated.z, cost),
                "Cantelli": respond(sem.moments, sem.X, cantelli_z(TARGET), cost),
            }
            few = sem.draws_of(2_000, stream(0, "benchmark", "scenarios", number, noise))
            movers = np.flatnonzero(every["calibrated"].status == Status.MOVES)[:MOVERS]
            every["CVaR"] = cvar_respond(few, sem.X, TARGET, cost)
            for name, found in every.items():
                row[name] = float(fresh.pass_rate(sem.X[movers], found.effort[movers]).mean())
                price = found.price[movers] / every["normal"].price[movers]
                row[f"{name} price"] = float(np.median(price))
            row["never sure"] = int(np.sum(every["Cantelli"].status == Status.NEVER_SURE))
            # One agent, of median cost, against a search that knows no structure.
            prices = every["calibrated"].price[movers]
            agent = movers[np.argsort(prices)[len(movers) // 2]]
            x, ours = sem.X[agent], every["calibrated"].effort[agent]
            rng = stream(0, "benchmark", "search", number, noise)
            best = searched(sem.draws_of(20_000, rng), x, ours, rng)
            share = float(fresh.pass_rate(x[None], ours[None])[0])
            best = same_promise(fresh, x, best, share)
            row["searched"] = float(np.linalg.norm(ours) / np.linalg.norm(best))
            yield row


def unsure_of_both(report: Report) -> None:
    """Bar 6."""
    rows = list(scenarios())
    report.tables["unsure of both"] = rows

    def worst(name: str) -> float:
        return max(abs(row[name] - TARGET) for row in rows)

    name = f"{len(rows)} models, target {TARGET}, {FRESH:,} draws"
    report.add(f"6 {name}: calibrated, farthest from it", worst("calibrated"), "", at_most=0.005)
    report.add("6 the same, z of a normal margin", worst("normal"), "")
    report.add("6 Cantelli, lowest pass rate", min(r["Cantelli"] for r in rows), "", at_least=0.9)
    report.add("6 agents never sure by Cantelli", sum(r["never sure"] for r in rows), "")
    report.add("6 CVaR, lowest pass rate", min(r["CVaR"] for r in rows), "", at_least=0.9)
    report.add("6 own check finds the calibrated z good", sum(r["kept"] for r in rows), "models")
    name = "6 cost of the calibrated / best of a 5-start search, worst"
    report.add(name, max(r["searched"] for r in rows), at_most=1.03)
    for method in ("calibrated", "CVaR", "Cantelli"):
        price = float(np.median([r[f"{method} price"] for r in rows]))
        report.add(f"  cost of {method} / of a normal margin, median", price)
    report.add("  a calibration, longest", max(r["seconds"] for r in rows), "s")


def main() -> None:
    report = Report("incentives: responses under uncertainty (CPU time)")
    one_thread()
    warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
    unsure_of_the_rule_speed(report)
    if report.has("cvxpy", "cvxpy"):
        unsure_of_the_rule_exact(report)
        unsure_of_the_graph(report)
        diversification(report)
    unsure_of_both(report)
    report.close()


if __name__ == "__main__":
    main()
