"""Forests and boosted trees as graphs: the standard's own operator, with doubles throughout."""

from __future__ import annotations

import numpy as np

from surefoot.surrogates.candidates.boosting import FittedBoosting
from surefoot.surrogates.candidates.forest import FittedForest
from surefoot.surrogates.candidates.tree_arrays import Trees
from surefoot.surrogates.export.onnx_formulas import Law, floored
from surefoot.surrogates.export.onnx_graph import Graph, Tensor

_SUM, _NO_TRANSFORM, _AT_MOST = 1, 0, 0  # of the operator's enumerations


def forest(graph: Graph, fit: FittedForest, Z: Tensor) -> Law:
    """Return the law of `FittedForest.predict`."""
    count = len(fit.trees.roots)
    responses = _responses(graph, fit.trees, _rounded(graph, Z))
    mean = responses.row_sum() / count
    between = (responses.row_sum_of_squares() / count - mean**2).at_least(0)
    return mean, floored((fit.spread * between + fit.noise).sqrt())


def boosting(graph: Graph, fit: FittedBoosting, Z: Tensor) -> Law:
    """Return the law of `FittedBoosting.predict`."""
    mean = fit.baseline + _responses(graph, fit.trees, Z).row_sum()
    logs = _responses(graph, fit.log_errors, _rounded(graph, Z)).row_sum()
    return mean, floored(fit.scale * (logs / len(fit.log_errors.roots)).exp())


def _rounded(graph: Graph, Z: Tensor) -> Tensor:
    """Return Z as scikit-learn's trees see it: with the digits of single precision."""
    return graph.cast(graph.cast(Z, "float"), "double")


def _responses(graph: Graph, trees: Trees, Z: Tensor) -> Tensor:
    """Return each tree's value at the rows of `Z`, shape (m, trees).

    The operator numbers nodes that ask and leaves apart. A root always asks, even if it is a leaf:
    then both answers lead to itself.
    """
    leaf = trees.feature < 0
    asks = ~leaf
    asks[trees.roots] = True
    number_of = np.where(leaf, np.cumsum(leaf), np.cumsum(asks)) - 1
    left, right = trees.left[asks], trees.right[asks]
    tree = np.searchsorted(trees.roots, np.flatnonzero(leaf), side="right") - 1
    return graph.trees(
        Z,
        nodes_featureids=np.maximum(trees.feature[asks], 0),
        nodes_splits=trees.threshold[asks],
        nodes_modes=np.full(int(asks.sum()), _AT_MOST, np.uint8),
        nodes_truenodeids=number_of[left],
        nodes_falsenodeids=number_of[right],
        nodes_trueleafs=leaf[left].astype(np.int64),
        nodes_falseleafs=leaf[right].astype(np.int64),
        leaf_targetids=tree,
        leaf_weights=trees.value[leaf],
        tree_roots=(np.cumsum(asks) - 1)[trees.roots],
        n_targets=len(trees.roots),
        aggregate_function=_SUM,
        post_transform=_NO_TRANSFORM,
    )
