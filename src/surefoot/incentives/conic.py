"""Small conic programs for Clarabel: the reference solver of the room, and its last resort.

``minimise ½ x'Px + q'x`` subject to linear rows and ``||A x + b||_p <= c.x + d``.

Clarabel (Goulart and Chen 2024, Apache-2.0) is called without a modelling layer, which would take
several milliseconds to build what is solved in some sixty microseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import need

Floats = NDArray[np.float64]
Outcome = Literal["solved", "infeasible", "unbounded", "failed"]

_OUTCOMES: dict[str, Outcome] = {
    "Solved": "solved",
    "AlmostSolved": "solved",
    "PrimalInfeasible": "infeasible",
    "AlmostPrimalInfeasible": "infeasible",
    "DualInfeasible": "unbounded",
    "AlmostDualInfeasible": "unbounded",
}


@dataclass(frozen=True)
class Solution:
    """How a program ended.

    Attributes
    ----------
    outcome : {"solved", "infeasible", "unbounded", "failed"}
    status : str
        The solver's own word.
    x : ndarray of shape (n,)
        The variables asked for, without those that norms brought in.
    value, bound : float
        Objective, and the dual objective: no feasible point has less.
    """

    outcome: Outcome
    status: str
    x: Floats
    value: float
    bound: float


class Conic:
    """A conic program, built up row by row.

    Parameters
    ----------
    n : int
        Number of variables.

    Examples
    --------
    >>> program = Conic(2)
    >>> program.linear([1.0, 1.0])
    >>> program.at_most([[-1.0, 0.0], [0.0, -1.0]], [-1.0, -2.0])
    >>> round(program.solve().value, 6)
    3.0
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._total = n
        self._P = np.zeros((n, n))
        self._q = np.zeros(n)
        # Blocks of (kind, rows A, right sides b): b − A x lies in the cone.
        self._blocks: list[tuple[Any, Floats, Floats]] = []

    def quadratic(self, P: ArrayLike) -> None:
        """Let the objective have ``½ x'Px``, P of shape (n, n)."""
        self._P = np.asarray(P, dtype=float)

    def linear(self, q: ArrayLike) -> None:
        """Let the objective have ``q'x``, q of shape (n,)."""
        self._q = np.asarray(q, dtype=float)

    def at_most(self, A: ArrayLike, b: ArrayLike) -> None:
        """Ask for ``A x <= b``."""
        self._add("nonnegative", A, b)

    def equal(self, A: ArrayLike, b: ArrayLike) -> None:
        """Ask for ``A x = b``."""
        self._add("zero", A, b)

    def norm(self, A: ArrayLike, b: ArrayLike, c: ArrayLike, d: float, p: float = 2.0) -> None:
        """Ask for ``||A x + b||_p <= c.x + d``, p in [1, inf]."""
        A, b = np.atleast_2d(np.asarray(A, dtype=float)), np.atleast_1d(np.asarray(b, dtype=float))
        c = np.asarray(c, dtype=float)
        k = A.shape[0] if A.size else 0
        if k == 0:
            self.at_most(-c, [d])
        elif p == 2:
            self._add("second order", np.vstack([-c, -A]), np.concatenate([[d], b]))
        elif math.isinf(p):
            self._add("nonnegative", np.vstack([A - c, -A - c]), np.concatenate([d - b, d + b]))
        elif p == 1:
            first = self._extend(k)  # r_i >= |A_i x + b_i|, sum r <= c.x + d
            eye = self._columns(np.eye(k), first)
            self._add("nonnegative", self._wide(A) - eye, -b)
            self._add("nonnegative", -self._wide(A) - eye, b)
            self._add("nonnegative", self._columns(np.ones((1, k)), first) - self._wide(c), [d])
        else:
            # |y_i| <= r_i^(1/p) t^(1 − 1/p) and sum r = t give ||y||_p <= t.
            first = self._extend(k)
            ones = self._columns(np.ones((1, k)), first)
            self._add("zero", ones - self._wide(c), [d])
            for i in range(k):
                rows = np.zeros((3, self._total))
                rows[0, first + i] = -1.0
                rows[1, : self.n] = -c
                rows[2, : self.n] = -A[i]
                self._add(("power", 1.0 / p), rows, [0.0, d, b[i]])

    def solve(self) -> Solution:
        """Return the solution; a program without one is an outcome, not an error."""
        clarabel = need("clarabel", "incentives")
        cones = {
            "zero": clarabel.ZeroConeT,
            "nonnegative": clarabel.NonnegativeConeT,
            "second order": clarabel.SecondOrderConeT,
        }
        size = self._total
        P = np.zeros((size, size))
        P[: self.n, : self.n] = np.triu(self._P)
        q = np.concatenate([self._q, np.zeros(size - self.n)])
        kinds = [
            clarabel.PowerConeT(kind[1]) if isinstance(kind, tuple) else cones[kind](len(b))
            for kind, _, b in self._blocks
        ]
        right = np.concatenate([np.zeros(0), *(b for _, _, b in self._blocks)])
        rows, first = np.zeros((len(right), size)), 0
        for _, A, b in self._blocks:
            rows[first : first + len(b), : A.shape[1]] = A
            first += len(b)
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        # Two threads would only pass ten variables back and forth.
        settings.max_threads = 1
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
        found = clarabel.DefaultSolver(_sparse(P), q, _sparse(rows), right, kinds, settings).solve()
        status = str(found.status)
        return Solution(
            _OUTCOMES.get(status, "failed"),
            status,
            np.asarray(found.x)[: self.n],
            float(found.obj_val),
            float(found.obj_val_dual),
        )

    def _add(self, kind: Any, A: ArrayLike, b: ArrayLike) -> None:
        self._blocks.append((kind, np.atleast_2d(np.asarray(A, dtype=float)), np.asarray(b, float)))

    def _extend(self, k: int) -> int:
        first = self._total
        self._total += k
        return first

    def _wide(self, A: Floats) -> Floats:
        rows = np.atleast_2d(A)
        return self._columns(rows, 0)

    def _columns(self, block: Floats, first: int) -> Floats:
        wide = np.zeros((len(block), self._total))
        wide[:, first : first + block.shape[1]] = block
        return wide


def _sparse(dense: Floats) -> sp.csc_matrix:
    # SciPy's own way from dense goes through coordinates and takes five times as long.
    by_column = dense.T
    columns, rows = np.nonzero(by_column)
    starts = np.searchsorted(columns, np.arange(dense.shape[1] + 1))
    return sp.csc_matrix((by_column[columns, rows], rows, starts), shape=dense.shape)
