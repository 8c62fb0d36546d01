from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from surefoot.confidence.streams.row_stream import RowStream
from surefoot.ground.errors import InputError

COLUMNS: dict[str, Any] = {
    "distance": [1.0, 2.0, 3.0, 4.0],
    "late": [True, False, True, True],
    "month": pa.array([3, 1, 2, 3], pa.int8()),
    "origin": ["LAS", "ATL", "MCI", "ATL"],
    "delay": [5.0, 6.0, 7.0, 8.0],
}
NUMBERS = {name: COLUMNS[name] for name in ("distance", "late", "delay")}


def stream_of(folder: Path, columns: dict[str, Any], target: str = "delay", **parts) -> RowStream:
    pq.write_table(pa.table(columns), folder / "t.parquet")
    return RowStream.from_table(folder / "t.parquet", target, **parts)


def X_of(stream: RowStream) -> np.ndarray:
    return np.concatenate([batch.X for batch in stream])


def test_numbers_and_truth_values_are_features(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, NUMBERS | {"price": [Decimal("1.50")] * 4})
    assert stream.names == ("distance", "late", "price")
    np.testing.assert_array_equal(
        X_of(stream), [[1, 1, 1.5], [2, 0, 1.5], [3, 1, 1.5], [4, 1, 1.5]]
    )


@pytest.mark.parametrize("batch_rows", [1, 3, 4])
def test_categories_become_columns_against_the_first_level(tmp_path: Path, batch_rows: int) -> None:
    columns = COLUMNS | {"origin": pa.array(COLUMNS["origin"]).dictionary_encode()}
    stream = stream_of(
        tmp_path, columns, categorical=["origin", "month", "late"], batch_rows=batch_rows
    )
    assert stream.names == (
        "distance", "late[True]", "month[2]", "month[3]", "origin[LAS]", "origin[MCI]",
    )  # fmt: skip
    expected = [[1, 1, 0, 1, 1, 0], [2, 0, 0, 0, 0, 0], [3, 1, 1, 0, 0, 1], [4, 1, 0, 1, 0, 0]]
    np.testing.assert_array_equal(X_of(stream), expected)


def test_features_come_in_the_order_asked_for(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, COLUMNS, features=["month", "distance"])
    assert stream.names == ("month", "distance")
    np.testing.assert_array_equal(X_of(stream)[:, 0], [3, 1, 2, 3])


def test_the_index_of_pandas_is_no_feature(tmp_path: Path) -> None:
    assert stream_of(tmp_path, NUMBERS | {"__index_level_0__": [9, 8, 7, 6]}).names == (
        "distance",
        "late",
    )


def test_nor_is_a_column_without_a_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",a,y\n0,1.5,2\n1,3.5,1\n")
    assert RowStream.from_table(tmp_path / "t.csv", "y").names == ("a",)
    assert RowStream.from_table(tmp_path / "t.csv", "y", features=["", "a"]).names == ("", "a")


@pytest.mark.parametrize(
    ("target", "kind", "expected"),
    [
        (["no", "yes", "no", "no"], "U", "no"),
        (pa.array(["no", "yes", "no", "no"]).dictionary_encode(), "U", "no"),
        ([False, True, False, False], "b", False),
        ([0, 1, 0, 0], "i", 0),
        (pa.array([0.5, 1, 0, 0], pa.float32()), "f", 0.5),
        ([Decimal("0.5")] * 4, "f", 0.5),
    ],
)
def test_targets_keep_their_kind(tmp_path: Path, target: Any, kind: str, expected: Any) -> None:
    (batch,) = stream_of(tmp_path, NUMBERS | {"delay": target})
    assert batch.y.dtype.kind == kind
    assert batch.y[0] == expected


def test_weights_are_a_column(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, NUMBERS | {"w": [1, 0, 2, 3]}, weight="w")
    (batch,) = stream
    assert stream.names == ("distance", "late")
    np.testing.assert_array_equal(batch.sample_weight, [1, 0, 2, 3])


