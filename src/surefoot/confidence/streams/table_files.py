"""Parquet and CSV files, read a few rows at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from surefoot.confidence.streams.batches import Place
from surefoot.confidence.streams.table_columns import Piece, plain
from surefoot.ground.errors import InputError

Paths = str | Path | Sequence[str | Path]

_PARQUET, _CSV = (".parquet", ".pq"), (".csv", ".csv.gz")
_BYTES_READ = 2**20


@dataclass(frozen=True, eq=False)
class TableFiles:
    """Files of one kind and one schema, one after another.

    Attributes
    ----------
    paths : tuple of Path
    schema : Schema
        Of the first file.
    n_rows : int or None
        None for CSV.
    batch_rows : int
        So many rows a piece at most.
    """

    paths: tuple[Path, ...]
    schema: pa.Schema
    n_rows: int | None
    batch_rows: int

    @classmethod
    def open(cls, paths: Paths, batch_rows: int, whole: Collection[str] = ()) -> TableFiles:
        """Look at the files without reading their rows.

        Parameters
        ----------
        paths : path or sequence of paths
            Of files, or of folders that are searched for files.
        batch_rows : int
        whole : collection of str
            Columns of a CSV file whose whole numbers are kept.

        Raises
        ------
        InputError
            If there are none, of two kinds, or they can't be read.
        """
        found = tuple(_files(paths))
        if not _is_parquet(found[0]):
            return cls(found, _csv_schema(found[0], whole), None, batch_rows)
        schemas, counts = zip(*map(_parquet_head, found), strict=True)
        return cls(found, schemas[0], sum(counts), batch_rows)

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """Read these columns.

        Raises
        ------
        InputError
            If a file is damaged, or its columns are not those of the first.
        """
        for path in self.paths:
            first_row = 0
            batches = self._parquet_rows if _is_parquet(path) else self._csv_rows
            for rows in batches(path, columns):
                for start in range(0, len(rows), self.batch_rows):
                    part = rows.slice(start, self.batch_rows)
                    yield Piece(Place(str(path), first_row), part)
                    first_row += len(part)

    def _parquet_rows(self, path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        with _parquet(path) as file:
            for name in columns:
                wanted = plain(self.schema.field(name).type)
                kind = file.schema_arrow.get_field_index(name)
                found = plain(file.schema_arrow.types[kind]) if kind >= 0 else "nothing"
                if found != wanted:
                    allowed = f"{wanted} as in {self.paths[0]}"
                    raise InputError(f"{path}, column {name!r}", str(found), allowed)
            # Page after page: pyarrow's dataset scanner holds row groups, often a whole file.
            rows = file.iter_batches(self.batch_rows, columns=columns, use_threads=False)
            yield from _read(path, rows)

    def _csv_rows(self, path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        types = {name: self.schema.field(name).type for name in columns}
        with _csv(path, column_types=types, include_columns=columns) as reader:
            yield from _read(path, reader)


def _files(paths: Paths) -> list[Path]:
    listed = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    found: list[Path] = []
    for path in listed:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if _is_table(file))
        elif path.exists():
            found.append(path)
        else:
            raise InputError(str(path), "nothing there", "a Parquet or CSV file, or a folder")
    other = [path for path in found if not path.name.endswith(_PARQUET + _CSV)]
    if other or not found:
        what = str(other[0]) if other else f"no table in {listed}"
        raise InputError("table", what, f"files that end in {', '.join(_PARQUET + _CSV)}")
    if len({_is_parquet(path) for path in found}) == 2:
        raise InputError("table", "Parquet and CSV files", "one of the two")
    return found


def _is_table(path: Path) -> bool:
    # Names with these beginnings are other programs' notes on the table.
    return path.name.endswith(_PARQUET + _CSV) and not path.name.startswith(("_", "."))


def _is_parquet(path: Path) -> bool:
    return path.name.endswith(_PARQUET)


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    with _readable(path):
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=_BYTES_READ)
    with file:
        yield file


def _parquet_head(path: Path) -> tuple[pa.Schema, int]:
    with _parquet(path) as file:
        return file.schema_arrow, file.metadata.num_rows


@contextmanager
def _csv(path: Path, **converting: Any) -> Iterator[csv.CSVStreamingReader]:
    # One thread: pyarrow then names the row of what it can't convert.
    reading = csv.ReadOptions(block_size=_BYTES_READ, use_threads=False)
    # An empty cell is a missing value, of text too.
    options = csv.ConvertOptions(strings_can_be_null=True, **converting)
    with _readable(path):
        reader = csv.open_csv(path, read_options=reading, convert_options=options)
    with reader:
        yield reader


def _csv_schema(path: Path, whole: Collection[str]) -> pa.Schema:
    """Return the types the first block suggests; 1, 2, 3 may be followed by 3.5."""
    with _csv(path) as reader, _readable(path):
        names, types = reader.schema.names, reader.schema.types
    for i, (name, kind) in enumerate(zip(names, types, strict=True)):
        if pa.types.is_integer(kind) and name not in whole:
            types[i] = pa.float64()
    return pa.schema(list(zip(names, types, strict=True)))


def _read(path: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    while True:
        with _readable(path):
            rows = next(batches, None)
        if rows is None:
            return
        yield rows


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError(str(path), "text that is not UTF-8", "a table in UTF-8") from error
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise InputError(str(path), str(error).strip(), "a table that can be read") from error
