from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surefoot import InputError
from surefoot.ground.errors import UnmetError
from surefoot.incentives.agents import Agents
from surefoot.incentives.classifier import IncentiveClassifier
from surefoot.incentives.costs import LpCost
from surefoot.incentives.effort_matrix import EffortMatrix
from surefoot.incentives.full.unit import unit_response
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.measures import Desirable
from surefoot.incentives.rules import LinearRule

NODES = ["habit", "weight", "reading"]
RNG = np.random.default_rng(17)
HABIT = RNG.normal(size=800)
WEIGHT = 0.4 * HABIT + RNG.normal(size=800)
READING = 0.5 * WEIGHT + RNG.normal(size=800)
X = pd.DataFrame({"habit": 3 * HABIT, "weight": 10 * WEIGHT + 80, "reading": READING})
X["age"] = RNG.normal(50, 10, 800)
Y = (-0.4 * HABIT - 0.5 * WEIGHT - 1.2 * READING + RNG.logistic(size=800) > 0).astype(int)
GRAPH = CausalGraph.fit(X, [("habit", "weight"), ("weight", "reading")], nodes=NODES).in_sd(X)
WANTED = {"habit": -1, "weight": -1}


def _share(model: IncentiveClassifier, graph: CausalGraph = GRAPH) -> float:
    gain = graph.contribution() @ model.rule_.weights_of(NODES)
    cost = LpCost(2).resolve(NODES)
    unit = unit_response(gain, cost)
    assert unit is not None
    return Desirable.parse(WANTED, NODES).share(unit.effort, cost)


def test_the_share_is_met_as_measured_on_the_response() -> None:
    plain = IncentiveClassifier(GRAPH).fit(X, Y)
    model = IncentiveClassifier(GRAPH, desirable=WANTED, beta=0.8).fit(X, Y)
    assert _share(plain) < 0.6
    assert _share(model) == pytest.approx(0.8, abs=1e-6)
    assert model.beta_ == pytest.approx(0.8, abs=1e-6)
    assert model.certificate_.status == "global"
    assert model.perverse_ == []
    assert model.score(X, Y) > plain.score(X, Y) - 0.08
    gain = GRAPH.contribution() @ model.rule_.weights_of(NODES)
    assert list(model.effective_weights_.values()) == pytest.approx(gain)


