"""Which columns of a table become which features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from surefoot.confidence.engine import Precision
from surefoot.confidence.streams.batches import Batch, Floats, Place
from surefoot.ground.errors import InputError, one_of

MOST_LEVELS = 200

# What pandas calls a row index it wrote as a column, or nothing at all in a CSV file: no feature
# unless asked for.
_INDEX = "__index_level_"


class Piece(NamedTuple):
    """Some rows of a table, and where they stand in it."""

    place: Place
    rows: pa.RecordBatch


class Table(Protocol):
    """A table that is read in pieces, in the same order every time."""

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""

    @property
    def n_rows(self) -> int | None:
        """How many rows there are, if that is known beforehand."""

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """Read these columns."""


@dataclass(frozen=True, eq=False)
class Features:
    """Columns that are numbers, and categories as 0/1 columns.

    Parameters
    ----------
    types : mapping of str to DataType
        The columns, in order.
    levels : mapping of str to list
        Sorted levels of each categorical column; the first is the reference.
    """

    types: Mapping[str, pa.DataType]
    levels: Mapping[str, list[Any]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """One name a feature."""
        names: list[str] = []
        for column in self.types:
            levels = self.levels.get(column)
            names += [column] if levels is None else [f"{column}[{one}]" for one in levels[1:]]
        return tuple(names)

    @property
    def precision(self) -> Precision:
        """The least precision that holds every value."""
        numbers = [kind for column, kind in self.types.items() if column not in self.levels]
        return "float32" if all(map(_fits_float32, numbers)) else "float64"

    def matrix(self, piece: Piece) -> Floats:
        """Return the features of some rows, shape (b, p)."""
        names = self.names
        X = np.zeros((len(piece.rows), len(names)))
        at = 0
        for column, kind in self.types.items():
            values = piece.rows.column(column)
            if column in self.levels:
                levels = self.levels[column]
                level = _positions(piece, column, pa.array(levels, plain(kind)))
                rows = np.flatnonzero(level)
                X[rows, at + level[rows] - 1] = 1
                at += len(levels) - 1
            else:
                # Missing values become NaN.
                X[:, at] = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
                at += 1
        piece.place.refuse_nonfinite(X, names)
        return X


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of a table in their parts: features, target, weight."""

    features: Features
    target: str
    target_type: pa.DataType
    weight: str | None

    @property
    def used(self) -> list[str]:
        """All of them."""
        weight = [] if self.weight is None else [self.weight]
        return [*self.features.types, self.target, *weight]

    def batches(self, table: Table) -> Iterator[Batch]:
        """Read the table from its first row to its last."""
        first_id = 0
        for piece in table.pieces(self.used):
            place, n = piece.place, len(piece.rows)
            weight = np.ones(n)
            if self.weight is not None:
                column = piece.rows.column(self.weight).cast(pa.float64(), safe=False)
                weight = column.to_numpy(zero_copy_only=False)
                place.refuse_negative(weight, self.weight)
            ids = np.arange(first_id, first_id + n)
            yield Batch(self.features.matrix(piece), self._targets(piece), ids, weight)
            first_id += n

    def _targets(self, piece: Piece) -> NDArray[Any]:
        column = _present(piece, self.target)
        if is_text(self.target_type):
            return np.asarray(column.to_pylist(), dtype=str)
        if pa.types.is_decimal(self.target_type):
            column = column.cast(pa.float64())
        values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
        piece.place.refuse_nonfinite(values[:, None], [self.target])
        return values


def choose_columns(
    table: Table,
    target: str,
    *,
    features: Sequence[str] | None = None,
    drop: Collection[str] = (),
    categorical: Collection[str] = (),
    weight: str | None = None,
) -> Columns:
    """Check a choice of columns; levels of categories are found by reading their columns once.

    Parameters
    ----------
    table : Table
    target : str
    features : sequence of str, optional
        Default: all columns that have no other part.
    drop : collection of str
        Columns with no part at all.
    categorical : collection of str
        Features that name categories: text, whole numbers or truth values.
    weight : str, optional

    Raises
    ------
    InputError
        If a name is unknown or has two parts, or a column is not of a type for its part.
    """
    schema = table.schema
    _check_names(schema.names, target, features, drop, categorical, weight)
    if features is None:
        taken = {target, weight, *drop}
        named = [name for name in schema.names if name and not name.startswith(_INDEX)]
        features = [name for name in named if name not in taken]
    if not features:
        raise InputError("features", "none", "one column or more")
    if unused := sorted(set(categorical) - set(features)):
        raise InputError("categorical", unused[0], "columns that are features")
    types = {name: schema.field(name).type for name in features}
    numbers = {name: kind for name, kind in types.items() if name not in categorical}
    hint = "name them in categorical=, or leave them out with drop="
    refuse_other_than_numbers("features", numbers, hint)
    if weight is not None:
        refuse_other_than_numbers("weight", {weight: schema.field(weight).type}, "choose another")
    target_type = schema.field(target).type
    if not (is_text(target_type) or _is_number(target_type)):
        allowed = "numbers, truth values or text"
        raise InputError(f"target {target!r}", str(target_type), allowed)
    chosen = Features(types, _levels(table, [name for name in features if name in categorical]))
    if not chosen.names:
        raise InputError("features", "categories of one level each", "something that varies")
    return Columns(chosen, target, target_type, weight)


