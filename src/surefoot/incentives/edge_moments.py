"""What edges make of effort: the contribution matrix, and its exact moments under uncertain edges.

In a directed acyclic graph the gains ``v = (I − W)⁻¹h`` come about one node at a time, effects
before causes: start from ``v = h`` and add ``w_k v_k``, where ``w_k`` holds the edges *into* k. By
then ``v_k`` is final and depends on edges into later nodes only. So if edges into different nodes
are independent, as regressions a node leave them, means and second moments can be carried along
exactly, whatever the edges' distribution, though ``v`` is a polynomial in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def contributions(weights: Floats, order: Sequence[int]) -> Floats:
    """Return ``(I − W)⁻¹`` of one or many acyclic W, shape (..., m, m).

    Parameters
    ----------
    weights : ndarray of shape (..., m, m)
    order : sequence of int
        A topological order that holds for all of them.
    """
    C = np.broadcast_to(np.eye(weights.shape[-1]), weights.shape).copy()
    for k in reversed(order):
        C += weights[..., :, k, None] * C[..., None, k, :]
    return C


def second_moment(M: Floats, weights: Floats, covariances: Floats, order: Sequence[int]) -> Floats:
    """Return ``E[C M C']`` for ``C = (I − W)⁻¹``, shape (m, m).

    Parameters
    ----------
    M : ndarray of shape (m, m)
        Symmetric; ``E[hh']`` of weights that are independent of W.
    weights : ndarray of shape (m, m)
        Mean of W.
    covariances : ndarray of shape (m, m, m)
        ``covariances[k]`` is that of the edges into node k.
    order : sequence of int
        Topological order of the nodes.
    """
    moment = M.copy()
    for k in reversed(order):
        w = weights[:, k]
        along = np.outer(w, moment[k])
        moment = moment + along + along.T + (covariances[k] + np.outer(w, w)) * moment[k, k]
    return moment
