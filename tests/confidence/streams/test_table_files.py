from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from surefoot.confidence.streams.row_stream import RowStream
from surefoot.confidence.streams.table_files import TableFiles
from surefoot.ground.errors import InputError

N = 1000


def table(first: int = 0, n: int = N) -> pa.Table:
    at = np.arange(first, first + n)
    return pa.table({"a": at * 1.0, "b": at % 7, "y": at * 2.0})


def columns_of(stream: RowStream) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    batches = list(stream)
    return tuple(np.concatenate([getattr(b, name) for b in batches]) for name in ("X", "y", "ids"))


def check(stream: RowStream, n: int = N) -> None:
    """Every row once, in order, with its number."""
    X, y, ids = columns_of(stream)
    at = np.arange(n)
    np.testing.assert_array_equal(X, np.column_stack([at, at % 7]))
    np.testing.assert_array_equal(y, at * 2.0)
    np.testing.assert_array_equal(ids, at)


@pytest.mark.parametrize("batch_rows", [1, 33, 100, 128, 5000])
def test_every_row_of_many_row_groups_comes_once(tmp_path: Path, batch_rows: int) -> None:
    pq.write_table(table(), tmp_path / "t.parquet", row_group_size=77)
    stream = RowStream.from_table(tmp_path / "t.parquet", "y", batch_rows=batch_rows)
    assert stream.n_rows == N
    assert stream.names == ("a", "b")
    assert stream.replayable
    assert not stream.shuffled
    check(stream)
    check(stream)
    assert max(map(len, stream)) <= batch_rows


def test_a_folder_is_read_in_order_of_name(tmp_path: Path) -> None:
    for part in reversed(range(4)):
        pq.write_table(table(part * 250, 250), tmp_path / f"part-{part}.parquet")
    (tmp_path / "_metadata.parquet").write_text("no table")
    check(RowStream.from_table(tmp_path, "y"))
    check(RowStream.from_table(sorted(tmp_path.glob("part*")), "y", batch_rows=100))
    check(RowStream.from_table([tmp_path / "part-0.parquet"], "y"), 250)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_csv_is_the_same_as_parquet(tmp_path: Path, name: str) -> None:
    text = table().to_pandas().to_csv(index=False).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    stream = RowStream.from_table(tmp_path / name, "y", batch_rows=64)
    assert stream.n_rows is None
    check(stream)


def test_whole_numbers_of_a_csv_file_may_be_followed_by_others(tmp_path: Path) -> None:
    lines = ["a,y", *(f"{i},{i}" for i in range(200_000)), "0.5,2.5"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    X, y, _ = columns_of(RowStream.from_table(tmp_path / "t.csv", "y"))
    assert X[-1, 0] == 0.5
    assert y[-1] == 2.5
    assert len(y) == 200_001


def test_only_wanted_columns_are_read(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "t.parquet")
    files = TableFiles.open(tmp_path / "t.parquet", 100)
    assert {tuple(piece.rows.schema.names) for piece in files.pieces(["y"])} == {("y",)}


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (pa.table({"a": [1.0], "y": [1.0]}), "column 'b': found 'nothing'; allowed: int64 as in"),
        (pa.table({"a": [1.0], "b": [0.5], "y": [1.0]}), "column 'b': found 'double'"),
    ],
)
def test_files_that_differ_are_refused(tmp_path: Path, second: pa.Table, what: str) -> None:
    pq.write_table(table(), tmp_path / "1.parquet")
    pq.write_table(second, tmp_path / "2.parquet")
    with pytest.raises(InputError, match=f"2.parquet, {what}"):
        list(RowStream.from_table(tmp_path, "y"))


def test_csv_files_that_differ_are_refused(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b,y\n1,2,3\n")
    (tmp_path / "2.csv").write_text("a,y\n1,2\n")
    with pytest.raises(InputError, match=r"2.csv: .*'b'.*include_columns"):
        list(RowStream.from_table(tmp_path, "y"))


@pytest.mark.parametrize(
    ("cell", "what"),
    [("word", r"t.csv: .*invalid value 'word'"), ("", "t.csv, row 2, column 'a': .*missing")],
)
def test_bad_cells_of_csv_are_refused(tmp_path: Path, cell: str, what: str) -> None:
    (tmp_path / "t.csv").write_text(f"a,y\n1,2\n3,4\n{cell},6\n")
    with pytest.raises(InputError, match=what):
        # A word makes the column text; in a first block of numbers it would not be expected.
        first = tmp_path / "0.csv"
        first.write_text("a,y\n1,2\n")
        list(RowStream.from_table([first, tmp_path / "t.csv"], "y"))


def test_an_empty_word_of_csv_is_a_missing_value(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k,y\nu,2\n,4\nv,6\n")
    with pytest.raises(InputError, match="row 1, column 'k': found a missing value"):
        RowStream.from_table(tmp_path / "t.csv", "y", categorical=["k"])


def test_whole_numbers_of_csv_may_be_categories(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k,y\n2,2\n10,4\n1,6\n")
    stream = RowStream.from_table(tmp_path / "t.csv", "y", categorical=["k"])
    assert stream.names == ("k[2]", "k[10]")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing there"):
        RowStream.from_table(tmp_path / "none.parquet", "y")
    with pytest.raises(InputError, match="no table in"):
        RowStream.from_table(tmp_path, "y")
    (tmp_path / "t.txt").write_text("a,y\n1,2\n")
    with pytest.raises(InputError, match=r"t.txt'; allowed: files that end in .parquet"):
        RowStream.from_table(tmp_path / "t.txt", "y")
    (tmp_path / "t.parquet").write_text("a,y\n1,2\n")
    with pytest.raises(InputError, match=r"t.parquet: .*allowed: a table that can be read"):
        RowStream.from_table(tmp_path / "t.parquet", "y")
    (tmp_path / "latin.csv").write_bytes("größe,y\n1,2\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin.csv: .*allowed: a table in UTF-8"):
        RowStream.from_table(tmp_path / "latin.csv", "y")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match=r"empty.csv: .*[Ee]mpty"):
        RowStream.from_table(tmp_path / "empty.csv", "y")
    pq.write_table(table(), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="Parquet and CSV files"):
        RowStream.from_table(tmp_path, "y")


def test_a_file_cut_short_is_refused_where_it_ends(tmp_path: Path) -> None:
    pq.write_table(table(n=100_000), tmp_path / "t.parquet", row_group_size=10_000)
    stream = RowStream.from_table(tmp_path / "t.parquet", "y")
    whole = (tmp_path / "t.parquet").read_bytes()
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes(1000) + whole[middle + 1000 :]
    (tmp_path / "t.parquet").write_bytes(damaged)
    with pytest.raises(InputError, match=r"t.parquet: .*allowed: a table that can be read"):
        list(stream)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_empty_tables_are_refused(tmp_path: Path, name: str) -> None:
    if name.endswith("csv"):
        (tmp_path / name).write_text("a,y\n")
        columns = pa.schema({"a": pa.null(), "y": pa.null()})
        with pytest.raises(InputError, match="no numbers in 'a'|no rows"):
            list(RowStream.from_table(tmp_path / name, "y"))
        assert TableFiles.open(tmp_path / name, 10).schema == columns
    else:
        pq.write_table(table(n=0), tmp_path / name)
        with pytest.raises(InputError, match="no rows"):
            list(RowStream.from_table(tmp_path / name, "y"))
