"""Regression trees as flat arrays: what is stored is what predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trees:
    """The nodes of all trees, one after the other.

    Attributes
    ----------
    feature : ndarray of shape (nodes,)
        The input a node asks for; −1 in a leaf.
    threshold : ndarray of shape (nodes,)
        Rows with z ≤ threshold go left.
    left, right : ndarray of shape (nodes,)
        Where they go; a leaf leads to itself.
    value : ndarray of shape (nodes,)
    roots : ndarray of shape (trees,)
    """

    feature: Whole
    threshold: Floats
    left: Whole
    right: Whole
    value: Floats
    roots: Whole

    @classmethod
    def join(cls, trees: Sequence[tuple[Any, Any, Any, Any, Any]]) -> Trees:
        """Return all trees (feature, threshold, left, right, value); ``left`` < 1 in a leaf."""
        roots = np.cumsum([0] + [len(tree[0]) for tree in trees])
        parts: list[tuple[Any, ...]] = []
        for root, (feature, threshold, left, right, value) in zip(roots, trees, strict=False):
            own = root + np.arange(len(feature))
            leaf = left < 1
            parts.append(
                (
                    np.where(leaf, -1, feature),
                    threshold,
                    np.where(leaf, own, root + left),
                    np.where(leaf, own, root + right),
                    value,
                )
            )
        feature, threshold, left, right, value = map(np.concatenate, zip(*parts, strict=True))
        feature, left, right = (array.astype(np.int64) for array in (feature, left, right))
        return cls(feature, threshold.astype(float), left, right, value.astype(float), roots[:-1])

    def responses(self, Z: Floats) -> Iterator[Floats]:
        """Yield each tree's value at the rows of `Z`, shape (m,)."""
        rows = np.arange(len(Z))
        for root in self.roots:
            node = np.full(len(Z), root)
            while (asks := self.feature[node] >= 0).any():
                at, row = node[asks], rows[asks]
                goes_left = Z[row, self.feature[at]] <= self.threshold[at]
                node[asks] = np.where(goes_left, self.left[at], self.right[at])
            yield self.value[node]

    def state(self, prefix: str) -> dict[str, Floats]:
        """Return every array as floats, its name after `prefix`."""
        return {f"{prefix}_{name}": array.astype(float) for name, array in vars(self).items()}

    @classmethod
    def from_state(cls, state: dict[str, Any], prefix: str) -> Trees:
        """Return the trees whose `state` this is."""
        arrays = {name: np.asarray(state[f"{prefix}_{name}"]) for name in cls.__annotations__}
        for name in ("feature", "left", "right", "roots"):
            arrays[name] = arrays[name].astype(np.int64)
        return cls(**arrays)