@pytest.mark.parametrize(
    ("narrow", "precision"),
    [(pa.float32(), "float32"), (pa.int16(), "float32"), (pa.int32(), "float64")],
)
def test_precision_is_what_the_columns_need(
    tmp_path: Path, narrow: pa.DataType, precision: str
) -> None:
    columns = {"a": pa.array([1, 2], narrow), "b": ["u", "v"], "y": [1.0, 2.0]}
    assert stream_of(tmp_path, columns, "y", categorical=["b"]).precision == precision


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ({"target": "delays"}, "target: found 'delays'.*did you mean 'delay'"),
        ({"features": ["distanc"]}, "features: found 'distanc'.*did you mean 'distance'"),
        ({"drop": ["orign"]}, "drop: found 'orign'.*did you mean 'origin'"),
        ({"drop": "origin"}, "drop: found 'origin'; allowed: a list of column names"),
        ({"categorical": ["moth"]}, "categorical: found 'moth'.*did you mean 'month'"),
        ({"weight": "distanc"}, "weight: found 'distanc'.*did you mean 'distance'"),
        ({"features": ["distance", "delay"]}, "features: found 'delay'; allowed: no target"),
        ({"features": ["distance", "distance"]}, "features: found column 'distance' twice"),
        ({"features": ["distance"], "drop": ["distance"]}, "nothing from drop"),
        ({"features": ["distance"], "categorical": ["month"]}, "columns that are features"),
        ({"drop": ["delay"]}, "drop: found .*neither the target nor the weight"),
        ({"weight": "delay"}, "neither the target nor the weight"),
        ({"weight": "origin"}, "weight: found text in 'origin'; allowed: numbers; choose another"),
        ({}, "features: found text in 'origin'; allowed: numbers; name them in categorical="),
        ({"features": []}, "features: found 'none'; allowed: one column or more"),
        ({"categorical": ["origin", "distance"]}, "categorical 'distance': found 'double'"),
    ],
)
def test_parts_that_make_no_sense_are_refused(
    tmp_path: Path, parts: dict[str, Any], what: str
) -> None:
    with pytest.raises(InputError, match=what):
        stream_of(tmp_path, COLUMNS, **parts)


def test_all_columns_at_fault_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="text in 'origin', 'destination'"):
        stream_of(tmp_path, COLUMNS | {"destination": COLUMNS["origin"]})


@pytest.mark.parametrize(
    ("column", "what"),
    [
        ([dt.datetime(2001, 1, 1)] * 4, "dates or times in 'x'.*hour, weekday.*from_batches"),
        ([dt.date(2001, 1, 1)] * 4, "dates or times in 'x'"),
        ([[1.0]] * 4, "no numbers in 'x'"),
        ([None] * 4, "no numbers in 'x'"),
    ],
)
def test_columns_that_are_no_numbers_are_refused(
    tmp_path: Path, column: list[Any], what: str
) -> None:
    with pytest.raises(InputError, match=what):
        stream_of(tmp_path, NUMBERS | {"x": column})
    with pytest.raises(InputError, match="target 'x'.*numbers, truth values or text"):
        stream_of(tmp_path, NUMBERS | {"x": column}, "x")


def test_too_many_levels_are_refused(tmp_path: Path) -> None:
    n = 201
    columns = {"k": [f"level {i}" for i in range(n)], "y": np.arange(n)}
    with pytest.raises(InputError, match="categorical 'k': found over 200 levels"):
        stream_of(tmp_path, columns, "y", categorical=["k"])
    columns = {name: column[:200] for name, column in columns.items()}
    assert len(stream_of(tmp_path, columns, "y", categorical=["k"]).names) == 199


def test_one_level_alone_is_no_feature(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="categories of one level each"):
        stream_of(tmp_path, {"k": ["a", "a"], "y": [1.0, 2.0]}, "y", categorical=["k"])


def test_a_level_that_was_not_there_before_is_refused(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, {"k": ["a", "b"], "y": [1.0, 2.0]}, "y", categorical=["k"])
    pq.write_table(pa.table({"k": ["a", "c"], "y": [1.0, 2.0]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="column 'k': found 'c'.*must not change"):
        list(stream)


@pytest.mark.parametrize(
    ("name", "bad", "what"),
    [
        ("distance", None, "a missing value"),
        ("distance", np.nan, "a missing value"),
        ("distance", np.inf, "inf"),
        ("late", None, "a missing value"),
        ("delay", None, "a missing value"),
        ("delay", np.nan, "a missing value"),
        ("delay", -np.inf, "-inf"),
        ("w", None, "a missing value"),
        ("w", -1.0, "-1.0"),
    ],
)
def test_bad_values_are_refused_with_their_place(
    tmp_path: Path, name: str, bad: float | None, what: str
) -> None:
    columns = {key: list(column) * 50 for key, column in (NUMBERS | {"w": [1.0] * 4}).items()}
    columns[name][123] = bad
    stream = stream_of(tmp_path, columns, weight="w", batch_rows=50)
    with pytest.raises(InputError, match=rf"t.parquet, row 123, column '{name}': found '?{what}"):
        list(stream)


@pytest.mark.parametrize("batch_rows", [1, 2, 10])
def test_a_missing_category_is_refused_when_levels_are_found(
    tmp_path: Path, batch_rows: int
) -> None:
    columns = {"k": ["a", "b", None], "y": [1.0, 2.0, 3.0]}
    with pytest.raises(InputError, match=r"t.parquet, row 2, column 'k': .*drop the row or impute"):
        stream_of(tmp_path, columns, "y", categorical=["k"], batch_rows=batch_rows)


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays(
        [pa.array([1.0]), pa.array([2.0]), pa.array([3.0])], ["a", "a", "y"]
    )
    pq.write_table(twice, tmp_path / "t.parquet")
    with pytest.raises(InputError, match="column 'a' twice"):
        RowStream.from_table(tmp_path / "t.parquet", "y")


def test_constant_columns_are_allowed(tmp_path: Path) -> None:
    assert stream_of(tmp_path, {"a": [1.0, 1.0], "y": [1.0, 2.0]}, "y").names == ("a",)
