"""Partitions of a Dask frame, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from surefoot.confidence.streams.batches import Place
from surefoot.confidence.streams.table_columns import Piece, plain
from surefoot.ground.errors import InputError


class DaskTable:
    """A Dask DataFrame as a table that is read in pieces.

    One partition is computed and held at a time, by whatever scheduler Dask is set to.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
    batch_rows : int
        So many rows a piece at most.
    """

    n_rows = None

    def __init__(self, frame: Any, batch_rows: int) -> None:
        if not (hasattr(frame, "partitions") and hasattr(frame, "dtypes")):
            raise InputError("frame", type(frame).__name__, "a Dask DataFrame")
        self._frame, self._batch_rows = frame, batch_rows
        empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in frame.dtypes.items()})
        schema = pa.Schema.from_pandas(empty, preserve_index=False)
        # Columns of objects are what pandas made of text.
        types = [pa.string() if pa.types.is_null(kind) else plain(kind) for kind in schema.types]
        self.schema = pa.schema(list(zip(schema.names, types, strict=True)))

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """Compute these columns, partition after partition."""
        frame = self._frame[list(columns)]
        types = pa.schema([self.schema.field(name) for name in columns])
        for number in range(frame.npartitions):
            source = f"partition {number:,}"
            part = frame.partitions[number].compute()
            try:
                rows = pa.RecordBatch.from_pandas(part, types, preserve_index=False)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise InputError(source, str(error), f"columns of {types.types}") from error
            for start in range(0, len(rows), self._batch_rows):
                yield Piece(Place(source, start), rows.slice(start, self._batch_rows))
