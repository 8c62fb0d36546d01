from __future__ import annotations

import json
import math
import tomllib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.dimensions import Dimension
from surefoot.surrogates.simulation.space import Categorical, Integer, Real, Space

MIXED = Space(
    r=Real(100, 5e4, scale="log", unit="m"),
    mesh=Categorical(["coarse", "fine"]),
    n=Integer(1, 9),
    x=Real(-2.0, 3.0),
)
ROWS = pd.DataFrame(
    {"r": [100.0, 5e4], "mesh": ["fine", "coarse"], "n": [9, 1], "x": [3.0, 0.5]}, index=[7, 3]
)


@st.composite
def reals(draw: st.DrawFn) -> Real:
    if draw(st.booleans()):
        low = draw(st.floats(1e-12, 1e12))
        return Real(low, low * draw(st.floats(1.001, 1e12)), scale="log")
    low = draw(st.floats(-1e12, 1e12))
    return Real(low, low + max(abs(low), 1.0) * draw(st.floats(1e-6, 1e6)))


integers = st.builds(
    lambda low, size: Integer(low, low + size),
    st.integers(-(10**9), 10**9),
    st.integers(1, 10**6),
)
categories = st.builds(
    Categorical,
    st.lists(st.text(), min_size=2, max_size=6, unique=True)
    | st.lists(st.integers(-5, 99), min_size=2, max_size=6, unique=True),
)
spaces = st.dictionaries(
    st.sampled_from("abcdef"), reals() | integers | categories, min_size=1
).map(lambda dimensions: Space(**dimensions))


@given(spaces, st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_every_space_maps_to_the_cube_and_back(space: Space, seed: int) -> None:
    U = np.random.default_rng(seed).random((5, len(space)))
    U[0], U[1] = 0.0, 1.0
    frame = space.from_unit(U)
    assert space.contains(frame).all()
    back = space.to_unit(frame)
    for column, one in enumerate(space.dimensions.values()):
        cell = 1e-6 if isinstance(one, Real) else 0.5 / one.size + 1e-9
        np.testing.assert_allclose(back[:, column], U[:, column], atol=cell)
    again = space.from_unit(np.clip(back, 0, 1))
    for name, one in space.dimensions.items():
        if isinstance(one, Real):
            np.testing.assert_allclose(again[name], frame[name], rtol=1e-9, atol=1e-9 * one.high)
        else:
            assert list(again[name]) == list(frame[name])
    assert space.encode(frame).shape == (5, len(space.encoded_names))
    assert space.encode(frame).min() >= -1e-9
    assert space.encode(frame).max() <= 1 + 1e-9


@given(spaces)
@settings(max_examples=50, deadline=None)
def test_every_space_survives_json(space: Space) -> None:
    assert Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_both_ends_are_hit_exactly(scale: Any) -> None:
    space = Space(x=Real(0.1, 0.7, scale=scale))
    assert space.from_unit(np.array([[0.0], [1.0]]))["x"].tolist() == [0.1, 0.7]


def test_scales_are_filled_evenly() -> None:
    assert MIXED.from_unit(np.full((1, 4), 0.5)).to_dict("records") == [
        {"r": pytest.approx(math.sqrt(100 * 5e4)), "mesh": "fine", "n": 5, "x": 0.5}
    ]


def test_integers_and_levels_own_equal_cells() -> None:
    space = Space(n=Integer(-1, 2), mesh=Categorical(["a", "b", "c", "d"]))
    U = np.repeat((np.arange(400)[:, None] + 0.5) / 400, 2, axis=1)
    for name in space.names:
        assert space.from_unit(U)[name].value_counts().tolist() == [100] * 4


def test_encoding() -> None:
    assert MIXED.encoded_names == ["r", "mesh=coarse", "mesh=fine", "n", "x"]
    np.testing.assert_allclose(MIXED.encode(ROWS), [[0, 0, 1, 1, 1], [1, 1, 0, 0, 0.5]])


def test_check_reorders_by_name_and_numbers_the_rows_anew() -> None:
    checked = MIXED.check(ROWS[["x", "n", "r", "mesh"]])
    assert list(checked.columns) == MIXED.names
    pd.testing.assert_frame_equal(checked, MIXED.check(ROWS))
    assert list(checked.index) == [0, 1]


def test_outside_is_told_not_refused() -> None:
    frame = ROWS.assign(x=[3.1, 0.0], n=[9, 10])
    assert MIXED.contains(frame).tolist() == [False, False]
    assert MIXED.contains(ROWS).tolist() == [True, True]
    assert MIXED.to_unit(frame)[0, 3] == pytest.approx(1.02)


def test_records_are_plain_and_equal_for_equal_values() -> None:
    [row, other] = Space(x=Real(-1, 1), n=Integer(0, 3)).records({"x": [-0.0, 0], "n": [2.0, 2]})
    assert json.dumps(row) == json.dumps(other) == '{"x": 0.0, "n": 2}'


def test_a_space_from_toml() -> None:
    text = """
    rw = { low = 0.05, high = 0.15, unit = "m" }
    r = { kind = "real", low = 100, high = 5e4, scale = "log" }
    n = { kind = "integer", low = 1, high = 9 }
    mesh = { kind = "categorical", levels = ["a", "b"] }
    """
    assert Space.from_dict(tomllib.loads(text)) == Space(
        rw=Real(0.05, 0.15, unit="m"),
        r=Real(100, 5e4, "log"),
        n=Integer(1, 9),
        mesh=Categorical(["a", "b"]),
    )


def test_the_order_of_dimensions_counts() -> None:
    a, b = Real(0, 1), Real(0, 2)
    assert Space(a=a, b=b) != Space(b=b, a=a)


def test_the_box_of_a_table() -> None:
    frame = pd.DataFrame(
        {"x": [0.5, 2.5], "n": [3, 1], "open": [True, False], "kind": ["b", "a"], "c": [1.0, 1.0]}
    )
    with pytest.warns(UserWarning, match="column 'c' has a single value and is left out"):
        space = Space.from_table(frame)
    assert space == Space(
        x=Real(0.5, 2.5), n=Integer(1, 3), open=Integer(0, 1), kind=Categorical(["a", "b"])
    )


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Real(1, 0), r"bounds: found \[1.0, 0.0\]; allowed: low below high"),
        (lambda: Real(1, 1), "allowed: low below high"),
        (lambda: Real(0, math.inf), "high: found inf; allowed: a finite number"),
        (lambda: Real(math.nan, 1), "low: found nan; allowed: a finite number"),
        (lambda: Real("0", 1), "low: found '0'; allowed: a finite number"),
        (lambda: Real(False, 1), "low: found False"),
        (lambda: Real(0, 1, "log"), "low: found 0.0; allowed: a number above 0"),
        (lambda: Real(-1, 1, "log"), "low: found -1.0; allowed: a number above 0"),
        (lambda: Real(-1.7e308, 1.7e308), "allowed: a range below 1.8e308"),
        (lambda: Real(0, 1, "lin"), "scale: found 'lin'; .* did you mean 'linear'"),
        (lambda: Integer(3, 1), r"bounds: found \[3, 1\]"),
        (lambda: Integer(0.5, 2), "low: found 0.5; allowed: a whole number"),
        (lambda: Integer(0, 2**60), "high: found 1152921504606846976"),
        (lambda: Categorical(["a"]), r"levels: found \['a'\]; allowed: two or more"),
        (lambda: Categorical(["a", "a"]), "allowed: two or more, all different"),
        (lambda: Categorical(["a", 1]), "allowed: all text, or all whole numbers"),
        (lambda: Categorical("ab"), "levels: found 'ab'; allowed: a list"),
        (lambda: Space(), "space: found no dimensions"),
        (lambda: Space(x=(0, 1)), r"space, x: found \(0, 1\); allowed: a Real"),
        (lambda: Space.from_dict({"x": {"low": 0}}), r"space, x: found \['low'\]"),
        (lambda: Space.from_dict({"x": {"low": 2, "high": 1}}), "space, x, bounds: found"),
        (lambda: Space.from_dict({"x": {"kind": "float"}}), "space, x, kind: found 'float'"),
        (lambda: Space.from_dict({"x": {"lo": 0}}), "space, x: found 'lo'; .* did you mean 'low'"),
        (lambda: Space.from_dict({"x": 3}), "space, x: found 3; allowed: a table"),
    ],
)
def test_impossible_spaces(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("x", math.nan, "row 1, column 'x': found nan; allowed: a finite number"),
        ("x", -math.inf, "row 1, column 'x': found -inf"),
        ("x", "two", "row 1, column 'x': found 'two'; allowed: a number"),
        ("x", None, "row 1, column 'x': found nan; allowed: a finite number"),
        ("x", 1 + 2j, r"row 0, column 'x': found \(?3"),
        ("x", pd.Timestamp(0), "row 1, column 'x': found Timestamp"),
        ("r", 0.0, "row 1, column 'r': found 0.0; allowed: a number above 0"),
        ("n", 1.5, "row 1, column 'n': found 1.5; allowed: a whole number"),
        ("mesh", "fin", "row 1, column 'mesh': found 'fin'; .* did you mean 'fine'"),
        ("mesh", None, "row 1, column 'mesh': found (None|nan)"),
    ],
)
def test_wrong_values_are_named_by_row_and_column(column: str, value: Any, message: str) -> None:
    frame = ROWS.assign(**{column: [ROWS[column].iloc[0], value]})
    for method in (MIXED.check, MIXED.encode, MIXED.to_unit, MIXED.contains):
        with pytest.raises(InputError, match=message):
            method(frame)


