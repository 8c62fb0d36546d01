"""The convex step of every design: a smooth convex loss over a convex cone of rules.

Whether a response is wanted does not depend on the size of the weights, so that all demands are
homogeneous: cones, described by rows and norms without right sides.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import UnmetError
from surefoot.incentives.conic import Conic, Solution
from surefoot.incentives.designing.losses import Objective

Floats = NDArray[np.float64]
# Predicted decrease, relative to the loss, below which a Newton step ends the search.
_DONE = 1e-9
_MOST_STEPS = 2000


class BreakdownError(UnmetError):
    """A convex program that has a solution was given up."""


@dataclass(frozen=True, eq=False)
class Norm:
    """``||rows x||_p <= credit.x``."""

    rows: Floats
    credit: Floats
    p: float


@dataclass(frozen=True, eq=False)
class Piece:
    """A convex cone ``{x : rows (x, u) <= 0, equal x = 0, norms}`` with some auxiliary u.

    Attributes
    ----------
    n : int
        Number of variables x; columns after them belong to u.
    extra : int
        Number of auxiliary variables.
    at_most : ndarray of shape (k, n + extra)
    equal : ndarray of shape (l, n)
    norms : tuple of Norm
        Their rows have n + extra columns too.
    """

    n: int
    extra: int = 0
    at_most: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    equal: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    norms: tuple[Norm, ...] = ()

    def __and__(self, other: Piece) -> Piece:
        """Return the intersection; auxiliary variables stay apart."""
        extra = self.extra + other.extra

        def left(rows: Floats) -> Floats:
            return _widened(rows, self.n, 0, extra)

        def right(rows: Floats) -> Floats:
            return _widened(rows, self.n, self.extra, extra)

        return Piece(
            self.n,
            extra,
            np.vstack([left(self.at_most), right(other.at_most)]),
            np.vstack([rows.reshape(-1, self.n) for rows in (self.equal, other.equal)]),
            tuple(
                replace(norm, rows=widen(norm.rows), credit=widen(norm.credit)[0])
                for piece, widen in ((self, left), (other, right))
                for norm in piece.norms
            ),
        )

    @property
    def everywhere(self) -> bool:
        """Whether the piece asks for nothing."""
        return not (len(self.at_most) or len(self.equal) or self.norms)

    def program(self) -> Conic:
        """Return a program over the piece, still without an objective."""
        size = self.n + self.extra
        program = Conic(size)
        if len(self.equal):
            program.equal(_widened(self.equal, self.n, 0, self.extra), np.zeros(len(self.equal)))
        if len(self.at_most):
            program.at_most(self.at_most, np.zeros(len(self.at_most)))
        for norm in self.norms:
            program.norm(norm.rows, np.zeros(len(norm.rows)), norm.credit, 0.0, norm.p)
        return program

    def project(self, x: Floats) -> Floats:
        """Return x with its equations met to rounding, not only to a solver's tolerance."""
        return off(self.equal, x)


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best rule of a piece.

    Attributes
    ----------
    x : ndarray of shape (n,)
    value : float
        Its loss.
    bound : float
        No rule of the piece has a smaller loss, as far as the last Newton step can tell: it would
        have lowered the loss by a billionth at most.
    status : str
        Last word of the solver.
    """

    x: Floats
    value: float
    bound: float
    status: str


def off(rows: Floats, x: Floats) -> Floats:
    """Return the point nearest to x at which all `rows` vanish."""
    return x - np.linalg.pinv(rows) @ (rows @ x) if len(rows) else x


def minimise(objective: Objective, piece: Piece, start: Floats) -> Optimum:
    """Return the best rule of a piece, by Newton steps that each solve a small conic program.

    The data are touched only to expand the loss; the program of a step has as many variables as the
    rule has weights. `start` need not lie in the piece.

    Raises
    ------
    BreakdownError
    """
    x, inside = start, False
    for _ in range(_MOST_STEPS):
        value, gradient, hessian = objective.expand(x)
        found = _model(piece, gradient - hessian @ x, hessian)
        target = piece.project(found.x[: piece.n])
        step, slack = target - x, max(found.value - found.bound, 0.0)
        if objective.quadratic:
            best = objective.value(target)
            return Optimum(target, best, best - slack, found.status)
        decrease = -float(gradient @ step + step @ hessian @ step / 2)
        if inside and decrease <= _DONE * max(1.0, abs(value)):
            bound = value - max(decrease, 0.0) - slack
            reached = objective.value(target)
            x, value = (target, reached) if reached < value else (x, value)
            return Optimum(x, value, bound, found.status)
        x = _shorter(objective, x, step, value, float(gradient @ step)) if inside else target
        inside = True
    msg = f"a loss was still falling after {_MOST_STEPS} Newton steps: give it a larger penalty"
    raise BreakdownError(msg)


def _model(piece: Piece, linear: Floats, hessian: Floats) -> Solution:
    if piece.everywhere:
        x = np.asarray(np.linalg.solve(hessian, -linear), dtype=np.float64)
        value = float(linear @ x / 2)
        return Solution("solved", "linear system", x, value, value)
    # The solver's tolerances are absolute: let the curvature be of size one.
    size = float(np.trace(hessian)) / piece.n
    program = piece.program()
    P = np.zeros((piece.n + piece.extra,) * 2)
    P[: piece.n, : piece.n] = hessian / size
    program.quadratic(P)
    program.linear(np.concatenate([linear / size, np.zeros(piece.extra)]))
    found = program.solve()
    if found.outcome != "solved" or not np.isfinite(found.x).all():
        msg = f"the solver broke down on a convex program of a design: {found.status}"
        raise BreakdownError(msg)
    return replace(found, value=found.value * size, bound=found.bound * size)


def _shorter(objective: Objective, x: Floats, step: Floats, value: float, slope: float) -> Floats:
    length = 1.0
    while length > 1e-10:
        there = x + length * step
        if objective.value(there) <= value + 1e-4 * length * slope:
            return there
        length /= 2
    return x


def _widened(rows: Floats, n: int, before: int, extra: int) -> Floats:
    """Put auxiliary columns in their place among all `extra` ones."""
    rows = np.atleast_2d(rows) if rows.size else np.zeros((0, n))
    wide = np.zeros((len(rows), n + extra))
    wide[:, :n] = rows[:, :n]
    own = rows.shape[1] - n
    wide[:, n + before : n + before + own] = rows[:, n:]
    return wide
