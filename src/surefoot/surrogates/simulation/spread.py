"""How evenly points fill the unit cube, and ways to spread them.

Sources: Hickernell, "A generalized discrepancy and quadrature error bound", Math. Comp. 1998
(centred discrepancy); Johnson, Moore & Ylvisaker, "Minimax and maximin distance designs", JSPI
1990; Morris & Mitchell, "Exploratory designs for computational experiments", JSPI 1995 (the
criterion φ_p); Gonzalez, "Clustering to minimize the maximum intercluster distance", TCS 1985
(farthest-point order, within a factor of two of the best prefixes).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from scipy.stats import qmc

Floats = NDArray[np.float64]
_PHI_P = 15  # φ_p with a large p is the reciprocal of the smallest distance, but smooth
_SWAPS_PER_POINT = 60


def discrepancy(U: Floats) -> float:
    """Return the centred L2 discrepancy of the points, shape (n, d); 0 is perfectly even."""
    return float(qmc.discrepancy(np.clip(U, 0.0, 1.0), method="CD"))


def minimum_distance(U: Floats) -> float | None:
    """Return the smallest distance between two points; None for a single one."""
    if len(U) < 2:
        return None
    return float(KDTree(U).query(U, k=2)[0][:, 1].min())


def maximin_order(U: Floats, n: int | None = None) -> NDArray[np.int64]:
    """Return indices such that each point is the farthest from all before it.

    Parameters
    ----------
    U : ndarray of shape (m, d)
    n : int, optional
        How many to take; all by default. The first is the one nearest to the centre.
    """
    count = len(U) if n is None else n
    order = np.empty(count, np.int64)
    nearest = np.full(len(U), np.inf)
    chosen = int(np.argmin(np.linalg.norm(U - 0.5, axis=1)))
    for place in range(count):
        order[place] = chosen
        nearest = np.minimum(nearest, np.linalg.norm(U - U[chosen], axis=1))
        nearest[chosen] = -1.0  # taken, even where another point coincides with it
        chosen = int(np.argmax(nearest))
    return order


def nested_subsets(U: Floats, shares: Sequence[float] = (0.25, 0.5, 1.0)) -> list[NDArray]:
    """Return growing sets of rows for a learning curve, each within the next and well spread.

    Parameters
    ----------
    U : ndarray of shape (n, d)
        Points in the unit cube.
    shares : sequence of float
        Sizes as shares of n; rounded up.
    """
    order = maximin_order(U)
    return [np.sort(order[: int(np.ceil(share * len(U)))]) for share in sorted(shares)]


def spread_columns(U: Floats, random: np.random.Generator) -> Floats:
    """Return a Latin hypercube with its points farther apart.

    Two entries of a column change places where that lowers φ_p = Σ distance⁻ᵖ; every column keeps
    its entries, so the design remains a Latin hypercube.

    Parameters
    ----------
    U : ndarray of shape (n, d)
    random : Generator
        Chooses what is tried.
    """
    n, d = U.shape
    if n < 3:
        return U
    U = U.copy()
    closeness = _closeness(U, U)
    np.fill_diagonal(closeness, 0.0)
    for _ in range(_SWAPS_PER_POINT * n):
        column = int(random.integers(d))
        pair = random.choice(n, 2, replace=False)
        swapped = U[pair]
        swapped[:, column] = swapped[::-1, column]
        new = _closeness(swapped, U)
        new[:, pair] = 0.0  # the distance between the two stays as it is
        old = closeness[pair].copy()
        between = old[0, pair[1]]
        old[:, pair] = 0.0
        if new.sum() < old.sum():
            U[pair] = swapped
            new[[0, 1], pair[::-1]] = between
            closeness[pair], closeness[:, pair] = new, new.T
    return U


def _closeness(A: Floats, B: Floats) -> Floats:
    return np.maximum(cdist(A, B, "sqeuclidean"), 1e-12) ** (-_PHI_P / 2)
