from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surefoot import InputError
from surefoot.incentives.agents import Agents
from surefoot.incentives.auditing import audit
from surefoot.incentives.beliefs import GraphBelief
from surefoot.incentives.costs import LpCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.rules import LinearRule

NODES = ["smoking", "weight", "pill"]
RNG = np.random.default_rng(21)
SMOKING = RNG.normal(size=600)
WEIGHT = 0.3 * SMOKING + RNG.normal(size=600)
PEOPLE = pd.DataFrame({"smoking": SMOKING, "weight": WEIGHT, "pill": WEIGHT + RNG.normal(size=600)})
WELL = (-SMOKING - WEIGHT + RNG.normal(size=600) > 0).astype(int)
GRAPH = CausalGraph.fit(PEOPLE, [("smoking", "weight"), ("weight", "pill")])
WANTED = {"smoking": -1, "weight": -1}
RULE = LinearRule([0.1, -0.4, -0.8], 0.2, NODES)


def test_the_report_adds_up() -> None:
    agents = Agents(PEOPLE, GRAPH, LpCost(2), budget=2.0)
    report = audit(RULE, agents, WANTED, y=WELL, outcome={"smoking": -1.0, "weight": -1.0})
    response = report.response
    effort = np.abs(response.effort).sum()
    right = -np.minimum(response.effort[:, :2], 0).sum()
    assert report.shares["effort"] == pytest.approx(right / effort)
    assert report.nodes["score"].sum() == pytest.approx(1)
    assert report.accuracy["before"] == (RULE.accepts(PEOPLE) == WELL).mean()
    everyone = report.groups.iloc[0]
    assert everyone["agents"] == 600
    statuses = ["passes already", "moves", "too expensive", "out of reach", "never sure enough"]
    assert everyone[statuses].sum() == pytest.approx(1)
    # Burden: what acceptance costs those who deserve it, those who have it for nothing included.
    gain = GRAPH.contribution() @ RULE.weights
    price = np.maximum(RULE.gap(PEOPLE), 0) / np.linalg.norm(gain)
    assert everyone["burden"] == pytest.approx(price[WELL == 1].mean())
    after = response.moved()
    latent = -(after["smoking"] + after["weight"] - SMOKING - WEIGHT)
    assert report.outcome["gain"] == pytest.approx(latent.mean())
    json.dumps(report.to_dict())


def test_a_weight_that_pays_for_smoking_is_found_through_the_graph_only_if_it_is_there() -> None:
    agents = Agents(PEOPLE, GRAPH, LpCost(2))
    assert RULE.weights[0] > 0
    assert audit(RULE, agents, WANTED).perverse == []  # smoking is paid for through weight
    blind = Agents(PEOPLE, GRAPH.without_edges(), LpCost(2))
    assert audit(RULE, blind, WANTED).perverse == ["smoking"]
    paying = LinearRule([0.9, -0.4, -0.8], 0.2, NODES)
    report = audit(paying, agents, WANTED)
    assert report.perverse == ["smoking"]
    assert report.nodes["perverse"].tolist() == ["surely", "", ""]


def test_a_pipeline_in_its_own_units_is_the_same_rule() -> None:
    units = PEOPLE * [10.0, 0.1, 3.0]
    scaled = make_pipeline(StandardScaler(), LogisticRegression(C=1e6, tol=1e-10)).fit(units, WELL)
    plain = LogisticRegression(C=1e6, tol=1e-10).fit(PEOPLE, WELL)
    graph = GRAPH.rescaled({"smoking": 0.1, "weight": 10.0, "pill": 1 / 3})
    ours = audit(scaled, Agents(units, graph, LpCost(2)), WANTED)
    theirs = audit(plain, Agents(PEOPLE, GRAPH, LpCost(2)), WANTED)
    assert ours.shares["effort"] == pytest.approx(theirs.shares["effort"], abs=1e-3)
    np.testing.assert_allclose(
        ours.nodes["effective"], theirs.nodes["effective"], rtol=1e-3, atol=1e-4
    )


def test_groups_are_told_apart() -> None:
    groups = np.where(PEOPLE["smoking"] > 0, "smokers", "others")
    costs = {"smokers": LpCost(2, {"smoking": 5.0}), "others": LpCost(2)}
    report = audit(RULE, Agents(PEOPLE, GRAPH, costs, groups=groups), WANTED, y=WELL)
    rows = report.groups.set_index("group")
    assert list(rows.index) == ["all", "others", "smokers"]
    assert rows.loc["smokers", "effort share"] < rows.loc["others", "effort share"]
    counted = rows.loc[["others", "smokers"]]
    assert counted["agents"].sum() == 600
    weighted = (counted["moves"] * counted["agents"]).sum() / 600
    assert rows.loc["all", "moves"] == pytest.approx(weighted)


def test_the_ceiling_is_told_where_the_graph_is_in_doubt() -> None:
    known = audit(RULE, Agents(PEOPLE, GRAPH, LpCost(2)), WANTED)
    assert known.ceiling == {None: 1.0}
    belief = GraphBelief(cv=dict.fromkeys(NODES, 1.0))
    doubtful = audit(RULE, Agents(PEOPLE, GRAPH, LpCost(2), belief), WANTED)
    assert 0.9 < doubtful.ceiling[None] < 0.99


def test_nobody_moves() -> None:
    easy = LinearRule([0.0, 0.0, -1.0], -99.0, NODES)
    report = audit(easy, Agents(PEOPLE, GRAPH, LpCost(2)), WANTED, outcome={"weight": -1.0})
    assert np.isnan(report.shares["effort"])
    assert report.outcome["gain"] == 0
    assert json.dumps(report.response.counts)


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"y": WELL[:5]}, "one label an agent"),
        ({"y": np.ones(600)}, "found no label, or only labels"),
        ({"y": WELL, "accept": "well"}, "accept = 'well'"),
        ({"level": 1.0}, "level: found 1.0"),
        ({"outcome": {"smokes": 1.0}}, "did you mean 'smoking'"),
        ({"outcome": {"smoking": np.nan}}, r"outcome\['smoking'\]"),
    ],
)
def test_what_is_asked_wrongly_is_refused(kwargs: dict, match: str) -> None:
    with pytest.raises(InputError, match=match):
        audit(RULE, Agents(PEOPLE, GRAPH, LpCost(2)), WANTED, **kwargs)


def test_nobody_is_no_population() -> None:
    rule = LinearRule([1.0, 1.0], 0.0, ["a", "b"])
    nobody = pd.DataFrame({"a": [], "b": []}, dtype=float)
    with pytest.raises(InputError, match="agents: found 'nobody'; allowed: at least one agent"):
        audit(rule, Agents(nobody, CausalGraph.identity(["a", "b"]), LpCost(2)), {"a": 1})
