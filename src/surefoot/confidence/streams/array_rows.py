"""Pairs of arrays or DataFrames, as a user makes them, as batches of rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.coordinates import as_names
from surefoot.confidence.engine import Precision
from surefoot.confidence.streams.batches import Batch, Floats, Place
from surefoot.ground.errors import InputError

Pairs = Iterable[Sequence[Any]]
_ALLOWED = "pairs (X, y) or triples (X, y, sample_weight)"
_TARGETS = "numbers, truth values or text"


class ArrayRows:
    """Batches of pairs (X, y) or triples (X, y, sample_weight).

    Parameters
    ----------
    batches : iterable of tuples, or callable that returns one
    names : sequence of str, optional
        Of the features. Default: columns of a DataFrame, or x1, x2, …

    Attributes
    ----------
    names : tuple of str
    n_rows : int or None
        Known of a list.
    replayable : bool
        Whether `batches` can be gone through again.
    precision : {"float64", "float32"}
        Of the first X.

    Notes
    -----
    The first batch is looked at on construction; of an iterator it is kept for the one iteration.
    """

    def __init__(self, batches: Pairs | Callable[[], Pairs], names: Sequence[str] | None) -> None:
        made = batches() if callable(batches) else batches
        if not isinstance(made, Iterable):
            raise InputError("batches", type(made).__name__, f"{_ALLOWED}, or a callable")
        iterator = iter(made)
        if callable(batches) and iterator is made and made is batches():
            found = "a callable that returns the same iterator twice"
            raise InputError("batches", found, "one that makes a new iterator each time")
        first = next(iterator, None)
        if first is None:
            raise InputError("batches", "nothing", _ALLOWED)
        self.replayable = callable(batches) or iterator is not made
        if callable(batches):
            self._begin = batches
        elif self.replayable:
            self._begin = lambda: batches
        else:
            self._begin = _once(itertools.chain([first], iterator))
        X, _, _ = _parts(first, "batch 1")
        self._columns = list(X.columns) if hasattr(X, "columns") else None
        matrix, self.precision = _matrix(X, Place("batch 1"))
        if names is None:
            names = self._columns or []
            if not names or not all(isinstance(name, str) for name in names):
                names = [f"x{j + 1}" for j in range(matrix.shape[1])]
        self.names = as_names(names, matrix.shape[1])
        self.n_rows: int | None = None
        if isinstance(batches, list | tuple):
            self.n_rows = sum(len(_parts(pair, "batch")[1]) for pair in batches)

    def __call__(self) -> Iterator[Batch]:
        """Begin to read."""
        first_id = 0
        for number, pair in enumerate(self._begin(), start=1):
            batch = self._batch(pair, f"batch {number:,}", first_id)
            yield batch
            first_id += len(batch)

    def _batch(self, pair: Any, where: str, first_id: int) -> Batch:
        X, y, weight = _parts(pair, where)
        place = Place(where)
        if self._columns is not None and list(getattr(X, "columns", ())) != self._columns:
            found = list(getattr(X, "columns", ())) or type(X).__name__
            raise InputError(f"{where}, X", found, f"columns {self._columns}")
        matrix, _ = _matrix(X, place)
        n, p = matrix.shape
        if p != len(self.names):
            raise InputError(f"{where}, X", f"{p} columns", f"{len(self.names)}")
        place.refuse_nonfinite(matrix, self.names)
        targets = _column(y, n, place, "y")
        weights = np.ones(n)
        if weight is not None:
            weights = _column(weight, n, place, "sample_weight").astype(np.float64)
            place.refuse_negative(weights, "sample_weight")
        return Batch(matrix, targets, np.arange(first_id, first_id + n), weights)


def _once(iterator: Iterator[Any]) -> Callable[[], Iterator[Any]]:
    left = [iterator]

    def begin() -> Iterator[Any]:
        if not left:
            allowed = "one iteration of a stream from an iterator; a list or a callable has more"
            raise InputError("stream", "a second iteration", allowed)
        return left.pop()

    return begin


def _parts(pair: Any, where: str) -> tuple[Any, Any, Any]:
    if not (isinstance(pair, tuple | list) and len(pair) in (2, 3)):
        raise InputError(where, type(pair).__name__, _ALLOWED)
    X, y, *weight = pair
    if hasattr(X, "to_pandas"):  # tables of pyarrow, frames of polars
        X = X.to_pandas()
    return X, y, weight[0] if weight else None


def _matrix(X: Any, place: Place) -> tuple[Floats, Precision]:
    if hasattr(X, "columns"):
        return _of_frame(X, place)
    array = as_array(X)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        found = f"shape {array.shape} of {array.dtype}"
        raise InputError(f"{place.source}, X", found, "numbers of shape (rows, features)")
    return array.astype(np.float64, copy=False), _precision(array.dtype == np.float32)


def _of_frame(frame: Any, place: Place) -> tuple[Floats, Precision]:
    import pyarrow as pa

    from surefoot.confidence.streams.table_columns import Features, Piece, refuse_other_than_numbers

    rows = pa.RecordBatch.from_pandas(frame, preserve_index=False)
    types = dict(zip(rows.schema.names, rows.schema.types, strict=True))
    refuse_other_than_numbers("X", types, "encode them as numbers")
    features = Features(types)
    return features.matrix(Piece(place, rows)), features.precision


def _precision(narrow: bool) -> Precision:
    return "float32" if narrow else "float64"


def _column(values: Any, n: int, place: Place, name: str) -> NDArray[Any]:
    column = as_array(values)
    if column.shape == (n, 1):  # as losses of torch want it
        column = column[:, 0]
    if column.shape != (n,):
        raise InputError(f"{place.source}, {name}", f"shape {column.shape}", f"({n},)")
    if column.dtype.kind == "O":
        column = _text(column, place, name)
    if column.dtype.kind not in "biufU":
        where = f"{place.source}, {name}"
        raise InputError(where, str(column.dtype), _TARGETS)
    if column.dtype.kind == "f":
        place.refuse_nonfinite(column[:, None], [name])
    return column


def _text(column: NDArray[Any], place: Place, name: str) -> NDArray[Any]:
    for row, value in enumerate(column):
        if value is None or value != value:
            place.refuse(row, name, None)
        if not isinstance(value, str):
            found = f"{type(value).__name__} among objects"
            raise InputError(f"{place.source}, {name}", found, _TARGETS)
    return column.astype(str)


def as_array(values: Any) -> NDArray[Any]:
    """Return an array, tensor or Series as an array."""
    if hasattr(values, "detach"):  # a tensor of torch
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    return np.asarray(values)
