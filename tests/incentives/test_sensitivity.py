from __future__ import annotations

import numpy as np
import pytest

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
