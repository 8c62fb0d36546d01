from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incentives.designing.cases import Case, effects_of, table

from surefoot.ground.errors import InputError, UnmetError
from surefoot.incentives.costs import LpCost, QuadraticCost
from surefoot.incentives.designing.design import design, design_for
from surefoot.incentives.effort_matrix import EffortMatrix

X, Y = table(600)
EFFECTS = effects_of(X)
WANTED = {"a": 1, "b": 1}


def of(**change):
    given = {"effects": EFFECTS, "cost": LpCost(2), "desirable": WANTED, "beta": 0.7}
    return design(X, Y, **(given | change))


def test_golden_design() -> None:
    found = of()
    assert found.certificate.status == "global"
    assert found.certificate.method == "one convex program"
    assert found.share == pytest.approx(0.7, abs=1e-7)
    assert found.share >= 0.7
    assert found.base_loss < found.loss < 1.2 * found.base_loss
    assert found.price == pytest.approx(found.loss / found.base_loss - 1)
    gains = dict(zip("abcd", EFFECTS.contribution() @ found.rule.weights[:4], strict=True))
    assert min(gains["a"], gains["b"]) >= 0


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, np.inf])
@pytest.mark.parametrize("measure", ["effort", "cost"])
def test_every_cost_and_measure_gets_its_share(p, measure) -> None:
    found = of(cost=LpCost(p, {"c": 0.5, "d": 0.7}), measure=measure)
    assert found.share >= 0.7
    assert found.certificate.status == "global"


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 1.5, 2, 3, np.inf]),
    st.sampled_from([0.0, 0.3, 0.9, 1.0]),
)
def test_no_directed_design_pays_for_the_wrong_direction(seed, p, beta) -> None:
    case = Case(seed, 4, 2, p)
    found = design_for(case.objective, case.demand(beta, method="restriction"))
    gains = case.effects.contribution() @ found.rule.weights
    size = np.abs(gains).max()
    for name, sign in case.desirable.items():
        assert sign * gains[case.names.index(name)] >= -1e-9 * size
    assert np.isnan(found.share) or found.share >= beta
    assert found.loss >= found.base_loss - 1e-9


def test_without_directions_effort_either_way_counts() -> None:
    against = {"a": -1, "b": -1}
    either, right = of(desirable=against, directed=False), of()
    assert either.loss == pytest.approx(right.loss, abs=1e-7)
    assert either.share >= 0.7
    assert of(desirable=against).loss > right.loss + 0.01


def test_all_of_beta_leaves_nothing_else_at_all() -> None:
    for p in (1.5, 2, 3, np.inf):
        found = of(cost=LpCost(p), beta=1.0)
        gains = EFFECTS.contribution() @ found.rule.weights[:4]
        assert np.abs(gains[2:]).max() < 1e-12 * np.abs(gains).max()
        assert found.share == 1.0


def test_units_of_features_do_not_matter() -> None:
    factors = np.array([2.0, 0.1, 7.0, 30.0, 1.0])
    effects = EffortMatrix(EFFECTS.contribution() * factors[:4], EFFECTS.efforts, EFFECTS.features)
    scaled = design(X * factors, Y, effects=effects, cost=LpCost(2), desirable=WANTED, beta=0.7)
    np.testing.assert_allclose(scaled.rule.weights * factors, of().rule.weights, rtol=1e-5)
    assert scaled.rule.threshold == pytest.approx(of().rule.threshold, rel=1e-5)


def test_units_of_effort_do_not_matter_if_costs_follow() -> None:
    # Two units of effort a are one of a2: its effects double, so does its cost; its cost share is
    # the same.
    matrix = EFFECTS.contribution().copy()
    matrix[0] *= 2
    effects = EffortMatrix(matrix, EFFECTS.efforts, EFFECTS.features)
    one = of(measure="cost")
    other = of(measure="cost", effects=effects, cost=LpCost(2, {"a": 2.0}))
    assert other.loss == pytest.approx(one.loss, abs=2e-6)


def test_the_threshold_is_fitted_too() -> None:
    found = of()
    rate = Y.mean()
    assert abs(found.rule.accepts(X).mean() - rate) < 0.1


def test_forbidden_and_monotone_bind_the_base_rule_too() -> None:
    found = of(forbidden=["c"], monotone={"e": -1, "d": 1})
    for rule in (found.rule, found.base):
        weights = dict(zip("abcde", rule.weights, strict=True))
        assert [weights["c"], weights["e"]] == [0, 0]
        assert weights["d"] >= 0
    assert found.base_loss > of().base_loss


def test_a_demand_that_the_base_rule_meets_changes_nothing() -> None:
    found = of(beta=0.05)
    np.testing.assert_allclose(found.rule.weights, found.base.weights, rtol=1e-6)


def test_without_anything_wanted_it_is_the_base_rule() -> None:
    found = of(desirable=None)
    np.testing.assert_array_equal(found.rule.weights, found.base.weights)
    assert np.isnan(found.share)


@pytest.mark.parametrize("p", [1, 1.2, 1.5, 2, 3, np.inf])
@pytest.mark.parametrize("directed", [True, False])
def test_where_nothing_else_can_move_all_effort_is_wanted(p, directed) -> None:
    for desirable, still in ((WANTED, "cd"), ({"a": 1}, "bcd")):
        found = of(cost=LpCost(p).immutable(*still), desirable=desirable, directed=directed)
        assert found.share == 1.0
        assert found.loss == pytest.approx(found.base_loss, abs=2e-6)