def test_truth_values_are_not_levels() -> None:
    with pytest.raises(InputError, match="row 0, column 'k': found True"):
        Space(k=Categorical([0, 1])).check({"k": [True]})


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (ROWS.drop(columns="n"), "columns: found no 'n'; allowed: all of"),
        (ROWS.assign(N=1), "columns: found 'N'; allowed: 'r', 'mesh', 'n', 'x'"),
        (pd.concat([ROWS, ROWS[["x"]]], axis=1), "allowed: each column once"),
        (np.zeros((2, 4)), "inputs: found 'ndarray'; allowed: a table with columns"),
    ],
)
def test_wrong_columns_are_refused(frame: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        MIXED.check(frame)


def test_a_cube_of_another_dimension_is_refused() -> None:
    with pytest.raises(InputError, match=r"U: found shape \(3, 2\); allowed: shape \(n, 4\)"):
        MIXED.from_unit(np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, math.nan], "row 1, column 'x': found nan"),
        (["a", None], "row 0, column 'x': found 'a'; allowed: a number"),
        (pd.to_datetime(["2025-01-01", "2025-01-02"]), "row 0, column 'x': found"),
    ],
)
def test_tables_that_have_no_box(values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Space.from_table(pd.DataFrame({"x": values, "z": [0.0, 1.0]}))


def test_an_empty_table_is_a_table() -> None:
    assert MIXED.encode(ROWS.iloc[:0]).shape == (0, 5)
    assert MIXED.contains(ROWS.iloc[:0]).tolist() == []


def test_every_dimension_is_known_to_the_reader_of_files() -> None:
    for one in Dimension.__args__:
        values = {"levels": ["a", "b"]} if one is Categorical else {"low": 0, "high": 1}
        space = Space.from_dict({"x": {"kind": one.kind, **values}})
        assert isinstance(space.dimensions["x"], one)
