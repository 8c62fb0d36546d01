from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from surefoot import InputError
from surefoot.incentives.agents import Agents
from surefoot.incentives.beliefs import (
    ClassifierBelief,
    FullInformation,
    GraphBelief,
    JointBelief,
)
from surefoot.incentives.costs import LpCost, QuadraticCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.prepared import Prepared
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.sampled_belief import SampledBelief
from surefoot.incentives.status import Status

NODES = ["habit", "weight", "pressure"]
GRAPH = CausalGraph.from_dag(
    NODES,
    {("habit", "weight"): 0.4, ("weight", "pressure"): 0.5, ("habit", "pressure"): 0.1},
    sd=0.1,
)
RULE = LinearRule([-0.2, -0.1, -0.8, 0.3], 0.5, [*NODES, "age"])
RNG = np.random.default_rng(11)
X = pd.DataFrame(RNG.normal(size=(400, 4)), columns=[*NODES, "age"])
GAIN = GRAPH.contribution() @ RULE.weights_of(NODES)


def test_movers_land_on_the_threshold_and_all_others_stay() -> None:
    response = Agents(X, GRAPH, LpCost(2), budget=1.0).best_response(RULE)
    gap = RULE.gap(X)
    price = gap / np.linalg.norm(GAIN)
    assert (response.status[gap <= 0] == Status.PASSES).all()
    assert (response.status[(gap > 0) & (price <= 1)] == Status.MOVES).all()
    assert (response.status[price > 1] == Status.TOO_EXPENSIVE).all()
    assert (response.effort[~response.moves] == 0).all()
    np.testing.assert_allclose(response.price[gap > 0], price[gap > 0])
    np.testing.assert_allclose(response.cost, np.where(response.moves, price, 0))
    after = RULE.score(response.moved())
    np.testing.assert_allclose(after[response.moves], RULE.threshold, atol=1e-12)
    assert (response.accepted == (response.status <= Status.MOVES)).all()
    assert (response.accepted_before == (gap <= 0)).all()


def test_every_agent_has_a_status_and_nothing_is_nan() -> None:
    cost = LpCost(1).directions({"habit": -1}).bounds({"weight": -1.0, "pressure": -0.5})
    frame = (
        Agents(X, GRAPH, cost.bounds({"habit": -0.5}), budget=0.3).best_response(RULE).to_frame()
    )
    assert not frame.isna().any().any()
    assert set(frame["status"]) == {"passes already", "moves", "too expensive", "out of reach"}
    assert np.isinf(frame.loc[frame["status"] == "out of reach", "price"]).all()


COUPLED = QuadraticCost([[2.0, 0.3, 0.7], [0.3, 1.0, 0.1], [0.7, 0.1, 3.0]], NODES)


@pytest.mark.parametrize("belief", [FullInformation(), GraphBelief(), ClassifierBelief(cv=0.2)])
@pytest.mark.parametrize(
    "cost",
    [
        LpCost(2),
        LpCost(3),
        COUPLED,
        LpCost(2).bounds({"weight": lambda table: np.minimum(-1 - table["age"], 0)}),
    ],
)
@pytest.mark.parametrize("aim", ["pass", "budget"])
@pytest.mark.parametrize("size", [1, 7])
def test_chunks_are_the_whole_digit_for_digit(belief, cost, aim, size: int) -> None:
    agents = Agents(
        X.iloc[:24], GRAPH, cost, belief, budget=2.0, aim=aim, confidence=0.8, method="gaussian"
    )
    whole = agents.best_response(RULE)
    chunks = list(agents.iter_chunks(RULE, size))
    for name in ("effort", "price", "cost", "confidence", "score_gain", "status", "accepted"):
        parts = np.concatenate([getattr(chunk, name) for chunk in chunks])
        np.testing.assert_array_equal(parts, getattr(whole, name), err_msg=name)


def test_a_rule_of_one_feature_has_no_favourite_chunk_either() -> None:
    graph, rule = CausalGraph.identity(["habit"]), LinearRule([-0.7], 0.5, ["habit"])
    drawn = RNG.multivariate_normal([-0.7, 0.5], [[0.04, 0.02], [0.02, 0.09]], size=50)
    belief = SampledBelief(drawn[:, :1], drawn[:, 1], names=["habit"])
    agents = Agents(X, graph, LpCost(2), belief, confidence=0.8, method="gaussian")
    alone = np.concatenate([chunk.confidence for chunk in agents.iter_chunks(rule, 1)])
    np.testing.assert_array_equal(alone, agents.best_response(rule).confidence)


def test_rows_in_another_order_do_the_same() -> None:
    order = RNG.permutation(len(X))
    agents = Agents(X, GRAPH, LpCost(1.5), budget=2.0)
    shuffled = Agents(X.iloc[order][["age", *NODES[::-1]]], GRAPH, LpCost(1.5), budget=2.0)
    np.testing.assert_array_equal(
        shuffled.best_response(RULE).effort, agents.best_response(RULE).effort[order]
    )


