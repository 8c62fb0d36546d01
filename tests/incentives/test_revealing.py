from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from surefoot import InputError
from surefoot.incentives.agents import Agents
from surefoot.incentives.beliefs import (
    ClassifierBelief,
    FullInformation,
    GraphBelief,
    JointBelief,
)
from surefoot.incentives.costs import LpCost
from surefoot.incentives.disclosure import Item, disclosed, doubts
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.revealing import reveal
from surefoot.incentives.rules import LinearRule

NODES = ["habit", "weight", "pill"]
GRAPH = CausalGraph.from_dag(NODES, {("habit", "weight"): 0.4}, sd=0.2)
RULE = LinearRule([-0.3, -0.2, -0.5], 0.4, NODES)
PEOPLE = pd.DataFrame(np.random.default_rng(8).normal(size=(200, 3)), columns=NODES)
LAY = GraphBelief(cv={"habit": 0.8, "weight": 0.8, "pill": 0.2})
WANTED = {"habit": -1, "weight": -1}


def test_doubt_of_the_wanted_is_what_to_take_away_and_of_the_pill_what_to_leave() -> None:
    agents = Agents(PEOPLE, GRAPH, LpCost(2), LAY, confidence=0.9)
    found = reveal(RULE, agents, WANTED)
    assert found.exhaustive
    assert found.best == "effect of habit"
    told = found.table.set_index("told")
    assert told.loc["effect of pill", "change"] < 0
    assert told.index[-1] == "effect of pill"
    assert found.nothing["share"] < found.everything["share"] < told["share"].iloc[0]
    pairs = reveal(RULE, agents, WANTED, at_most=2)
    assert len(pairs.table) == 6
    assert pairs.best == "effect of habit and effect of weight"


def test_telling_all_there_is_gives_full_information() -> None:
    for belief in (LAY, GraphBelief(), ClassifierBelief(mean={"pill": -0.1}, cv=0.2)):
        items = doubts(belief, RULE, GRAPH)
        told = disclosed(belief, items, RULE, GRAPH).moments(RULE, GRAPH)
        truth = FullInformation().moments(RULE, GRAPH)
        assert told.certain
        np.testing.assert_allclose(told.gain, truth.gain)
        np.testing.assert_allclose(told.theta, truth.theta)


def test_both_kinds_of_doubt_can_be_told() -> None:
    belief = JointBelief(GraphBelief(), ClassifierBelief(cv={"pill": 0.3}))
    items = doubts(belief, RULE, GRAPH)
    assert [str(item) for item in items] == ["habit -> weight", "weight of pill"]
    edge, weight = (disclosed(belief, [item], RULE, GRAPH).moments(RULE, GRAPH) for item in items)
    assert np.diag(edge.gain_cov).tolist() == pytest.approx([0, 0, (0.3 * 0.5) ** 2])
    assert np.diag(weight.gain_cov)[2] == 0
    assert np.diag(weight.gain_cov)[0] == pytest.approx((0.2 * 0.2) ** 2)
    assert weight.rule_known


def test_draws_are_told_too() -> None:
    told = disclosed(LAY, [Item("node", ("pill",))], RULE, GRAPH)
    drawn = told.draws(RULE, GRAPH, 50, np.random.default_rng(0))
    assert (drawn.gains[:, 2] == -0.5).all()
    assert drawn.gains[:, 0].std() > 0


def test_a_wrong_idea_of_an_edge_is_put_right() -> None:
    wrong = GraphBelief(GRAPH.with_prior(("habit", "weight"), 0.0, 0.1))
    told = disclosed(wrong, [Item("edge", ("habit", "weight"))], RULE, GRAPH)
    truth = GRAPH.contribution() @ RULE.weights
    np.testing.assert_allclose(told.moments(RULE, GRAPH).gain, truth)


@pytest.mark.parametrize(
    ("belief", "kwargs", "match"),
    [
        (FullInformation(), {}, "something to disclose"),
        (LAY, {"at_most": 0}, "at_most: found 0"),
        (LAY, {"measure": "score"}, "measure: found 'score'"),
        (
            LAY,
            {"items": [Item("weight", ("pill",))]},
            "found weight of pill; .* not all agents know",
        ),
        (LAY, {"items": [Item("node", ("pil",))]}, "items: found 'pil'; .* did you mean 'pill'"),
        (LAY, {"items": [Item("edge", ("pill", "habt"))]}, "did you mean 'habit'"),
    ],
)
def test_nothing_to_tell(belief: object, kwargs: dict, match: str) -> None:
    agents = Agents(PEOPLE, GRAPH, LpCost(2), belief)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=match):
        reveal(RULE, agents, WANTED, **kwargs)


def test_a_kind_of_thing_is_told_that_there_is() -> None:
    with pytest.raises(InputError, match=r"Item\.kind: found 'edges'"):
        Item("edges", ("pill", "habit"))  # type: ignore[arg-type]


def test_what_the_cost_forbids_is_not_wanted() -> None:
    agents = Agents(PEOPLE, GRAPH, LpCost(2).immutable("habit"), LAY)
    with pytest.raises(
        InputError, match=r"desirable\['habit'\]: found -1; .* the cost lets agents"
    ):
        reveal(RULE, agents, WANTED)


def test_nobody_is_told_nothing() -> None:
    with pytest.raises(InputError, match="agents: found 'nobody'"):
        reveal(RULE, Agents(PEOPLE.iloc[:0], GRAPH, LpCost(2), LAY), WANTED)


def test_groups_in_doubt_of_different_things_are_told_what_is_news_to_them() -> None:
    rule, graph = ClassifierBelief(cv={"pill": 0.3}), GraphBelief()
    edge, weight = Item("edge", ("habit", "weight")), Item("weight", ("pill",))
    beliefs = {"a": rule, "b": graph, "c": FullInformation()}
    groups = np.resize(["a", "b", "c"], len(PEOPLE))
    agents = Agents(PEOPLE, GRAPH, LpCost(2), beliefs, groups=groups)
    found = reveal(RULE, agents, WANTED, at_most=2)
    assert set(found.table["told"]) == {str(edge), str(weight), f"{weight} and {edge}"}
    for belief, news in ((rule, edge), (graph, weight), (FullInformation(), edge)):
        assert disclosed(belief, [news], RULE, GRAPH) is belief
    assert found.table.set_index("told").loc[f"{weight} and {edge}", "share"] == pytest.approx(
        found.everything["share"]
    )


def test_whoever_is_never_sure_may_be_told() -> None:
    belief = GraphBelief(cv=dict.fromkeys(NODES, 2.0))
    found = reveal(RULE, Agents(PEOPLE, GRAPH, LpCost(2), belief, confidence=0.95), WANTED)
    assert np.isnan(found.nothing["share"])
    assert found.nothing["unsure"] > 0.5
    assert found.best in ("effect of habit", "effect of weight")
