"""Rows that cover the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def farthest_points(Z: Floats, k: int) -> NDArray[np.int64]:
    """Return min(k, n) rows of `Z`, each the farthest from all before it.

    The first is the nearest to the mean. The order is greedy: of fewer rows it is the beginning.

    Source: Gonzalez, Theor. Comput. Sci. 38 (1985).
    """
    k = min(k, len(Z))
    chosen = np.empty(k, np.int64)
    distance = np.full(len(Z), np.inf)
    row = int(np.argmin(((Z - Z.mean(axis=0)) ** 2).sum(axis=1)))
    for i in range(k):
        chosen[i] = row
        distance = np.minimum(distance, ((Z - Z[row]) ** 2).sum(axis=1))
        row = int(np.argmax(distance))
    return chosen
