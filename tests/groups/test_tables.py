from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot import InputError
from surefoot.groups.encoding import RARE, TableEncoder
from surefoot.groups.tables import Columns, column, read_table, split_rows


def _frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [30, None, 50, 41],
            "job": ["a", "b", None, "a"],
            "flag": [True, False, True, True],
            "y": [0, 1, 0, 1],
            "sex": ["m", "f", "m", "f"],
        }
    )


def test_numbers_stay_numbers_and_text_becomes_one_hot() -> None:
    encoder = TableEncoder.learn(_frame(), ["age", "job", "flag"])
    assert encoder.feature_names == [
        "age", "flag", "age is missing", "job=(missing)", "job=(rare)", "job=a", "job=b",
    ]  # fmt: skip
    X = encoder.encode(_frame())
    assert X[1].tolist() == [41, 0, 1, 0, 0, 0, 1]
    assert X[2].tolist() == [50, 1, 0, 1, 0, 0, 0]


def test_values_never_seen_are_rare() -> None:
    encoder = TableEncoder.learn(_frame(), ["job"])
    new = _frame().assign(job=["z", "a", "a", "a"])
    assert encoder.encode(new)[0, encoder.feature_names.index(f"job={RARE}")] == 1


def test_many_categories_are_cut_by_frequency_whatever_the_order_of_rows() -> None:
    values = [f"c{i:03d}" for i in range(200)] + ["c150"] * 3
    frame = pd.DataFrame({"x": values})
    encoder = TableEncoder.learn(frame, ["x"])
    assert len(encoder.categories["x"]) == 65
    assert "c150" in encoder.categories["x"]
    assert encoder == TableEncoder.learn(frame.sample(frac=1, random_state=0), ["x"])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.floats(-1e6, 1e6)), st.one_of(st.none(), st.text())),
        min_size=1,
        max_size=20,
    )
)
def test_json_round_trip_encodes_alike(rows: list) -> None:
    frame = pd.DataFrame(rows, columns=["n", "t"]).astype({"n": "float64", "t": "object"})
    encoder = TableEncoder.learn(frame, ["n", "t"])
    again = TableEncoder(**json.loads(json.dumps(encoder.to_dict())))
    X = again.encode(frame)
    np.testing.assert_array_equal(X, encoder.encode(frame))
    assert np.isfinite(X).all()
    assert (X[:, -len(encoder.categories["t"]) :].sum(1) == 1).all()


def test_bad_columns() -> None:
    with pytest.raises(InputError, match="infinite value in row 2"):
        TableEncoder.learn(pd.DataFrame({"x": [1.0, np.inf]}), ["x"])
    with pytest.raises(InputError, match="dates"):
        TableEncoder.learn(pd.DataFrame({"x": pd.to_datetime(["2025-01-01"])}), ["x"])
    with pytest.raises(InputError, match="no column"):
        TableEncoder.learn(_frame(), [])
    with pytest.raises(InputError, match="no column 'job'"):
        TableEncoder.learn(_frame(), ["job"]).encode(_frame()[["age"]])


def test_columns_play_their_parts() -> None:
    columns = Columns.of(_frame(), "y", ["sex"], ["flag"])
    assert columns.features == ["age", "job"]
    with pytest.raises(InputError, match="did you mean 'sex'"):
        Columns.of(_frame(), "y", ["sexx"], [])
    with pytest.raises(InputError, match="other than the target"):
        Columns.of(_frame(), "y", ["y"], [])
    with pytest.raises(InputError, match="at least one column"):
        Columns.of(_frame(), "y", [], [])
    with pytest.raises(InputError, match="drop"):
        Columns.of(_frame(), "y", ["sex"], ["nothing"])


def test_a_missing_label_or_group_names_its_row() -> None:
    with pytest.raises(InputError, match="group 'job': found a missing value in row 3"):
        column(_frame(), "job", "group")


def test_split_is_keyed_disjoint_and_complete() -> None:
    y = np.tile([0, 0, 0, 1], 100)
    groups = pd.DataFrame({"a": np.tile(["x", "y"], 200)})
    split = split_rows(y, groups, 0)
    parts = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(parts)) == list(range(400))
    assert [len(p) for p in parts] == [240, 80, 80]
    np.testing.assert_array_equal(split.test, split_rows(y, groups, 0).test)
    assert not np.array_equal(split.test, split_rows(y, groups, 1).test)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.parquet"])
def test_reads_the_usual_formats(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        _frame().to_parquet(path)
    else:
        _frame().to_csv(path, index=False, sep="\t" if ".tsv" in name else ",")
    assert read_table(str(path)).shape == (4, 5)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", "", "readable table"),
        ("t.csv", "a,b\n", "no rows"),
        ("t.parquet", "not parquet", "readable table"),
        ("t.xlsx", "x", "a name ending in"),
        ("t.csv", "a,b\n1,2\n1,2,3,4\n", "readable table"),
    ],
)
def test_unreadable_tables(name: str, content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=words):
        read_table(str(tmp_path / name))


def test_a_missing_file() -> None:
    with pytest.raises(InputError, match="an existing CSV"):
        read_table("nowhere.csv")
