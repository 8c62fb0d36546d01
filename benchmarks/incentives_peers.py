"""What do others offer who want to know how people respond, and what does it cost?

Bar 16, on Framingham; one thread, CPU time. DiCE knows no graph and no costs: it gets a graph
without edges and the observed ranges, and is asked for one way to pass, then for ten, of which the
shortest counts. The convex-concave response of Levanon and Rosenfeld is written here after their
paper. Graphs are read from fitted models of DoWhy, semopy and lingam, and must agree with them.
"""

from __future__ import annotations

import contextlib
import io
import random
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from common import Report, best_times, one_thread
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surefoot.ground.errors import DataUnavailableError
from surefoot.ground.streams import stream
from surefoot.incentives import Agents, CausalGraph, LinearRule, LpCost
from surefoot.incentives.case import IncentiveCase
from surefoot.incentives.cases import load_case
from surefoot.incentives.presets import levanon_rosenfeld
from surefoot.incentives.response import Response

PEOPLE, WAYS, METHODS = 20, (1, 10), ("random", "genetic", "kdtree")
SMOOTHED, SLOPE, GAIN, STRICT = 100, 5.0, 2.0, 0.9
SHIFTED, POPULATION = 2_000, 100_000

Floats = NDArray[np.float64]


def refused(case: IncentiveCase, rule: LinearRule, n: int) -> pd.DataFrame:
    """Return n people who don't pass."""
    rows = np.flatnonzero(~rule.accepts(case.X))
    return case.X.iloc[stream(0, "benchmark", "refused").choice(rows, n, replace=False)]


