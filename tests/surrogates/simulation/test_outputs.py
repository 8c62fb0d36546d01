from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.outputs import read


@pytest.mark.parametrize(
    ("returned", "names", "expected"),
    [
        ({"b": 2, "a": 1.5, "iterations": 9}, ["a", "b"], {"a": 1.5, "b": 2.0}),
        ([1, 2.5], ["a", "b"], {"a": 1.0, "b": 2.5}),
        ((1, [2, 3]), ["a", "b"], {"a": 1.0, "b": [2.0, 3.0]}),
        (3, ["a"], {"a": 3.0}),
        (np.float32(0.5), ["a"], {"a": 0.5}),
        (np.array(0.5), ["a"], {"a": 0.5}),
        (True, ["a"], {"a": 1.0}),
        ([1, 2, 3], ["a"], {"a": [1.0, 2.0, 3.0]}),
        (np.arange(2), ["a"], {"a": [0.0, 1.0]}),
    ],
)
def test_what_is_read(returned: Any, names: list[str], expected: dict[str, Any]) -> None:
    found = read(returned, names)
    assert list(found) == names
    for name, value in expected.items():
        assert isinstance(found[name], np.ndarray if isinstance(value, list) else float)
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize(
    ("returned", "names", "message"),
    [
        ({"a": 1}, ["a", "b"], r"output b: found only \['a'\]; allowed: every output"),
        ([1, 2, 3], ["a", "b"], "outputs: found 3 values; allowed: one each of"),
        (1.0, ["a", "b"], "outputs: found 1.0; allowed: a mapping or sequence"),
        ("ab", ["a", "b"], "outputs: found 'ab'"),
        (math.nan, ["a"], "output a: found nan; allowed: finite numbers"),
        (-math.inf, ["a"], "output a: found -inf"),
        ([0, 1, math.nan], ["a"], "output a: found nan at position 2"),
        ([], ["a"], "output a: found an empty field"),
        (np.ones((2, 2)), ["a"], r"output a: found an array of shape \(2, 2\)"),
        ([[1], [1, 2]], ["a"], "output a: found .*; allowed: a number, or a list of numbers"),
        (None, ["a"], "output a: found None; allowed: a number"),
        ({"a": "12"}, ["a"], "output a: found '12'; allowed: a number"),
        (1 + 0j, ["a"], r"output a: found \(1\+0j\)"),
    ],
)
def test_what_is_refused(returned: Any, names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(returned, names)
