from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from surefoot.ground.errors import InputError
from surefoot.ground.streams import stream
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.known_outcome import EDGES, OUTCOME, known_outcome
from surefoot.incentives.outcomes import OutcomeModel
from surefoot.incentives.rules import LinearRule

NAMES = ["cause", "reading"]
MODEL = OutcomeModel({"cause": 1.0}, noise=0.5)
RULE = LinearRule([1.0, 0.5], 0.0, NAMES)


def population(n=4000, seed=0):
    draw = stream(seed, "outcomes")
    X = pd.DataFrame(draw.normal(size=(n, 2)), columns=NAMES)
    return X, X["cause"].to_numpy() + draw.normal(size=n)


def test_a_label_is_1_as_often_as_its_log_odds_say():
    for quality in (-0.5, 0.0, 0.8):
        labels = MODEL.labels(np.full(200_000, quality))
        assert labels.mean() == pytest.approx(expit(quality / 0.5), abs=0.004)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 3), st.integers(0, 5))
def test_noise_is_common_so_that_no_gain_turns_a_good_label_bad(gain, seed):
    _, latent = population(200)
    before, after = MODEL.labels(latent, seed), MODEL.labels(latent + gain, seed)
    assert (after >= before).all()
    if gain == 0:
        np.testing.assert_array_equal(after, before)


def test_labels_are_drawn_anew_for_another_seed():
    _, latent = population()
    assert (MODEL.labels(latent, 0) != MODEL.labels(latent, 1)).mean() > 0.1


def test_moving_a_reading_changes_no_outcome():
    X, latent = population()
    after = MODEL.after(RULE, X, X.assign(reading=X["reading"] + 2.0), latent)
    assert after.rate == after.rate_before
    assert after.rate_gain == 0
    assert after.outcome_gain == 0
    assert after.outcome_share == 0
    assert after.score_gain == pytest.approx(1.0)
    assert after.gaming == pytest.approx(1.0)
    assert after.accepted > after.accepted_before + 0.1
    # More are accepted, none is better: the accuracy falls.
    assert after.accuracy < after.static_accuracy - 0.05


def test_moving_a_cause_changes_the_outcome_by_what_the_model_says():
    X, latent = population()
    after = MODEL.after(RULE, X, X.assign(cause=X["cause"] + 0.25), latent)
    assert after.outcome_gain == pytest.approx(0.5)  # 0.25 of quality at noise 0.5
    assert after.score_gain == pytest.approx(0.25)
    labels = MODEL.labels(latent), MODEL.labels(latent + 0.25)
    assert after.rate_gain == pytest.approx(labels[1].mean() - labels[0].mean())
    assert after.rate_gain > 0.03


def test_accuracies_count_right_decisions_on_either_side():
    X, latent = population(300)
    moved = X + [0.7, -0.2]
    after = MODEL.after(RULE, X, moved, latent, seed=3)
    accepts = [table["cause"] + 0.5 * table["reading"] >= 0 for table in (X, moved)]
    labels = [MODEL.labels(latent, 3), MODEL.labels(latent + 0.7, 3)]
    assert after.static_accuracy == (accepts[0] == labels[0]).mean()
    assert after.accuracy == (accepts[1] == labels[1]).mean()
    assert (after.accepted_before, after.accepted) == (accepts[0].mean(), accepts[1].mean())


def test_all_of_a_gain_is_real_under_the_rule_that_is_the_outcomes_own():
    people = known_outcome(1000)
    weights = [OUTCOME.log_odds.get(name, 0.0) for name in people.X]
    rule = LinearRule(weights, 0.0, list(people.X))
    effort = np.abs(stream(0, "effort").normal(size=people.X.shape))
    graph = CausalGraph.from_dag(people.X.columns, EDGES)
    moved = people.X + effort @ graph.contribution()
    after = OUTCOME.after(rule, people.X, moved, people.latent)
    assert after.outcome_share == pytest.approx(1.0)
    assert after.gaming == pytest.approx(0.0, abs=1e-12)


def test_nobody_moves():
    X, latent = population()
    after = MODEL.after(RULE, X, X, latent)
    assert after.accuracy == after.static_accuracy
    assert math.isnan(after.outcome_share)
    assert after.to_dict()["rate_gain"] == 0
    assert set(after.to_dict()) >= {"static_accuracy", "accuracy", "outcome_share", "gaming"}


def test_columns_go_by_name():
    X, latent = population(50)
    moved = X + [1.0, 0.0]
    swapped = MODEL.after(RULE, X[NAMES[::-1]], moved, latent)
    assert swapped == MODEL.after(RULE, X, moved, latent)


@pytest.mark.parametrize("noise", [0.0, -1.0, math.inf, math.nan])
def test_noise_is_positive(noise):
    with pytest.raises(InputError, match="noise: .*a number above 0"):
        OutcomeModel({"x": 1.0}, noise)


def test_effects_are_finite():
    with pytest.raises(InputError, match=r"theta\['x'\]: found nan"):
        OutcomeModel({"x": math.nan})


def test_tables_have_the_same_people():
    X, latent = population(10)
    with pytest.raises(InputError, match="moved: found 9 rows; allowed: those of X: 10"):
        MODEL.after(RULE, X, X.iloc[:9], latent)
    with pytest.raises(InputError, match=r"latent: found \(9,\)"):
        MODEL.after(RULE, X, X, latent[:9])
    with pytest.raises(InputError, match=r"X.columns: .*also cause"):
        MODEL.gain(X[["reading"]], X)


@pytest.mark.parametrize("latent", [[1.0, math.nan], [[1.0], [2.0]]])
def test_qualities_are_numbers_one_an_agent(latent):
    with pytest.raises(InputError, match="latent: found"):
        OutcomeModel({"a": 1.0}).labels(latent)
