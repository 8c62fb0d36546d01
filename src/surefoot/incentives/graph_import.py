"""Graphs from other libraries: what they call an edge, as ``(cause, effect) -> weight``.

None of the libraries is imported: their objects are only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError

Edge: TypeAlias = tuple[str, str]
# Nodes, weights and standard deviations.
Parts: TypeAlias = tuple[list[str], dict[Edge, float], dict[Edge, float]]


def from_networkx(graph: Any, weight: str, sd: str) -> Parts:
    """Read a directed networkx graph whose edges carry `weight` and perhaps `sd`."""
    if not graph.is_directed() or graph.is_multigraph():
        raise InputError("graph", type(graph).__name__, "a networkx.DiGraph")
    weights, sds = {}, {}
    for cause, effect, attributes in graph.edges(data=True):
        edge = (str(cause), str(effect))
        if weight not in attributes:
            raise InputError(f"graph.edges[{cause!r}, {effect!r}]", attributes, f"also {weight!r}")
        weights[edge] = float(attributes[weight])
        if sd in attributes:
            sds[edge] = float(attributes[sd])
    return [str(node) for node in graph.nodes], weights, sds


def from_semopy(model: Any) -> Parts:
    """Read the regressions of a fitted semopy model; standard errors count as independent."""
    table = model.inspect()
    table = table[(table["op"] == "~") & (table["rval"].astype(str) != "1")]  # 1: an intercept
    # Of a parameter that was fixed, not estimated, the error is a dash.
    errors = pd.to_numeric(table["Std. Err"], errors="coerce").fillna(0.0)
    weights, sds = {}, {}
    for effect, cause, estimate, error in zip(
        table["lval"], table["rval"], table["Estimate"], errors, strict=True
    ):
        weights[str(cause), str(effect)] = float(estimate)
        sds[str(cause), str(effect)] = float(error)
    nodes = dict.fromkeys(name for edge in weights for name in edge)
    return list(nodes), weights, sds


def from_dowhy(model: Any) -> Parts:
    """Read a fitted structural causal model of ``dowhy.gcm`` whose mechanisms are linear."""
    weights = {}
    for node in model.graph.nodes:
        # DoWhy's own order of the columns that a mechanism sees.
        causes = sorted(model.graph.predecessors(node))
        if not causes:
            continue
        coefficients = _linear(model.causal_mechanism(node))
        if coefficients is None or len(coefficients) != len(causes):
            found = type(model.causal_mechanism(node)).__name__
            allowed = "an additive-noise model with a linear regression, one coefficient a cause"
            raise InputError(f"causal_mechanism({node!r})", found, allowed)
        for cause, coefficient in zip(causes, coefficients, strict=True):
            weights[str(cause), str(node)] = float(coefficient)
    return [str(node) for node in model.graph.nodes], weights, {}


def from_lingam(model: Any | ArrayLike, nodes: Sequence[str]) -> NDArray[np.float64]:
    """Return W of a fitted lingam model, or of its adjacency matrix.

    LiNGAM writes ``x = Bx + e``: its rows are effects, where ours are causes.
    """
    adjacency = np.asarray(getattr(model, "adjacency_matrix_", model), dtype=float)
    if np.isnan(adjacency).any():
        found = "NaN, LiNGAM's sign of a hidden common cause"
        raise InputError("adjacency_matrix_", found, f"an effect among all of {', '.join(nodes)}")
    return adjacency.T


def _linear(mechanism: Any) -> NDArray[np.float64] | None:
    outer = getattr(mechanism, "invertible_function", None)
    if outer is not None and type(outer).__name__ != "InvertibleIdentityFunction":
        return None  # linear in the causes, but not in its effect
    prediction = getattr(mechanism, "prediction_model", None)
    model = getattr(prediction, "sklearn_model", prediction)
    found = getattr(model, "coef_", getattr(model, "coefficients", None))
    return None if found is None else np.asarray(found, dtype=float).ravel()
