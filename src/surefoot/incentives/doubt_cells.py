"""Cells of the study on people in doubt, and on designers in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from surefoot.ground.streams import subseed
from surefoot.incentives.agents import Agents
from surefoot.incentives.beliefs import GraphBelief
from surefoot.incentives.case import IncentiveCase
from surefoot.incentives.cases import load_case
from surefoot.incentives.costs import LpCost
from surefoot.incentives.designing.design import design
from surefoot.incentives.full.unit import unit_response
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.measures import Desirable
from surefoot.incentives.revealing import Disclosure, reveal
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.uncertain import graph_unit
from surefoot.incentives.uncertain.calibration import normal_z

CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
# How doubtful lay people are of the effect of a habit, and of a reading on which doctors act.
HABIT, READING = 0.8, 0.2
PILL_WEIGHTS = (1.0, 0.5, 0.3, 0.2)
NOMINAL, SCENARIOS = "mean graph", "300 graphs"
_SCENARIOS, _HELD_OUT, _BETA = 300, 800, 0.6
_PILL = "sysBP"


@dataclass(frozen=True, eq=False)
class _Split:
    case: IncentiveCase
    graph: CausalGraph
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    base: LinearRule

    @property
    def people(self) -> pd.DataFrame:
        return self.case.X.iloc[self.test]

    def auc(self, rule: LinearRule) -> float:
        return float(roc_auc_score(self.case.y[self.test], rule.score(self.people)))

    def design(self, **demand: object):  # type: ignore[no-untyped-def]
        X, y = self.case.X.iloc[self.train], self.case.y[self.train]
        asked = {"effects": self.graph, "desirable": self.case.desirable, "cost": LpCost(2)}
        return design(X, y, **(asked | demand))  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def _split(seed: int) -> _Split:
    case = load_case("framingham")
    train, test = train_test_split(
        np.arange(len(case.y)), train_size=0.7, stratify=case.y,
        random_state=subseed(seed, "split") % 2**32,
    )  # fmt: skip
    scaled = case.standardised(train)
    known = scaled.X.iloc[train]
    graph = CausalGraph.fit(known, case.edges, case.exogenous, case.efforts)
    plain = design(
        known, case.y[train], effects=graph, cost=LpCost(2), desirable=None, beta=0.0
    )  # fmt: skip
    return _Split(scaled, graph, train, test, plain.rule)


@lru_cache(maxsize=1)
def _disclosure(seed: int) -> Disclosure:
    split = _split(seed)
    agents = Agents(split.people, split.graph, LpCost(2), _lay(split.case), confidence=0.95)
    return reveal(split.base, agents, split.case.desirable)


def told(task: str, method: str, seed: int) -> dict[str, float]:
    """Return what lay people do once they are told the effect of one node; or nothing, or all."""
    found = _disclosure(seed)
    rows = {str(row["told"]).removeprefix("effect of "): row for _, row in found.table.iterrows()}
    row = {"nothing": found.nothing, "everything": found.everything, **rows}[method]
    rank = list(rows).index(method) + 1 if method in rows else float("nan")
    return {"share": float(row["share"]), "cost": float(row["cost"]), "rank": float(rank)}


def in_doubt(task: str, method: str, seed: int) -> dict[str, float]:
    """Return how lay people respond who want to be this sure of passing: at p = 1 and p = 2.

    Returns
    -------
    dict
        ``share``, ``price`` at p = 2; ``levers``: nodes worked on at p = 1.
    """
    split, z = _split(seed), normal_z(float(method))
    moments = _lay(split.case).moments(split.base, split.graph)
    wanted = Desirable.parse(split.case.desirable, split.graph.efforts)
    found = {}
    for p in (1, 2):
        cost = LpCost(p).resolve(split.graph.efforts)
        unit = graph_unit.unit_response(moments.gain, moments.gain_cov, z, cost)
        if unit is None:
            return {"share": float("nan"), "price": float("inf"), "levers": float("nan")}
        if p == 1:
            found["levers"] = float(np.sum(np.abs(unit.effort) > 1e-9 * np.abs(unit.effort).max()))
        else:
            found |= {"share": wanted.share(unit.effort, cost), "price": unit.price}
    return found


def estimated_graph(task: str, method: str, seed: int) -> dict[str, float]:
    """Design for the mean graph or for 300 bootstrap graphs, and hold it against 800 others.

    Returns
    -------
    dict
        ``violated``: share of the 800 graphs under which the wanted share falls short of .6 (by
        more than 1e-4). ``worst``: the lowest of the shares. ``auc``.
    """
    split = _split(seed)
    graphs = split.graph.bootstrap(_SCENARIOS, subseed(seed, "scenarios")).values
    asked = {"scenarios": graphs} if method == SCENARIOS else {}
    rule = split.design(beta=_BETA, **asked).rule
    held_out = split.graph.bootstrap(_HELD_OUT, subseed(seed, "held out")).values
    shares = np.array([_share(rule, split, C) for C in held_out])
    return {
        "violated": float((shares < _BETA - 1e-4).mean()),
        "worst": float(shares.min()),
        "auc": split.auc(rule),
    }


def cheap_pill(task: str, method: str, seed: int) -> dict[str, float]:
    """Return the base rule's share, and the AUC of a design at .6, where the pill costs less."""
    split = _split(seed)
    cost = LpCost(2, {_PILL: float(method)})
    made = split.design(beta=_BETA, cost=cost)
    gain = split.graph.contribution() @ split.base.weights_of(split.graph.features)
    resolved = cost.resolve(split.graph.efforts)
    unit = unit_response(gain, resolved)
    wanted = Desirable.parse(split.case.desirable, split.graph.efforts)
    base = float("nan") if unit is None else wanted.share(unit.effort, resolved)
    return {
        "base share": base,
        "share": made.share,
        "auc": split.auc(made.rule),
        "base auc": split.auc(split.base),
    }


def _share(rule: LinearRule, split: _Split, C: NDArray[np.float64]) -> float:
    cost = LpCost(2).resolve(split.graph.efforts)
    unit = unit_response(C @ rule.weights_of(split.graph.features), cost)
    wanted = Desirable.parse(split.case.desirable, split.graph.efforts)
    return 1.0 if unit is None else wanted.share(unit.effort, cost)


def _lay(case: IncentiveCase) -> GraphBelief:
    return GraphBelief(
        cv={node: HABIT if node in case.desirable else READING for node in case.efforts}
    )
