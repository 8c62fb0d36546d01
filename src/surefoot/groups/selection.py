"""One rule to choose with, for every method: epochs, thresholds and configurations.

``worst_class`` needs no group labels (the criterion of SubpopBench for unknown attributes),
``worst_group`` does, ``mean`` is plain accuracy.

Source: Yang et al., "Change is Hard: A Closer Look at Subpopulation Shift", ICML 2023.
"""

from __future__ import annotations

import warnings
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of

Rule = Literal["worst_class", "worst_group", "mean"]
FEW = 20  # rows of a class or group in validation, below which a choice is mostly noise


class SmallValidationWarning(UserWarning):
    """A choice rests on so few validation rows that it is mostly noise."""


def partition(rule: Rule, y: NDArray, groups: NDArray | None) -> NDArray:
    """Return the cells whose worst accuracy `rule` looks at, as codes of shape (n,)."""
    one_of("selection", rule, get_args(Rule))
    if rule == "mean":
        return np.zeros(len(y), dtype=np.int64)
    if rule == "worst_class":
        return np.asarray(y)
    if groups is None:
        raise InputError("groups", None, "group labels of the validation rows for 'worst_group'")
    return np.asarray(groups)


def worst_accuracy(correct: NDArray, cells: NDArray) -> float:
    """Return the lowest mean of `correct` (n,) over the cells that occur."""
    _, codes = np.unique(cells, return_inverse=True)
    hits = np.bincount(codes, weights=np.asarray(correct, dtype=float))
    return float((hits / np.bincount(codes)).min())


def calibrate_offsets(log_proba: NDArray, y: NDArray, cells: NDArray) -> NDArray:
    """Return offsets b (C,) so that ``argmax(log p + b)`` has the best worst accuracy over `cells`.

    Two classes: an exact search over all thresholds; among equally good ones the middle of the
    widest stretch. More classes: the same search on one class against the rest, in turn, until
    nothing improves. The first class has offset 0.

    Parameters
    ----------
    log_proba : ndarray of shape (n, C)
    y : ndarray of shape (n,), class codes 0 … C − 1
    cells : ndarray of shape (n,), from `partition`
    """
    n_classes = log_proba.shape[1]
    smallest = int(np.unique(cells, return_counts=True)[1].min())
    if smallest < FEW:
        warnings.warn(
            f"the threshold rests on {smallest} validation rows of the rarest class or group",
            SmallValidationWarning,
            stacklevel=3,
        )
    offsets = np.zeros(n_classes)
    if n_classes == 1:
        return offsets
    best = worst_accuracy(log_proba.argmax(1) == y, cells)
    for _ in range(1 if n_classes == 2 else 20):
        before = best
        for c in range(n_classes - 1, 0, -1):
            scores = log_proba + offsets
            others = np.delete(scores, c, axis=1)
            rival = np.delete(np.arange(n_classes), c)[others.argmax(1)]
            # Class c is predicted where the shift added to its score exceeds this margin.
            margin = others.max(1) - scores[:, c]
            shift, value = _best_shift(margin, y == c, rival == y, cells)
            if value > best + 1e-12:
                offsets[c] += shift
                best = value
        if best <= before + 1e-12:
            break
    return offsets


def _best_shift(
    margin: NDArray, is_class: NDArray, rival_right: NDArray, cells: NDArray
) -> tuple[float, float]:
    order = np.argsort(margin, kind="stable")
    sorted_margin = margin[order]
    _, codes = np.unique(cells, return_inverse=True)
    one_hot = np.eye(codes.max() + 1)[codes[order]]
    # After the first k rows in this order are given to the class: hits among them are rows of the
    # class, hits among the rest are rows that their rival gets right.
    gained = np.cumsum(one_hot * is_class[order][:, None], axis=0)
    lost = np.cumsum(one_hot * rival_right[order][:, None], axis=0)
    zero = np.zeros((1, one_hot.shape[1]))
    hits = np.vstack([zero, gained]) + lost[-1] - np.vstack([zero, lost])
    worst = (hits / one_hot.sum(0)).min(1)

    edges = np.concatenate([[sorted_margin[0] - 2], sorted_margin, [sorted_margin[-1] + 2]])
    width = np.diff(edges)
    worst = np.where(width > 0, worst, -1.0)  # equal margins can't be told apart
    candidates = np.flatnonzero(worst >= worst.max() - 1e-12)
    k = candidates[width[candidates].argmax()]
    return float((edges[k] + edges[k + 1]) / 2), float(worst[k])


def fit_temperature(log_proba: NDArray, y: NDArray) -> float:
    """Return the temperature T that makes ``softmax(log p / T)`` most likely on (n, C) rows.

    Dropping the memory changes the scale of the logits, so probabilities need it; the order of the
    classes does not change. Source: Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows = np.arange(len(y))

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = log_softmax(log_proba * np.exp(-log_temperature), axis=1)
        return float(-scaled[rows, y].mean())

    bounds = (-3.0, 3.0)
    found = minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded")
    return float(np.exp(found.x))
