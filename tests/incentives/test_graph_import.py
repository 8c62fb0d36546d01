"""Graphs of other libraries: networkx itself, stand-ins for the others' public attributes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from surefoot.ground.errors import InputError
from surefoot.incentives.graph import CausalGraph

EDGES = {("b", "a"): 2.0, ("b", "c"): 0.5, ("a", "c"): -1.0}


def test_networkx() -> None:
    drawn = nx.DiGraph()
    drawn.add_nodes_from(["c", "b", "alone"])
    for (cause, effect), weight in EDGES.items():
        drawn.add_edge(cause, effect, weight=weight)
    drawn.edges["b", "c"]["sd"] = 0.1
    graph = CausalGraph.from_networkx(drawn)
    assert graph.nodes == ("c", "b", "alone", "a")
    assert graph.edges == EDGES
    sd = graph.to_frame().set_index(["cause", "effect"])["sd"]
    assert sd["b", "c"] == pytest.approx(0.1)
    assert sd["b", "a"] == 0


@pytest.mark.parametrize(
    ("drawn", "match"),
    [
        (nx.Graph(), r"found 'Graph'; allowed: a networkx\.DiGraph"),
        (nx.MultiDiGraph(), "found 'MultiDiGraph'"),
        (nx.DiGraph([("a", "b")]), r"edges\['a', 'b'\]: found {}; allowed: also 'weight'"),
    ],
)
def test_what_networkx_can_hold_and_we_cannot(drawn: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        CausalGraph.from_networkx(drawn)


def test_semopy() -> None:
    rows = [
        ("a", "~", "b", 2.0, 0.1),
        ("a", "~", "1", 9.0, 0.1),
        ("c", "~", "b", 0.5, "-"),
        ("c", "~", "a", -1.0, 0.3),
        ("c", "~~", "c", 4.0, 0.2),
    ]
    table = pd.DataFrame(rows, columns=["lval", "op", "rval", "Estimate", "Std. Err"])
    graph = CausalGraph.from_semopy(SimpleNamespace(inspect=lambda: table))
    assert graph.edges == EDGES
    sd = graph.to_frame().set_index(["cause", "effect"])["sd"]
    assert [sd["b", "a"], sd["b", "c"], sd["a", "c"]] == pytest.approx([0.1, 0, 0.3])


class InvertibleIdentityFunction:
    """As DoWhy's: the additive-noise model's outer function."""


class Exponential:
    """Any other outer function."""


def dowhy_model(outer: Any, fixed: bool = False) -> SimpleNamespace:
    """Return what `dowhy.gcm` holds: coefficients in the order of the sorted causes."""
    noise = np.random.default_rng(0).normal(size=(50, 2))
    regressions = {
        node: LinearRegression().fit(noise[:, : len(w)], noise[:, : len(w)] @ w)
        for node, w in {"a": [2.0], "c": [-1.0, 0.5]}.items()
    }
    models = {
        node: SimpleNamespace(coefficients=regression.coef_)
        if fixed
        else SimpleNamespace(sklearn_model=regression)
        for node, regression in regressions.items()
    }
    mechanisms = {
        node: SimpleNamespace(prediction_model=model, invertible_function=outer)
        for node, model in models.items()
    }
    graph = nx.DiGraph(list(EDGES))  # the causes of c come as b, a
    return SimpleNamespace(graph=graph, causal_mechanism=mechanisms.__getitem__)


@pytest.mark.parametrize("fixed", [False, True])
def test_dowhy(fixed: bool) -> None:
    graph = CausalGraph.from_dowhy(dowhy_model(InvertibleIdentityFunction(), fixed))
    assert graph.edges == pytest.approx(EDGES)
    assert graph.certain


def test_a_mechanism_that_is_not_linear_is_told() -> None:
    with pytest.raises(InputError, match=r"causal_mechanism\('a'\): .* an additive-noise model"):
        CausalGraph.from_dowhy(dowhy_model(Exponential()))
    forest = dowhy_model(InvertibleIdentityFunction())
    forest.causal_mechanism("c").prediction_model.sklearn_model = object()
    with pytest.raises(InputError, match=r"causal_mechanism\('c'\)"):
        CausalGraph.from_dowhy(forest)
    encoded = dowhy_model(InvertibleIdentityFunction())
    encoded.causal_mechanism("c").prediction_model.sklearn_model.coef_ = np.ones(5)
    with pytest.raises(InputError, match="one coefficient a cause"):
        CausalGraph.from_dowhy(encoded)


def test_lingam_writes_effects_in_rows() -> None:
    nodes = ["a", "b", "c"]
    B = np.zeros((3, 3))
    for (cause, effect), weight in EDGES.items():
        B[nodes.index(effect), nodes.index(cause)] = weight
    assert CausalGraph.from_lingam(SimpleNamespace(adjacency_matrix_=B), nodes).edges == {
        edge: EDGES[edge] for edge in sorted(EDGES)
    }
    # x = Bx + e: a unit more of e_i moves x by column i of (I − B)⁻¹.
    shifts = np.linalg.inv(np.eye(3) - B).T
    np.testing.assert_allclose(CausalGraph.from_lingam(B, nodes).contribution(), shifts, atol=1e-12)
    B[0, 2] = np.nan
    with pytest.raises(InputError, match="hidden common cause"):
        CausalGraph.from_lingam(B, nodes)
