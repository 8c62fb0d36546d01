from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from surefoot.ground.content import Arrays, Table
from surefoot.ground.errors import InputError


def table(**columns):
    return Table("t", pd.DataFrame(columns), "a", "here").fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"a": [1, 2], "b": ["x", "z"]},
        {"a": [1, 3], "b": ["x", "y"]},
        {"a": [1.0, 2.0], "b": ["x", "y"]},
        {"a": [1, 2], "c": ["x", "y"]},
        {"b": ["x", "y"], "a": [1, 2]},
        {"a": [1, 2], "b": ["x", None]},
        {"a": [1, 2], "b": ["y", "x"]},
        {"a": [1], "b": ["x"]},
    ],
)
def test_any_change_of_a_table_changes_its_fingerprint(other):
    assert table(a=[1, 2], b=["x", "y"]) != table(**other)


def test_the_storage_of_a_table_does_not_change_its_fingerprint():
    plain = table(a=[0.0, np.nan], b=["x", None], c=[1, 2])
    assert plain == table(a=[-0.0, -np.nan], b=["x", np.nan], c=np.array([1, 2], "i1"))
    assert plain == table(
        a=np.array([0.0, np.nan], ">f8").astype("f4"),
        b=pd.Series(["x", None], dtype="category"),
        c=pd.array([1, 2], dtype="Int64"),
    )
    times = pd.to_datetime(["2001-01-01", "2001-01-02"])
    assert table(a=times.as_unit("ns")) == table(a=times.as_unit("us"))
    assert table(a=times) != table(a=times + pd.Timedelta("1us"))
    assert table(a=[True, False]) != table(a=[1, 0])


def test_the_fingerprint_is_of_the_content_as_loaded():
    frame = pd.DataFrame({"a": [1, 2]})
    held = Table("t", frame, "a", "here")
    before = held.fingerprint
    frame.loc[0, "a"] = 9
    assert held.fingerprint == before


def test_arrays_are_named_by_values_type_and_shape():
    def of(**arrays):
        return Arrays("t", arrays, "here").fingerprint

    x = np.arange(6, dtype="<i4").reshape(2, 3)
    assert of(x=x, y=x) == of(y=x, x=x) == of(x=x.astype(">i4"), y=np.asfortranarray(x))
    assert len({of(x=x), of(y=x), of(x=x.T), of(x=x.ravel()), of(x=x.astype("i8")), of()}) == 6
    assert of(x=np.float64(1)) != of(x=np.array([1.0]))
    assert of(x=np.array(["a", "bc"])) != of(x=np.array(["ab", "c"]))
    with pytest.raises(InputError, match="array 'x': found Python objects"):
        of(x=np.array([None]))


def test_a_table_of_other_things_is_refused():
    with pytest.raises(InputError, match=r"column 'a': .*times or text"):
        table(a=[(1, 2), (3, 4)])
