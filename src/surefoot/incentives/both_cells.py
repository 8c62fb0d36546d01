"""Cells of the study where neither rule nor graph is known, and edges may not be normal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.ground.streams import stream
from surefoot.incentives.agents import Agents
from surefoot.incentives.beliefs import ClassifierBelief, GraphBelief, JointBelief
from surefoot.incentives.costs import LpCost
from surefoot.incentives.edge_moments import contributions
from surefoot.incentives.effects import Effects
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.margins import MarginDraws, MarginMoments
from surefoot.incentives.rules import LinearRule

Floats = NDArray[np.float64]

NOISES = ("normal", "t(5)", "exponential")
METHODS = ("gaussian", "calibrated", "cvar", "cantelli")
CONFIDENCE = 0.9
_NODES = tuple(f"x{i}" for i in range(6))
_EDGE_SD, _CV = 0.15, 0.1
_PEOPLE = 30


def pass_rate(task: str, method: str, seed: int, noise: str, fresh: int) -> dict[str, float]:
    """Let people in doubt of everything respond, and draw whether they pass.

    Returns
    -------
    dict
        ``pass``: share of `fresh` draws in which those who moved pass; ``cost``: its mean.
    """
    graph, rule, people = _problem(seed)
    belief = _Noisy(JointBelief(GraphBelief(), ClassifierBelief(cv=_CV)), graph, noise)
    agents = Agents(
        people, graph, LpCost(2), belief,
        confidence=CONFIDENCE, method=method, seed=seed,  # type: ignore[arg-type]
    )  # fmt: skip
    response = agents.best_response(rule)
    moves = response.moves
    drawn = belief.draws(rule, graph, fresh, stream(seed, "fresh draws", noise))
    rates = drawn.pass_rate(rule.matrix(people[moves]), response.effort[moves])
    return {"pass": float(rates.mean()), "cost": float(response.cost[moves].mean())}


def _problem(seed: int) -> tuple[CausalGraph, LinearRule, pd.DataFrame]:
    """Return a random graph of six nodes, a rule, and people who do not pass yet."""
    generator = stream(seed, "both in doubt")
    edges = {
        (cause, effect): generator.uniform(0.1, 0.6)
        for j, effect in enumerate(_NODES)
        for cause in _NODES[:j]
        if generator.random() < 0.5
    }
    graph = CausalGraph.from_dag(_NODES, edges, sd=_EDGE_SD)
    rule = LinearRule(generator.uniform(0.2, 1.0, len(_NODES)), 2.0, _NODES)
    people = pd.DataFrame(generator.normal(-0.5, 0.5, (_PEOPLE, len(_NODES))), columns=_NODES)
    return graph, rule, people


@dataclass(frozen=True, eq=False)
class _Noisy:
    """A joint belief whose edges deviate from their mean by another noise of the same variance."""

    base: JointBelief
    graph: CausalGraph
    noise: str
    normal: ClassVar[bool] = False

    def moments(self, rule: LinearRule, effects: Effects) -> MarginMoments:
        return self.base.moments(rule, effects)

    def draws(
        self, rule: LinearRule, effects: Effects, n: int, generator: np.random.Generator
    ) -> MarginDraws:
        known = CausalGraph.from_matrix(self.graph.weights, self.graph.nodes)
        theta = JointBelief(GraphBelief(known), self.base.classifier).draws(
            rule, effects, n, generator
        ).theta  # fmt: skip
        W = self.graph.weights + _EDGE_SD * self._deviates(
            (n, *self.graph.weights.shape), generator
        )
        W = np.where(self.graph.weights != 0, W, 0.0)
        C = contributions(W, tuple(range(len(self.graph.nodes))))
        return MarginDraws(theta, np.einsum("bij,bj->bi", C, theta[:, :-1]))

    def _deviates(self, shape: tuple[int, ...], generator: np.random.Generator) -> Floats:
        if self.noise == "t(5)":
            return generator.standard_t(5, shape) / np.sqrt(5 / 3)
        if self.noise == "exponential":
            return generator.exponential(size=shape) - 1
        return generator.standard_normal(shape)
