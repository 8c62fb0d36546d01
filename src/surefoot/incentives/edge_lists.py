"""Edges as people write them, and as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of

Floats = NDArray[np.float64]
Edge: TypeAlias = tuple[str, str]
Edges: TypeAlias = Mapping[Edge, float] | Iterable[tuple[str, str, float]]


def place_of(nodes: Sequence[str], edge: Any, where: str) -> tuple[int, int]:
    """Return the indices of the edge's cause and effect."""
    if isinstance(edge, str) or len(edge) != 2:
        raise InputError(where, edge, "a pair (cause, effect)")
    cause, effect = (nodes.index(one_of(where, node, nodes)) for node in edge)
    return cause, effect


def variance_of(where: str, sd: Any) -> float:
    """Return the variance of a standard deviation."""
    if not (isinstance(sd, int | float | np.number) and np.isfinite(sd) and sd >= 0):
        raise InputError(where, sd, "a standard deviation: a number of at least 0")
    return float(sd) ** 2


def edge_arrays(
    nodes: Sequence[str], edges: Edges, sd: float | Mapping[Edge, float] | None
) -> tuple[Floats, Floats]:
    """Return W, shape (m, m), and the covariances of the edges into each node, (m, m, m)."""
    m = len(nodes)
    weights, covariances = np.zeros((m, m)), np.zeros((m, m, m))
    places: dict[Edge, tuple[int, int]] = {}
    pairs: Iterable[Any] = edges.items() if isinstance(edges, Mapping) else map(_pair, edges)
    for edge, weight in pairs:
        place = place_of(nodes, edge, "edges")
        if edge in places:
            raise InputError("edges", f"{edge} twice", "each edge once")
        if not isinstance(weight, int | float | np.number):
            raise InputError(f"edges[{edge}]", weight, "a number")
        places[edge] = place
        weights[place] = weight
    by_edge = sd if isinstance(sd, Mapping) else dict.fromkeys(places, 0.0 if sd is None else sd)
    for edge, spread in by_edge.items():
        if edge not in places:
            raise InputError("sd", edge, f"one of the edges: {', '.join(map(str, places))}")
        i, j = places[edge]
        covariances[j, i, i] = variance_of(f"sd[{edge}]", spread)
    return weights, covariances


def to_dict(
    nodes: Sequence[str], weights: Floats, covariances: Floats, adjacency: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return nodes, edges and, node by node, covariances as lists that JSON can hold."""
    edges = [[nodes[i], nodes[j], float(weights[i, j])] for i, j in np.argwhere(adjacency).tolist()]
    spreads = {}
    for j, covariance in enumerate(covariances):
        causes = np.flatnonzero(np.diag(covariance)).tolist()
        if causes:
            matrix = covariance[np.ix_(causes, causes)].tolist()
            spreads[nodes[j]] = {"causes": [nodes[i] for i in causes], "covariance": matrix}
    return {"nodes": list(nodes), "edges": edges, "uncertain": spreads}


def from_dict(given: Mapping[str, Any]) -> tuple[list[str], Floats, Floats]:
    """Return what `to_dict` was given, less the adjacency."""
    for part in ("nodes", "edges", "uncertain"):
        if part not in given:
            raise InputError("graph", sorted(given), f"also {part!r}")
    nodes = list(given["nodes"])
    weights, covariances = edge_arrays(nodes, given["edges"], None)
    for effect, spread in given["uncertain"].items():
        where = f"uncertain[{effect!r}]"
        j = nodes.index(one_of("uncertain", effect, nodes))
        causes = [nodes.index(one_of(where, cause, nodes)) for cause in spread["causes"]]
        matrix = np.asarray(spread["covariance"], dtype=float)
        if matrix.shape != (len(causes),) * 2:
            raise InputError(where, matrix.shape, f"a square of {len(causes)} causes")
        covariances[j][np.ix_(causes, causes)] = matrix
    return nodes, weights, covariances


def _pair(triple: Any) -> tuple[Any, Any]:
    return tuple(triple[:-1]), triple[-1]
