"""Best-first search over a union of convex pieces.

A search node holds one cell a region: a part of the region with a convex set around it (`outer`), a
convex set within it (`inner`), and a way to `split` it. An exact cell is its own outer set. The
best rule of an outer set bounds what its part of the region holds; the best of an inner one is a
rule that could be deployed.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.designing.cells import Cell
from surefoot.incentives.designing.losses import Objective
from surefoot.incentives.designing.programs import (
    BreakdownError,
    Optimum,
    Piece,
    minimise,
    off,
)
from surefoot.incentives.designing.regions import Region

Floats = NDArray[np.float64]
# Loss, relative to one of size 1, at which a rule counts as no better than another.
CLOSE = 1e-6
# Gains this small beside those of the base rule are a solver's zeros.
_ZERO = 1e-7
# Programs that a search is always allowed, even if the searches before it used up the limit.
_FEWEST = 50
# Loss above the best one known from which moving an inner set on is not worth it.
_PROMISING = 1e-4
# Times that an inner set is moved to where the best rule of the last one was.
_MOST_MOVES = 20


@dataclass(eq=False)
class Search:
    """The search for the best rule of some regions at once.

    Attributes
    ----------
    objective : Objective
    common : Piece
        What every rule must meet: forbidden features, monotone weights.
    base : Optimum
        The best rule without a demand on effort.
    limit : int
        Programs after which to stop with a gap.
    statuses : Counter
        Last words of the solver, program by program.
    """

    objective: Objective
    common: Piece
    base: Optimum
    limit: int
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def programs(self) -> int:
        """Number of convex programs solved."""
        return self.statuses.total()

    def best(
        self,
        cells: Sequence[Cell],
        start: Floats | None = None,
        incumbent: Floats | None = None,
    ) -> Optimum:
        """Return the best rule found in all cells at once, with a bound on any there is.

        Parameters
        ----------
        cells : sequence of Cell
        start : ndarray, optional
            Where the first program begins; at the base rule by default.
        incumbent : ndarray, optional
            A rule known from elsewhere.

        Raises
        ------
        BreakdownError
            The solver gave up on the very first program.
        """
        regions = [cell.region for cell in cells]
        best, floor = Optimum(np.zeros(self.objective.size), np.inf, np.inf, ""), np.inf
        if incumbent is not None:
            best = self._better(best, regions, incumbent)
        order = itertools.count()
        waiting = [(-np.inf, next(order), tuple(cells), self.base.x if start is None else start)]
        stop = max(self.limit, self.programs + _FEWEST)
        while waiting and self.programs < stop:
            bound, _, node, start = heapq.heappop(waiting)
            if bound >= self._enough(best):
                floor = min(floor, bound)
                continue
            outer = _all([cell.outer() for cell in node]) & self.common
            found = self._minimise(outer, start, bound)
            solved, x = np.isfinite(found.value), self.settled(regions, found.x)
            exact = all(cell.exact for cell in node)
            if exact or (solved and all(cell.exact or cell.region.meets(x) for cell in node)):
                floor = min(floor, found.bound)
                if solved and self.objective.value(x) < best.value:
                    best = replace(found, x=x, value=self.objective.value(x))
                continue
            best = self._within(best, node, regions, found.x)
            if found.bound >= self._enough(best):
                floor = min(floor, found.bound)
                continue
            for child in _children(node, x):
                heapq.heappush(waiting, (found.bound, next(order), child, found.x))
        floor = min([floor, *(bound for bound, *_ in waiting)])
        if np.isinf(best.value):
            if np.isneginf(floor):
                msg = "the solver broke down before it knew anything of a design"
                raise BreakdownError(msg)
            best = self._nobody(regions)
        return replace(best, bound=min(floor, best.value))

    def settled(self, regions: Sequence[Region], x: Floats) -> Floats:
        """Return x with what a solver left of zeros made zero, unless that costs anything."""
        size = max(np.abs(x).max(), np.abs(self.base.x).max())
        rows = np.vstack([_wide(self.common.at_most, len(x)), *(region.rows for region in regions)])
        tiny = np.abs(rows @ x) <= _ZERO * size * np.minimum(np.abs(rows).sum(axis=1), 1.0)
        there = off(np.vstack([_wide(self.common.equal, len(x)), rows[tiny]]), x)
        there[np.abs(there) <= _ZERO**2 * size] = 0.0
        lost = self.objective.value(there) - self.objective.value(x)
        kept = meets(regions, there) or not meets(regions, x)
        return there if kept and lost <= CLOSE / 10 else x

    def _minimise(self, piece: Piece, start: Floats, bound: float = -np.inf) -> Optimum:
        """Return the best rule of a piece; `start` with an infinite loss if the solver gives up."""
        try:
            found = minimise(self.objective, piece, start)
        except BreakdownError:
            found = Optimum(start, np.inf, bound, "broke down")
        self.statuses[found.status] += 1
        return found

    def _nobody(self, regions: Sequence[Region]) -> Optimum:
        """Return the best rule that moves nobody, which is always allowed."""
        rows = np.vstack([region.rows for region in regions])
        return minimise(self.objective, Piece(self.common.n, equal=rows) & self.common, self.base.x)

    def _within(
        self, best: Optimum, node: tuple[Cell, ...], regions: Sequence[Region], x: Floats
    ) -> Optimum:
        """Return the best rule of inner sets, each laid around the best rule of the one before."""
        value = np.inf
        for _ in range(_MOST_MOVES):
            pieces = [cell.inner(x) for cell in node]
            if any(piece is None for piece in pieces):
                break
            found = self._minimise(_all([p for p in pieces if p is not None]) & self.common, x)
            best = self._better(best, regions, found.x)
            if not found.value < min(value - CLOSE, best.value + _PROMISING):
                break
            x, value = found.x, found.value
        return best

    def _better(self, best: Optimum, regions: Sequence[Region], x: Floats) -> Optimum:
        there = self.settled(regions, x)
        value = self.objective.value(there)
        if value < best.value and meets(regions, there):
            return Optimum(there, value, -np.inf, "inner")
        return best

    def _enough(self, best: Optimum) -> float:
        return best.value - CLOSE * max(1.0, abs(best.value)) if np.isfinite(best.value) else np.inf


def meets(regions: Sequence[Region], x: Floats) -> bool:
    """Return whether the response to x is wanted in every region."""
    return all(region.meets(x) for region in regions)


def _all(pieces: Sequence[Piece]) -> Piece:
    return reduce(Piece.__and__, pieces)


def _wide(rows: Floats, n: int) -> Floats:
    return rows.reshape(-1, n)


def _children(node: tuple[Cell, ...], x: Floats) -> list[tuple[Cell, ...]]:
    """Split the cell whose region misses its target most."""
    open_ = [i for i, cell in enumerate(node) if not cell.exact]
    worst = min(open_, key=lambda i: np.nan_to_num(node[i].region.share(x), nan=1.0))
    return [(*node[:worst], part, *node[worst + 1 :]) for part in node[worst].split(x)]
