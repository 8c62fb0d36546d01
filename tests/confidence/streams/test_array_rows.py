from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from surefoot.confidence.streams.row_stream import RowStream
from surefoot.ground.errors import InputError

X, y = np.arange(12.0).reshape(6, 2), np.arange(6)
PAIRS = [(X[:4], y[:4]), (X[4:], y[4:])]


def generator() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    yield from PAIRS


def check(stream: RowStream) -> None:
    batches = list(stream)
    np.testing.assert_array_equal(np.concatenate([b.X for b in batches]), X)
    np.testing.assert_array_equal(np.concatenate([b.y for b in batches]), y)
    np.testing.assert_array_equal(np.concatenate([b.ids for b in batches]), np.arange(6))
    assert all(b.X.dtype == np.float64 and b.ids.dtype == np.int64 for b in batches)
    assert all((b.sample_weight == 1).all() for b in batches)


@pytest.mark.parametrize("batches", [PAIRS, tuple(PAIRS), generator, lambda: PAIRS])
def test_lists_and_callables_can_be_replayed(batches: Any) -> None:
    stream = RowStream.from_batches(batches)
    assert stream.names == ("x1", "x2")
    assert stream.replayable
    assert stream.n_rows == (None if callable(batches) else 6)
    check(stream)
    check(stream)


def test_an_iterator_is_gone_through_once() -> None:
    stream = RowStream.from_batches(generator())
    assert not stream.replayable
    check(stream)
    with pytest.raises(InputError, match="second iteration"):
        list(stream)


def test_an_early_stop_counts_as_an_iteration() -> None:
    stream = RowStream.from_batches(generator())
    next(iter(stream))
    with pytest.raises(InputError, match="second iteration"):
        next(iter(stream))


def test_a_callable_must_make_a_new_iterator() -> None:
    made = generator()
    with pytest.raises(InputError, match="same iterator twice"):
        RowStream.from_batches(lambda: made)


def test_frames_bring_their_names() -> None:
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(b=lambda f: f["b"].astype("int32"))
    pairs = [(frame[:4], pd.Series(y[:4])), (frame[4:], pd.Series(y[4:]))]
    check(stream := RowStream.from_batches(pairs))
    assert stream.names == ("a", "b")
    assert RowStream.from_batches(pairs, names=["u", "v"]).names == ("u", "v")
    assert RowStream.from_batches([(pd.DataFrame(X), y)]).names == ("x1", "x2")


def test_tables_of_arrow_do_as_well() -> None:
    table = pa.table({"a": X[:, 0], "b": X[:, 1]})
    check(stream := RowStream.from_batches([(table[:4], y[:4]), (table[4:], y[4:])]))
    assert stream.names == ("a", "b")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int32])
def test_tensors_do_as_well(dtype: torch.dtype) -> None:
    tensors = [(torch.tensor(a, dtype=dtype), torch.tensor(b)[:, None]) for a, b in PAIRS]
    tensors[0][0].requires_grad_(dtype == torch.float32)
    check(stream := RowStream.from_batches(tensors))
    narrow = dtype in (torch.float32, torch.bfloat16)
    assert stream.precision == ("float32" if narrow else "float64")


@pytest.mark.parametrize("targets", [["u", "v"] * 3, pd.Series(["u", "v"] * 3, dtype="category")])
def test_words_are_targets(targets: Any) -> None:
    (batch,) = RowStream.from_batches([(X, targets)])
    assert batch.y.dtype.kind == "U"
    assert list(batch.y[:2]) == ["u", "v"]


def test_weights_come_third() -> None:
    (batch,) = RowStream.from_batches([(X, y, [0, 1, 2, 3, 4, 5])])
    np.testing.assert_array_equal(batch.sample_weight, np.arange(6.0))
    assert batch.sample_weight.dtype == np.float64


def test_batches_without_rows_are_passed_over() -> None:
    stream = RowStream.from_batches([(X[:0], y[:0]), *PAIRS, (X[:0], y[:0])])
    check(stream)
    assert len(list(stream)) == 2


NAN_X, NAN_Y = X.copy(), y * 1.0
NAN_X[3, 1], NAN_Y[3] = np.nan, np.inf
FRAME = pd.DataFrame({"a": ["u"], "b": ["v"], "c": [1.0]})


@pytest.mark.parametrize(
    ("batches", "what"),
    [
        (5, "batches: found 'int'"),
        ([], "batches: found 'nothing'"),
        ([X, y], r"batch 1: found 'ndarray'; allowed: pairs \(X, y\)"),
        ([(X,)], "batch 1: found 'tuple'"),
        ([(X[0], y)], r"batch 1, X: found shape \(2,\)"),
        ([(X.astype(str), y)], "batch 1, X: .*numbers of shape"),
        ([(X, y), (X[:, :1], y)], "batch 2, X: found 1 columns"),
        ([(X, y), (X, y[:3])], r"batch 2, y: found shape \(3,\)"),
        ([(X, y), (X, np.ones((6, 2)))], r"batch 2, y: found shape \(6, 2\)"),
        ([(X, y), (NAN_X, y)], "batch 2, row 3, column 'x2': found a missing value"),
        ([(X, y), (X, NAN_Y)], "batch 2, row 3, column 'y': found inf"),
        ([(X, ["u", None] * 3)], "batch 1, row 1, column 'y': found a missing value"),
        ([(X, np.array(["u", 1] * 3, dtype=object))], "batch 1, y: found int among objects"),
        ([(X, y.astype(complex))], "batch 1, y: found 'complex128'"),
        ([(X, y, y - 1)], "batch 1, row 0, column 'sample_weight': found .*-1"),
        ([(X, y, NAN_Y)], "batch 1, row 3, column 'sample_weight': found inf"),
        ([(FRAME, [1])], "text in 'a', 'b'; allowed: numbers; encode them"),
        ([(FRAME[["c"]], [1]), (FRAME[["c"]].rename(columns={"c": "d"}), [1])], "batch 2, X"),
        ([(FRAME[["c"]], [1]), (X[:1, :1], [1])], "batch 2, X: found 'ndarray'"),
    ],
)
def test_bad_batches_are_refused(batches: Any, what: str) -> None:
    with pytest.raises(InputError, match=what):
        list(RowStream.from_batches(batches))


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", 1]])
def test_bad_names_are_refused(names: Any) -> None:
    with pytest.raises(InputError, match="names"):
        RowStream.from_batches(PAIRS, names=names)


def test_nothing_but_empty_batches_is_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        list(RowStream.from_batches([(X[:0], y[:0])]))
