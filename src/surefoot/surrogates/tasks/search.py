"""Minimise a function over a space: continuous inputs by slopes, the others by trying them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import qmc

from surefoot.ground.streams import subseed
from surefoot.surrogates.simulation.space import Categorical, Real, Space

Floats = NDArray[np.float64]
Cost = Callable[[Floats], Floats]

_POINTS = 2_048
_STARTS = 10
_COMBINATIONS = 40
_STEP = 1e-5
_CHANGES = 200


def spread(d: int, seed: int) -> Floats:
    """Return 2,048 points that fill the unit cube evenly, shape (2048, d)."""
    points: Floats = qmc.Sobol(d, rng=subseed(seed, "spread")).random(_POINTS)
    return points


def minimised(cost: Cost, space: Space, seed: int) -> Floats:
    """Return the point of the unit cube where `cost` is least, shape (d,).

    From the best points of a spread, and from the best of each combination of whole numbers and
    levels, continuous inputs are polished by L-BFGS-B and at last by Nelder-Mead. Then single
    changes of the other inputs are tried for as long as they help.

    Parameters
    ----------
    cost : callable
        From points of shape (m, d) to values of shape (m,).
    space : Space
    seed : int
    """
    # Whole numbers and levels stand in the middle of their cells.
    U = space.to_unit(space.from_unit(spread(len(space), seed)))
    free = np.array([isinstance(one, Real) for one in space.dimensions.values()])
    starts = _starts(U[np.argsort(cost(U), kind="stable")], free)
    end = _best(cost, np.array([_polished(cost, start, free) for start in starts]))
    end = _polished(cost, end, free, thorough=True)
    for _ in range(_CHANGES):
        rivals = _changed(end, space)
        if not len(rivals):
            break
        rival = _polished(cost, _best(cost, rivals), free)
        if cost(rival[None])[0] >= cost(end[None])[0]:
            break
        end = rival
    return end


def _starts(ranked: Floats, free: NDArray[np.bool_]) -> Floats:
    """Return the best points, and of few combinations of other inputs the best of each."""
    if free.all():
        return ranked[:_STARTS]
    _, first = np.unique(ranked[:, ~free], axis=0, return_index=True)
    best_of_each = np.sort(first)[:_COMBINATIONS]
    return ranked[np.unique([*range(_STARTS), *best_of_each])]


def _polished(cost: Cost, start: Floats, free: NDArray[np.bool_], thorough: bool = False) -> Floats:
    """Return a local optimum over the continuous inputs; the others stay."""
    if not free.any():
        return start

    def placed(points: Floats) -> Floats:
        rows = np.tile(start, (len(points), 1))
        rows[:, free] = points
        return rows

    def value_and_slope(u: Floats) -> tuple[float, Floats]:
        # One call for all differences; beyond the edge there may be no surrogate.
        steps = _STEP * np.eye(len(u))
        up, down = np.clip(u + steps, 0, 1), np.clip(u - steps, 0, 1)
        values = cost(placed(np.vstack([u[None], up, down])))
        ahead, behind = np.split(values[1:], 2)
        return float(values[0]), (ahead - behind) / np.diagonal(up - down)

    bounds = [(0.0, 1.0)] * int(free.sum())
    found = minimize(value_and_slope, start[free], jac=True, method="L-BFGS-B", bounds=bounds)
    if thorough:  # slopes see nothing of steps
        found = minimize(
            lambda u: float(cost(placed(u[None]))[0]), found.x, method="Nelder-Mead", bounds=bounds
        )
    return _best(cost, np.vstack([start, placed(found.x[None])]))


def _best(cost: Cost, points: Floats) -> Floats:
    best: Floats = points[int(np.argmin(cost(points)))]
    return best


def _changed(point: Floats, space: Space) -> Floats:
    """Return `point` with every other level, and with whole numbers 1, 2, 4 … up and down."""
    changed = []
    for column, dimension in enumerate(space.dimensions.values()):
        if isinstance(dimension, Real):
            continue
        size = dimension.size
        here = round(point[column] * size - 0.5)
        steps = [2**power for power in range(size.bit_length())]
        near = [here + step for step in (*steps, *(-step for step in steps))]
        if isinstance(dimension, Categorical):
            near = list(range(size))
        for cell in near:
            if cell != here and 0 <= cell < size:
                other = point.copy()
                other[column] = (cell + 0.5) / size
                changed.append(other)
    return np.array(changed)
