"""Cells of the study where the outcome is known: who is right, and is anybody better off?"""

from __future__ import annotations

from functools import lru_cache

from surefoot.incentives.agents import Agents
from surefoot.incentives.baselines import StackelbergLoop
from surefoot.incentives.classifier import IncentiveClassifier
from surefoot.incentives.costs import LpCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.known_outcome import (
    BUDGET,
    DESIRABLE,
    EDGES,
    FEATURES,
    OUTCOME,
    WEIGHTS,
    KnownOutcome,
    known_outcome,
)
from surefoot.incentives.measures import Desirable
from surefoot.incentives.rules import LinearRule

PLAIN, RAISED, REFITTED = "logistic", "logistic, raised", "logistic, refitted"
DESIGN, DESIGN_RAISED = "design", "design, raised"
METHODS = (PLAIN, RAISED, REFITTED, DESIGN, DESIGN_RAISED)
# Wanted share that a design asks for, by the exponent of the cost.
BETAS = {1: 1.0, 2: 0.5}
_ROUNDS = 10
_GRAPH = CausalGraph.from_dag(FEATURES, EDGES)


def rule_with_known_outcome(task: str, method: str, seed: int, p: int, n: int) -> dict[str, float]:
    """Learn a rule on half of n people, let the other half respond, and draw their outcomes.

    Returns
    -------
    dict
        ``static``: accuracy had nobody responded. ``accuracy``: after the response, against the
        outcome after it. ``share``: wanted share of effort. ``gain``: rise of the rate of good
        outcomes. ``real``: log-odds of the outcome gained, over those of the score. ``moved``.
    """
    _, people = _halves(n, seed)
    cost = LpCost(p, WEIGHTS)
    rule = _rule(method, cost, BETAS[p], n, seed)
    response = Agents(people.X, _GRAPH, cost, budget=BUDGET).best_response(rule)
    after = OUTCOME.after(rule, people.X, response.moved(), people.latent, seed=seed)
    wanted = Desirable.parse(DESIRABLE, FEATURES)
    return {
        "static": after.static_accuracy,
        "accuracy": after.accuracy,
        "share": wanted.share(response.effort, cost.resolve(FEATURES)),
        "gain": after.rate_gain,
        "real": after.outcome_share,
        "moved": float(response.moves.mean()),
    }


def _rule(method: str, cost: LpCost, beta: float, n: int, seed: int) -> LinearRule:
    past, _ = _halves(n, seed)
    wanted = DESIRABLE if method in (DESIGN, DESIGN_RAISED) else None
    estimator = IncentiveClassifier(_GRAPH, cost, wanted, beta)

    def respond(rule: LinearRule):  # type: ignore[no-untyped-def]
        return Agents(past.X, _GRAPH, cost, budget=BUDGET).best_response(rule).moved()

    if method == REFITTED:

        def relabel(moved):  # type: ignore[no-untyped-def]
            return OUTCOME.labels(past.latent + OUTCOME.gain(past.X, moved), seed)

        loop = StackelbergLoop(estimator, respond, relabel=relabel, max_rounds=_ROUNDS)
        return loop.fit(past.X, past.y).rule_
    if method in (RAISED, DESIGN_RAISED):
        estimator.set_params(threshold="strategic", budget=BUDGET)
    return estimator.fit(past.X, past.y).rule_


@lru_cache(maxsize=2)
def _halves(n: int, seed: int) -> tuple[KnownOutcome, KnownOutcome]:
    people = known_outcome(n, seed)
    return people.rows(slice(None, n // 2)), people.rows(slice(n // 2, None))
