from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from surefoot.confidence.streams.row_stream import Batch, RowStream
from surefoot.ground.errors import InputError

N = 100
DATA = TensorDataset(torch.arange(2.0 * N).reshape(N, 2), torch.arange(N))


def gathered(stream: RowStream) -> Batch:
    batches = list(stream)
    return Batch(
        *(np.concatenate([getattr(b, name) for b in batches]) for name in vars(batches[0]))
    )


def test_a_stream_shows_what_it_is() -> None:
    stream = RowStream.from_batches([(np.ones((1200, 3)), np.ones(1200))])
    assert repr(stream) == "RowStream(3 features, rows: 1,200, shuffled: False)"
    assert "rows: unknown" in repr(RowStream.from_batches(lambda: [(np.ones((2, 1)), [1, 2])]))


def test_a_loader_in_order_can_be_replayed() -> None:
    stream = RowStream.from_loader(DataLoader(DATA, batch_size=32), names=["a", "b"])
    assert (stream.names, stream.n_rows) == (("a", "b"), N)
    assert (stream.replayable, stream.shuffled, stream.precision) == (True, False, "float32")
    for _ in range(2):
        rows = gathered(stream)
        np.testing.assert_array_equal(rows.X[:, 0], 2 * np.arange(N))
        np.testing.assert_array_equal(rows.y, np.arange(N))
        np.testing.assert_array_equal(rows.ids, np.arange(N))


@pytest.mark.parametrize(
    "sampler", [RandomSampler(DATA), SubsetRandomSampler(range(N))], ids=["random", "subset"]
)
def test_a_loader_that_shuffles_comes_once(sampler: torch.utils.data.Sampler) -> None:
    stream = RowStream.from_loader(DataLoader(DATA, batch_size=7, sampler=sampler))
    assert (stream.replayable, stream.shuffled, stream.n_rows) == (False, True, N)
    rows = gathered(stream)
    assert sorted(rows.y) == list(range(N))
    np.testing.assert_array_equal(rows.ids, np.arange(N))
    with pytest.raises(InputError, match="second iteration"):
        list(stream)


def test_rows_of_a_loader_that_drops_the_last_batch_are_counted() -> None:
    stream = RowStream.from_loader(DataLoader(DATA, batch_size=32, drop_last=True))
    assert stream.n_rows == len(gathered(stream)) == 96


class Rows(IterableDataset):
    """Rows that nobody knows the number of."""

    def __iter__(self):
        yield from ((torch.ones(2) * i, i) for i in range(10))


def test_what_a_loader_does_not_say_can_be_declared() -> None:
    stream = RowStream.from_loader(DataLoader(Rows(), batch_size=4))
    assert (stream.shuffled, stream.replayable, stream.n_rows) == (False, False, None)
    assert len(gathered(stream)) == 10
    assert RowStream.from_loader(DataLoader(Rows(), batch_size=4), shuffled=True).shuffled


def test_loaders_that_repeat_rows_are_refused() -> None:
    for sampler in (RandomSampler(DATA, replacement=True), WeightedRandomSampler([1.0] * N, N)):
        with pytest.raises(InputError, match="with replacement; allowed: a sampler that gives"):
            RowStream.from_loader(DataLoader(DATA, sampler=sampler))
    with pytest.raises(InputError, match="loader: found 'list'; allowed: a torch DataLoader"):
        RowStream.from_loader([])


FRAME = pd.DataFrame({"a": np.arange(N) * 1.0, "k": ["u", "v"] * (N // 2), "y": np.arange(N)})


def test_partitions_of_dask_come_one_after_another() -> None:
    dd = pytest.importorskip("dask.dataframe")
    frame = dd.from_pandas(FRAME, npartitions=3)
    stream = RowStream.from_dask(frame, "y", categorical=["k"], batch_rows=9)
    assert stream.names == ("a", "k[v]")
    assert stream.n_rows is None
    for _ in range(2):
        rows = gathered(stream)
        np.testing.assert_array_equal(rows.X, np.column_stack([FRAME["a"], FRAME["k"] == "v"]))
        np.testing.assert_array_equal(rows.y, FRAME["y"])
        np.testing.assert_array_equal(rows.ids, np.arange(N))
    assert sorted(gathered(stream.shuffle()).ids) == list(range(N))


def test_categories_of_dask_are_text() -> None:
    dd = pytest.importorskip("dask.dataframe")
    words = np.array([f"word {i}" for i in range(150)] * 2)
    wide = pd.DataFrame({"a": np.arange(300.0), "k": pd.Categorical(words)})
    frame = dd.from_pandas(wide, npartitions=2)
    for kept in (frame, frame.assign(k=frame["k"].cat.as_unknown())):
        np.testing.assert_array_equal(gathered(RowStream.from_dask(kept, "k")).y, words)


def test_bad_frames_of_dask_are_refused() -> None:
    dd = pytest.importorskip("dask.dataframe")
    with pytest.raises(InputError, match="frame: found 'DataFrame'; allowed: a Dask DataFrame"):
        RowStream.from_dask(FRAME, "y")
    with pytest.raises(InputError, match="text in 'k'"):
        RowStream.from_dask(dd.from_pandas(FRAME, npartitions=2), "y")
    gap = FRAME.assign(a=FRAME["a"].where(FRAME["a"] != 70))
    with pytest.raises(InputError, match="partition 1, row 20, column 'a': found a missing value"):
        list(RowStream.from_dask(dd.from_pandas(gap, npartitions=2), "y", drop=["k"]))


MEMORY = """
import numpy as np
from pathlib import Path
from surefoot.confidence.streams.row_stream import RowStream

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

def batches():
    for i in range(400):
        yield np.full((5_000, 19), float(i)), np.zeros(5_000)

stream = RowStream.from_batches(batches)
before, n = peak(), 0
for batch in stream.shuffle(**{options}):
    n += len(batch)
print(n, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is Linux's")
@pytest.mark.parametrize(("options", "most_mb"), [({}, 100), ({"rows": 20_000}, 30)])
def test_memory_stays_bounded_while_300_mb_pass(options: dict[str, int], most_mb: float) -> None:
    code = MEMORY.replace("{options}", repr(options))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100
    )
    rows, used = done.stdout.split()
    assert int(rows) == 2_000_000
    assert float(used) < most_mb
