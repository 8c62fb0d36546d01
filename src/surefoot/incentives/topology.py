"""The order of causes and effects, and the cycle that stands in its way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def topological_order(adjacency: NDArray[np.bool_]) -> tuple[int, ...] | None:
    """Return the nodes with every cause before its effects; None if there is a cycle.

    Parameters
    ----------
    adjacency : ndarray of shape (m, m)
        ``adjacency[i, j]``: i acts on j.
    """
    causes_left = adjacency.sum(axis=0)
    order = list(np.flatnonzero(causes_left == 0))
    for node in order:  # grows while it is walked
        causes_left = causes_left - adjacency[node]
        order += list(np.flatnonzero(adjacency[node] & (causes_left == 0)))
    return tuple(int(node) for node in order) if len(order) == len(adjacency) else None


def some_cycle(adjacency: NDArray[np.bool_]) -> list[int]:
    """Return the nodes of a cycle, the first of them again at the end; there must be one."""
    inside = np.ones(len(adjacency), dtype=bool)
    # What remains once nodes without a cause are gone, again and again, has a cause inside it.
    while (rootless := inside & adjacency[inside].any(axis=0)).sum() < inside.sum():
        inside = rootless
    walk = [int(np.flatnonzero(inside)[0])]
    while True:
        cause = int(np.flatnonzero(inside & adjacency[:, walk[-1]])[0])
        if cause in walk:
            return [cause, *reversed(walk[walk.index(cause) :])]
        walk.append(cause)