def test_every_group_gets_its_share() -> None:
    groups = {
        "smokers": LpCost(2, {"a": 3.0}),
        "old": LpCost(1.5, {"c": 0.5}),
        "poor": LpCost(1, {"b": 0.5}),
        "rich": QuadraticCost({"c": 2.0}),
    }
    found = of(groups=groups)
    assert set(found.shares) == set(groups)
    assert min(found.shares.values()) >= found.share >= 0.7
    assert found.loss > of().loss
    assert found.certificate.status == "global"


def test_one_group_with_the_common_cost_changes_nothing() -> None:
    assert of(groups={"all": LpCost(2)}).loss == pytest.approx(of().loss, abs=1e-8)


def test_limits_on_effort_are_left_out_and_that_is_told() -> None:
    limited = of(cost=LpCost(2).bounds({"c": lambda X: -np.ones(len(X))}, {"a": 1.0}))
    assert limited.loss == pytest.approx(of().loss, abs=1e-9)
    assert "limits on the size of effort are left out" in limited.certificate.notes[0]
    one_way = of(cost=LpCost(2).directions({"a": 1, "c": 1}))
    assert one_way.certificate.notes == ()
    assert one_way.share >= 0.7
    assert one_way.loss <= of().loss


def test_an_uncertain_matrix_is_told() -> None:
    uncertain = EffortMatrix(EFFECTS.contribution(), EFFECTS.efforts, EFFECTS.features, 0.1)
    assert of(effects=uncertain).certificate.notes == (
        "effects are uncertain: the demand holds for their mean",
    )


def test_a_cost_that_couples_nodes_moves_effort_by_its_inverse() -> None:
    Q = np.eye(4) + 0.4
    found = of(cost=QuadraticCost(Q, nodes=list("abcd")))
    effort = np.linalg.solve(Q, EFFECTS.contribution() @ found.rule.weights[:4])
    assert effort[:2].min() >= -1e-12
    assert effort[:2].sum() / np.abs(effort).sum() == pytest.approx(0.7, abs=1e-6)


def test_a_rule_that_pays_for_nothing_is_allowed_and_told() -> None:
    found = of(desirable={"a": -1}, forbidden=["b", "c", "d"])
    assert found.rule.weights[0] == 0
    assert np.isnan(found.share)
    assert found.certificate.notes == ("the most accurate rule pays for no effort at all",)


MIXED = EffortMatrix([[1.0, 0.0], [0.0, 1.0], [0.4, 0.4]], ["x", "y", "z"], ["a", "b"])


@pytest.mark.parametrize(
    ("p", "beta", "match"),
    [
        (1, 0.5, "beta: 0.5 can't be reached: all that z does, 0.4 x . 0.4 y does at 0.8 of its"),
        (2, 0.5, "the largest share that a rule of these features induces is about 0.29"),
        (1.5, 0.5, "the largest share that a rule of these features induces is about 0.24"),
        (np.inf, 0.6, "the largest share that a rule of these features induces is about 0.50"),
    ],
)
def test_what_no_rule_induces_is_an_error_that_says_why(p, beta, match) -> None:
    with pytest.raises(UnmetError, match=match):
        of(effects=MIXED, desirable={"z": 1}, cost=LpCost(p), beta=beta)
    assert of(effects=MIXED, desirable={"z": 1}, cost=LpCost(2), beta=0.2).share >= 0.2


def test_a_node_without_features_is_an_error() -> None:
    with pytest.raises(UnmetError, match="no rule of these features pays for z"):
        of(effects=MIXED, desirable={"z": 1}, cost=LpCost(1), forbidden=["a", "b"])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"beta": 1.2}, "beta: found 1.2; allowed: a share from 0 to 1"),
        ({"beta": "much"}, "beta: found 'much'"),
        ({"desirable": {}}, "desirable: found 'nothing'"),
        ({"desirable": {"q": 1}}, "desirable: found 'q'"),
        ({"desirable": dict.fromkeys("abcd", 1)}, "desirable: found every node"),
        ({"desirable": {"a": 2}}, r"desirable\['a'\]: found 2"),
        ({"cost": LpCost(2).immutable("a")}, r"desirable\['a'\]"),
        ({"cost": LpCost(2).immutable("a"), "directed": False}, r"desirable\['a'\]: found 'immov"),
        ({"cost": LpCost(2).directions({"a": -1})}, r"desirable\['a'\]"),
        ({"margin": 0.0}, "margin: found 0.0"),
        ({"measure": "outcome"}, "measure: found 'outcome'"),
        ({"method": "best"}, "method: found 'best'"),
        ({"forbidden": ["q"]}, "forbidden: found 'q'"),
        ({"monotone": {"a": 0}}, r"monotone\['a'\]: found 0"),
        ({"scenarios": np.zeros((2, 3, 4))}, r"scenarios: found \(2, 3, 4\)"),
        ({"scenarios": np.full((2, 4, 4), np.nan)}, "finite matrices"),
        (
            {"effects": EffortMatrix(np.eye(2), ["a", "b"], ["a", "q"])},
            "effects.features: found 'q'",
        ),
    ],
)
def test_what_is_not_allowed_names_its_argument(change, match) -> None:
    with pytest.raises(InputError, match=match):
        of(**change)


def test_a_design_is_plain_values() -> None:
    values = json.loads(json.dumps(of(groups={1: LpCost(1)}).to_dict()))
    assert values["certificate"]["status"] == "global"
    assert set(values["weights"]) == set("abcde")
    assert list(values["shares"]) == ["1"]
