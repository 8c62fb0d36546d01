"""Moments of contribution matrices are exact under uncertain edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from tests.incentives.random_graphs import graphs, random_graph

from surefoot.incentives.edge_moments import contributions, second_moment
from surefoot.incentives.graph import CausalGraph


@settings(max_examples=50, deadline=None)
@given(graphs())
def test_contributions_invert_what_is_left_of_the_identity(graph: CausalGraph) -> None:
    eye = np.eye(len(graph.nodes))
    C = contributions(graph.weights, graph._order)
    np.testing.assert_allclose(C @ (eye - graph.weights), eye, atol=1e-12)


def test_many_contributions_are_each_their_own() -> None:
    graph = random_graph(3, sd=0.4)
    weights = graph._edge_draws(7, np.random.default_rng(0))
    many = contributions(weights, graph._order)
    for one, W in zip(many, weights, strict=True):
        np.testing.assert_allclose(one, np.linalg.inv(np.eye(5) - W), atol=1e-12)


def test_a_chain_by_hand() -> None:
    """Of a -> b -> c with edges p, q: v_a = h_a + p (h_b + q h_c)."""
    p, q, s, t = 0.5, -2.0, 0.3, 0.4
    graph = CausalGraph.from_dag(
        list("abc"), [("a", "b", p), ("b", "c", q)], {("a", "b"): s, ("b", "c"): t}
    )
    h = np.array([1.0, 2.0, 3.0])
    moment = graph.second_moment(np.outer(h, h))
    v_b, spread_b = 2 + q * 3, (3 * t) ** 2
    mean_square_b = v_b**2 + spread_b
    assert moment[2, 2] == 9
    assert moment[1, 1] == pytest.approx(mean_square_b)
    assert moment[0, 0] == pytest.approx(1 + 2 * p * v_b + (p**2 + s**2) * mean_square_b)
    assert moment[0, 1] == pytest.approx(v_b + p * mean_square_b)
    assert moment[1, 2] == pytest.approx(3 * v_b)


@settings(max_examples=50, deadline=None)
@given(graphs())
def test_without_uncertainty_the_moment_is_a_product(graph: CausalGraph) -> None:
    rng = np.random.default_rng(len(graph.nodes))
    root = rng.normal(size=graph.weights.shape)
    M, C = root @ root.T, graph.contribution()
    np.testing.assert_allclose(graph.second_moment(M), C @ M @ C.T, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_moments_agree_with_monte_carlo(seed: int) -> None:
    graph = random_graph(seed, m=6, sd=0.5)
    rng = np.random.default_rng(seed)
    h = rng.normal(size=(400_000, 6)) * 0.5 + np.arange(6) / 3
    M = h.T @ h / len(h)
    v = np.einsum("bij,bj->bi", graph.draws(len(h), rng), h)
    for power, exact in ((v, graph.contribution() @ h.mean(0)), (v[:, :, None] * v[:, None], None)):
        exact = graph.second_moment(M) if exact is None else exact
        error = power.std(axis=0) / np.sqrt(len(v)) + 1e-12
        assert np.abs((power.mean(axis=0) - exact) / error).max() < 4.5


def test_the_order_of_independent_targets_does_not_matter() -> None:
    weights, covariances = np.zeros((3, 3)), np.zeros((3, 3, 3))
    weights[0, 1:], covariances[1, 0, 0], covariances[2, 0, 0] = (2, 3), 0.5, 0.25
    M = np.arange(9.0).reshape(3, 3)
    M = M + M.T
    one = second_moment(M, weights, covariances, (0, 1, 2))
    np.testing.assert_allclose(one, second_moment(M, weights, covariances, (0, 2, 1)), atol=1e-12)
