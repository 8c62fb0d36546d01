from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from tests.incentives.designing.cases import table

from surefoot.incentives.designing.losses import DataLoss, QuadraticLoss
from surefoot.incentives.designing.programs import (
    BreakdownError,
    Norm,
    Piece,
    minimise,
    off,
)

X, Y = table(200)
RNG = np.random.default_rng(0)
ROWS, NORM = RNG.normal(size=(2, 6)), RNG.normal(size=(3, 6))
PIECE = (
    Piece(6, at_most=ROWS)
    & Piece(6, equal=np.eye(6)[:1])
    & Piece(6, norms=(Norm(NORM, np.eye(6)[1], 2.0),))
)


@pytest.mark.parametrize("loss", ["logistic", "squared"])
@pytest.mark.parametrize("start", [0.0, 5.0], ids=["inside", "outside"])
def test_the_optimum_is_that_of_cvxpy(loss, start) -> None:
    found = minimise(DataLoss.of(X, Y, loss=loss, penalty=1e-3), PIECE, np.full(6, start))
    standard = (X - X.mean()) / X.std(ddof=0)
    x = cp.Variable(6)
    margins = cp.multiply(2 * Y - 1, standard.to_numpy() @ x[:5] + x[5])
    each = cp.logistic(-margins) if loss == "logistic" else cp.square(1 - margins) / 2
    value = cp.sum(each) / len(X) + 5e-4 * cp.sum_squares(x[:5])
    problem = cp.Problem(cp.Minimize(value), [ROWS @ x <= 0, x[0] == 0, cp.norm(NORM @ x) <= x[1]])
    problem.solve(solver="CLARABEL")
    assert found.value == pytest.approx(problem.value, abs=1e-7)
    np.testing.assert_allclose(found.x, x.value, atol=1e-4)
    assert found.x[0] == 0
    assert 0 <= found.value - found.bound < 1e-7


def test_auxiliary_variables_of_an_intersection_stay_apart() -> None:
    # |a| <= u <= b and |c| <= u' <= d: with one u for both, |a| <= d.
    def size_of(i: int, j: int) -> Piece:
        rows = np.zeros((3, 5))
        rows[0, i], rows[1, i], rows[2, j] = 1.0, -1.0, -1.0
        rows[:, 4] = [-1.0, -1.0, 1.0]
        return Piece(4, 1, at_most=rows)

    inside = np.array([2.0, 3.0, 0.5, 1.0])
    objective = QuadraticLoss(np.eye(4), inside, ("a", "b", "c", "d"))
    found = minimise(objective, size_of(0, 1) & size_of(2, 3), np.zeros(4))
    np.testing.assert_allclose(found.x, inside, atol=1e-6)


def test_a_piece_that_asks_for_nothing_is_a_linear_system() -> None:
    found = minimise(DataLoss.of(X, Y, loss="squared"), Piece(6), np.zeros(6))
    assert found.status == "linear system"


def test_off_is_the_nearest_point_without() -> None:
    x = RNG.normal(size=6)
    there = off(ROWS, x)
    np.testing.assert_allclose(ROWS @ there, 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.lstsq(ROWS.T, x - there)[1], 0, atol=1e-12)


def test_a_loss_that_falls_for_ever_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr("surefoot.incentives.designing.programs._MOST_STEPS", 3)
    with pytest.raises(BreakdownError, match="still falling after 3 Newton steps"):
        minimise(DataLoss.of(X, (X["a"] > 0).astype(int)), Piece(6), np.zeros(6))
