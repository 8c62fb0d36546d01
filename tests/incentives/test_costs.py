from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from surefoot import InputError
from surefoot.incentives.costs import LpCost, QuadraticCost

NODES = ["smoking", "weight", "pressure"]


def test_weights_are_matched_by_name_and_others_cost_one() -> None:
    cost = LpCost(1, {"pressure": 0.3}).resolve(NODES)
    assert cost.weights.tolist() == [1.0, 1.0, 0.3]
    assert cost.of(np.array([1.0, 1.0, 1.0])) == pytest.approx(2.3)


def test_an_infinite_weight_is_a_node_nobody_moves() -> None:
    cost = LpCost(2, {"pressure": np.inf}).resolve(NODES)
    assert cost.movable.tolist() == [True, True, False]
    assert cost.free
    assert np.isfinite(cost.weights).all()


def test_directions_are_homogeneous_bounds_are_not() -> None:
    cost = LpCost(2).directions({"smoking": -1}).immutable("weight")
    resolved = cost.resolve(NODES)
    assert resolved.homogeneous
    assert not resolved.free
    assert resolved.upper.tolist() == [0.0, 0.0, np.inf]
    assert not cost.bounds(upper={"pressure": 2.0}).resolve(NODES).homogeneous


def test_bounds_may_differ_by_agent_and_are_sliced_with_them() -> None:
    people = pd.DataFrame({"bmi": [30.0, 25.0, 18.0]})
    cost = LpCost(2).bounds(lower={"weight": lambda X: np.minimum(18.5 - X["bmi"], 0)})
    resolved = cost.resolve(NODES, people)
    assert resolved.lower[:, 1].tolist() == [-11.5, -6.5, 0.0]
    assert resolved.rows(slice(1, 3)).lower.shape == (2, 3)
    assert resolved.rows(slice(1, 3)).upper.shape == (3,)
    assert resolved.movable.all()


def test_a_matrix_is_put_into_the_order_of_the_nodes() -> None:
    Q = np.array([[2.0, 0.5], [0.5, 1.0]])
    cost = QuadraticCost(Q, ["b", "a"]).resolve(["a", "b"])
    assert cost.Q.tolist() == [[1.0, 0.5], [0.5, 2.0]]
    assert not cost.separable
    assert cost.of(np.array([[1.0, 0.0], [1.0, 1.0]])).tolist() == [1.0, 4.0]


@given(hnp.arrays(float, 3, elements=st.floats(0.1, 10)), st.sampled_from([1.0, 1.5, 2.0, 7.0]))
def test_a_norm_grows_in_proportion(weights: np.ndarray, p: float) -> None:
    cost = LpCost(p, dict(zip(NODES, weights.tolist(), strict=True))).resolve(NODES)
    effort = np.array([1.0, -2.0, 0.5])
    assert cost.of(3 * effort) == pytest.approx(3 * cost.of(effort))
    if p == 2:
        assert cost.of(effort) ** 2 == pytest.approx(effort @ cost.Q @ effort)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: LpCost(0.5), "LpCost.p: found 0.5; allowed: a number from 1"),
        (lambda: LpCost(float("nan")), "LpCost.p"),
        (lambda: LpCost(2, {"smoking": 0.0}), r"LpCost.weights\['smoking'\]: found 0.0"),
        (lambda: LpCost(2, {"smoking": float("nan")}), "found nan"),
        (lambda: LpCost(2, -1.0), "LpCost.weights: found -1.0"),
        (lambda: LpCost(2, {"smokes": 1.0}).resolve(NODES), "did you mean 'smoking'"),
        (lambda: LpCost(2).bounds({"wieght": -1}).resolve(NODES), "did you mean 'weight'"),
        (lambda: LpCost(2).bounds({"weight": 1.0}).resolve(NODES), "at most 0"),
        (lambda: LpCost(2).bounds(upper={"weight": -1.0}).resolve(NODES), "at least 0"),
        (lambda: LpCost(2).bounds({"weight": lambda X: -X["bmi"]}).resolve(NODES), "no agents"),
        (lambda: LpCost(2).directions({"weight": 2}), r"directions\['weight'\]: found 2"),
        (lambda: QuadraticCost(np.eye(2)), "QuadraticCost.nodes"),
        (lambda: QuadraticCost(np.eye(2), ["a"]), "a square of 1 nodes"),
        (lambda: QuadraticCost([[1.0, 2.0], [0.0, 1.0]], ["a", "b"]), "symmetric"),
        (lambda: QuadraticCost([[1.0, 2.0], [2.0, 1.0]], ["a", "b"]), "eigenvalue -1"),
        (lambda: QuadraticCost([[np.nan, 0.0], [0.0, 1.0]], ["a", "b"]), "that is not finite"),
        (lambda: QuadraticCost({"a": 0.0}), r"Q\['a'\]: found 0.0"),
        (lambda: QuadraticCost({"a": "dear"}), r"Q\['a'\]: found 'dear'"),
        (
            lambda: LpCost(2).bounds({"weight": "low"}).resolve(NODES),
            r"lower\['weight'\]: found 'low'",
        ),
        (lambda: QuadraticCost(np.eye(2), ["a", "b"]).resolve(["a", "c"]), "these: a, c"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()  # type: ignore[operator]


def test_bounds_of_another_length_than_the_agents_are_refused() -> None:
    people = pd.DataFrame({"bmi": [30.0, 25.0, 18.0]})
    with pytest.raises(InputError, match="one number, or one an agent"):
        LpCost(2).bounds(upper={"weight": [1.0, 2.0]}).resolve(NODES, people)


@pytest.mark.parametrize("size", [1e-8, 1e8])
def test_no_power_overflows_or_vanishes(size: float) -> None:
    cost = LpCost(np.int64(100)).resolve(NODES)
    assert cost.of(np.array([[0.0, -size, 0.0]])) == pytest.approx([size])


@pytest.mark.parametrize("m", [2, 3])
def test_an_agent_costs_the_same_in_any_company(m: int) -> None:
    Q = [[2.0, 0.3, 0.7], [0.3, 1.1, 0.1], [0.7, 0.1, 3.0]]
    cost = QuadraticCost(np.array(Q)[:m, :m], NODES[:m]).resolve(NODES[:m])
    efforts = np.random.default_rng(0).normal(size=(500, m))
    alone = np.concatenate([cost.of(effort[None]) for effort in efforts])
    np.testing.assert_array_equal(cost.of(efforts), alone)
