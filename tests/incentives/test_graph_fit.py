"""Edges learnt from data: least squares, its covariance, and a bootstrap of the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.incentives.graph import CausalGraph

EDGES = [("smoking", "weight"), ("smoking", "pressure"), ("weight", "pressure")]
NODES = ["smoking", "weight", "pressure"]


def people(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Return people in whom age confounds all."""
    rng = np.random.default_rng(seed)
    age = rng.normal(50, 8, n)
    smoking = 0.2 * age + rng.normal(0, 5, n)
    weight = 70 - 0.4 * smoking + 0.3 * age + rng.normal(0, 9, n)
    pressure = 80 + 0.5 * smoking + 0.8 * weight + 0.5 * age + rng.normal(0, 12, n)
    columns = {"pressure": pressure, "age": age, "smoking": smoking, "weight": weight}
    return pd.DataFrame(columns, index=[f"person {i}" for i in range(n)])


def ols(design: NDArray, target: NDArray) -> tuple[NDArray, NDArray]:
    """Return coefficients and covariance from the normal equations, an intercept put last."""
    design = np.column_stack([design, np.ones(len(design))])
    gram = np.linalg.inv(design.T @ design)
    beta = gram @ design.T @ target
    residual = target - design @ beta
    return beta, gram * (residual @ residual) / (len(design) - design.shape[1])


def test_weights_and_covariances_are_those_of_least_squares() -> None:
    data = people()
    graph = CausalGraph.fit(data, EDGES, exogenous=["age"])
    assert graph.nodes == tuple(NODES)
    beta, cov = ols(data[["smoking", "weight", "age"]].to_numpy(), data["pressure"].to_numpy())
    np.testing.assert_allclose(graph.weights[:2, 2], beta[:2], rtol=1e-9)
    np.testing.assert_allclose(graph.covariances[2][:2, :2], cov[:2, :2], rtol=1e-8)
    beta, cov = ols(data[["smoking", "age"]].to_numpy(), data["weight"].to_numpy())
    assert graph.edges["smoking", "weight"] == pytest.approx(beta[0])
    assert graph.covariances[1, 0, 0] == pytest.approx(cov[0, 0])
    assert not graph.certain


def test_adjusting_for_what_confounds_finds_the_truth() -> None:
    data = people(100_000)
    adjusted = CausalGraph.fit(data, EDGES, exogenous=["age"]).edges
    assert adjusted["smoking", "weight"] == pytest.approx(-0.4, abs=0.03)
    assert CausalGraph.fit(data, EDGES).edges["smoking", "weight"] > -0.3


def test_nodes_without_edges_can_be_named() -> None:
    graph = CausalGraph.fit(people(), [("smoking", "weight")], nodes=["age", "weight", "smoking"])
    assert graph.nodes == ("age", "weight", "smoking")
    assert list(graph.edges) == [("smoking", "weight")]


def test_a_bootstrap_draw_is_least_squares_on_resampled_rows() -> None:
    data = people(60)
    graph = CausalGraph.fit(data, EDGES, exogenous=["age"])
    rows = np.random.default_rng(5).integers(60, size=60)
    again = CausalGraph.fit(data.iloc[rows], EDGES, exogenous=["age"])
    drawn = graph.regressions.bootstrap(1, np.random.default_rng(5))[0]
    np.testing.assert_allclose(drawn, again.weights, rtol=1e-8, atol=1e-12)


def test_bootstrap_spread_is_near_that_of_least_squares() -> None:
    graph = CausalGraph.fit(people(1000), EDGES, exogenous=["age"]).in_units({"smoking": 10})
    drawn = graph.bootstrap(600, seed=3)
    assert drawn.efforts == drawn.features == graph.nodes
    assert drawn.values.shape == (600, 3, 3)
    normal = graph.draws(20_000, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.contribution(), graph.contribution(), atol=0.2)
    edges = np.triu_indices(3, 1)
    ratio = drawn.values.std(axis=0)[edges] / normal.std(axis=0)[edges]
    np.testing.assert_allclose(ratio, 1, atol=0.15)
    np.testing.assert_array_equal(graph.bootstrap(600, seed=3).values, drawn.values)
    assert not np.array_equal(graph.bootstrap(600, seed=4).values, drawn.values)


