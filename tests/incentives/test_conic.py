from __future__ import annotations

import numpy as np
import pytest

from surefoot.incentives.conic import Conic


@pytest.mark.parametrize("p", [1.0, 1.2, 1.5, 2.0, 3.0, 8.0, np.inf])
def test_the_norm_that_reaches_a_gain_is_the_dual_norm(p: float) -> None:
    gain, weights = np.array([1.0, -0.5, 2.0]), np.array([1.0, 2.0, 1.5])
    program = Conic(4)
    program.linear([0.0, 0.0, 0.0, 1.0])
    program.at_most([[*-gain, 0.0]], [-1.0])
    program.norm(np.column_stack([np.diag(weights), np.zeros(3)]), np.zeros(3), [0, 0, 0, 1], 0, p)
    solution = program.solve()
    q = {1.0: np.inf, np.inf: 1.0}.get(p, p / (p - 1) if p > 1 else 0)
    assert solution.outcome == "solved"
    assert solution.value == pytest.approx(1 / np.linalg.norm(gain / weights, q), abs=1e-7)
    assert solution.bound <= solution.value + 1e-7


@pytest.mark.parametrize("p", [1.0, 1.7, 2.0, np.inf])
def test_offsets_on_both_sides(p: float) -> None:
    """min x s.t. ||(x − 3, 1)||_p <= 2: how far left of 3 the ball reaches."""
    program = Conic(1)
    program.linear([1.0])
    program.norm([[1.0], [0.0]], [-3.0, 1.0], [0.0], 2.0, p)
    reach = 2.0 if np.isinf(p) else (2.0**p - 1) ** (1 / p)
    assert program.solve().x[0] == pytest.approx(3 - reach, abs=1e-6)


@pytest.mark.parametrize("p", [1.0, 1.7, 2.0, np.inf])
def test_the_norm_of_nothing_is_0(p: float) -> None:
    program = Conic(1)
    program.linear([1.0])
    program.norm(np.zeros((0, 1)), np.zeros(0), [1.0], -2.0, p)
    assert program.solve().x[0] == pytest.approx(2.0, abs=1e-7)


def test_a_quadratic_program_with_an_equality() -> None:
    program = Conic(2)
    program.quadratic(np.diag([2.0, 4.0]))
    program.equal([[1.0, 1.0]], [3.0])
    solution = program.solve()
    np.testing.assert_allclose(solution.x, [2.0, 1.0], atol=1e-7)
    assert solution.value == pytest.approx(6.0)


def test_outcomes_other_than_a_solution() -> None:
    infeasible = Conic(1)
    infeasible.at_most([[1.0], [-1.0]], [0.0, -1.0])
    assert infeasible.solve().outcome == "infeasible"
    unbounded = Conic(1)
    unbounded.linear([1.0])
    unbounded.at_most([[1.0]], [0.0])
    assert unbounded.solve().outcome == "unbounded"