def test_without_a_wish_it_is_logistic_regression() -> None:
    ours = IncentiveClassifier(GRAPH).fit(X, Y)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=np.inf, tol=1e-10)).fit(X, Y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_a_scaler_before_it_changes_nothing_but_units() -> None:
    scaler = StandardScaler().set_output(transform="pandas")
    scales = dict(zip(X.columns, X.std(ddof=0), strict=True))
    graph = GRAPH.rescaled({node: scales[node] for node in NODES})
    pipeline = make_pipeline(scaler, IncentiveClassifier(graph, desirable=WANTED, beta=0.8))
    pipeline.fit(X, Y)
    raw = IncentiveClassifier(GRAPH, desirable=WANTED, beta=0.8).fit(X, Y)
    np.testing.assert_allclose(
        pipeline.decision_function(X), raw.decision_function(X), rtol=1e-8, atol=1e-8
    )
    undone = LinearRule.from_estimator(pipeline)
    np.testing.assert_allclose(undone.weights, raw.rule_.weights, rtol=1e-8)
    assert undone.threshold == pytest.approx(raw.rule_.threshold, rel=1e-8)


def test_the_first_class_may_be_the_one_to_reach() -> None:
    second = IncentiveClassifier(GRAPH, desirable=WANTED, beta=0.8).fit(X, Y)
    names = np.where(Y == 1, "at ease", "in danger")
    first = IncentiveClassifier(GRAPH, desirable=WANTED, beta=0.8, accept="at ease").fit(X, names)
    assert first.classes_.tolist() == ["at ease", "in danger"]
    np.testing.assert_allclose(first.decision_function(X), -second.decision_function(X), atol=1e-7)
    assert (first.rule_.accepts(X) == (first.predict(X) == "at ease")).all()


def test_a_strategic_threshold_takes_whom_the_static_one_took() -> None:
    static = IncentiveClassifier(GRAPH, desirable=WANTED, beta=0.8).fit(X, Y)
    raised = IncentiveClassifier(
        GRAPH, desirable=WANTED, beta=0.8, threshold="strategic", budget=0.7
    ).fit(X, Y)
    response = Agents(X, GRAPH, LpCost(2), budget=0.7).best_response(raised.rule_)
    assert (response.accepted == static.rule_.accepts(X)).all()
    assert response.moves.any()
    np.testing.assert_allclose(raised.predict_proba(X), static.predict_proba(X), atol=1e-9)


def test_scenarios_hold_for_graphs_not_seen() -> None:
    alone = IncentiveClassifier(GRAPH, desirable=WANTED, beta=0.8).fit(X, Y)
    safe = IncentiveClassifier(GRAPH, desirable=WANTED, beta=0.8, scenarios=200).fit(X, Y)

    def short(model: IncentiveClassifier) -> float:
        cost, wanted = LpCost(2).resolve(NODES), Desirable.parse(WANTED, NODES)
        h = model.rule_.weights_of(NODES)
        units = [unit_response(C @ h, cost) for C in GRAPH.bootstrap(300, 99).values]
        shares = [wanted.share(unit.effort, cost) for unit in units if unit is not None]
        return float((np.array(shares) < 0.8 - 1e-4).mean())

    assert short(alone) > 0.3
    assert short(safe) < 0.05


def test_it_can_be_searched_over() -> None:
    search = GridSearchCV(
        IncentiveClassifier(GRAPH, desirable=WANTED), {"beta": [0.5, 0.95]}, cv=3
    ).fit(X, Y)
    assert search.best_params_["beta"] == 0.5


def test_what_no_rule_can_do_is_unmet_with_the_reason() -> None:
    effects = EffortMatrix([[1.0, 0.2], [0.4, 0.08]], ["cram", "learn"], ["habit", "weight"])
    model = IncentiveClassifier(effects, LpCost(1), {"learn": 1}, beta=1.0)
    with pytest.raises(UnmetError, match="can't be reached"):
        model.fit(X[["habit", "weight"]], Y)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"threshold": "high"}, "threshold: found 'high'"),
        ({"certificate": "none"}, "certificate: found 'none'"),
        ({"accept": 7}, "accept: found 7"),
        ({"scenarios": -1}, "scenarios: found -1"),
        ({"scenarios": True}, "scenarios: found True"),
        ({"graph": GRAPH.without_edges(), "scenarios": 5}, "the graph is certain"),
        ({"beta": 1.5}, "beta: found 1.5"),
        ({"desirable": {}}, "at least one node"),
        ({"desirable": {"smoking": -1}}, "desirable: found 'smoking'"),
        ({"threshold": "strategic", "budget": np.inf}, "budget: found inf"),
        ({"loss": "absolute"}, "loss: found 'absolute'"),
    ],
)
def test_what_is_asked_wrongly_is_refused(params: dict, match: str) -> None:
    asked = {"graph": GRAPH, "desirable": WANTED} | params
    with pytest.raises(InputError, match=match):
        IncentiveClassifier(**asked).fit(X, Y)


def test_features_that_the_graph_moves_must_be_there() -> None:
    with pytest.raises(InputError, match="reading"):
        IncentiveClassifier(GRAPH, desirable=WANTED).fit(X[["habit", "weight"]], Y)
    with pytest.raises(InputError, match="x0"):
        IncentiveClassifier(GRAPH, desirable=WANTED).fit(X.to_numpy(), Y)


def test_only_the_logistic_loss_has_probabilities() -> None:
    model = IncentiveClassifier(GRAPH, desirable=WANTED, loss="squared").fit(X, Y)
    assert not hasattr(model, "predict_proba")
    assert _share(model) >= 0.5 - 1e-6


@pytest.mark.parametrize("accept", [0, 1])
def test_whoever_moves_to_the_threshold_is_predicted_to_pass(accept: int) -> None:
    model = IncentiveClassifier(GRAPH, desirable=WANTED, beta=0.8, accept=accept)
    model.fit(X, np.where(Y == 1, accept, 1 - accept))
    response = Agents(X, GRAPH, LpCost(2)).best_response(model.rule_)
    assert response.moves.any()
    assert (model.predict(response.moved()) == accept).all()
    np.testing.assert_array_equal(model.predict(X) == accept, model.rule_.accepts(X))


def test_one_class_is_nothing_to_tell_apart() -> None:
    with pytest.raises(InputError, match="y: found only one class; allowed: two classes"):
        IncentiveClassifier(GRAPH).fit(X, 0 * Y)
