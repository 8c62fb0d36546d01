"""From what a user of an ONNX file has at hand to the unit cube: `UnitCube.encode` as a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.ground.errors import InputError
from surefoot.surrogates.export.onnx_graph import Graph, Tensor
from surefoot.surrogates.inputs import UnitCube
from surefoot.surrogates.simulation.dimensions import Categorical, Dimension, Integer, Real, to_dict

_OUTPUTS = ("mean", "std", "in_domain")
_MATRIX = "X"


def unit_cube(graph: Graph, cube: UnitCube) -> tuple[Tensor, Tensor, Tensor]:
    """Add the inputs of the graph and return Z and what to add to a result.

    Returns
    -------
    Z : Tensor of shape (m, d)
        The kept columns in the unit cube.
    blank : Tensor of shape (m, 1)
        0, or NaN where an input is not finite, not positive on a log scale or an unknown level:
        trees and nearest rows would give a number all the same.
    strayed : Tensor of shape (m, 1)
        `UnitCube.strays` as a distance, 0 in rows that do not.
    """
    E = _encoded(graph, cube)
    Z, strayed = E, 0 * E.row_sum()
    if not cube.kept.all():
        Z = E.columns(np.flatnonzero(cube.kept))
        away = E.columns(np.flatnonzero(~cube.kept)) - cube.low[~cube.kept]
        strayed = away.abs().row_max()
    if cube.space is None:
        low, high = cube.low[cube.kept], cube.high[cube.kept]
        Z = (Z - low) / (high - low)
    return Z, 0 * E.row_sum(), strayed


def describe_inputs(cube: UnitCube) -> list[dict[str, Any]]:
    """Return name, type and shape of every input of the graph, and what is known of its values."""
    if cube.space is not None:
        return [
            {"name": name, "type": _element(one), "shape": ["m"]} | to_dict(one)
            for name, one in cube.space.dimensions.items()
        ]
    columns = [
        {"name": name, "low": low, "high": high}
        for name, low, high in zip(cube.names, cube.low.tolist(), cube.high.tolist(), strict=True)
    ]
    return [{"name": _MATRIX, "type": "double", "shape": ["m", len(columns)], "columns": columns}]


def _encoded(graph: Graph, cube: UnitCube) -> Tensor:
    if cube.space is None:
        return graph.input(_MATRIX, "double", ["m", len(cube.names)])
    encoded = []
    for name, one in cube.space.dimensions.items():
        if name in _OUTPUTS:
            allowed = f"a name other than the outputs' {', '.join(_OUTPUTS)}"
            raise InputError("input to export", name, allowed)
        values = graph.input(name, _element(one), ["m"])
        encoded.append(_encode(graph, one, graph.node("Unsqueeze", values, np.array([1]))))
    return graph.concatenate(encoded)


def _encode(graph: Graph, dimension: Dimension, values: Tensor) -> Tensor:
    """Return `Dimension.encode` of `values` (m, 1); for an unknown level NaN."""
    if isinstance(dimension, Categorical):
        is_level = graph.cast(values.equals(np.array([dimension.levels])), "double")
        return is_level / is_level.row_sum()
    low, high = float(dimension.low), float(dimension.high)
    if isinstance(dimension, Integer):
        return (graph.cast(values, "double") - low) / (high - low)
    if dimension.scale == "log":
        return (values.log() - np.log(low)) / (np.log(high) - np.log(low))
    return (values - low) / (high - low)


def _element(dimension: Dimension) -> str:
    """Return the type of a dimension's values: it tells the kind apart."""
    if isinstance(dimension, Real):
        return "double"
    is_text = isinstance(dimension, Categorical) and isinstance(dimension.levels[0], str)
    return "string" if is_text else "int64"
