"""Causal graphs: what effort does, however features and efforts are counted."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from tests.incentives.random_graphs import graphs, random_graph, simulate

from surefoot.ground.errors import InputError
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.notices import IncentiveWarning
from surefoot.incentives.topology import some_cycle, topological_order

AB, ABCD = ["a", "b"], ["a", "b", "c", "d"]
CHAIN = {("a", "b"): 2.0, ("b", "c"): -3.0, ("c", "d"): 0.5}


def test_a_path_multiplies() -> None:
    C = CausalGraph.from_dag(ABCD, CHAIN).contribution()
    expected = [[1, 2, -6, -3], [0, 1, -3, -1.5], [0, 0, 1, 0.5], [0, 0, 0, 1]]
    np.testing.assert_array_equal(C, expected)


def test_without_edges_effort_stays_where_it_is_put() -> None:
    graph = CausalGraph.identity(["a", "b"]).in_units({"b": 10})
    np.testing.assert_array_equal(graph.contribution(), np.diag([1.0, 10.0]))
    assert graph.certain
    assert graph.edges == {}
    assert graph.efforts == graph.features == ("a", "b")


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_effort_shifts_what_the_structural_equations_say(graph: CausalGraph) -> None:
    rng = np.random.default_rng(0)
    noise, effort = rng.normal(size=(2, 20, len(graph.nodes)))
    before = simulate(graph, noise, np.zeros_like(noise))
    after = simulate(graph, noise, effort)
    np.testing.assert_allclose(after, before + effort @ graph.contribution(), atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(graphs(sd=0.5))
def test_scaled_features_leave_the_world_as_it_is(graph: CausalGraph) -> None:
    rng = np.random.default_rng(1)
    s = rng.uniform(0.1, 10, len(graph.nodes))
    scaled = graph.rescaled(dict(zip(graph.nodes, s, strict=True)))
    # One unit of effort is the same effort: its effects on scaled features, scaled back.
    np.testing.assert_allclose(scaled.contribution() * s, graph.contribution(), atol=1e-10)
    h = rng.normal(size=len(s))
    moment = scaled.second_moment(np.outer(h * s, h * s))
    np.testing.assert_allclose(moment, graph.second_moment(np.outer(h, h)), atol=1e-9)
    drawn = scaled.draws(4, np.random.default_rng(2)) * s
    spread = graph.draws(4, np.random.default_rng(2))
    if graph.certain:
        np.testing.assert_allclose(drawn, spread, atol=1e-9)
    assert drawn.shape == spread.shape


def test_units_are_multiples_of_effort() -> None:
    graph = random_graph(4)
    double = graph.in_units({"x2": 2 * graph.units[2]})
    ratio = double.contribution() / np.where(graph.contribution() == 0, 1, graph.contribution())
    assert set(ratio[2][ratio[2] != 0].round(12)) == {2}
    assert set(np.delete(ratio, 2, axis=0)[np.delete(ratio, 2, axis=0) != 0].round(12)) == {1}
    data = pd.DataFrame(np.random.default_rng(0).normal(0, 3, (50, 5)), columns=graph.nodes)
    np.testing.assert_allclose(graph.in_sd(data).units, data.std(ddof=0))


def test_edges_come_as_mapping_triples_or_matrix() -> None:
    graph = CausalGraph.from_dag(ABCD, CHAIN)
    triples = CausalGraph.from_dag(ABCD, [(*edge, weight) for edge, weight in CHAIN.items()])
    again = CausalGraph.from_matrix(graph.weights, ABCD)
    assert graph.edges == triples.edges == again.edges == CHAIN


def test_uncertain_edges_by_name_or_all() -> None:
    some = CausalGraph.from_dag(ABCD, CHAIN, sd={("b", "c"): 0.3})
    np.testing.assert_allclose(some.to_frame()["sd"], [0, 0.3, 0])
    assert some.to_frame()[["cause", "effect"]].to_numpy().tolist() == [list(e) for e in CHAIN]
    assert not some.certain
    every = CausalGraph.from_dag(ABCD, CHAIN, sd=0.2)
    np.testing.assert_allclose(every.to_frame()["sd"], 0.2)


def test_draws_have_correlated_edges_of_the_right_spread() -> None:
    graph = random_graph(9, m=6, sd=0.6)
    assert max(np.abs(np.triu(covariance, 1)).max() for covariance in graph.covariances) > 0.1
    drawn = graph._edge_draws(200_000, np.random.default_rng(0))
    for k in range(6):
        np.testing.assert_allclose(np.cov(drawn[:, :, k].T), graph.covariances[k], atol=0.01)
    np.testing.assert_allclose(drawn.mean(axis=0), graph.weights, atol=0.01)


def test_a_prior_overrides_one_edge() -> None:
    graph = random_graph(11, m=4, sd=0.5)
    (cause, effect), _ = next(
        item for item in graph.edges.items()
        if sum(end == item[0][1] for _, end in graph.edges) > 1
    )  # fmt: skip
    i, j = graph.nodes.index(cause), graph.nodes.index(effect)
    changed = graph.with_prior((cause, effect), 7.0, 0.1)
    assert changed.edges == {**graph.edges, (cause, effect): 7.0}
    assert changed.covariances[j, i, i] == pytest.approx(0.01)
    assert np.count_nonzero(changed.covariances[j, i]) == 1
    others = np.arange(4) != i
    np.testing.assert_array_equal(
        changed.covariances[j][np.ix_(others, others)],
        graph.covariances[j][np.ix_(others, others)],
    )


def test_a_prior_adds_an_edge() -> None:
    graph = CausalGraph.identity(AB).with_prior(("a", "b"), 0.0, 0.5)
    assert graph.edges == {("a", "b"): 0.0}
    v = graph.draws(1000, np.random.default_rng(0))[:, 0, 1]
    assert v.std() == pytest.approx(0.5, rel=0.1)


def test_the_blind_see_units_only() -> None:
    graph = random_graph(2, sd=0.3)
    blind = graph.without_edges()
    np.testing.assert_array_equal(blind.contribution(), np.diag(graph.units))
    assert blind.certain


@settings(max_examples=30, deadline=None)
@given(graphs(sd=0.4))
def test_a_graph_survives_json(graph: CausalGraph) -> None:
    back = CausalGraph.from_dict(json.loads(json.dumps(graph.to_dict())))
    assert back.nodes == graph.nodes
    for part in ("weights", "covariances", "units"):
        np.testing.assert_allclose(getattr(back, part), getattr(graph, part), rtol=1e-12)


def test_feedback_that_dies_out_is_a_geometric_series() -> None:
    W = np.array([[0, 0.5], [0.4, 0]])
    graph = CausalGraph.from_matrix(W, ["a", "b"], allow_cycles=True)
    series = sum(np.linalg.matrix_power(W, k) for k in range(80))
    np.testing.assert_allclose(graph.contribution(), series, atol=1e-12)
    np.testing.assert_allclose(graph.second_moment(np.eye(2)), series @ series.T, atol=1e-12)
    np.testing.assert_allclose(
        graph.draws(2, np.random.default_rng(0)), [graph.contribution()] * 2, atol=1e-12
    )
    back = CausalGraph.from_dict(json.loads(json.dumps(graph.to_dict())))
    np.testing.assert_allclose(back.contribution(), series, atol=1e-12)


CYCLE = [("a", "b", 0.5), ("b", "c", 1.0), ("c", "a", 2.0)]
DICT = CausalGraph.from_dag(AB, [("a", "b", 1.0)], 0.5).to_dict()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: CausalGraph.from_dag(ABCD, CYCLE), "the cycle a -> b -> c -> a"),
        (lambda: CausalGraph.from_dag(AB, [("a", "a", 1.0)]), "the cycle a -> a"),
        (
            lambda: CausalGraph.from_matrix([[0, 2], [0.5, 0]], AB, allow_cycles=True),
            "spectral radius 1; allowed: below 1",
        ),
        (
            lambda: CausalGraph.from_matrix([[0, 0.5], [0.4, 0]], AB, True)
            .with_prior(("a", "b"), 0.5, 0.1),
            "uncertain edges; allowed: certain edges: there is the cycle",
        ),
        (lambda: CausalGraph.from_matrix(np.zeros((2, 3)), AB), r"weights: found \(2, 3\)"),
        (lambda: CausalGraph.from_matrix([[0, np.nan], [0, 0]], AB), r"\['a', 'b'\]: found nan"),
        (lambda: CausalGraph.identity(["a", "b", "a"]), r"nodes: found \['a'\]; .* each once"),
        (lambda: CausalGraph.identity([]), "nodes: found 'nothing'"),
        (lambda: CausalGraph.from_dag(["tar", "age"], {("tarr", "age"): 1}), "did you mean 'tar"),
        (lambda: CausalGraph.from_dag(AB, {"ab": 1.0}), r"edges: found 'ab'; allowed: a pair"),
        (lambda: CausalGraph.from_dag(AB, [("a", "b")]), r"edges: found \('a',\)"),
        (lambda: CausalGraph.from_dag(AB, [("a", "b", "1")]), "found '1'; allowed: a number"),
        (lambda: CausalGraph.from_dag(AB, [("a", "b", 1), ("a", "b", 2)]), "twice"),
        (lambda: CausalGraph.from_dag(AB, CHAIN, {}), "edges: found 'c'"),
        (lambda: CausalGraph.from_dag(ABCD, CHAIN, {("a", "c"): 1.0}), "one of the edges"),
        (lambda: CausalGraph.from_dag(ABCD, CHAIN, -0.1), "found -0.1; allowed: a standard dev"),
        (lambda: CausalGraph.identity(AB).in_units({"c": 1.0}), "units: found 'c'"),
        (lambda: CausalGraph.identity(AB).in_units({"a": 0.0}), r"units\['a'\]: found 0.0"),
        (lambda: CausalGraph.identity(AB).rescaled({"c": 1.0}), "scale: found 'c'"),
        (lambda: CausalGraph.identity(AB).rescaled({"a": -1.0}), r"scale\['a'\]: found -1.0"),
        (lambda: CausalGraph.identity(AB).with_prior(("a", "z"), 1.0), "edge: found 'z'"),
        (lambda: CausalGraph.identity(AB).with_prior(("a", "b"), np.nan), "found nan; allowed"),
        (lambda: CausalGraph.identity(AB).with_prior(("a", "b"), 1.0, -1), "sd: found -1"),
        (lambda: CausalGraph.identity(AB).bootstrap(10), "a fitted one; or use draws"),
        (lambda: CausalGraph.from_dict({"nodes": ["a"]}), "allowed: also 'edges'"),
        (lambda: CausalGraph.from_dict({**DICT, "units": [1]}), r"units: found \(1,\)"),
        (
            lambda: CausalGraph.from_dict(
                {**DICT, "uncertain": {"b": {"causes": ["a"], "covariance": [1, 2]}}}
            ),
            r"uncertain\['b'\]: found \(2,\)",
        ),
        (
            lambda: CausalGraph.from_dict(
                {**DICT, "uncertain": {"b": {"causes": ["a"], "covariance": [[-1]]}}}
            ),
            r"covariances\['b'\]: found eigenvalue -1",
        ),
    ],
)  # fmt: skip
def test_what_is_no_graph_is_told(make: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()


def test_a_covariance_a_hair_from_semidefinite_is_mended_aloud() -> None:
    nearly = {"causes": ["a", "b"], "covariance": [[1.0, 1 + 1e-11], [1 + 1e-11, 1.0]]}
    given = {
        "nodes": ["a", "b", "c"],
        "edges": [["a", "c", 1.0], ["b", "c", 1.0]],
        "uncertain": {"c": nearly},
    }
    with pytest.warns(IncentiveWarning, match="the eigenvalue -1e-11 was set to 0"):
        graph = CausalGraph.from_dict(given)
    assert np.linalg.eigvalsh(graph.covariances[2])[0] >= -1e-15


def test_cycles_are_found_among_other_nodes() -> None:
    adjacency = np.zeros((6, 6), dtype=bool)
    for i, j in [(0, 1), (1, 2), (2, 3), (3, 1), (3, 4), (5, 4)]:
        adjacency[i, j] = True
    assert topological_order(adjacency) is None
    cycle = some_cycle(adjacency)
    assert cycle[0] == cycle[-1]
    assert set(cycle) == {1, 2, 3}
    assert all(adjacency[i, j] for i, j in itertools.pairwise(cycle))
