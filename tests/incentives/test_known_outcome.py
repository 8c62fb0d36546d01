from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from surefoot.ground.errors import InputError
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.known_outcome import (
    BUDGET,
    DESIRABLE,
    EDGES,
    FEATURES,
    OUTCOME,
    WEIGHTS,
    known_outcome,
)


@pytest.fixture(scope="module")
def people():
    return known_outcome(100_000)


def test_the_names_fit_together(people):
    assert tuple(people.X) == FEATURES
    assert list(WEIGHTS) == list(FEATURES)
    for names in (DESIRABLE, OUTCOME.theta, {node for edge in EDGES for node in edge}):
        assert set(names) <= set(FEATURES)
    assert BUDGET == 1


def test_people_belong_to_the_seed_not_to_their_number(people):
    few = known_outcome(50)
    np.testing.assert_array_equal(few.X, people.X.iloc[:50])
    np.testing.assert_array_equal(few.y, people.y[:50])
    assert not np.array_equal(known_outcome(50, seed=1).y, few.y)


def test_variables_have_the_moments_of_their_equations(people):
    variances = {"z1": 1, "z2": 1.09, "p1": 1, "p2": 0.25 * 1.09 + 0.64, "p3": 0.81 + 0.45**2}
    for name, variance in variances.items():
        assert people.X[name].var() == pytest.approx(variance, rel=0.02)
    quality = 1 + 0.49 * 1.09 + 2 * 0.7 * 0.3 + 1
    assert people.latent.var() == pytest.approx(quality, rel=0.02)
    assert people.y.mean() == pytest.approx(0.5, abs=0.01)


def test_regressions_find_the_edges(people):
    for (cause, effect), weight in EDGES.items():
        slope = LinearRegression().fit(people.X[[cause]], people.X[effect]).coef_[0]
        assert slope == pytest.approx(weight, abs=0.02)


def test_u_is_hidden_and_p3_its_sign(people):
    correlations = people.X.corrwith(pd.Series(people.hidden))
    assert correlations["p3"] == pytest.approx(0.9 / np.sqrt(0.81 + 0.45**2), abs=0.01)
    assert correlations.drop("p3").abs().max() < 0.02


def test_with_u_at_hand_the_outcome_is_the_true_model(people):
    # 1 / 0.5 is one unit of quality in log-odds.
    seen = people.X[["z1", "z2"]].assign(u=people.hidden)
    weights = LogisticRegression(C=1e6).fit(seen, people.y).coef_[0]
    truth = OUTCOME.log_odds
    np.testing.assert_allclose(weights, [truth["z1"], truth["z2"], 2.0], atol=0.06)


def test_a_plain_rule_leans_on_the_cheap_sign(people):
    half = people.rows(slice(0, 50_000))
    weights = LogisticRegression(C=1e6).fit(half.X, half.y).coef_[0]
    np.testing.assert_allclose(weights, [1.75, 1.24, 0, 0, 1.55], atol=0.06)


def test_c_is_the_sum_over_paths():
    # z1 reaches z2, p1 and, through z2, p2.
    truth = np.eye(5)
    truth[0, 1], truth[0, 2], truth[0, 3], truth[1, 3] = 0.3, 0.8, 0.3 * 0.5, 0.5
    graph = CausalGraph.from_dag(FEATURES, EDGES)
    np.testing.assert_allclose(graph.contribution(), truth, atol=1e-15)


def test_rows_keep_people_together(people):
    part = people.rows(slice(10, 15))
    assert len(part) == 5
    assert part.X.index.tolist() == list(range(5))
    assert part.X["p3"].tolist() == people.X["p3"].iloc[10:15].tolist()
    assert part.latent.tolist() == people.latent[10:15].tolist()
    assert part.hidden.tolist() == people.hidden[10:15].tolist()
    assert part.y.tolist() == people.y[10:15].tolist()


def test_nobody_is_no_population():
    with pytest.raises(InputError, match="n: found 0; allowed: at least 1 person"):
        known_outcome(0)
