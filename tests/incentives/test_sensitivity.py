from __future__ import annotations

import numpy as np
import pytest

from surefoot.incentives.audit_parts import useful_gain
from surefoot.incentives.costs import LpCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.measures import Desirable
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.sensitivity import edge_sensitivity

NODES = ["weight", "pressure", "pill"]
WANTED = Desirable.parse({"weight": -1}, NODES)
RULE = LinearRule([0.0, -1.0, -0.7], 0.0, NODES)


def _graph(weight: float, sd: float = 0.1, units: float = 1.0) -> CausalGraph:
    edges = {("weight", "pressure"): weight, ("pill", "pressure"): 0.6}
    return CausalGraph.from_dag(NODES, edges, {("weight", "pressure"): sd}, {"weight": units})


@pytest.mark.parametrize("units", [1.0, 2.0])
def test_the_edge_at_which_effort_changes_its_place(units: float) -> None:
    graph, cost = _graph(0.4, units=units), LpCost(1).resolve(NODES)
    row = edge_sensitivity(graph, RULE, cost, WANTED).iloc[0]
    # v: weight 0.4·units, pressure 1, pill 1.3, all negative; weight leads from 1.3 on.
    assert row["flips at"] == pytest.approx(1.3 / units)
    assert row["to"] == "weight"
    assert row["wanted"]
    assert row["sd away"] == pytest.approx((1.3 / units - 0.4) / 0.1)
    flipped = _graph(row["flips at"] + 1e-6, units=units)
    gain = flipped.contribution() @ RULE.weights
    assert np.argmax(np.abs(gain)) == 0


def test_the_nearer_of_two_flips_is_told_and_it_may_be_the_leader_that_falls() -> None:
    cost = LpCost(1).resolve(NODES)
    row = edge_sensitivity(_graph(0.4), RULE, cost, WANTED).iloc[1]
    # pill -> pressure from 0.6 down to 0.3: pressure takes over.
    assert (row["cause"], row["to"], row["wanted"]) == ("pill", "pressure", False)
    assert row["flips at"] == pytest.approx(0.3)
    assert np.isnan(row["sd away"])


def test_an_edge_that_changes_nothing_has_no_flip() -> None:
    rule = LinearRule([0.0, 0.0, -1.0], 0.0, NODES)
    table = edge_sensitivity(_graph(0.4), rule, LpCost(1).resolve(NODES), WANTED)
    assert table["flips at"].isna().all()
    assert (table["to"] == "").all()


def test_who_cannot_move_does_not_take_over() -> None:
    cost = LpCost(1).directions({"weight": 1}).resolve(NODES)
    row = edge_sensitivity(_graph(0.4), RULE, cost, WANTED).iloc[0]
    # More weight helps only once the edge has changed its sign.
    assert row["flips at"] == pytest.approx(-1.3)


def test_at_a_tie_the_present_weight_is_the_flip() -> None:
    rule = LinearRule([1.0, 1.0], 0.0, ["a", "b"])
    graph = CausalGraph.from_dag(["a", "b"], {("a", "b"): 0.0}).with_prior(("a", "b"), 0.0, 0.1)
    wanted = Desirable.parse({"b": 1}, ["a", "b"])
    row = edge_sensitivity(graph, rule, LpCost(1).resolve(["a", "b"]), wanted).iloc[0]
    assert (row["flips at"], row["to"], row["wanted"], row["sd away"]) == (0.0, "b", True, 0.0)


def test_where_nobody_leads_any_node_that_gains_takes_over() -> None:
    cost = LpCost(1).directions({"a": 1}).immutable("b").resolve(["a", "b"])
    graph = CausalGraph.from_dag(["a", "b"], {("a", "b"): -1.0})
    rule, wanted = LinearRule([0.5, 1.0], 0.0, ["a", "b"]), Desirable.parse({"a": 1}, ["a", "b"])
    row = edge_sensitivity(graph, rule, cost, wanted).iloc[0]
    assert (row["flips at"], row["to"], row["wanted"]) == (pytest.approx(-0.5), "a", True)


@pytest.mark.parametrize("seed", range(12))
def test_no_nearer_weight_of_the_edge_flips_the_target(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ["a", "b", "c", "d"]
    pairs = [(names[i], names[j]) for i in range(4) for j in range(i + 1, 4)]
    graph = CausalGraph.from_dag(names, {pair: rng.integers(-2, 3) for pair in pairs})
    rule = LinearRule(rng.integers(-2, 3, size=4), 0.0, names)
    cost = LpCost(1).directions({"b": 1}).resolve(names)
    table = edge_sensitivity(graph, rule, cost, Desirable.parse({"a": 1}, names))

    def ratios(edge: tuple[str, str], weight: float) -> np.ndarray:
        gain = graph.with_prior(edge, weight).contribution() @ rule.weights
        return np.abs(useful_gain(gain, cost))

    for cause, effect, weight, flip, to in table.iloc[:, :5].itertuples(index=False):
        leader = np.argmax(ratios((cause, effect), weight))
        near = np.linspace(-1, 1, 81) * (5 if np.isnan(flip) else abs(flip - weight) * (1 - 1e-9))
        for change in near:
            now = ratios((cause, effect), weight + change)
            assert now.max() <= now[leader] * (1 + 1e-9)
        if to:
            beyond = [ratios((cause, effect), flip + step) for step in (1e-6, -1e-6)]
            assert any(names[np.argmax(now)] == to != names[leader] for now in beyond)
