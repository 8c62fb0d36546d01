from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incentives.designing.cases import Case

from surefoot.ground.errors import InputError
from surefoot.incentives.costs import LpCost, QuadraticCost
from surefoot.incentives.designing.losses import QuadraticLoss
from surefoot.incentives.designing.programs import Piece, minimise
from surefoot.incentives.designing.regions import Region
from surefoot.incentives.effort_matrix import EffortMatrix
from surefoot.incentives.full.unit import unit_response
from surefoot.incentives.measures import Desirable

POWERS = [1, 1.2, 1.5, 2, 3, 8, np.inf]
SEEDS = st.integers(0, 2**32 - 1)


def around(x: np.ndarray) -> QuadraticLoss:
    """Return the squared distance from x."""
    return QuadraticLoss(np.eye(len(x)), x, tuple(map(str, range(len(x)))))


def distance(piece: Piece, x: np.ndarray) -> float:
    """Return how far x is from a piece at least, to the root of a solver's tolerance."""
    return float(np.sqrt(max(minimise(around(x), piece, x).bound, 0)))


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.sampled_from(POWERS), st.sampled_from(["effort", "cost"]), st.booleans())
def test_the_share_is_that_of_the_best_response(seed, p, measure, directed) -> None:
    case = Case(seed, 5, 2, p, one_way=("x1", "x3"))
    region = case.region(0.5, measure=measure, directed=directed)
    h = np.random.default_rng(seed).normal(size=5)
    share = case.share(h, measure, directed)
    assert region.share(h * case.objective.scale) == pytest.approx(share, nan_ok=True, abs=1e-9)


def test_the_share_of_a_cost_that_couples_nodes_is_that_of_the_best_response() -> None:
    rng = np.random.default_rng(0)
    names = ("a", "b", "c")
    root = rng.normal(size=(3, 3))
    cost = QuadraticCost(root @ root.T + np.eye(3), nodes=names).resolve(names)
    wanted = Desirable.parse({"a": 1}, names)
    effects = rng.normal(size=(3, 3))
    region = Region.of(effects, cost, wanted, beta=0.5)
    for h in rng.normal(size=(20, 3)):
        effort = unit_response(effects @ h, cost).effort
        assert region.share(h) == pytest.approx(wanted.share(effort, cost))


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.sampled_from([1, 1.5, 2, np.inf]), st.sampled_from([0.3, 0.7, 1.0]))
def test_pieces_together_are_the_region(seed, p, beta) -> None:
    case = Case(seed, 3, 1 if p == 1.5 else 2, p, one_way=("x2",))
    region = case.region(beta)
    pieces = list(region.polyhedra()) if region.listed else [region.convex(region.signs)]
    for x in np.random.default_rng(seed).normal(size=(6, 3)):
        inside = min(distance(piece, x) for piece in pieces) < 1e-4
        assert inside == region.meets(x)


def test_a_wrong_direction_is_never_let_through() -> None:
    case = Case(1, 4, 2)
    region = case.region(0.1)
    x = np.linalg.solve(region.rows, [3.0 * s for s in region.signs] + [0.0, 0.0])
    assert region.meets(x)
    wrong = np.linalg.solve(region.rows, [3.0 * region.signs[0], -0.1 * region.signs[1], 0.0, 0.0])
    assert region.share(wrong) > 0.9
    assert not region.meets(wrong)


@pytest.mark.parametrize("p", [1, np.inf])
def test_a_tie_is_no_incentive(p) -> None:
    names = ("a", "b")
    wanted = Desirable.parse({"a": 1}, names)
    region = Region.of(np.eye(2), LpCost(p).resolve(names), wanted, beta=0.5, margin=0.01)
    leads, ties = ([1.011, 1.0], [1.0, 1.0]) if p == 1 else ([0.011, 1.0], [0.009, 1.0])
    assert region.meets(np.array(leads))
    assert not region.meets(np.array(ties))


def test_supports_at_infinity_are_those_of_all_choices() -> None:
    case = Case(3, 5, 2, np.inf)
    region = case.region(0.6)
    c = np.concatenate(region.factors)
    pieces = list(region.polyhedra())
    for zero in itertools.product((False, True), repeat=3):
        y = np.concatenate([region.signs, np.where(zero, 0.0, 1.0)])
        enough = c[:2].sum() / (c * (y != 0)).sum() >= 0.6
        x = np.linalg.solve(region.rows, y)
        assert (min(distance(piece, x) for piece in pieces) < 1e-4) == enough


@pytest.mark.parametrize(
    ("cost", "measure", "match"),
    [
        (LpCost(40), "effort", "cost.p: found 40.0; allowed: at most 11, or inf"),
        (QuadraticCost([[1, 0.5], [0.5, 1]], nodes=("a", "b")), "cost", "measure: found 'cost'"),
        (
            QuadraticCost([[1, 0.5], [0.5, 1]], nodes=("a", "b")).directions({"b": 1}),
            "effort",
            "cost: found a direction that is not possible",
        ),
    ],
)
def test_what_has_no_pieces_is_refused(cost, measure, match) -> None:
    wanted = Desirable.parse({"a": 1}, ("a", "b"))
    with pytest.raises(InputError, match=match):
        Region.of(np.eye(2), cost.resolve(("a", "b")), wanted, beta=0.5, measure=measure)


def test_too_many_choices_at_infinity_are_refused() -> None:
    names = [f"x{i}" for i in range(15)]
    region = Region.of(
        EffortMatrix(np.eye(15), names, names).contribution(),
        LpCost(np.inf).resolve(names),
        Desirable.parse({"x0": 1}, names),
        beta=0.5,
    )
    with pytest.raises(InputError, match="15 nodes that can move.*at most 14"):
        list(region.polyhedra())