def test_groups_have_costs_beliefs_and_budgets_of_their_own() -> None:
    labels = np.where(X["age"] > 0, "old", "young")
    agents = Agents(
        X,
        GRAPH,
        {"old": LpCost(1, {"pressure": 9.0}), "young": LpCost(1)},
        {"old": FullInformation(), "young": GraphBelief()},
        budget={"old": np.inf, "young": 0.0},
        groups=labels,
    )
    response = agents.best_response(RULE)
    assert not response.moves[labels == "young"].any()
    alone = Agents(X[labels == "old"], GRAPH, LpCost(1, {"pressure": 9.0})).best_response(RULE)
    np.testing.assert_array_equal(response.effort[labels == "old"], alone.effort)
    named = Agents(X.assign(g=labels), GRAPH, agents.cost, agents.belief, agents.budget, "g")
    np.testing.assert_array_equal(named.best_response(RULE).effort, response.effort)


def test_doubt_of_the_graph_asks_for_more_and_the_chance_is_met() -> None:
    sure = Agents(X, GRAPH, LpCost(2)).best_response(RULE)
    doubtful = Agents(
        X, GRAPH, LpCost(2), GraphBelief(), confidence=0.9, method="gaussian"
    ).best_response(RULE)
    assert (doubtful.cost[sure.moves] > sure.cost[sure.moves]).all()
    np.testing.assert_allclose(doubtful.confidence[sure.moves], 0.9, atol=1e-9)
    assert doubtful.accepted.all()


def test_who_is_risk_neutral_acts_as_with_full_information() -> None:
    sure = Agents(X, GRAPH, LpCost(2)).best_response(RULE)
    neutral = Agents(
        X, GRAPH, LpCost(2), GraphBelief(), confidence=0.5, method="gaussian"
    ).best_response(RULE)
    np.testing.assert_allclose(neutral.effort, sure.effort, atol=1e-8)


def test_nobody_is_surer_than_the_ceiling() -> None:
    belief = GraphBelief(cv=dict.fromkeys(NODES, 1.0))
    ceiling = norm.cdf(np.sqrt(3.0))
    near = Agents(X, GRAPH, LpCost(2), belief, confidence=ceiling - 1e-3).best_response(RULE)
    above = Agents(X, GRAPH, LpCost(2), belief, confidence=ceiling + 1e-3).best_response(RULE)
    behind = RULE.gap(X) > 0
    assert near.moves[behind].all()
    assert (above.status[behind] == Status.NEVER_SURE).all()
    assert (above.effort == 0).all()


def test_doubt_of_the_rule_makes_people_differ_and_the_chance_is_met() -> None:
    belief = ClassifierBelief(cv=0.3, threshold_sd=0.1)
    agents = Agents(X, GRAPH, LpCost(2), belief, confidence=0.9)
    response = agents.best_response(RULE)
    movers = response.effort[response.moves]
    directions = movers / np.linalg.norm(movers, axis=1, keepdims=True)
    assert directions.std(axis=0).max() > 0.01
    assert (response.confidence[response.moves] >= 0.9 - 1e-8).all()
    assert (response.confidence[response.status == Status.PASSES] >= 0.9).all()


@pytest.mark.parametrize("method", ["gaussian", "calibrated", "cantelli", "cvar", "auto"])
def test_both_in_doubt(method: str) -> None:
    belief = JointBelief(GraphBelief(), ClassifierBelief(cv=0.1))
    people = X.iloc[:40]
    agents = Agents(people, GRAPH, LpCost(2), belief, confidence=0.9, method=method)
    response = agents.best_response(RULE)
    draws = belief.draws(RULE, GRAPH, 40_000, np.random.default_rng(3))
    rates = draws.pass_rate(RULE.matrix(people), response.effort)[response.moves]
    assert response.moves.sum() > 10
    slack = 0.02 if method in ("gaussian", "calibrated", "auto") else 0.005
    assert rates.mean() > 0.9 - slack
    if method == "cantelli":
        assert (rates > 0.98).all()


def test_a_budget_is_spent_on_the_best_chance() -> None:
    agents = Agents(X, GRAPH, LpCost(2), budget=0.7, aim="budget")
    response = agents.best_response(RULE)
    np.testing.assert_allclose(response.cost, 0.7)
    expected = 0.7 * GAIN / np.linalg.norm(GAIN)
    np.testing.assert_allclose(response.effort, np.tile(expected, (len(X), 1)))


def test_utility_is_score_less_cost() -> None:
    half = QuadraticCost(dict.fromkeys(NODES, 0.5))
    response = Agents(X, GRAPH, half, aim="utility").best_response(RULE)
    np.testing.assert_allclose(response.effort, np.tile(GAIN, (len(X), 1)), atol=1e-12)
    np.testing.assert_allclose(response.score_gain, GAIN @ GAIN)


