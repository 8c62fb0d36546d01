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
_ROUNDS, _EQUAL, _MEAN_WEIGHT = 20, 1e-12, 1e-3
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

    Two classes: an exact search over all thresholds; of equally good ones the one with the best
    mean, then the middle of the widest stretch. More classes: the same search on one class
    against the rest, in turn, until nothing improves. The first class has offset 0.

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
    if n_classes == 1:
        return np.zeros(1)
    if n_classes == 2:
        shift, _ = _best_shift(log_proba, y, cells, 1)
        return np.array([0.0, shift])
    from scipy.special import softmax

    # Two starts: no offsets, and equal mean probability for every class.
    starts = [np.zeros(n_classes), -np.log(softmax(log_proba, axis=1).mean(0))]
    found = [_climb(log_proba, y, cells, start) for start in starts]
    offsets = max(found, key=lambda b: worst_accuracy((log_proba + b).argmax(1) == y, cells))
    return offsets - offsets[0]


def _climb(log_proba: NDArray, y: NDArray, cells: NDArray, offsets: NDArray) -> NDArray:
    offsets, best = offsets.copy(), -1.0
    for _ in range(_ROUNDS):
        before = best
        for c in range(log_proba.shape[1]):
            shift, value = _best_shift(log_proba + offsets, y, cells, c)
            if value > best + _EQUAL:
                offsets[c] += shift
                best = value
        if best <= before + _EQUAL:
            break
    return offsets


def _best_shift(scores: NDArray, y: NDArray, cells: NDArray, c: int) -> tuple[float, float]:
    """Return what to add to the scores of class `c`, and how good that is, over all thresholds."""
    others = np.delete(scores, c, axis=1)
    rival = np.delete(np.arange(scores.shape[1]), c)[others.argmax(1)]
    margin = others.max(1) - scores[:, c]  # class c is predicted where the shift exceeds it
    order = np.argsort(margin, kind="stable")
    _, codes = np.unique(cells, return_inverse=True)
    one_hot = np.eye(codes.max() + 1)[codes[order]]
    # With the first k rows in this order given to class c: hits among them are rows of the class,
    # hits among the rest are rows that their rival gets right.
    gained = np.cumsum(one_hot * (y == c)[order][:, None], axis=0)
    lost = np.cumsum(one_hot * (rival == y)[order][:, None], axis=0)
    zero = np.zeros((1, one_hot.shape[1]))
    accuracy = (np.vstack([zero, gained]) + lost[-1] - np.vstack([zero, lost])) / one_hot.sum(0)
    # The mean parts the equally bad, so that a search over many classes does not stand still.
    value = accuracy.min(1) + _MEAN_WEIGHT * accuracy.mean(1)

    edges = np.concatenate([[margin.min() - 2], margin[order], [margin.max() + 2]])
    width = np.diff(edges)
    value = np.where(width > 0, value, -1.0)  # rows of equal margin go together
    candidates = np.flatnonzero(value >= value.max() - _EQUAL)
    k = candidates[width[candidates].argmax()]
    return float((edges[k] + edges[k + 1]) / 2), float(value[k])


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
