"""What a principal can disclose: a weight of the rule, an edge, the whole effect of a node.

Disclosing sets a belief to the truth there, without doubt; the rest is believed as before. To tell
people what they know changes nothing: groups may be in doubt of different things.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.incentives.beliefs import (
    Belief,
    ClassifierBelief,
    FullInformation,
    GraphBelief,
    IndependentBelief,
    JointBelief,
)
from surefoot.incentives.effects import Effects
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.margins import MarginDraws, MarginMoments
from surefoot.incentives.rules import LinearRule

Floats = NDArray[np.float64]
Kind = Literal["node", "edge", "weight"]


@dataclass(frozen=True, order=True)
class Item:
    """One thing that can be disclosed.

    Parameters
    ----------
    kind : {"node", "edge", "weight"}
        The whole effect of a node's effort on the score; the direct effect of one node on another;
        the weight of a feature in the rule.
    name : tuple of str
        The node, (cause, effect), or the feature.
    """

    kind: Kind
    name: tuple[str, ...]

    def __post_init__(self) -> None:
        one_of("Item.kind", self.kind, get_args(Kind))

    def __str__(self) -> str:
        what = " -> ".join(self.name)
        return {"node": f"effect of {what}", "edge": what, "weight": f"weight of {what}"}[self.kind]


def doubts(belief: Belief, rule: LinearRule, effects: Effects) -> list[Item]:
    """Return what agents are in doubt of and could be told."""
    if isinstance(belief, JointBelief):
        return [*doubts(belief.graph, rule, effects), *doubts(belief.classifier, rule, effects)]
    if isinstance(belief, ClassifierBelief):
        mean, cov = belief.rule(rule)
        truth = rule.weights
        return [
            Item("weight", (name,))
            for i, name in enumerate(rule.names)
            if cov[i, i] > 0 or mean[i] != truth[i]
        ]
    if isinstance(belief, GraphBelief) and belief.cv is None:
        own = effects if belief.graph is None else belief.graph
        if isinstance(own, CausalGraph):
            edges = own.to_frame()
            doubtful = edges[edges["sd"] > 0]
            return [
                Item("edge", edge)
                for edge in zip(doubtful["cause"], doubtful["effect"], strict=True)
            ]
    moments = belief.moments(rule, effects)
    return [
        Item("node", (node,))
        for node, variance in zip(effects.efforts, np.diag(moments.gain_cov), strict=True)
        if variance > 0
    ]


def knows(belief: Belief, kind: Kind) -> bool:
    """Return whether agents know all things of a kind, whichever they are."""
    also = {"node": (), "edge": (ClassifierBelief,), "weight": (GraphBelief,)}[kind]
    return isinstance(belief, (FullInformation, *also))


def disclosed(belief: Belief, items: Sequence[Item], rule: LinearRule, effects: Effects) -> Belief:
    """Return the belief of agents who have been told `items`."""
    news = [item for item in items if not knows(belief, item.kind)]
    edges = [item.name for item in news if item.kind == "edge"]
    weights = [one_of("items", i.name[0], rule.names) for i in news if i.kind == "weight"]
    nodes = tuple(one_of("items", i.name[0], effects.efforts) for i in news if i.kind == "node")
    told = belief
    if edges:
        told = _with_edges(told, edges, effects)
    if weights:
        told = _with_weights(told, weights)
    return _KnownNodes(told, nodes) if nodes else told


@dataclass(frozen=True, eq=False)
class _KnownNodes:
    """A belief with the effect of some nodes known."""

    base: Belief
    nodes: tuple[str, ...]

    @property
    def normal(self) -> bool:
        return self.base.normal

    def moments(self, rule: LinearRule, effects: Effects) -> MarginMoments:
        moments = self.base.moments(rule, effects)
        known = np.isin(effects.efforts, self.nodes)
        truth = effects.contribution() @ rule.weights_of(effects.features)
        return dataclasses.replace(
            moments,
            gain=np.where(known, truth, moments.gain),
            gain_cov=moments.gain_cov * np.outer(~known, ~known),
            cross=moments.cross * ~known[:, None],
        )

    def draws(
        self, rule: LinearRule, effects: Effects, n: int, generator: np.random.Generator
    ) -> MarginDraws:
        drawn = self.base.draws(rule, effects, n, generator)
        known = np.isin(effects.efforts, self.nodes)
        truth = effects.contribution() @ rule.weights_of(effects.features)
        return MarginDraws(drawn.theta, np.where(known, truth, drawn.gains))


def _with_edges(belief: Any, edges: Sequence[tuple[str, ...]], effects: Effects) -> Any:
    if isinstance(belief, JointBelief):
        graph = _with_edges(belief.graph, edges, effects)
        return dataclasses.replace(belief, graph=graph)
    own = belief.graph if isinstance(belief, GraphBelief) and belief.graph is not None else effects
    if not (isinstance(belief, GraphBelief) and isinstance(own, CausalGraph)
            and isinstance(effects, CausalGraph)):  # fmt: skip
        raise InputError("items", "an edge", "weights or nodes: these agents think of no edges")
    for cause, effect in edges:
        own = own.with_prior((cause, effect), effects.edges.get((cause, effect), 0.0))
    return GraphBelief(own, belief.cv)


def _with_weights(belief: Any, names: Sequence[str]) -> Any:
    if isinstance(belief, JointBelief):
        return dataclasses.replace(belief, classifier=_with_weights(belief.classifier, names))
    if not isinstance(belief, ClassifierBelief):
        raise InputError("items", "a weight", "nodes: these agents think of no single weights")
    return _KnownWeights(belief, tuple(names))


@dataclass(frozen=True, eq=False)
class _KnownWeights(IndependentBelief):
    """A belief with some weights known."""

    base: ClassifierBelief
    names: tuple[str, ...]
    normal: ClassVar[bool] = True

    def rule(self, rule: LinearRule) -> tuple[Floats, Floats]:
        mean, cov = self.base.rule(rule)
        known = np.append(np.isin(rule.names, self.names), False)
        truth = np.append(rule.weights, rule.threshold)
        return np.where(known, truth, mean), cov * np.outer(~known, ~known)
