from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surefoot.ground.errors import InputError
from surefoot.ground.streams import stream
from surefoot.incentives import known_outcome as known
from surefoot.incentives.baselines import StackelbergLoop
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.rules import LinearRule

WEIGHTS = np.array(list(known.WEIGHTS.values()))


class World:
    """Best responses in closed form: no limits, ``||w o e||_p``, p = 1 or 2."""

    def __init__(self, X, C, w, p, budget):
        self.X, self.C, self.w, self.p, self.budget = X, C, w, p, budget

    def unit(self, rule):
        """Effort that gains one unit of score at least cost, and that cost."""
        v = self.C @ rule.weights
        if self.p == 1:
            best = np.argmax(np.abs(v) / self.w)
            effort = np.zeros(len(v))
            effort[best] = 1 / v[best]
        else:
            effort = v / self.w**2 / np.sum((v / self.w) ** 2)
        return effort, np.linalg.norm(self.w * effort, ord=self.p)

    def respond(self, rule):
        effort, price = self.unit(rule)
        gap = rule.gap(self.X)
        needed = np.where((gap > 0) & (gap * price <= self.budget), gap, 0.0)
        return self.X + np.outer(needed, effort) @ self.C

    def reach(self, rule):
        return self.budget / self.unit(rule)[1]


def simulated(p, n=20_000):
    people = known.known_outcome(n)
    C = CausalGraph.from_dag(known.FEATURES, known.EDGES).contribution()
    world = World(people.X, C, WEIGHTS, p, known.BUDGET)

    def relabel(moved):
        return known.OUTCOME.labels(people.latent + known.OUTCOME.gain(people.X, moved))

    return people, world, relabel


def plain(**given):
    return LogisticRegression(C=1e4, **given)


# --- shift -----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 2]), st.floats(0.05, 3))
def test_a_shift_restores_exactly_the_static_decisions(seed, p, budget):
    draw = stream(seed, "shift")
    X = pd.DataFrame(draw.normal(size=(400, 4)), columns=list("abcd"))
    C = np.eye(4) + np.triu(draw.normal(size=(4, 4)), 1)
    world = World(X, C, draw.uniform(0.3, 2, size=4), p, budget)
    rule = LinearRule(draw.normal(size=4), draw.normal(), list(X))
    shifted = rule.shifted(world.reach(rule))
    np.testing.assert_array_equal(shifted.accepts(world.respond(shifted)), rule.accepts(X))


@pytest.mark.parametrize("p", [1, 2])
def test_a_shift_recovers_the_static_accuracy_where_effort_changes_no_outcome(p):
    people, world, _ = simulated(p)
    estimator = plain()
    loop = StackelbergLoop(estimator, world.respond, answer="shift", reach=world.reach)
    loop.fit(people.X, people.y)
    static = LinearRule.from_estimator(estimator.fit(people.X, people.y))
    assert loop.rule_.threshold == static.threshold + world.reach(static)
    assert loop.history_["accuracy"].tolist() == [(static.accepts(people.X) == people.y).mean()]
    assert loop.history_["accuracy before"].iloc[0] < 0.6
    assert (len(loop.rules_), loop.converged_) == (1, True)


def test_at_p_1_the_outcome_stays_and_at_p_2_some_of_it_follows():
    rates = {}
    for p in (1, 2):
        people, world, relabel = simulated(p)
        loop = StackelbergLoop(plain(), world.respond, answer="shift", reach=world.reach)
        moved = world.respond(loop.fit(people.X, people.y).rule_)
        rates[p] = relabel(moved).mean() - relabel(people.X).mean()
    assert rates[1] == 0
    assert rates[2] > 0.02


# --- retrain ---------------------------------------------------------------------------------


def test_retraining_follows_people_who_all_move_alike_and_stops():
    # Everybody gains 0.8 along the weights, threshold or not: the second rule is the fixed point.
    draw = stream(0, "retrain")
    X = pd.DataFrame(draw.normal(size=(600, 2)), columns=["a", "b"])
    y = (X["a"] + 0.5 * X["b"] + 0.3 * draw.normal(size=600) > 0).astype(int)

    def respond(rule):
        return X + 0.8 * rule.weights / np.linalg.norm(rule.weights)

    loop = StackelbergLoop(LinearDiscriminantAnalysis(), respond).fit(X, y)
    assert loop.converged_
    assert len(loop.history_) == 3
    assert loop.history_["change"].tolist() == pytest.approx([np.nan, 0.8, 0.0], nan_ok=True)
    first, *_, last = loop.rules_
    assert loop.rule_ is last
    np.testing.assert_array_equal(last.accepts(respond(last)), first.accepts(X))
    assert (loop.history_["moved"] == 1).all()
    assert loop.history_["accuracy"].iloc[0] < loop.history_["accuracy before"].iloc[0]
    assert loop.history_["accuracy"].iloc[-1] == loop.history_["accuracy before"].iloc[0]


