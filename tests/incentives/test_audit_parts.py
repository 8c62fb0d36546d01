from __future__ import annotations

import numpy as np
import pytest

from surefoot.incentives.audit_parts import target, useful_gain, weights_table
from surefoot.incentives.costs import LpCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.measures import Desirable
from surefoot.incentives.rules import LinearRule

NODES = ["smoking", "weight", "pill"]
WANTED = Desirable.parse({"smoking": -1}, NODES)


def test_the_target_is_the_best_gain_for_its_cost() -> None:
    cost = LpCost(1, {"pill": 2.0}).resolve(NODES)
    found = target(np.array([-1.0, 0.5, 1.6]), cost, WANTED)
    assert (found.node, found.runner_up, found.wanted) == ("smoking", "pill", True)
    assert found.margin == pytest.approx(1 / 0.8)


def test_at_a_tie_the_worse_and_the_better_are_told() -> None:
    found = target(np.array([-1.0, 0.5, 1.0]), LpCost(1).resolve(NODES), WANTED)
    assert found.margin == 1
    assert (found.wanted, found.possibly) == (False, True)
    clear = target(np.array([-1.0, 0.5, 0.9]), LpCost(1).resolve(NODES), WANTED)
    assert (clear.wanted, clear.possibly) == (True, True)


def test_a_rule_that_pays_for_smoking_has_an_unwanted_target() -> None:
    found = target(np.array([1.0, 0.5, 0.0]), LpCost(1).resolve(NODES), WANTED)
    assert found.node == "smoking"
    assert not found.wanted


def test_directions_and_fixed_nodes_take_gains_away() -> None:
    cost = LpCost(1).directions({"weight": -1}).immutable("smoking").resolve(NODES)
    assert useful_gain(np.array([-9.0, 2.0, 1.0]), cost).tolist() == [0.0, 0.0, 1.0]
    assert target(np.array([-9.0, 2.0, 0.0]), cost, WANTED).node is None
    alone = target(np.array([-9.0, 2.0, 1.0]), cost, WANTED)
    assert (alone.node, alone.runner_up, alone.margin) == ("pill", None, np.inf)


def test_effective_weights_go_through_the_graph_direct_ones_do_not() -> None:
    graph = CausalGraph.from_dag(NODES, {("weight", "pill"): 0.5}, units={"weight": 2.0})
    rule = LinearRule([0.5, 3.0, 4.0], 0.0, NODES)
    table = weights_table(rule, graph, WANTED, None, 0.95)
    assert table["direct"].tolist() == [0.5, 6.0, 4.0]
    assert table["effective"].tolist() == [0.5, 10.0, 4.0]
    assert table["perverse"].tolist() == ["yes", "", ""]
    assert table["low"].isna().all()


def test_perverse_is_sure_only_if_the_interval_says_so() -> None:
    rule = LinearRule([1.0, 0.0, 0.0], 0.0, NODES)
    graph = CausalGraph.identity(NODES)
    draws = np.stack([np.eye(3) * scale for scale in np.linspace(0.5, 1.5, 101)])
    assert weights_table(rule, graph, WANTED, draws, 0.9)["perverse"][0] == "surely"
    both = np.stack([np.eye(3) * scale for scale in np.linspace(-0.5, 1.5, 101)])
    table = weights_table(rule, graph, WANTED, both, 0.9)
    assert table["perverse"][0] == "yes"
    assert table["low"][0] == pytest.approx(-0.4)
    assert table["high"][0] == pytest.approx(1.4)
