from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot import InputError
from surefoot.groups import preparation
from surefoot.groups.preparation import Part, cross_groups


def _part(y: np.ndarray, groups: np.ndarray | None = None) -> Part:
    return Part(np.arange(len(y))[:, None], y, groups, np.arange(len(y)), None)


def test_groups_are_label_by_attribute() -> None:
    assert cross_groups([0, 1], ["m", "f"]).tolist() == ["y=0, m", "y=1, f"]
    frame = pd.DataFrame({"sex": ["m", "f"], "race": ["a", "b"]})
    named = pd.Series([0, 1], name="income")
    assert cross_groups(named, frame)[1] == "income=1, sex=f, race=b"
    assert cross_groups(None, frame)[0] == "sex=m, race=a"


def test_crossing_twice_changes_no_cell() -> None:
    y, a = np.array([0, 1, 1, 0]), np.array(["m", "f", "m", "m"])
    once = cross_groups(y, a)
    twice = cross_groups(y, once)
    assert (
        np.unique(once, return_inverse=True)[1] == np.unique(twice, return_inverse=True)[1]
    ).all()


@pytest.mark.parametrize(
    ("attributes", "words"),
    [([None, "a"], "missing value in row 0"), ([float("nan"), 1.0], "missing value"),
     (["a"], "1 rows"), (np.zeros((2, 2, 2)), "shape")],
)  # fmt: skip
def test_bad_groups(attributes: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        cross_groups([0, 1], attributes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=80), st.floats(0.05, 0.95))
def test_split_keeps_every_cell_on_both_sides(labels: list[int], fraction: float) -> None:
    y = np.array(labels)
    training, held_out = preparation.split(_part(y), fraction, 0)
    assert sorted([*training.ids, *held_out.ids]) == list(range(len(y)))
    for label in np.unique(y):
        count = (y == label).sum()
        assert (training.y == label).any()
        assert (held_out.y == label).any() == (count > 1)


def test_split_depends_on_rows_of_a_cell_only() -> None:
    y = np.array([0] * 50 + [1] * 50)
    first = preparation.split(_part(y), 0.3, 0)[1].ids
    more = preparation.split(_part(np.append(y, [2] * 10)), 0.3, 0)[1].ids
    assert set(first) <= set(more)


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 2])
def test_bad_fraction(fraction: float) -> None:
    with pytest.raises(InputError, match="validation_fraction"):
        preparation.split(_part(np.array([0, 1])), fraction, 0)


def test_encode_names_unseen_values() -> None:
    with pytest.raises(InputError, match="z .not seen in training"):
        preparation.encode(np.array(["a", "z"]), np.array(["a", "b"]), "y_val")


@pytest.mark.parametrize("ids", [[0.5, 1.0], [True, False], [[1], [2]], [1], [-2, 0]], ids=str)
def test_bad_ids(ids: list) -> None:
    with pytest.raises(InputError, match="ids"):
        preparation.check_ids(ids, 2)


def test_missing_cells_are_named() -> None:
    groups = np.array([0, 0, 1])
    part = _part(np.array([0, 0, 1]), groups)
    with pytest.raises(InputError, match="no row of group 'c'"):
        preparation.require_cells(part, 2, np.array(["a", "b", "c"]), "training rows")
    with pytest.raises(InputError, match="no row of class number 2"):
        preparation.require_cells(part, 3, None, "validation rows")


def test_labels_may_not_be_missing() -> None:
    with pytest.raises(InputError, match="missing label in row 1"):
        preparation.check_target([0.0, float("nan")], 2)