def multiplied(people: pd.DataFrame) -> pd.DataFrame:
    """Return a population of the same people over and over."""
    return pd.concat([people] * (POPULATION // len(people)), ignore_index=True)


def an_agent(report: Report, few: Agents, rule: LinearRule) -> float:
    """Report our time an agent, alone and in a population, and return the latter, in seconds."""
    many = few.with_table(multiplied(few.X))
    tasks = {"few": lambda: few.best_response(rule), "many": lambda: many.best_response(rule)}
    seconds = best_times(tasks, 5, time.process_time)
    each = seconds["many"] / len(many)
    report.add(f"  ours, an agent of {len(many):,}", each * 1e6, "µs")
    report.add(f"  the same, of these {len(few)} alone", seconds["few"] / len(few) * 1e6, "µs")
    return each


def within_ranges(case: IncentiveCase) -> LpCost:
    """Return the L2 cost of standard deviations, for efforts that end in the observed range."""
    low, high, unit = case.X.min(), case.X.max(), case.units()
    return LpCost(2).bounds(
        {node: lambda X, node=node: (low[node] - X[node]) / unit[node] for node in case.efforts},
        {node: lambda X, node=node: (high[node] - X[node]) / unit[node] for node in case.efforts},
    )


def counterfactuals(report: Report, case: IncentiveCase) -> None:
    """Bar 16: the shortest way to pass, against DiCE."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(case.X, case.y)
    rule = LinearRule.from_estimator(model)
    people = refused(case, rule, PEOPLE)
    graph = CausalGraph.identity(case.efforts).in_sd(case.X)
    agents = Agents(people, graph, within_ranges(case))
    ours = agents.best_response(rule)
    valid = 100 * float(np.mean(rule.accepts(ours.moved())))
    report.add(f"16 ours: valid, of {PEOPLE} people", valid, "%", at_least=100)
    if report.has("cvxpy", "cvxpy"):
        off = np.abs(ours.cost / least_costs(agents, rule, graph) - 1).max()
        report.add("16 ours: cost, farthest from Clarabel's", off, "", at_most=1e-6)
    each = an_agent(report, agents, rule)
    if report.has("dice_ml", "DiCE"):
        dice(report, case, model, rule, ours, each)


def least_costs(agents: Agents, rule: LinearRule, graph: CausalGraph) -> Floats:
    """Return the least L2 cost of passing by Clarabel, called by cvxpy."""
    import cvxpy as cp

    gain = graph.contribution() @ rule.weights_of(graph.features)
    lower, upper = agents.costs()[None].limits(len(agents))
    costs = np.empty(len(agents))
    for n, gap in enumerate(rule.gap(agents.X)):
        e = cp.Variable(len(gain))
        limits = [gain @ e >= gap, e >= lower[n], e <= upper[n]]
        program = cp.Problem(cp.Minimize(cp.norm(e)), limits)
        costs[n] = program.solve(solver=cp.CLARABEL, max_threads=1)
    return costs


def dice(
    report: Report, case: IncentiveCase, model: Any, rule: LinearRule, ours: Response, each: float
) -> None:
    """Compare validity, length and time; `each` is our time an agent, in seconds."""
    import dice_ml

    data = dice_ml.Data(
        dataframe=case.X.assign(passes=case.y),
        continuous_features=list(case.X.columns),
        outcome_name="passes",
    )
    wrapped = dice_ml.Model(model=model, backend="sklearn")
    for ways in WAYS:
        shortest = np.full(PEOPLE, np.inf)
        for method in METHODS:
            np.random.seed(0)  # noqa: NPY002  DiCE draws from the global generators
            random.seed(0)
            explainer = dice_ml.Dice(data, wrapped, method=method)
            start = time.process_time()
            found = ways_of(explainer, ours.X, ways, case)
            taken = (time.process_time() - start) / PEOPLE
            lengths = np.array(
                [length(table, ours.X.iloc[n], case, rule) for n, table in enumerate(found)]
            )
            shortest = np.minimum(shortest, lengths)
            name, valid = f"DiCE {method}, best of {ways}", np.isfinite(lengths)
            report.add(f"  {name}: valid", 100 * valid.mean(), "%")
            if valid.any():
                report.add("  mean length, ours / its shortest", shorter(ours.cost, lengths))
            report.add("  an agent", taken, "s")
            bar = 1e4 if ways == 1 else None
            report.add(f"16 {name} / ours, time an agent", taken / each, at_least=bar)
        name = f"16 mean length, ours / best of {ways} by the best of {len(METHODS)} methods"
        bar = 0.55 if ways == 1 else None
        report.add(name, shorter(ours.cost, shortest), at_most=bar)


def ways_of(
    explainer: Any, people: pd.DataFrame, ways: int, case: IncentiveCase
) -> list[pd.DataFrame | None]:
    """Return what DiCE finds for each person."""
    from raiutils.exceptions import UserConfigValidationException

    try:
        with quiet():
            found = explainer.generate_counterfactuals(
                people, total_CFs=ways, desired_class=1, features_to_vary=list(case.efforts)
            )
    except UserConfigValidationException:  # it found nothing for anybody
        return [None] * len(people)
    return [example.final_cfs_df_sparse for example in found.cf_examples_list]


def shorter(ours: Floats, theirs: Floats) -> float:
    """Return our mean length as a part of theirs, of those for whom they found a way."""
    found = np.isfinite(theirs)
    return float(ours[found].mean() / theirs[found].mean())


def length(
    ways: pd.DataFrame | None, person: pd.Series, case: IncentiveCase, rule: LinearRule
) -> float:
    """Return the length of the shortest way that passes, in standard deviations; inf without."""
    if ways is None or ways.empty:
        return np.inf
    ways = ways[case.X.columns].astype(float)
    steps = (ways[rule.accepts(ways)] - person) / case.units()
    return float(np.linalg.norm(steps, axis=1).min(initial=np.inf))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep a peer's progress bars and warnings off the screen."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def convex_concave(people: Floats, weights: Floats, offsets: Floats) -> tuple[Floats, float]:
    """Return efforts of agents who see a smoothed sign of the score, and mean programs an agent.

    The sign of ``z = slope * score`` is smoothed to ``(√(1 + (z+1)²) − √(1 + (z−1)²)) / 2``. Its
    convex part gives way to the tangent where the last program ended, until the agent stays there.

    Parameters
    ----------
    people : ndarray of shape (N, m)
    weights : ndarray of shape (m,)
    offsets : ndarray of shape (N,)
        ``people @ weights + offsets`` are the scores.
    """
    import cvxpy as cp

    m = len(weights)
    x, origin, tangent, offset = cp.Variable(m), cp.Parameter(m), cp.Parameter(m), cp.Parameter()
    slopes = SLOPE * weights
    concave = cp.norm(cp.hstack([1, slopes @ x + offset])) / 2 + cp.sum_squares(x - origin)
    program = cp.Problem(cp.Maximize(tangent @ x - concave), [x >= -10, x <= 10])
    moved, programs = people.copy(), 0
    for n, person in enumerate(people):
        origin.value, offset.value = person, SLOPE * offsets[n] - 1
        for _ in range(100):
            z = slopes @ moved[n] + SLOPE * offsets[n] + 1
            tangent.value = slopes * (z / np.sqrt(1 + z**2) / 2)
            program.solve(solver=cp.CLARABEL, max_threads=1)
            programs += 1
            step, moved[n] = np.linalg.norm(x.value - moved[n]), x.value
            if step <= 1e-3:
                break
    return moved - people, programs / len(people)


def smoothed(report: Report, case: IncentiveCase) -> None:
    """Bar 16: squared distance, gain 2, against the convex-concave procedure."""
    scaled = case.standardised()
    model = LogisticRegression().fit(scaled.X, scaled.y)
    rule = LinearRule.from_estimator(model, probability=STRICT)
    agents = levanon_rosenfeld(refused(scaled, rule, SMOOTHED), scaled.efforts, GAIN)
    weights, gap = rule.weights_of(scaled.efforts), rule.gap(agents.X)
    exact = (gap / np.linalg.norm(weights)) ** 2 <= GAIN
    moves = agents.best_response(rule).moves
    name = f"of {SMOOTHED} who need a chance of {STRICT}"
    report.add(f"16 ours: who crosses, {name}", 100 * np.mean(moves == exact), "%", at_least=100)
    report.add("  of whom cross", 100 * exact.mean(), "%")
    each = an_agent(report, agents, rule)
    if not report.has("cvxpy", "cvxpy"):
        return
    people = agents.X[list(scaled.efforts)].to_numpy()
    problem = people, weights, -gap - people @ weights
    seconds = best_times({"theirs": lambda: convex_concave(*problem)}, 2, time.process_time)
    effort, programs = convex_concave(*problem)
    agrees = 100 * np.mean((effort @ weights >= gap) == exact)
    report.add("  convex-concave: agrees on who crosses", agrees, "%")
    report.add("  programs an agent", programs, "")
    taken = seconds["theirs"] / SMOOTHED
    report.add("  an agent", taken * 1e3, "ms")
    report.add("16 convex-concave / ours, time an agent", taken / each, at_least=1_000)


def shifts(report: Report, case: IncentiveCase) -> None:
    """Bar 16: what a shift of every node does downstream, against DoWhy."""
    import networkx as nx
    from dowhy import gcm

    gcm.config.disable_progress_bars()
    X = case.standardised().X[list(case.efforts)]
    model = gcm.InvertibleStructuralCausalModel(nx.DiGraph(case.edges))
    for node in model.graph.nodes:
        linear = gcm.AdditiveNoiseModel(gcm.ml.create_linear_regressor())
        caused = any(model.graph.predecessors(node))
        model.set_causal_mechanism(node, linear if caused else gcm.EmpiricalDistribution())
    gcm.fit(model, X)
    graph, agents = CausalGraph.from_dowhy(model), X[:SHIFTED]
    effort = stream(0, "benchmark", "shift").normal(size=len(graph.nodes))
    shift = {node: lambda x, e=e: x + e for node, e in zip(graph.nodes, effort, strict=True)}
    tasks = {
        "DoWhy": lambda: gcm.counterfactual_samples(model, shift, observed_data=agents),
        "ours": lambda: agents[list(graph.nodes)] + effort @ graph.contribution(),
    }
    seconds = best_times(tasks, 9, time.process_time)
    theirs, ours = tasks["DoWhy"](), tasks["ours"]()
    off = float((theirs[ours.columns] - ours).abs().max(axis=None))
    report.add(f"16 DoWhy's x', farthest from x + C'e, {SHIFTED:,} agents", off, "", at_most=1e-10)
    report.add("  DoWhy / ours", seconds["DoWhy"] / seconds["ours"])


def edges(report: Report, case: IncentiveCase) -> None:
    """Edges by maximum likelihood, against semopy."""
    import semopy

    X = case.standardised().X
    causes: dict[str, list[str]] = {}
    for cause, effect in case.edges:
        causes.setdefault(effect, list(case.exogenous)).append(cause)
    equations = "\n".join(f"{effect} ~ {' + '.join(names)}" for effect, names in causes.items())

    def theirs() -> semopy.Model:
        model = semopy.Model(equations)
        model.fit(X)
        return model

    def ours() -> CausalGraph:
        return CausalGraph.fit(X, case.edges, exogenous=case.exogenous)

    seconds = best_times({"semopy": theirs, "ours": ours}, 5, time.process_time)
    read, fitted = CausalGraph.from_semopy(theirs()).edges, ours().edges
    off = max(abs(read[edge] - weight) for edge, weight in fitted.items())
    report.add(f"16 {len(fitted)} edges, semopy's farthest from ours", off, "", at_most=1e-3)
    report.add("  semopy / ours", seconds["semopy"] / seconds["ours"])


def discovered(report: Report, case: IncentiveCase) -> None:
    """Read a graph that lingam discovered: its noise, through our C, must give its data back."""
    import lingam

    X = case.standardised().X[list(case.efforts)].to_numpy()
    model = lingam.DirectLiNGAM(random_state=0).fit(X)
    noise = X - X @ model.adjacency_matrix_.T
    graph = CausalGraph.from_lingam(model, case.efforts)
    off = np.abs(noise @ graph.contribution() - X).max()
    report.add("16 lingam's noise through C, farthest from its data", off, "", at_most=1e-10)


def main() -> None:
    report = Report("incentives: DiCE, convex-concave responses, DoWhy, semopy, lingam (CPU time)")
    one_thread()
    try:
        case = load_case("framingham")
    except DataUnavailableError as missing:
        report.skipped.append("Framingham")
        report.say(f"  {missing}")
        report.close()
    counterfactuals(report, case)
    smoothed(report, case)
    if report.has("dowhy", "DoWhy"):
        shifts(report, case)
    if report.has("semopy", "semopy"):
        edges(report, case)
    if report.has("lingam", "lingam"):
        discovered(report, case)
    report.close()


if __name__ == "__main__":
    main()