def test_retraining_settles_below_what_foresight_reaches():
    people, world, relabel = simulated(1)
    loop = StackelbergLoop(plain(), world.respond, relabel=relabel).fit(people.X, people.y)
    history = loop.history_
    assert loop.converged_
    assert len(history) > 4
    assert history["change"].iloc[-1] <= loop.tolerance < history["change"].iloc[1:-1].min()
    # 0.83 before anybody responds, which a shift brings back.
    first, last = history["accuracy"].iloc[[0, -1]]
    assert first < 0.6 < last < 0.77 < history["accuracy before"].iloc[0]
    # The sign that was gamed counts for less, but is not dropped.
    leaning = [rule.weights[4] / rule.weights[0] for rule in (loop.rules_[0], loop.rule_)]
    assert 0.2 < leaning[1] < 0.6 * leaning[0]


def test_retraining_stops_after_the_rounds_allowed():
    people, world, relabel = simulated(1, n=2_000)
    loop = StackelbergLoop(plain(), world.respond, relabel=relabel, max_rounds=3)
    loop.fit(people.X, people.y)
    assert not loop.converged_
    assert len(loop.rules_) == len(loop.history_) == 3


def test_people_who_stay_put_leave_the_rule_as_it_is():
    people, *_ = simulated(1, n=2_000)
    loop = StackelbergLoop(plain(), lambda rule: people.X).fit(people.X, people.y)
    assert loop.converged_
    assert len(loop.rules_) == 2
    assert loop.history_["change"].iloc[1] == 0
    assert (loop.history_["moved"] == 0).all()
    assert (loop.history_["accepted"] == loop.history_["accepted before"]).all()
    assert (loop.history_["accuracy"] == loop.history_["accuracy before"]).all()


def test_labels_are_kept_unless_they_are_drawn_anew():
    people, world, relabel = simulated(2, n=4_000)
    seen = []

    def noted(moved):
        seen.append(relabel(moved))
        return seen[-1]

    kept, drawn = (
        StackelbergLoop(plain(), world.respond, relabel=given, max_rounds=2)
        for given in (None, noted)
    )
    kept.fit(people.X, people.y)
    drawn.fit(people.X, people.y)
    moved = world.respond(drawn.rules_[0])
    accepts = drawn.rules_[0].accepts(moved)
    assert kept.history_["accuracy"].iloc[0] == (accepts == people.y).mean()
    assert drawn.history_["accuracy"].iloc[0] == (accepts == seen[0]).mean()
    # The second rule is learnt from the new labels.
    expected = plain().fit(moved, seen[0]).coef_[0]
    np.testing.assert_allclose(drawn.rules_[1].weights, expected)


# --- what it takes ---------------------------------------------------------------------------


def test_estimators_may_be_pipelines_and_accept_either_class():
    people, world, _ = simulated(1, n=2_000)
    scaled = make_pipeline(StandardScaler(), plain())
    options = {"answer": "shift", "reach": world.reach}
    loop = StackelbergLoop(scaled, world.respond, **options).fit(people.X, people.y)
    bare = StackelbergLoop(plain(), world.respond, **options).fit(people.X, people.y)
    np.testing.assert_allclose(loop.rule_.weights, bare.rule_.weights, rtol=1e-2, atol=1e-2)
    words = np.where(people.y == 1, "good", "bad")
    other = StackelbergLoop(plain(), world.respond, **options, accept="good").fit(people.X, words)
    pd.testing.assert_frame_equal(other.history_, bare.history_)
    assert not hasattr(scaled[-1], "coef_")  # the estimator given is left as it is


def test_columns_may_come_back_in_another_order():
    people, world, _ = simulated(1, n=2_000)
    loops = [
        StackelbergLoop(plain(), respond, max_rounds=3).fit(people.X, people.y)
        for respond in (world.respond, lambda rule: world.respond(rule)[list(people.X)[::-1]])
    ]
    pd.testing.assert_frame_equal(loops[0].history_, loops[1].history_)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"answer": "shfit"}, "answer: .*did you mean 'shift'"),
        ({"answer": "shift"}, "reach: found None"),
        ({"max_rounds": 0}, "max_rounds: found 0; allowed: at least 1 rule"),
    ],
)
def test_parameters_are_checked(given, message):
    people, world, _ = simulated(1, n=100)
    with pytest.raises(InputError, match=message):
        StackelbergLoop(plain(), world.respond, **given).fit(people.X, people.y)


@pytest.mark.parametrize("response", [lambda X: X.to_numpy(), lambda X: X.iloc[1:]])
def test_a_response_is_a_table_of_the_same_people(response):
    people, *_ = simulated(1, n=100)
    loop = StackelbergLoop(plain(), lambda rule: response(people.X))
    with pytest.raises(InputError, match=r"respond\(rule\): .*a DataFrame of the 100 people"):
        loop.fit(people.X, people.y)


def test_a_response_has_all_features_and_one_label_a_person():
    people, world, _ = simulated(1, n=100)
    narrow = StackelbergLoop(plain(), lambda rule: people.X[["z1"]])
    with pytest.raises(InputError, match=r"respond\(rule\): found no column 'z2'; .* of X"):
        narrow.fit(people.X, people.y)
    mute = StackelbergLoop(plain(), world.respond, relabel=lambda moved: [1])
    with pytest.raises(InputError, match=r"relabel\(moved\): found \(1,\); allowed: one label"):
        mute.fit(people.X, people.y)
