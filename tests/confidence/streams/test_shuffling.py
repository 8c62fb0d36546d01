from __future__ import annotations

import errno
import gc
import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.confidence.streams import shuffling
from surefoot.confidence.streams.batches import Batch
from surefoot.confidence.streams.row_stream import RowStream
from surefoot.ground.errors import InputError, StorageError


def stream_of(n: int, cuts: list[int] | None = None, y: Any = None) -> RowStream:
    """Return rows whose values follow from their number, cut into batches at `cuts`."""
    at = np.arange(n)
    X, y = np.column_stack([at * 2.0, at + 0.5]), at % 3 if y is None else y
    edges = [0, *sorted(cuts or []), n]
    parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
    return RowStream.from_batches([(X[p], y[p], at[p] / n) for p in parts])


def gathered(stream: RowStream) -> Batch:
    batches = list(stream)
    return Batch(
        *(np.concatenate([getattr(b, name) for b in batches]) for name in vars(batches[0]))
    )


def check(rows: Batch, n: int) -> None:
    """Every row once, and nothing in it exchanged."""
    assert sorted(rows.ids) == list(range(n))
    np.testing.assert_array_equal(rows.X, np.column_stack([rows.ids * 2.0, rows.ids + 0.5]))
    np.testing.assert_array_equal(rows.y, rows.ids % 3)
    np.testing.assert_array_equal(rows.sample_weight, rows.ids / n)


@given(
    n=st.integers(1, 300),
    cuts=st.lists(st.integers(0, 300), max_size=6),
    rows=st.one_of(st.none(), st.integers(1, 400)),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=60, deadline=None)
def test_every_row_comes_once_whatever_the_batches(
    n: int, cuts: list[int], rows: int | None, seed: int
) -> None:
    cuts = [min(cut, n) for cut in cuts]
    whole = gathered(stream_of(n).shuffle(seed, rows=rows))
    check(whole, n)
    pieces = gathered(stream_of(n, cuts).shuffle(seed, rows=rows))
    np.testing.assert_array_equal(whole.ids, pieces.ids)


