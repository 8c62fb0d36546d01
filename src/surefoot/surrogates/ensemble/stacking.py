"""Weights of a mixture of candidates: stacking of predictive distributions.

Source: Yao et al., "Using stacking to average Bayesian predictive distributions", Bayesian
Analysis 2018.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError

Floats = NDArray[np.float64]

# As if each candidate had explained a tenth of a row beforehand: settles ties between twins.
_PRIOR_ROWS = 0.1
_NEGLIGIBLE = 0.01
# Nats a row that better weights could still bring.
_TOLERANCE = 1e-6
_MOST_STEPS = 10_000


def stack(log_density: ArrayLike, counts: ArrayLike | None = None) -> Floats:
    r"""Return the weights that maximise the out-of-fold log score of the mixture.

    Parameters
    ----------
    log_density : array_like of shape (n, K)
        Of every row under every candidate, tempered; -inf is allowed, NaN is not.
    counts : array_like of shape (B, n), optional
        How often each row stands in each of B bootstrap samples.

    Returns
    -------
    ndarray of shape (K,), or (B, K) with `counts`
        On the simplex; weights below 0.01 are set to zero.

    Notes
    -----
    Expectation maximisation of
    :math:`\sum_i c_i \ln \sum_k w_k p_{ik} + a \sum_k \ln w_k` with a = 0.1. As the objective is
    concave, its gradient bounds what is left to gain; the steps end when that is 1e-6 nats a row.
    """
    log_density = np.asarray(log_density, dtype=np.float64)
    if log_density.ndim != 2 or 0 in log_density.shape:
        raise InputError("log_density", f"shape {log_density.shape}", "rows and candidates (n, K)")
    if np.isnan(log_density).any():
        row, column = np.argwhere(np.isnan(log_density))[0].tolist()
        raise InputError(f"log_density[{row}, {column}]", "NaN", "numbers or -inf")
    rows = np.ones((1, len(log_density))) if counts is None else np.asarray(counts, dtype=float)
    weights = _expectation_maximisation(_relative(log_density), rows)
    weights = np.where(weights < min(_NEGLIGIBLE, 0.5 / weights.shape[1]), 0, weights)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights[0] if counts is None else weights


def _relative(log_density: Floats) -> Floats:
    """Return densities as shares of the row's best; a row impossible to all tells nothing."""
    best = log_density.max(axis=1, keepdims=True)
    return np.where(best > -np.inf, np.exp(log_density - np.where(best > -np.inf, best, 0)), 1.0)


def _expectation_maximisation(density: Floats, counts: Floats) -> Floats:
    """Return the weights, shape (B, K), for densities (n, K) and counts (B, n)."""
    k = density.shape[1]
    total = counts.sum(axis=1, keepdims=True) + k * _PRIOR_ROWS
    weights = np.full((len(counts), k), 1 / k)
    open_ = np.arange(len(counts))
    for _ in range(_MOST_STEPS):
        w = weights[open_]
        # What a candidate explains of the rows, and of its prior ones.
        explained = w * ((counts[open_] / (w @ density.T)) @ density) + _PRIOR_ROWS
        weights[open_] = explained / total[open_]
        # explained / w is the gradient, and a concave function lies below its tangent.
        gain = (explained / w).max(axis=1) / total[open_, 0] - 1
        open_ = open_[gain > _TOLERANCE]
        if not len(open_):
            break
    return weights


def log_score(weights: Floats, log_density: Floats) -> Floats:
    """Return the log density of every row under mixtures of the candidates.

    Parameters
    ----------
    weights : ndarray of shape (K,) or (B, K)
    log_density : ndarray of shape (n, K)

    Returns
    -------
    ndarray of shape (n,) or (B, n)
    """
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    scores = np.full((*weights.shape[:-1], len(log_density)), -np.inf)
    for k, density in enumerate(log_density.T):
        np.logaddexp(scores, log_weights[..., k, None] + density, out=scores)
    return scores
