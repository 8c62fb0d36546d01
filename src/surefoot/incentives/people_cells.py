"""Cells of the study on real people: a rule fitted in folds, tested, and held against the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from surefoot.ground.streams import subseed
from surefoot.incentives.audit_parts import perverse, target
from surefoot.incentives.case import IncentiveCase
from surefoot.incentives.cases import load_case
from surefoot.incentives.costs import LpCost
from surefoot.incentives.designing.design import Design, design
from surefoot.incentives.full.unit import unit_response
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.measures import Desirable
from surefoot.incentives.rules import LinearRule

FOLDS = 5
LOGISTIC, FLIP = "logistic", "first lever wanted"


@dataclass(frozen=True)
class Aim:
    """What a designed rule is asked for.

    Parameters
    ----------
    p : float
        Exponent of the cost that agents are taken to have.
    beta : float
        Wanted share of effort.
    blind : bool
        Whether the designer ignores the graph.
    """

    p: float
    beta: float
    blind: bool = False


AIMS: Mapping[str, Aim] = {
    "wanted ≥ .5": Aim(2, 0.5),
    "wanted ≥ .6": Aim(2, 0.6),
    "wanted ≥ .8": Aim(2, 0.8),
    "wanted ≥ .6, blind": Aim(2, 0.6, blind=True),
    "wanted ≥ .8, blind": Aim(2, 0.8, blind=True),
    FLIP: Aim(1, 1.0),
}
METHODS = (LOGISTIC, *AIMS)


@lru_cache(maxsize=2)
def _case(name: str) -> IncentiveCase:
    return load_case(name)


def rule_on_people(task: str, method: str, seed: int) -> dict[str, float]:
    """Fit a rule in five folds of a case, and return what it does on the people left out.

    Returns
    -------
    dict
        ``auc``: mean over folds, on people left out. ``share``, ``lowest share``: wanted share of
        effort at p = 2 through the graph, mean and lowest fold. ``claimed``: the same as the
        designer believes it. ``perverse``: wanted nodes for whose opposite the rule pays.
        ``lever wanted``: share of folds in which all effort at p = 1 is wanted. ``reach``: largest
        ratio of effective to direct weight among wanted nodes, lowest fold.
    """
    case = _case(task)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=subseed(seed, "folds") % 2**32)
    found = [_fold(case, method, train, test) for train, test in folds.split(case.X, case.y)]
    by_name = {name: np.array([fold[name] for fold in found]) for name in found[0]}
    return {
        **{name: float(values.mean()) for name, values in by_name.items()},
        "lowest share": float(by_name["share"].min()),
        "reach": float(by_name["reach"].min()),
    }


def _fold(
    case: IncentiveCase, method: str, train: NDArray[np.intp], test: NDArray[np.intp]
) -> dict[str, float]:
    scaled = case.standardised(train)
    known, left_out = scaled.X.iloc[train], scaled.X.iloc[test]
    graph = CausalGraph.fit(known, case.edges, case.exogenous, case.efforts)
    aim = AIMS.get(method, Aim(2, 0.0))
    seen = graph.without_edges() if aim.blind else graph
    made = design(
        known,
        case.y[train],
        effects=seen,
        cost=LpCost(aim.p),
        desirable=case.desirable,
        beta=aim.beta,
    )
    rule = made.base if method == LOGISTIC else made.rule
    measured = _responses(rule, graph, case.desirable)
    return {
        "auc": float(roc_auc_score(case.y[test], rule.score(left_out))),
        "claimed": _claimed(made, seen, rule, case),
        **measured,
    }


def _claimed(made: Design, seen: CausalGraph, rule: LinearRule, case: IncentiveCase) -> float:
    return made.share if rule is made.rule else _responses(rule, seen, case.desirable)["share"]


def _responses(
    rule: LinearRule, graph: CausalGraph, desirable: Mapping[str, int]
) -> dict[str, float]:
    h = rule.weights_of(graph.features)
    gain = graph.contribution() @ h
    cost = LpCost(2).resolve(graph.efforts)
    wanted = Desirable.parse(desirable, graph.efforts)
    unit = unit_response(gain, cost)
    first = target(gain, cost, wanted)
    direct = np.where(h == 0, np.nan, h)
    ratios = (gain / direct)[wanted.wanted]
    return {
        "share": float("nan") if unit is None else wanted.share(unit.effort, cost),
        "perverse": float(perverse(gain, wanted).sum()),
        "lever wanted": float(first.wanted),
        "reach": float(np.nanmax(ratios)) if np.isfinite(ratios).any() else float("nan"),
    }
