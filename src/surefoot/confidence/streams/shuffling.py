"""Rows in random order: all of a stream through temporary files, or within a buffer.

Both orders follow from a random word per row, a hash of a key and the row's id. They are
therefore the same whatever batches the rows come in.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from tempfile import TemporaryFile, gettempdir

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.engine import Precision
from surefoot.confidence.row_words import RowWords
from surefoot.confidence.streams.batches import Batch
from surefoot.confidence.streams.row_records import RecordFormat, Records
from surefoot.ground.files import storage

Words = NDArray[np.uint64]

_BUCKET_BYTES = 2**26
_STAGED_BYTES = 2**22
_BUCKET_BITS = 5
_ROWS_OUT = 8192


def shuffled_on_disk(
    batches: Iterable[Batch], key: int, folder: Path | None, precision: Precision
) -> Iterator[Batch]:
    """Yield all rows in an order drawn uniformly from all orders.

    Parameters
    ----------
    batches : iterable of Batch
        Not empty.
    key : int
        Of the order.
    folder : Path or None
        Where the temporary files go; None: the system's folder for them. They have no names, so
        they are gone when the iterator is, even if the process is killed.
    precision : {"float64", "float32"}
        In which features are written.

    Raises
    ------
    StorageError
        If the files can't be written.

    Notes
    -----
    The order is that of the rows' words: an external sort. Rows go into 32 files by the first bits
    of their words; a file of 64 MiB or less is sorted in memory, a larger one goes into 32 files by
    the next bits.
    """
    iterator = iter(batches)
    first = next(iterator)
    layout = RecordFormat(first, precision)
    pieces = map(layout.pack, itertools.chain([first], iterator))
    for run in _sorted(_staged(pieces), key, folder, layout.dtype, level=0):
        yield layout.unpack(run)


def shuffled_in_buffer(
    batches: Iterable[Batch], key: int, rows: int, precision: Precision
) -> Iterator[Batch]:
    """Hold `rows` rows; each new one takes a random place, and the row that held it goes out.

    If there are no more rows than that, their order is drawn uniformly from all orders.
    """
    iterator = iter(batches)
    first = next(iterator)
    layout = RecordFormat(first, precision)
    held = np.empty(rows, layout.dtype)
    filled = 0
    for batch in itertools.chain([first], iterator):
        new = layout.pack(batch)
        missing = min(rows - filled, len(new))
        held[filled : filled + missing] = new[:missing]
        filled += missing
        if missing < len(new):
            yield layout.unpack(_exchange(held, new[missing:], key))
    held = held[:filled]
    order = np.argsort(_words(key, held["id"]))
    for start in range(0, filled, _ROWS_OUT):
        yield layout.unpack(held.take(order[start : start + _ROWS_OUT]))


def _words(key: int, ids: NDArray[np.int64]) -> Words:
    return RowWords(key, 0, 1, len(ids)).of(ids)[:, 0]


def _exchange(held: Records, new: Records, key: int) -> Records:
    """Put new records into random places, one after another; return what was there before."""
    layout = new.dtype
    # The upper half of a word, as a fraction of 2³², times the number of places.
    half = _words(key, new["id"]) >> np.uint64(32)
    places = (half * np.uint64(len(held)) >> np.uint64(32)).astype(np.intp)
    order = np.argsort(places, kind="stable")
    places = places[order]
    again = np.append(False, places[1:] == places[:-1])
    # Without their fields records move thirty times faster.
    opaque = f"V{layout.itemsize}"
    held, new = held.view(opaque), new.view(opaque)
    before = np.empty_like(new)
    before[order[~again]] = held[places[~again]]
    before[order[again]] = new[order[:-1][again[1:]]]
    last = ~np.append(again[1:], False)
    held[places[last]] = new[order[last]]
    return before.view(layout)


def _staged(pieces: Iterable[Records]) -> Iterator[Records]:
    """Gather small pieces: every piece is written to 32 files, and writing has a cost a call."""
    waiting: list[Records] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += piece.nbytes
        if size >= _STAGED_BYTES:
            yield np.concatenate(waiting)
            waiting, size = [], 0
    if waiting:
        yield np.concatenate(waiting)


def _sorted(
    pieces: Iterable[Records], key: int, folder: Path | None, dtype: np.dtype[np.void], level: int
) -> Iterator[Records]:
    """Yield all records in order of their words."""
    with ExitStack() as stack:
        buckets = _scattered(pieces, key, folder, level, stack)
        for bucket in buckets:
            size = bucket.tell()
            bucket.seek(0)
            if size > _BUCKET_BYTES:
                parts = _read(bucket, dtype)
                yield from _sorted(parts, key, folder, dtype, level + 1)
            else:
                records = np.fromfile(bucket, dtype)
                order = np.argsort(_words(key, records["id"]))
                for start in range(0, len(records), _ROWS_OUT):
                    yield records.take(order[start : start + _ROWS_OUT])
            bucket.close()


def _scattered(
    pieces: Iterable[Records], key: int, folder: Path | None, level: int, stack: ExitStack
) -> list[FileIO]:
    """Write each record to the file that the bits of its word at this level name."""
    where = folder or Path(gettempdir())
    count = 2**_BUCKET_BITS
    files: list[FileIO] = []
    for _ in range(count):
        with storage(where):
            file = TemporaryFile(buffering=0, dir=where)  # noqa: SIM115 - the stack closes it
        files.append(stack.enter_context(file))
    shift = np.uint64(64 - _BUCKET_BITS * (level + 1))
    for piece in pieces:
        bucket = ((_words(key, piece["id"]) >> shift) % np.uint64(count)).astype(np.uint8)
        piece = piece.take(np.argsort(bucket, kind="stable"))
        ends = np.cumsum(np.bincount(bucket, minlength=count))
        for file, part in zip(files, np.split(piece, ends[:-1]), strict=True):
            with storage(where):
                left = part.view(np.uint8).data
                while left:
                    left = left[file.write(left) :]
    return files


def _read(file: FileIO, dtype: np.dtype[np.void]) -> Iterator[Records]:
    count = max(1, _STAGED_BYTES // dtype.itemsize)
    while len(records := np.fromfile(file, dtype, count)):
        yield records