def refuse_other_than_numbers(part: str, types: Mapping[str, pa.DataType], text_hint: str) -> None:
    """Raise one `InputError` for all columns of one kind that are at fault."""
    derive = "derive numbers (hour, weekday) in batches of your own, see RowStream.from_batches"
    kinds: list[tuple[str, Callable[[pa.DataType], bool], str]] = [
        ("text", is_text, text_hint),
        ("dates or times", pa.types.is_temporal, derive),
        ("no numbers", lambda kind: not _is_number(kind), "leave them out"),
    ]
    for what, of_kind, hint in kinds:
        if at_fault := [name for name, kind in types.items() if of_kind(plain(kind))]:
            listed = ", ".join(map(repr, at_fault))
            raise InputError(part, f"{what} in {listed}", f"numbers; {hint}")


def plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values, however they are encoded."""
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return kind


def is_text(kind: pa.DataType) -> bool:
    """Return whether values of this type are text."""
    return bool(pa.types.is_string(plain(kind)))


def _is_number(kind: pa.DataType) -> bool:
    of = pa.types
    return any(is_(kind) for is_ in (of.is_integer, of.is_floating, of.is_boolean, of.is_decimal))


def _fits_float32(kind: pa.DataType) -> bool:
    small = (pa.bool_(), pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.float16(), pa.float32())
    return kind in small


def _check_names(
    names: Sequence[str],
    target: str,
    features: Sequence[str] | None,
    drop: Collection[str],
    categorical: Collection[str],
    weight: str | None,
) -> None:
    """Refuse names that are unknown, or have two parts."""
    asked: dict[str, Collection[str]] = {
        "target": [target], "weight": [] if weight is None else [weight],
        "drop": drop, "categorical": categorical, "features": features or (),
    }  # fmt: skip
    for part, columns in asked.items():
        if isinstance(columns, str):
            raise InputError(part, columns, "a list of column names")
        for name in columns:
            one_of(part, name, names)
    for where, columns in (("table", names), ("features", features or ())):
        if twice := [name for name, count in Counter(columns).items() if count > 1]:
            raise InputError(where, f"column {twice[0]!r} twice", "each column once")
    if target == weight or target in drop or weight in drop:
        raise InputError("drop", sorted(drop), "neither the target nor the weight")
    if taken := {target, weight, *drop}.intersection(features or ()):
        allowed = "no target, no weight and nothing from drop"
        raise InputError("features", sorted(map(str, taken))[0], allowed)


def _levels(table: Table, names: Sequence[str]) -> dict[str, list[Any]]:
    for name in names:
        kind = plain(table.schema.field(name).type)
        if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            allowed = "text, whole numbers or truth values"
            raise InputError(f"categorical {name!r}", str(kind), allowed)
    pieces: Iterable[Piece] = table.pieces(names) if names else ()
    found: dict[str, set[Any]] = {name: set() for name in names}
    for piece in pieces:
        for name, levels in found.items():
            levels.update(pc.unique(_present(piece, name)).to_pylist())
            if len(levels) > MOST_LEVELS:
                allowed = f"at most {MOST_LEVELS}; group the rare ones, or drop the column"
                raise InputError(f"categorical {name!r}", f"over {MOST_LEVELS} levels", allowed)
    return {name: sorted(levels) for name, levels in found.items()}


def _positions(piece: Piece, name: str, levels: pa.Array) -> NDArray[np.int64]:
    column = _present(piece, name)
    found = pc.index_in(column, value_set=levels)
    if found.null_count:
        new = column[found.is_null().index(True).as_py()].as_py()
        allowed = "the levels of the first reading: the data must not change meanwhile"
        raise InputError(f"{piece.place.source}, column {name!r}", new, allowed)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def _present(piece: Piece, name: str) -> pa.Array:
    """Return a column in its plain type; a missing value is refused."""
    column = piece.rows.column(name)
    if column.null_count:
        piece.place.refuse(column.is_null().index(True).as_py(), name, None)
    return column.cast(plain(column.type))
