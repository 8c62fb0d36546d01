"""The largest confidence that effort can give."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls
from tests.incentives.uncertain.worlds import cost_of, covariance, names, unit_by_cvxpy

from surefoot.incentives.costs import LpCost
from surefoot.incentives.uncertain.ceiling import ceiling


@pytest.mark.parametrize("p", [1, 2, None])
def test_free_nodes_have_a_closed_form(p: float | None) -> None:
    rng = np.random.default_rng(0)
    gain, cov = rng.normal(size=5), covariance(rng, 5, 0.3)
    expected = np.sqrt(gain @ np.linalg.solve(cov, gain))
    assert ceiling(gain, cov, cost_of(p, rng, 5)) == pytest.approx(expected, rel=1e-9)
    some = [0, 2, 3]
    part = gain[some] @ np.linalg.solve(cov[np.ix_(some, some)], gain[some])
    fixed = cost_of(p, rng, 5, immutable=[1, 4])
    assert ceiling(gain, cov, fixed) == pytest.approx(np.sqrt(part), rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_directions_against_nonnegative_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gain, cov = rng.normal(size=5), covariance(rng, 5, 0.3)
    signs = np.where(rng.random(5) < 0.5, -1, 1)
    # max v.e / ||R e|| over s o e >= 0 is the length of the projection of R'^-1 v on the cone.
    root = np.linalg.cholesky(cov).T
    target = np.linalg.solve(root.T, gain)
    found, _ = nnls(root * signs, target)
    expected = np.linalg.norm(root * signs @ found)
    cost = cost_of(1, rng, 5, signs=signs)
    assert ceiling(gain, cov, cost) == pytest.approx(expected, abs=1e-6)


def test_bounds_leave_the_ceiling_of_their_directions() -> None:
    rng = np.random.default_rng(3)
    gain, cov, nodes = np.array([1.0, -0.5, 0.8]), covariance(rng, 3, 0.3), names(3)
    bounded = LpCost(2).bounds({nodes[0]: 0, nodes[1]: 0}, {nodes[0]: 0.1, nodes[1]: 2})
    one_way = LpCost(2).directions({nodes[0]: 1, nodes[1]: 1})
    expected = ceiling(gain, cov, one_way.resolve(nodes))
    assert ceiling(gain, cov, bounded.resolve(nodes)) == expected
    assert expected < 0.9 * ceiling(gain, cov, LpCost(2).resolve(nodes))


def test_ends_of_the_scale() -> None:
    gain, diagonal, nodes = np.array([1.0, 2.0]), np.diag([0.25, 0.0]), names(2)
    free = LpCost(1).resolve(nodes)
    assert ceiling(gain, diagonal, free) == np.inf
    assert ceiling(gain, np.zeros((2, 2)), free) == np.inf
    assert ceiling(np.zeros(2), np.eye(2), free) == 0
    # The node without variance can't be moved the way that gains.
    assert ceiling(gain, diagonal, LpCost(1).directions({nodes[1]: -1}).resolve(nodes)) == 2
    # Correlated, and nobody can move but in directions that lose.
    dense = np.array([[1.0, 0.3], [0.3, 1.0]])
    losing = LpCost(1).directions({nodes[0]: -1, nodes[1]: -1}).resolve(nodes)
    assert ceiling(gain, dense, losing) == pytest.approx(0, abs=1e-6)
    # Correlated and singular: one effort cancels the risk of the other.
    singular = np.array([[1.0, 1.0], [1.0, 1.0]])
    hedged = LpCost(1).directions({nodes[0]: -1, nodes[1]: 1}).resolve(nodes)
    assert ceiling(gain, singular, hedged) == np.inf


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("signs", [(), (1, -1, 1)])
def test_it_is_where_an_independent_solver_ends(p: float, signs: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    gain, cov = np.array([0.8, -0.6, 0.3]), covariance(rng, 3, 0.3)
    cost = cost_of(p, rng, 3, signs=signs)
    highest = ceiling(gain, cov, cost)
    assert np.isfinite(unit_by_cvxpy(gain, cov, 0.99 * highest, cost))
    assert unit_by_cvxpy(gain, cov, 1.01 * highest, cost) == np.inf
