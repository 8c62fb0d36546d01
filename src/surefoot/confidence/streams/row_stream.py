"""Streams of rows larger than memory, from wherever rows are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.confidence.coordinates import as_names
from surefoot.confidence.engine import Precision
from surefoot.confidence.parameters import whole
from surefoot.confidence.streams.array_rows import ArrayRows, Pairs
from surefoot.confidence.streams.batches import Batch as Batch
from surefoot.confidence.streams.shuffling import shuffled_in_buffer, shuffled_on_disk
from surefoot.ground.errors import InputError, need
from surefoot.ground.streams import subseed

if TYPE_CHECKING:
    from surefoot.confidence.streams.table_columns import Table
    from surefoot.confidence.streams.table_files import Paths


class RowStream:
    """Rows in batches, few of them in memory at a time.

    Made by `from_table`, `from_batches`, `from_loader` or `from_dask`. Every value is finite, and a
    row keeps its id in whatever order it comes.

    Attributes
    ----------
    names : tuple of str
        Of the features, without a constant.
    n_rows : int or None
        If it is known beforehand.
    replayable : bool
        Whether another iteration gives the same rows with the same ids.
    shuffled : bool
        Whether the rows come in random order.
    buffer_rows : int
        Of a stream that was shuffled in a buffer: rows are in random order only among about so many
        neighbours. 0 of others.
    precision : {"float64", "float32"}
        The least that holds the features as they are in the source; batches are float64.

    Examples
    --------
    ::

        stream = RowStream.from_table("flights/", "delay", features=["distance"]).shuffle()
        for batch in stream:
            engine.consume(batch.X, batch.y, batch.ids, batch.sample_weight)
    """

    def __init__(
        self,
        batches: Callable[[], Iterator[Batch]],
        names: Sequence[str],
        *,
        n_rows: int | None = None,
        replayable: bool = True,
        shuffled: bool = False,
        buffer_rows: int = 0,
        precision: Precision = "float64",
    ) -> None:
        self._batches = batches
        self.names = as_names(names, len(names))
        self.n_rows, self.replayable = n_rows, replayable
        self.shuffled, self.buffer_rows = shuffled, buffer_rows
        self.precision: Precision = precision

    def __iter__(self) -> Iterator[Batch]:
        """Yield the rows, from the first.

        Raises
        ------
        InputError
            If a value is missing or not finite, there are no rows, or it is a second iteration of
            what can't be replayed.
        """
        empty = True
        for batch in self._batches():
            if len(batch):
                empty = False
                yield batch
        if empty:
            raise InputError("stream", "no rows", "one or more")

    def __repr__(self) -> str:
        rows = "unknown" if self.n_rows is None else f"{self.n_rows:,}"
        return f"RowStream({len(self.names)} features, rows: {rows}, shuffled: {self.shuffled})"

    @classmethod
    def from_table(
        cls,
        paths: Paths,
        target: str,
        *,
        features: Sequence[str] | None = None,
        drop: Collection[str] = (),
        categorical: Collection[str] = (),
        weight: str | None = None,
        batch_rows: int = 65_536,
    ) -> RowStream:
        """Return the rows of Parquet or CSV files.

        Parameters
        ----------
        paths : path or sequence of paths
            Of files (.parquet, .pq, .csv, .csv.gz) or folders of them, read in order of name. Types
            of CSV columns are those of the first megabyte.
        target : str
            Column of targets.
        features : sequence of str, optional
            Columns of numbers or truth values. Default: all others.
        drop : collection of str
            Columns that are no features.
        categorical : collection of str
            Features of text, whole numbers or truth values that become a 0/1 column for each level
            but the first, named "column[level]". Levels are found by reading these columns once.
        weight : str, optional
            Column of sample weights.
        batch_rows : int
            So many rows a batch at most.

        Raises
        ------
        InputError
            If the files can't be read or differ in their columns, or a column has not the type for
            its part.
        """
        from surefoot.confidence.streams.table_files import TableFiles

        table = TableFiles.open(paths, whole("batch_rows", batch_rows, 1), categorical)
        return cls._of_table(table, target, features, drop, categorical, weight)

    @classmethod
    def from_dask(
        cls,
        frame: Any,
        target: str,
        *,
        features: Sequence[str] | None = None,
        drop: Collection[str] = (),
        categorical: Collection[str] = (),
        weight: str | None = None,
        batch_rows: int = 65_536,
    ) -> RowStream:
        """Return the rows of a Dask DataFrame, partition after partition.

        Parameters
        ----------
        frame : dask.dataframe.DataFrame
            One partition is held at a time.
        target, features, drop, categorical, weight, batch_rows
            See `from_table`.
        """
        need("dask.dataframe", "dask")
        from surefoot.confidence.streams.dask_rows import DaskTable

        table = DaskTable(frame, whole("batch_rows", batch_rows, 1))
        return cls._of_table(table, target, features, drop, categorical, weight)

    @classmethod
    def from_batches(
        cls,
        batches: Pairs | Callable[[], Pairs],
        *,
        names: Sequence[str] | None = None,
        shuffled: bool = False,
    ) -> RowStream:
        """Return the rows of arrays that come in batches.

        Parameters
        ----------
        batches : iterable of tuples, or callable that returns one
            Of pairs (X, y) or triples (X, y, sample_weight): arrays, tensors or DataFrames. A
            callable is called for each iteration; an iterator can be gone through once. The first
            batch is looked at now.
        names : sequence of str, optional
            Of the features. Default: columns of a DataFrame, or x1, x2, …
        shuffled : bool
            Whether the rows are known to come in random order.

        Examples
        --------
        ::

            def batches():
                for rows in pq.ParquetFile("flights.parquet").iter_batches():
                    hour = pc.hour(rows["date"]).to_numpy()
                    yield np.column_stack([np.sin(hour), np.cos(hour)]), rows["delay"].to_numpy()

            stream = RowStream.from_batches(batches, names=["sin hour", "cos hour"])
        """
        rows = ArrayRows(batches, names)
        return cls(
            rows,
            rows.names,
            n_rows=rows.n_rows,
            replayable=rows.replayable,
            shuffled=shuffled,
            precision=rows.precision,
        )

    @classmethod
    def from_loader(
        cls, loader: Any, *, names: Sequence[str] | None = None, shuffled: bool | None = None
    ) -> RowStream:
        """Return the rows of a torch DataLoader that yields (X, y) or (X, y, sample_weight).

        Parameters
        ----------
        loader : torch.utils.data.DataLoader
            If it shuffles, ids are in order of arrival and it can be gone through once: which row
            is which is lost. To go through it again, let it not shuffle and use `shuffle` here.
        names : sequence of str, optional
            Of the features. Default: x1, x2, …
        shuffled : bool, optional
            Whether rows come in random order. Default: as its sampler says.

        Raises
        ------
        InputError
            If its sampler draws with replacement.
        """
        from surefoot.confidence.streams.loader_rows import order_of, rows_of

        order = order_of(loader)
        rows = ArrayRows(loader if order == "given" else iter(loader), names)
        return cls(
            rows,
            rows.names,
            n_rows=rows_of(loader),
            replayable=rows.replayable,
            shuffled=order == "random" if shuffled is None else shuffled,
            precision=rows.precision,
        )

    def shuffle(
        self, seed: int = 0, *, rows: int | None = None, folder: str | Path | None = None
    ) -> RowStream:
        """Return this stream in random order, the same for the same `seed`.

        Parameters
        ----------
        seed : int
        rows : int, optional
            Shuffle in a buffer of so many rows in memory. The first rows to come are then a draw
            from the first `rows`, but the result is no more random than that: it counts as shuffled
            only if all rows are known to fit. Default: shuffle exactly, through temporary files as
            large as the features and targets.
        folder : path, optional
            Where these files go. Default: the system's folder for temporary files, which on some
            machines is kept in memory.

        Raises
        ------
        InputError
        StorageError
            On iteration, if the files can't be written.
        """
        if rows is not None and folder is not None:
            raise InputError("folder", str(folder), "nothing with rows=, which needs no files")
        if folder is not None and not Path(folder).is_dir():
            raise InputError("folder", str(folder), "a folder")
        place = None if folder is None else Path(folder)
        held = 0 if rows is None else whole("rows", rows, 1)
        key = subseed(seed, "shuffle rows")

        def batches() -> Iterator[Batch]:
            if held:
                return shuffled_in_buffer(self, key, held, self.precision)
            return shuffled_on_disk(self, key, place, self.precision)

        all_fit = self.n_rows is not None and self.n_rows <= held
        return RowStream(
            batches,
            self.names,
            n_rows=self.n_rows,
            replayable=self.replayable,
            shuffled=self.shuffled or not held or all_fit,
            buffer_rows=held,
            precision=self.precision,
        )

    @classmethod
    def _of_table(
        cls,
        table: Table,
        target: str,
        features: Sequence[str] | None,
        drop: Collection[str],
        categorical: Collection[str],
        weight: str | None,
    ) -> RowStream:
        from surefoot.confidence.streams.table_columns import choose_columns

        columns = choose_columns(
            table, target, features=features, drop=drop, categorical=categorical, weight=weight
        )
        return cls(
            lambda: columns.batches(table),
            columns.features.names,
            n_rows=table.n_rows,
            precision=columns.features.precision,
        )
