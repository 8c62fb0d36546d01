"""Parameters by name or index, and combinations of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from surefoot.confidence.coordinates import as_names, contrasts, described, positions
from surefoot.ground.errors import InputError

NAMES = ("age", "wage", "const")
MANY = tuple(f"x{j}" for j in range(500))


@pytest.mark.parametrize(("which", "expected"), [
    (None, [0, 1, 2]), ("wage", [1]), (2, [2]), (np.int64(0), [0]), (["const", "age"], [2, 0]),
    (["const", 1], [2, 1]), (np.array([2, 0]), [2, 0]), (pd.Index(["wage"]), [1]),
])  # fmt: skip
def test_positions(which, expected):
    assert positions(which, NAMES).tolist() == expected


@pytest.mark.parametrize(("which", "match"), [
    ("wages", "which: found 'wages'; .*did you mean 'wage'"),
    (["age", "age"], "each parameter once"),
    (["age", 0], "each parameter once"),
    ([], "which: found 'nothing'"),
    (3, "indexes from 0 to 2"),
    (-1, "indexes from 0 to 2"),
    (True, "names or indexes"),
    (1.0, "names or indexes"),
    (np.array([True, False, True]), "names or indexes"),
])  # fmt: skip
def test_positions_that_are_none(which, match):
    with pytest.raises(InputError, match=match):
        positions(which, NAMES)


def test_of_many_names_only_near_ones_are_suggested():
    with pytest.raises(InputError, match="did you mean 'x1") as found:
        positions("x1x", MANY)
    assert len(str(found.value)) < 120
    with pytest.raises(InputError, match="'x0', 'x1'"):
        positions("nothing like it", MANY)


@pytest.mark.parametrize(("wanted", "expected"), [
    ("wage", [[0, 1, 0]]),
    (["const", "age"], [[0, 0, 1], [1, 0, 0]]),
    ({"age": 1, "wage": -2}, [[1, -2, 0]]),
    ([1, 0, 3], [[1, 0, 3]]),
    (np.eye(3), np.eye(3)),
])  # fmt: skip
def test_contrasts(wanted, expected):
    np.testing.assert_array_equal(contrasts("R", wanted, NAMES), expected)


@pytest.mark.parametrize(("wanted", "match"), [
    ("wages", "R: found 'wages'; .*did you mean 'wage'"),
    ({"wages": 1}, "R: found 'wages'"),
    ({"wage": "1"}, r"R\['wage'\]: found '1'; allowed: a number"),
    ({"wage": np.nan}, "R: found nan; allowed: finite"),
    ({}, "R: found a row of zeros"),
    ([], "R: found 'nothing'"),
    ([1, 0], r"R: found shape \(1, 2\); allowed: rows of 3 weights"),
    (np.zeros((2, 3, 3)), r"R: found shape \(2, 3, 3\)"),
    ([[1, 0, 0], [0, 0, 0]], "a row of zeros"),
    ([1, 0, np.inf], "finite numbers"),
    (["age", 1], "numbers"),
])  # fmt: skip
def test_contrasts_that_are_none(wanted, match):
    with pytest.raises(InputError, match=match):
        contrasts("R", wanted, NAMES)


@pytest.mark.parametrize(("row", "text"), [
    ([1, 0, 0], "age"), ([-1, 0, 0], "−age"), ([1, -1, 0], "age − wage"),
    ([0, 2, 0.5], "2·wage + 0.5·const"), ([-2, 0, -1], "−2·age − const"),
])  # fmt: skip
def test_combinations_in_words(row, text):
    assert described(np.array(row, float), NAMES) == text


def test_long_combinations_are_counted():
    assert described(np.ones(500), MANY) == "a combination of 500 parameters"


def test_names_are_one_each():
    assert as_names(pd.Index(["a", "b"]), 2) == ("a", "b")
    for names, match in (
        (["a"], "1 names; allowed: 2, one a parameter"),
        (["a", 1], "names: found 1; allowed: strings"),
        (["a", "a"], "'a' more than once"),
    ):
        with pytest.raises(InputError, match=match):
            as_names(names, 2)
