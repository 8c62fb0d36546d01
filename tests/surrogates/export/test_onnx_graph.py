"""The builder: formulas of tensors mean what they mean for arrays, and nothing is made twice."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.surrogates.export.sessions import session_of

from surefoot.ground.errors import InputError, MissingExtraError
from surefoot.surrogates.export import onnx_graph
from surefoot.surrogates.export.onnx_graph import Graph, Tensor

A = np.array([[1.0, -2.0, 3.0], [0.25, 5.0, -6.0]])
C = np.array([2.0, 3.0, 0.5])

FORMULAS: dict[str, tuple[Callable[[Tensor], Tensor], Any]] = {
    "arrays on either side": (lambda t: C - t * C + C * t - t, C - A * C + C * A - A),
    "numbers on either side": (lambda t: 2 - t / 4 + 1 + 3 * t, 2 - A / 4 + 1 + 3 * A),
    "products": (lambda t: t @ C[:, None], A @ C[:, None]),
    "powers": (lambda t: t**2 + t.abs() ** 0.3, A**2 + np.abs(A) ** 0.3),
    "signs": (lambda t: -t, -A),
    "functions": (lambda t: t.exp().sqrt().log(), A / 2),
    "bounds": (lambda t: t.at_least(-1).at_most(2), np.clip(A, -1, 2)),
    "columns": (lambda t: t.columns([2, 0, 2]), A[:, [2, 0, 2]]),
    "sums": (lambda t: t.row_sum(), A.sum(axis=1, keepdims=True)),
    "squares": (lambda t: t.row_sum_of_squares(), (A**2).sum(axis=1, keepdims=True)),
    "extremes": (lambda t: t.row_max() - t.row_min(), np.ptp(A, axis=1, keepdims=True)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name: str) -> None:
    formula, expected = FORMULAS[name]
    graph = Graph()
    result = formula(graph.input("a", "double", ["m", 3]))
    graph.output("b", "double", ["m", "k"], result)
    content = graph.model("test", "1", "", {}).SerializeToString()
    np.testing.assert_allclose(session_of(content).run(None, {"a": A})[0], expected, rtol=1e-14)


def test_equal_nodes_and_constants_are_made_once() -> None:
    graph = Graph()
    t = graph.input("a", "double", ["m", 3])
    assert ((t - C) ** 2).name == ((t - C.copy()) ** 2).name
    assert (t - C).name != (t - 2 * C).name
    assert (t - C).name != (C - t).name
    made = graph.model("test", "1", "", {}).graph
    assert [node.op_type for node in made.node] == ["Sub", "Mul", "Sub", "Sub"]
    assert len(made.initializer) == 2


def test_more_than_a_file_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graph, "_LARGEST", 10_000)
    graph = Graph()
    graph.tensor(np.ones(1000))
    with pytest.raises(InputError, match="model: found .*; allowed: .* 2 GiB"):
        graph.tensor(np.zeros(1000))


def test_inputs_do_not_take_the_names_of_nodes() -> None:
    with pytest.raises(InputError, match="input to export: found '%3'; allowed: .* begin with %"):
        Graph().input("%3", "double", ["m"])


def test_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'surefoot\[onnx\]'"):
        Graph()
