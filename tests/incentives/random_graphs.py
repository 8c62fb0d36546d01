"""Random acyclic graphs, and what their structural equations say of an effort."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from surefoot.incentives.graph import CausalGraph

Floats = NDArray[np.float64]


def random_graph(seed: int, m: int = 5, sd: float = 0.0) -> CausalGraph:
    """Return a graph of `m` shuffled nodes; its edges into one node are correlated if uncertain."""
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.normal(0, 0.7, (m, m)), 1) * (rng.random((m, m)) < 0.7)
    shuffle = rng.permutation(m)
    weights = weights[np.ix_(shuffle, shuffle)]
    covariances = np.zeros((m, m, m))
    for k in range(m):
        root = rng.normal(0, sd, (m, m)) * (weights[:, k] != 0)[:, None]
        covariances[k] = root @ root.T / m
    nodes = tuple(f"x{i}" for i in range(m))
    return CausalGraph(nodes, weights, covariances, rng.uniform(0.5, 3.0, m))


def graphs(sd: float = 0.0) -> st.SearchStrategy[CausalGraph]:
    """Return a strategy of random graphs of 1 to 7 nodes."""
    return st.builds(random_graph, st.integers(0, 2**32 - 1), st.integers(1, 7), st.just(sd))


def simulate(graph: CausalGraph, noise: Floats, effort: Floats) -> Floats:
    """Return features (N, m) of the structural equations, solved node by node."""
    m = len(graph.nodes)
    x = np.full_like(noise, np.nan)
    done: list[int] = []
    while len(done) < m:
        for j in range(m):
            causes = np.flatnonzero(graph.weights[:, j])
            if j not in done and all(i in done for i in causes):
                x[:, j] = noise[:, j] + graph.units[j] * effort[:, j]
                x[:, j] += x[:, causes] @ graph.weights[causes, j]
                done.append(j)
    return x