def test_large_buckets_are_split_further(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gathered(stream_of(800).shuffle(3))
    monkeypatch.setattr(shuffling, "_BUCKET_BYTES", 100)
    monkeypatch.setattr(shuffling, "_STAGED_BYTES", 1000)
    monkeypatch.setattr(shuffling, "_ROWS_OUT", 7)
    after = gathered(stream_of(800).shuffle(3))
    check(after, 800)
    np.testing.assert_array_equal(before.ids, after.ids)


@pytest.mark.parametrize("rows", [None, 6])
def test_all_orders_are_equally_likely(rows: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffling, "_BUCKET_BITS", 1)  # files take time to make
    n, draws = 4, 2400
    orders = [tuple(gathered(stream_of(n).shuffle(seed, rows=rows)).ids) for seed in range(draws)]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    # χ² with 23 degrees of freedom exceeds 58 once in 10,000.
    assert ((counts - 100) ** 2 / 100).sum() < 58


def test_seeds_differ_and_repeat() -> None:
    a, b, again = (gathered(stream_of(1000).shuffle(seed)).ids for seed in (0, 1, 0))
    assert (a == again).all()
    assert (a == b).mean() < 0.02


def test_orders_have_nothing_to_do_with_weights() -> None:
    from surefoot.confidence.multipliers import as_multiplier

    ids = gathered(stream_of(20_000).shuffle(5)).ids
    weights = as_multiplier("mammen").row_weights(5, ids, slice(0, 1))[:, 0]
    assert abs(np.corrcoef(np.arange(len(ids)), weights)[0, 1]) < 0.03


def test_a_buffer_emits_rows_in_order_of_exchange() -> None:
    n, held = 2000, 100
    ids = gathered(stream_of(n).shuffle(rows=held)).ids
    # Nobody can come before the row that drove him out.
    assert (ids[: n - held] < np.arange(held, n)).all()
    # On average a row waits for as many others as there are places.
    assert np.mean(np.arange(n) + held - ids)[()] == pytest.approx(held, abs=1e-9)
    assert 80 < np.mean((np.arange(n) + held - ids)[500:1500]) < 120


def test_one_place_delays_by_one_row() -> None:
    np.testing.assert_array_equal(gathered(stream_of(50, [7]).shuffle(rows=1)).ids, np.arange(50))


def test_the_first_rows_of_a_buffer_are_a_draw_from_it() -> None:
    firsts = [gathered(stream_of(200).shuffle(seed, rows=100)).ids[0] for seed in range(600)]
    # The first row to be driven out holds any of the 100 places.
    assert max(firsts) < 100
    assert np.mean(firsts) == pytest.approx(49.5, abs=5)


@pytest.mark.parametrize(
    ("rows", "shuffled", "buffer_rows"), [(None, True, 0), (50, False, 50), (100, True, 100)]
)
def test_a_stream_says_how_random_it_is(rows: int | None, shuffled: bool, buffer_rows: int) -> None:
    mixed = stream_of(100).shuffle(rows=rows)
    assert (mixed.shuffled, mixed.buffer_rows) == (shuffled, buffer_rows)
    assert (mixed.n_rows, mixed.names, mixed.replayable) == (100, ("x1", "x2"), True)
    unknown = RowStream.from_batches(lambda: stream_pairs(100))
    assert unknown.shuffle(rows=rows).shuffled == (rows is None)


def stream_pairs(n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for i in range(n):
        yield np.full((1, 1), i * 1.0), np.array([i])


def test_what_was_shuffled_stays_so() -> None:
    stream = RowStream.from_batches(lambda: stream_pairs(10), shuffled=True)
    assert stream.shuffle(rows=2).shuffled


@pytest.mark.parametrize("rows", [None, 5])
def test_a_stream_from_an_iterator_is_shuffled_once(rows: int | None) -> None:
    mixed = RowStream.from_batches(stream_pairs(20)).shuffle(rows=rows)
    assert not mixed.replayable
    assert sorted(gathered(mixed).ids) == list(range(20))
    with pytest.raises(InputError, match="second iteration"):
        list(mixed)


@pytest.mark.parametrize("rows", [None, 20])
def test_words_survive(rows: int | None) -> None:
    words = np.array(["a", "long", "ß"] * 30)
    mixed = gathered(stream_of(90, [2, 50], y=words).shuffle(rows=rows))
    np.testing.assert_array_equal(mixed.y, words[mixed.ids])


def test_features_are_written_as_narrow_as_they_come(tmp_path: Path) -> None:
    X = np.linspace(0, 1, 30, dtype=np.float32).reshape(10, 3)
    stream = RowStream.from_batches([(X, np.arange(10))])
    mixed = gathered(stream.shuffle(folder=tmp_path))
    np.testing.assert_array_equal(mixed.X, X[mixed.ids].astype(np.float64))
    sizes = {}
    for kind in (np.float32, np.float64):
        iterator = iter(RowStream.from_batches([(X.astype(kind), np.arange(10))]).shuffle())
        next(iterator)
        sizes[kind] = open_bytes()
    assert sizes == {np.float32: 10 * (24 + 12), np.float64: 10 * (24 + 24)}


def open_bytes() -> int:
    """Return the size of the deleted files this process holds."""
    total = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            if "deleted" in os.readlink(link):
                total += link.stat().st_size
        except OSError:
            continue
    return total


def test_digits_are_never_lost_silently() -> None:
    narrow, wide = np.ones((3, 1), np.float32), np.full((3, 1), 1 + 1e-12)
    y = np.arange(3)
    with pytest.raises(InputError, match="X: found float64 that would lose digits"):
        list(RowStream.from_batches([(narrow, y), (wide, y)]).shuffle())
    with pytest.raises(InputError, match="X: found float64 that would lose digits"):
        list(RowStream.from_batches([(narrow, y), (wide * 1e300, y)]).shuffle())
    with pytest.raises(InputError, match="y: found float64 that would lose digits"):
        list(RowStream.from_batches([(wide, y), (wide, y + 0.5)]).shuffle(rows=2))
    assert len(gathered(RowStream.from_batches([(wide, y), (wide, y + 1.0)]).shuffle())) == 6


def test_numbers_and_words_do_not_mix() -> None:
    X = np.ones((2, 1))
    with pytest.raises(InputError, match="numbers in all batches, or text in all"):
        list(RowStream.from_batches([(X, [1, 2]), (X, ["a", "b"])]).shuffle())


@pytest.mark.parametrize("stop", ["break", "error", "end"])
def test_nothing_is_left_in_the_folder(tmp_path: Path, stop: str) -> None:
    held = open_bytes()
    try:
        for _ in stream_of(20_000).shuffle(folder=tmp_path):
            assert open_bytes() > held
            # Not even while the files are in use, should the process be killed.
            assert list(tmp_path.iterdir()) == []
            if stop == "break":
                break
            if stop == "error":
                raise KeyError
    except KeyError:
        pass
    gc.collect()
    assert open_bytes() == held
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_rows_leaves_nothing_either(tmp_path: Path) -> None:
    def batches() -> Iterator[tuple[np.ndarray, list[int]]]:
        yield np.ones((1, 1)), [1]
        yield np.full((1, 1), np.nan), [1]

    held = open_bytes()
    with pytest.raises(InputError, match="batch 2, row 0"):
        list(RowStream.from_batches(batches).shuffle(folder=tmp_path))
    gc.collect()
    assert open_bytes() == held


def test_a_full_disk_is_a_storage_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Full:
        """A file on a full disk."""

        def __init__(self, **_: object) -> None: ...
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None: ...
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shuffling, "TemporaryFile", Full)
    with pytest.raises(StorageError, match=f"cannot write {tmp_path}: the disk is full"):
        list(stream_of(10).shuffle(folder=tmp_path))


def test_a_write_that_is_cut_short_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Short(io.FileIO):
        """A file that takes 10 bytes at a time."""

        def write(self, data: Any) -> int:
            return super().write(data[:10])

    names = itertools.count()
    monkeypatch.setattr(
        shuffling, "TemporaryFile", lambda **_: Short(tmp_path / str(next(names)), "w+b")
    )
    check(gathered(stream_of(40).shuffle(1)), 40)


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    stream = stream_of(10)
    with pytest.raises(InputError, match="rows: found 0; allowed: a whole number from 1"):
        stream.shuffle(rows=0)
    with pytest.raises(InputError, match="folder: .*nothing with rows="):
        stream.shuffle(rows=5, folder=tmp_path)
    with pytest.raises(InputError, match="none'; allowed: a folder"):
        stream.shuffle(folder=tmp_path / "none")
    with pytest.raises(InputError, match="seed: found None; allowed: an integer"):
        stream.shuffle(None)  # type: ignore[arg-type]
