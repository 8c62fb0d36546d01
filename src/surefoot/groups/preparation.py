"""From what a user hands to ``fit`` to checked labels, groups, ids and a validation part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.streams import stream


@dataclass(frozen=True)
class Part:
    """Rows for training or for validation; labels and groups are codes."""

    X: NDArray
    y: NDArray
    groups: NDArray | None
    ids: NDArray
    weights: NDArray | None

    def take(self, rows: NDArray) -> Part:
        """Return some of the rows."""

        def of(values: NDArray | None) -> NDArray | None:
            return None if values is None else values[rows]

        return Part(self.X[rows], self.y[rows], of(self.groups), self.ids[rows], of(self.weights))


def cross_groups(y: Any, attributes: Any, *, where: str = "groups") -> NDArray:
    """Return one text label a row for its group: label × attribute (× attribute …).

    Crossing attributes that already tell the classes apart changes nothing but the names.

    Parameters
    ----------
    y : array-like of shape (n,), or None
        None leaves the label out.
    attributes : array-like of shape (n,) or (n, a), Series or DataFrame
        Column names, where there are any, become part of the label: "y=1, sex=Female".
    """
    columns = np.asarray(attributes, dtype=object)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if columns.ndim != 2:
        raise InputError(
            where, f"shape {columns.shape}", "one value or one row of values for each row"
        )
    missing = np.flatnonzero(pd.isna(columns).any(axis=1))
    if len(missing):
        raise InputError(where, f"a missing value in row {missing[0]}", "a value in every row")
    names = getattr(attributes, "columns", None)
    if names is None and getattr(attributes, "name", None) is not None:
        names = [attributes.name]
    parts = [[str(v) for v in column] for column in columns.T]
    if names is not None:
        parts = [[f"{name}={v}" for v in part] for name, part in zip(names, parts, strict=True)]
    if y is not None:
        labels = np.asarray(y)
        if len(labels) != len(columns):
            found = f"{len(columns)} rows"
            raise InputError(where, found, f"one for each of the {len(labels)} labels")
        parts.insert(0, [f"{getattr(y, 'name', None) or 'y'}={label}" for label in labels])
    return np.array([", ".join(row) for row in zip(*parts, strict=True)])


def check_target(y: Any, n: int, where: str = "y") -> NDArray:
    """Return labels (n,), refusing missing and continuous ones."""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(y) != n:
        raise InputError(where, f"shape {y.shape}", f"one label for each of the {n} rows")
    refuse_missing(y, where)
    return y


def refuse_missing(y: Any, where: str) -> None:
    """Raise if a label is None or NaN, saying in which row."""
    missing = np.flatnonzero(pd.isna(np.asarray(y)))
    if len(missing):
        raise InputError(where, f"a missing label in row {missing[0]}", "a label in every row")


def encode(values: NDArray, known: NDArray, where: str) -> NDArray:
    """Return the position of each value in the sorted array `known`."""
    unseen = np.setdiff1d(values, known)
    if len(unseen):
        found = f"{', '.join(map(str, unseen[:3]))} (not seen in training)"
        raise InputError(where, found, ", ".join(map(str, known[:12])))
    return np.searchsorted(known, values)


def check_ids(ids: Any, n: int) -> NDArray:
    """Return example ids (n,) as int64; None stands for the row numbers."""
    if ids is None:
        return np.arange(n, dtype=np.int64)
    ids = np.asarray(ids)
    if ids.shape != (n,) or ids.dtype.kind not in "iu":
        found = f"shape {ids.shape}, dtype {ids.dtype}"
        raise InputError("ids", found, f"{n} integers in [0, 2^63), or −1")
    if len(ids) and (ids.min() < -1 or ids.max() >= 2**63):
        raise InputError("ids", int(ids.min()), "integers in [0, 2^63), or −1")
    return ids.astype(np.int64)


def check_finite(X: NDArray, where: str = "X") -> NDArray:
    """Refuse NaN and infinities, saying where the first one stands."""
    if not np.isfinite(X).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(X))[0])
        raise InputError(
            where, f"NaN or infinity at {place}", "finite numbers; impute or drop rows"
        )
    return X


def split(part: Part, fraction: float, seed: int) -> tuple[Part, Part]:
    """Split into training and validation rows, keeping the shares of classes (and groups).

    Every cell with two rows or more has at least one on each side.
    """
    if not 0 < fraction < 1:
        raise InputError("validation_fraction", fraction, "a number in (0, 1)")
    cells = part.y if part.groups is None else part.groups
    held_out = np.zeros(len(part.y), dtype=bool)
    for cell in np.unique(cells):
        rows = np.flatnonzero(cells == cell)
        count = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        if count > 0:
            order = stream(seed, "validation", int(cell)).permutation(len(rows))
            held_out[rows[order[:count]]] = True
    return part.take(np.flatnonzero(~held_out)), part.take(np.flatnonzero(held_out))


def require_cells(part: Part, n_classes: int, group_names: NDArray | None, where: str) -> None:
    """Refuse a part that lacks a class, or a group that occurs elsewhere."""
    missing = np.setdiff1d(np.arange(n_classes), part.y)
    if len(missing):
        raise InputError(where, f"no row of class number {missing[0]}", "rows of every class")
    if group_names is not None and part.groups is not None:
        absent = np.setdiff1d(np.arange(len(group_names)), part.groups)
        if len(absent):
            found = f"no row of group {str(group_names[absent[0]])!r}"
            raise InputError(where, found, "rows of every group")
