"""Tables of people on disk: read whole or part after part, and written row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.files import replacing

_SUFFIXES = (".csv", ".parquet")
_BLOCK = 1 << 20


def columns_in(path: Path) -> list[str]:
    """Return the names of the columns of a CSV or Parquet file."""
    with _reading(path) as kind:
        if kind == ".csv":
            return [str(name) for name in pd.read_csv(path, nrows=0).columns]
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)


def parts_of(path: Path, columns: Sequence[str], size: int) -> Iterator[pd.DataFrame]:
    """Yield some columns of a table, at most `size` rows at a time, numbered from 0 throughout.

    Raises
    ------
    InputError
        If the file can't be read, or lacks a column.
    """
    have = columns_in(path)
    for name in columns:
        one_of(f"{path.name}, columns", name, have)
    start = 0
    with _reading(path) as kind:
        for part in (_csv if kind == ".csv" else _parquet)(path, columns, size):
            rows = part.set_axis(pd.RangeIndex(start, start + len(part)))
            start += len(part)
            yield rows


def rows_in(path: Path) -> int:
    """Return how many rows a table has, without holding them; of a CSV, how many lines."""
    with _reading(path) as kind:
        if kind == ".parquet":
            import pyarrow.parquet as pq

            return int(pq.read_metadata(path).num_rows)
        with path.open("rb") as file:
            ends = [(b.count(b"\n"), b.count(b"\r")) for b in iter(lambda: file.read(_BLOCK), b"")]
            file.seek(-1, 2)
            lines = sum(n for n, _ in ends) or sum(r for _, r in ends)  # \r alone: old Macintosh
            return lines - (file.read(1) in b"\r\n")


class RowWriter:
    """Appends frames of the same columns to one CSV or Parquet file; see `writing`."""

    def __init__(self, part: Path, suffix: str) -> None:
        self._part, self._suffix = part, one_of("file type", suffix, _SUFFIXES)
        self._parquet: Any = None
        self._begun = False

    def write(self, frame: pd.DataFrame) -> None:
        """Append the rows of `frame`, without its index."""
        if self._suffix == ".csv":
            mode = "a" if self._begun else "w"
            frame.to_csv(self._part, mode=mode, header=not self._begun, index=False)
            self._begun = True
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(frame, preserve_index=False)
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self._part, table.schema)
        self._parquet.write_table(table)

    def close(self) -> None:
        """Write what a Parquet file ends with."""
        if self._parquet is not None:
            self._parquet.close()


@contextmanager
def writing(path: Path) -> Iterator[RowWriter]:
    """Yield a writer of rows; the file appears when all are written, or not at all."""
    with replacing(path) as part:
        writer = RowWriter(part, path.suffix)
        try:
            yield writer
        finally:
            writer.close()


def _csv(path: Path, columns: Sequence[str], size: int) -> Iterator[pd.DataFrame]:
    with pd.read_csv(path, usecols=list(columns), chunksize=size) as reader:
        yield from reader


def _parquet(path: Path, columns: Sequence[str], size: int) -> Iterator[pd.DataFrame]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=size, columns=list(columns)):
            yield batch.to_pandas()


@contextmanager
def _reading(path: Path) -> Iterator[str]:
    """Yield the kind of a file; what its reader complains of becomes an input error."""
    kind = one_of(f"{path.name}, file type", path.suffix.lower(), _SUFFIXES)
    try:
        yield kind
    except InputError:
        raise
    except (OSError, ValueError) as error:  # pyarrow's and pandas' own errors are ValueErrors
        told = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(str(path), told, "a readable CSV or Parquet file") from error