def test_scaled_features_bootstrap_alike() -> None:
    graph = CausalGraph.fit(people(), EDGES, exogenous=["age"])
    s = {"smoking": 5.0, "weight": 0.1, "pressure": 20.0}
    scaled = graph.rescaled(s).bootstrap(5).values * [s[node] for node in NODES]
    np.testing.assert_allclose(scaled, graph.bootstrap(5).values, rtol=1e-9)
    refitted = CausalGraph.fit(people() / pd.Series({**s, "age": 1.0}), EDGES, exogenous=["age"])
    np.testing.assert_allclose(refitted.weights, graph.rescaled(s).weights, rtol=1e-9)
    np.testing.assert_allclose(refitted.covariances, graph.rescaled(s).covariances, rtol=1e-7)


def test_priors_hold_in_a_bootstrap() -> None:
    graph = CausalGraph.fit(people(), EDGES, exogenous=["age"])
    fixed = graph.with_prior(("weight", "pressure"), 2.0).bootstrap(50)
    np.testing.assert_array_equal(fixed.values[:, 1, 2], 2.0)
    assert fixed.values[:, 0, 1].std() > 0
    np.testing.assert_array_equal(fixed.values[:, 0, 1], graph.bootstrap(50).values[:, 0, 1])
    vague = graph.with_prior(("weight", "pressure"), 2.0, 0.5).bootstrap(2000).values[:, 1, 2]
    assert vague.mean() == pytest.approx(2, abs=0.05)
    assert vague.std() == pytest.approx(0.5, rel=0.1)


def test_a_cause_too_rare_for_a_resample_does_no_harm() -> None:
    data = people(100).assign(rare=[1.0, *[0.0] * 99])
    graph = CausalGraph.fit(data, [*EDGES, ("rare", "pressure")], ["age"])
    drawn = graph.bootstrap(200)
    at = graph.nodes.index("rare"), graph.nodes.index("pressure")
    assert np.abs(drawn.values).max() < 10 * np.abs(graph.contribution()[at])
    others = np.delete(drawn.values, at[0], axis=1)
    expected = np.delete(graph.contribution(), at[0], axis=0)
    np.testing.assert_allclose(others, np.broadcast_to(expected, others.shape), atol=1.5)


def test_a_graph_from_json_has_no_rows_to_resample() -> None:
    graph = CausalGraph.fit(people(), EDGES)
    back = CausalGraph.from_dict(graph.to_dict())
    np.testing.assert_allclose(back.covariances, graph.covariances, rtol=1e-12)
    with pytest.raises(InputError, match="not learnt from data here"):
        back.bootstrap(10)
    with pytest.raises(InputError, match="at least 1 resample"):
        graph.bootstrap(0)


@pytest.mark.parametrize(
    ("change", "edges", "exogenous", "match"),
    [
        ({}, [*EDGES, ("pressure", "smoking")], (), "the cycle"),
        ({}, [("smoking", "height")], (), "data.columns: .* allowed: also height"),
        ({}, ["smoking"], (), r"edges: found 'smoking'; allowed: a pair"),
        ({}, EDGES, ["weight"], r"exogenous: found \['weight'\]"),
        ({"weight": 70.0}, EDGES, (), r"data: found \['weight'\]; allowed: columns that vary"),
        ({"weight": np.nan}, EDGES, (), r"data\['weight'\], row person 0: found .*nan"),
        ({"weight": "heavy"}, EDGES, (), r"data\['weight'\]: .* a column of numbers"),
        (
            {"twin": lambda data: data["age"] * 2},
            EDGES,
            ["age", "twin"],
            "smoking, age, twin are linearly dependent; allowed: causes of 'weight'",
        ),
    ],
)
def test_what_cannot_be_learnt_is_told(
    change: dict, edges: list, exogenous: list, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        CausalGraph.fit(people(30).assign(**change), edges, exogenous)


def test_too_few_rows_are_told() -> None:
    with pytest.raises(InputError, match=r"found 4 rows; allowed: more than 4 rows to explain"):
        CausalGraph.fit(people(4), EDGES, ["age"], nodes=NODES[::-1])
    with pytest.raises(InputError, match="found no rows"):
        CausalGraph.fit(people(0), EDGES)
    with pytest.raises(InputError, match="found 'height'"):
        CausalGraph.fit(people(), [("smoking", "height")], nodes=NODES)
