"""Models of the literature, against the answers their authors derived."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from surefoot import InputError
from surefoot.incentives import presets
from surefoot.incentives.agents import Agents
from surefoot.incentives.auditing import audit
from surefoot.incentives.costs import LpCost
from surefoot.incentives.effort_matrix import EffortMatrix
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.implementation import implementable
from surefoot.incentives.peers import PeerBelief
from surefoot.incentives.rules import LinearRule

RNG = np.random.default_rng(5)
X = pd.DataFrame(RNG.normal(size=(300, 3)), columns=["a", "b", "c"])
RULE = LinearRule([1.0, 0.6, 0.2], 0.4, ["a", "b", "c"])


def test_hardt_all_effort_on_the_best_ratio_and_the_robust_rule_is_a_shift() -> None:
    prices = {"a": 2.0, "b": 1.0, "c": 1.0}
    response = presets.hardt(X, prices).best_response(RULE)
    assert (response.effort[:, [0, 2]] == 0).all()
    gap = RULE.gap(X)
    assert (response.moves == ((gap > 0) & (gap / 0.6 <= 2))).all()
    # The threshold raised by what a gain of 2 buys takes exactly those who passed at first.
    shifted = RULE.shifted(2 * 0.6)
    after = presets.hardt(X, prices).best_response(shifted)
    assert (after.accepted == RULE.accepts(X)).all()


def test_levanon_rosenfeld_moves_within_a_distance_of_root_two() -> None:
    response = presets.levanon_rosenfeld(X, ["a", "b", "c"]).best_response(RULE)
    distance = RULE.gap(X) / np.linalg.norm(RULE.weights)
    assert (response.moves == ((distance > 0) & (distance**2 <= 2))).all()
    landed = RULE.score(response.moved())[response.moves]
    np.testing.assert_allclose(landed, RULE.threshold, atol=1e-12)


def test_kleinberg_raghavan_one_activity_takes_the_whole_budget() -> None:
    matrix = RNG.uniform(0, 1, (5, 3))
    efforts = [f"e{i}" for i in range(5)]
    agents = presets.kleinberg_raghavan(X, matrix, efforts, ["a", "b", "c"])
    response = agents.best_response(RULE)
    best = int(np.argmax(matrix @ RULE.weights))
    np.testing.assert_allclose(response.effort, np.tile(np.eye(5)[best], (len(X), 1)), atol=1e-12)


def test_kleinberg_raghavan_an_activity_that_others_dominate_is_never_chosen() -> None:
    matrix = np.array([[1.0, 0.0], [0.0, 1.0], [0.4, 0.4]])
    effects = EffortMatrix(matrix, ["x", "y", "z"], ["a", "b"])
    found = implementable(effects, "z", LpCost(1))
    assert not found.possible
    assert set(found.dominated_by) == {"x", "y"}
    assert implementable(effects, "x", LpCost(1)).possible


def test_shavit_effort_is_the_effective_weight() -> None:
    matrix = RNG.normal(size=(4, 3))
    theta = RNG.normal(size=3)
    agents = presets.shavit(X, matrix, list("wxyz"), ["a", "b", "c"])
    response = agents.best_response(RULE)
    np.testing.assert_allclose(response.effort[0], matrix @ RULE.weights, atol=1e-12)
    # The outcome gain is θ'C'Ch, so that among rules of one norm h ~ C'Cθ gains most.
    best = matrix.T @ matrix @ theta
    best *= np.linalg.norm(RULE.weights) / np.linalg.norm(best)

    def outcome(h: np.ndarray) -> float:
        moved = agents.best_response(LinearRule(h, 0.0, RULE.names))
        return float((moved.moved()[["a", "b", "c"]] - X).to_numpy()[0] @ theta)

    assert outcome(best) == pytest.approx(theta @ matrix.T @ matrix @ best)
    assert outcome(best) >= outcome(RULE.weights)
    assert all(
        outcome(best) >= outcome(h * np.linalg.norm(best) / np.linalg.norm(h))
        for h in RNG.normal(size=(20, 3))
    )


def test_bechavod_each_group_works_on_what_its_peers_show() -> None:
    labels = np.where(np.arange(len(X)) % 2, "plane", "line")
    plane = pd.DataFrame(RNG.normal(size=(9, 2)) @ RNG.normal(size=(2, 3)), columns=list("abc"))
    line = pd.DataFrame(np.outer([1.0, -2.0], [1.0, 1.0, 0.0]), columns=list("abc"))
    beliefs = {
        name: PeerBelief.from_peers(peers, RULE.score(peers))
        for name, peers in (("plane", plane), ("line", line))
    }
    response = presets.bechavod(X, ["a", "b", "c"], labels, beliefs).best_response(RULE)
    for name, peers in (("plane", plane), ("line", line)):
        projection = np.linalg.pinv(peers) @ peers.to_numpy()
        expected = projection @ RULE.weights
        np.testing.assert_allclose(response.effort[labels == name][0], expected, atol=1e-8)


def test_perdomo_features_take_a_fixed_step_along_the_weights() -> None:
    response = presets.perdomo(X, ["a", "c"], step=0.1).best_response(RULE)
    np.testing.assert_allclose(response.effort[0], [0.1 * 1.0, 0.1 * 0.2], atol=1e-12)
    assert (response.moved()["b"] == X["b"]).all()


def test_miller_effort_that_leads_nowhere_is_gaming() -> None:
    graph = CausalGraph.from_dag(["study", "grade", "outfit"], {("study", "grade"): 0.5})
    people = pd.DataFrame(RNG.normal(size=(50, 3)), columns=["study", "grade", "outfit"])
    cares = LinearRule([0.0, 0.0, 1.0], 2.0, ["study", "grade", "outfit"])
    agents = Agents(people, graph, LpCost(2))
    report = audit(cares, agents, {"study": 1}, outcome={"study": 1.0})
    assert report.shares["outcome"] == 0
    assert report.outcome == {"gain": 0.0, "gaming": 1.0}
    grades = LinearRule([0.0, 1.0, 0.0], 2.0, ["study", "grade", "outfit"])
    mixed = audit(grades, agents, {"study": 1}, outcome={"study": 1.0})
    # Study gains .5 a unit, the grade itself 1: e ~ (.5, 1), so .2 of the score is studied for.
    assert mixed.outcome["gaming"] == pytest.approx(0.8)


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan])
def test_perdomo_steps_forward(step: float) -> None:
    with pytest.raises(InputError, match="step: found"):
        presets.perdomo(X, ["a"], step)
