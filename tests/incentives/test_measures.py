from __future__ import annotations

import numpy as np
import pytest

from surefoot import InputError
from surefoot.incentives.costs import LpCost, QuadraticCost
from surefoot.incentives.measures import Desirable

NODES = ("smoking", "weight", "pill")
WANTED = Desirable.parse({"smoking": -1, "weight": -1}, NODES)


def test_only_the_right_direction_counts() -> None:
    cost = LpCost(2).resolve(NODES)
    assert WANTED.share(np.array([-1.0, 1.0, -2.0]), cost) == pytest.approx(0.25)
    assert WANTED.share(np.array([-3.0, 0.0, -1.0]), cost) == pytest.approx(0.75)
    assert np.isnan(WANTED.share(np.zeros(3), cost))


def test_measures_differ() -> None:
    effort = np.array([-1.0, 0.0, 2.0])
    cost = LpCost(2, {"pill": 0.5}).resolve(NODES)
    assert WANTED.share(effort, cost, "effort") == pytest.approx(1 / 3)
    assert WANTED.share(effort, cost, "cost") == pytest.approx(1 / 2)
    assert WANTED.share(effort, LpCost(1).resolve(NODES), "cost") == pytest.approx(1 / 3)
    assert WANTED.share(effort, LpCost(np.inf).resolve(NODES), "cost") == 0
    quadratic = QuadraticCost({"pill": 3.0}).resolve(NODES)
    assert WANTED.share(effort, quadratic, "cost") == pytest.approx(1 / 13)


def test_a_large_exponent_does_not_overflow() -> None:
    cost = LpCost(400).resolve(NODES)
    assert WANTED.share(np.array([-1e3, 0.0, 1e3]), cost, "cost") == pytest.approx(0.5)


def test_people_are_added_up() -> None:
    cost = LpCost(2).resolve(NODES)
    efforts = np.array([[-3.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert WANTED.share(efforts, cost) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({}, "at least one node"),
        (["smoking"], "a mapping of node to direction"),
        ({"smokes": -1}, "did you mean 'smoking'"),
        ({"smoking": 0}, r"desirable\['smoking'\]: found 0"),
        ({"smoking": True}, "found True"),
        ({"smoking": np.ones(2)}, r"desirable\['smoking'\]: found array"),
        ({"smoking": -1, "weight": -1, "pill": 1}, "every node"),
    ],
)
def test_what_is_wanted_must_make_sense(given: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Desirable.parse(given, NODES)  # type: ignore[arg-type]


def test_nothing_is_wanted_that_nobody_can_do() -> None:
    cost = LpCost(2).immutable("smoking")
    with pytest.raises(InputError, match="a node that the cost lets agents move that way"):
        Desirable.parse({"smoking": -1}, NODES, cost.resolve(NODES))
    one_way = LpCost(2).directions({"weight": 1}).resolve(NODES)
    with pytest.raises(InputError, match=r"desirable\['weight'\]: found -1"):
        Desirable.parse({"weight": -1}, NODES, one_way)


@pytest.mark.parametrize("p", [1, 1.5, 2, 7, np.inf, None])
def test_what_agents_spend_is_their_cost(p: float | None) -> None:
    given = QuadraticCost({"pill": 3.0}) if p is None else LpCost(p, {"pill": 3.0})
    cost, rng = given.resolve(NODES), np.random.default_rng(0)
    efforts = np.vstack([rng.normal(size=(20, 3)), np.zeros(3), [1.0, -1.0, 1 / 3]])
    wanted, total = WANTED.parts(efforts, cost, "cost")
    np.testing.assert_allclose(total, cost.of(efforts))
    assert (wanted <= total).all()
