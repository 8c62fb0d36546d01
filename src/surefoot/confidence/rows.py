"""Rows as the engine takes them: checked once, then cut without a copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a design matrix with all that belongs to them."""

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    ids: NDArray[np.int64]
    sample_weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, part: slice) -> Rows:
        return Rows(self.X[part], self.y[part], self.ids[part], self.sample_weight[part])

    @classmethod
    def empty(cls, d: int) -> Rows:
        """Return no rows of `d` columns."""
        return cls(np.empty((0, d)), np.empty(0), np.empty(0, np.int64), np.empty(0))

    def then(self, more: Rows) -> Rows:
        """Return these rows and then those."""
        return Rows(
            np.concatenate([self.X, more.X]),
            np.concatenate([self.y, more.y]),
            np.concatenate([self.ids, more.ids]),
            np.concatenate([self.sample_weight, more.sample_weight]),
        )

    def copy(self) -> Rows:
        """Return rows that keep no larger array alive."""
        return Rows(self.X.copy(), self.y.copy(), self.ids.copy(), self.sample_weight.copy())


def as_rows(
    X: ArrayLike,
    y: ArrayLike,
    row_ids: ArrayLike | None,
    sample_weight: ArrayLike | None,
    d: int,
    first_id: int,
) -> Rows:
    """Return checked rows with `d` columns; without ids they are numbered from `first_id`."""
    # In one layout, so that chunks give the same bits.
    X = np.asarray(X, dtype=np.float64, order="C")
    if X.ndim != 2 or X.shape[1] != d:
        raise InputError("X", f"shape {X.shape}", f"(rows, {d})")
    n = len(X)
    y = _column("y", y, n)
    weight = np.ones(n) if sample_weight is None else _column("sample_weight", sample_weight, n)
    if (weight < 0).any():
        raise InputError("sample_weight", weight.min(), "weights from 0")
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise InputError(f"X, row {row}, column {column}", X[row, column], "finite numbers")
    ids = np.arange(first_id, first_id + n) if row_ids is None else np.asarray(row_ids)
    if ids.shape != (n,) or ids.dtype.kind not in "iu":
        found = f"shape {ids.shape} of {ids.dtype}"
        raise InputError("row_ids", found, f"{n} integers")
    return Rows(X, y, ids.astype(np.int64), weight)


def _column(name: str, values: ArrayLike, n: int) -> NDArray[np.float64]:
    column: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if column.shape != (n,):
        raise InputError(name, f"shape {column.shape}", f"({n},)")
    if not np.isfinite(column).all():
        raise InputError(name, column[~np.isfinite(column)][0], "finite numbers")
    return column