def test_a_rule_that_nothing_moves_reaches_nobody() -> None:
    fixed = LinearRule([0, 0, 0, 1.0], 0.0, [*NODES, "age"])
    response = Agents(X, GRAPH, LpCost(2)).best_response(fixed)
    behind = X["age"] < 0
    assert (response.status[behind] == Status.OUT_OF_REACH).all()
    assert (response.effort == 0).all()


def test_an_empty_table_is_answered() -> None:
    response = Agents(X.iloc[:0], GRAPH, LpCost(2)).best_response(RULE)
    assert len(response) == 0
    assert list(response.to_frame().columns[-3:]) == [f"effort:{node}" for node in NODES]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Agents(X.to_numpy(), GRAPH, LpCost(2)), "matched by name"),
        (lambda: Agents(X[["habit"]], GRAPH, LpCost(2)), "also weight, pressure"),
        (lambda: Agents(X, GRAPH, LpCost(2), confidence=0.4), "confidence: found 0.4"),
        (lambda: Agents(X, GRAPH, LpCost(2), confidence=1.0), "below 1"),
        (lambda: Agents(X, GRAPH, LpCost(2), budget=-1.0), "budget: found -1.0"),
        (lambda: Agents(X, GRAPH, LpCost(2), budget=[1.0, 2.0]), "one of 400"),
        (lambda: Agents(X, GRAPH, {"a": LpCost(2)}), "cost goes by group"),
        (lambda: Agents(X, GRAPH, LpCost(2), groups="sex"), "a column of X"),
        (lambda: Agents(X, GRAPH, LpCost(2), groups=["a"]), "one label an agent"),
        (lambda: Agents(X, GRAPH, {"a": LpCost(2)}, groups=["b"] * 400), "group 'b'"),
        (lambda: Agents(X, GRAPH, LpCost(2), groups=[None] * 400), "a missing label"),
        (lambda: Agents(X, GRAPH, 2), "cost: found 2; allowed: an LpCost"),
        (lambda: Agents(X, None, LpCost(2)), "effects: found None; allowed: a CausalGraph"),
        (lambda: Agents(X, GRAPH, LpCost(2), "sure"), "belief: found 'sure'"),
        (lambda: Agents(X, GRAPH, LpCost(2), aim="win"), "aim: found 'win'"),
        (lambda: Agents(X, GRAPH, LpCost(2), method="exact"), "method: found 'exact'"),
        (
            lambda: Agents(X, GRAPH, LpCost(2)).best_response(LinearRule([1.0], 0, ["habit"])),
            "features of the rule: habit",
        ),
        (lambda: next(Agents(X, GRAPH, LpCost(2)).iter_chunks(RULE, 0)), "at least 1 agent"),
        (
            lambda: Agents(X, GRAPH, LpCost(2), groups=["a"] * 400).with_table(X),
            "groups: found one entry an agent; allowed: a column",
        ),
        (
            lambda: Agents(X, GRAPH, LpCost(2).bounds({"habit": -np.ones(400)})).with_table(X),
            r"lower\['habit'\]: found one entry an agent",
        ),
        (lambda: Agents(X, GRAPH, LpCost(2), budget="much"), "budget: found 'much'"),
        (lambda: Agents(X, GRAPH, LpCost(2), confidence="0.9"), "confidence: found '0.9'"),
    ],
)
def test_what_is_asked_wrongly_is_refused(make: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()  # type: ignore[operator]


def test_plans_serve_tables_without_some_group_but_none_with_a_new_one() -> None:
    table = X.iloc[:40].assign(place=np.where(X.index[:40] % 2, "town", "village"))
    agents = Agents(table, GRAPH, LpCost(2), groups="place")
    whole, prepared = agents.best_response(RULE), Prepared.of(agents, RULE)
    town = table["place"] == "town"
    np.testing.assert_array_equal(prepared.respond(table[town]).effort, whole.effort[town])
    with pytest.raises(InputError, match=r"groups: found 'sea'; .* \['town', 'village'\]"):
        prepared.respond(table.assign(place="sea"))


def test_a_feature_may_have_any_name() -> None:
    graph, rule = CausalGraph.identity(["self"]), LinearRule([1.0], 2.0, ["self"])
    response = Agents(pd.DataFrame({"self": [0]}), graph, LpCost(2)).best_response(rule)
    assert response.moved()["self"].tolist() == [2.0]
    assert response.X["self"].tolist() == [0]


@pytest.mark.parametrize(
    ("column", "match"),
    [
        (pd.date_range("2020", periods=len(X)), r"X\['habit'\]: found dtype.* a column of numbers"),
        (1j, r"X\['habit'\]: found dtype.* a column of numbers"),
    ],
)
def test_what_is_cast_to_a_number_silently_is_none(column: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Agents(X.assign(habit=column), GRAPH, LpCost(2))


def test_columns_have_one_name_each() -> None:
    table = X.set_axis(pd.MultiIndex.from_product([X.columns, [""]]), axis=1)
    with pytest.raises(InputError, match=r"X\.columns: found 2 levels; allowed: one name"):
        Agents(table, GRAPH, LpCost(2))
