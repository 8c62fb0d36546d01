"""Folds shared by all candidates; replicates of one input are never split."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.streams import stream

Ints = NDArray[np.intp]

_FOLDS = 10
# With fewer groups than this each is its own fold: ten folds would leave out one or two anyway.
_LEAVE_ONE_OUT = 15


def replicate_groups(X: ArrayLike) -> Ints:
    """Return a group number per row of `X`, shape (n, d): equal for exactly equal rows.

    The numbers follow the sorted inputs, so that folds do not depend on the order of the rows.
    """
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2:
        raise InputError("X", f"{X.ndim} dimensions", "a table of shape (n, d)")
    _, groups = np.unique(X, axis=0, return_inverse=True)
    return groups.reshape(-1).astype(np.intp)


def assign_folds(groups: int | ArrayLike, k: int | None = None, seed: int = 0) -> Ints:
    """Return the fold of every row, 0 to k − 1.

    Parameters
    ----------
    groups : int or array_like of int, shape (n,)
        The number of rows; or the group of each row, such as `replicate_groups`. Rows of a group
        share a fold.
    k : int, optional
        From 2 to the number of groups. Without it: 10, or the number of groups below 15.
    seed : int
        Of the random assignment.

    Returns
    -------
    ndarray of int, shape (n,)
        No fold is empty. Fold sizes differ by at most the largest group.
    """
    groups = np.arange(groups) if isinstance(groups, int | np.integer) else np.asarray(groups)
    _, group_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    count = len(sizes)
    if k is None:
        k = count if count < _LEAVE_ONE_OUT else _FOLDS
    if not 2 <= k <= count:
        raise InputError("folds", k, f"from 2 to the number of distinct inputs, {count}")
    order = stream(seed, "folds").permutation(count)
    # Largest groups first, each into the fold with the fewest rows.
    order = order[np.argsort(-sizes[order], kind="stable")]
    folds = [(0, fold) for fold in range(k)]
    fold_of_group = np.empty(count, dtype=np.intp)
    for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        rows, fold = folds[0]
        fold_of_group[group] = fold
        heapq.heapreplace(folds, (rows + size, fold))
    return np.asarray(fold_of_group[group_of.reshape(-1)])
