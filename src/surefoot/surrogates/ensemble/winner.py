r"""What a choice among candidates costs: scores of the chosen, corrected for the choosing.

The best of many out-of-fold scores is too good, as it was chosen for being so. The bootstrap
bias correction repeats the choice on resampled rows and scores it on the rows left out::

    counts = resample(groups, 200, seed)                  # (B, n)
    weights = stack(log_density, counts)                  # (B, K), or best_in_bag(loss, counts)
    loss = (weights @ mean.T - y) ** 2                    # (B, n), of whatever the choice yields
    rmse = out_of_bag(loss, counts, root=True)

A choice of one candidate is a weight of one, so both kinds of choice read alike.

Source: Tsamardinos, Greasidou and Borboudakis, "Bootstrapping the out-of-sample predictions for
efficient and accurate cross-validation", Machine Learning 2018 (BBC-CV); Nadeau and Bengio,
"Inference for the generalization error", Machine Learning 2003.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.intervals import Interval, corrected_resampled_t
from surefoot.ground.samples import finite, tail_of
from surefoot.ground.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def resample(groups: ArrayLike, replicates: int, seed: int = 0) -> Ints:
    """Return how often each row stands in each bootstrap sample, shape (replicates, n).

    Parameters
    ----------
    groups : array_like of int, shape (n,)
        Rows of a group are drawn together.
    replicates : int
    seed : int
    """
    _, group_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    shares = np.full(len(sizes), 1 / len(sizes))
    drawn = stream(seed, "resample").multinomial(len(sizes), shares, size=replicates)
    return np.asarray(drawn[:, group_of.reshape(-1)])


def best_in_bag(loss: Floats, counts: Ints) -> Floats:
    """Return weights of one for the candidate with the least loss in each bootstrap sample.

    Parameters
    ----------
    loss : ndarray of shape (n, K)
        Out-of-fold loss of every row under every candidate; finite.
    counts : ndarray of int, shape (B, n)

    Returns
    -------
    ndarray of shape (B, K)
    """
    return np.eye(loss.shape[1])[np.argmin(counts @ finite("loss", loss), axis=1)]


def out_of_bag(loss: Floats, counts: Ints, *, root: bool = False, level: float = 0.95) -> Interval:
    """Return the bias-corrected score of a choice that was repeated in every bootstrap sample.

    Parameters
    ----------
    loss : ndarray of shape (B, n)
        Of every row under what was chosen in each sample.
    counts : ndarray of int, shape (B, n)
        Rows with a count of zero had no say in the choice: they alone are scored.
    root : bool
        Whether the score is the root of the mean loss.
    level : float
        Of the percentile interval over the samples, which is somewhat wide: it rests on the rows
        left out, a third of all.
    """
    tail = tail_of(level) / 2
    out = counts == 0
    sizes = out.sum(axis=1)
    if not sizes.any():
        raise InputError("counts", "no row left out of any sample", "two or more groups")
    scored = sizes > 0
    means = np.where(out, loss, 0.0).sum(axis=1)[scored] / sizes[scored]
    numbers = [float(means.mean()), *np.quantile(means, [tail, 1 - tail]).tolist()]
    estimate, low, high = map(math.sqrt, numbers) if root else numbers
    return Interval(estimate, low, high, level, "bootstrap bias-corrected", loss.shape[1])


def corrected_difference(a: Floats, b: Floats, folds: Ints, level: float = 0.95) -> Interval:
    """Return the mean of ``a - b`` over folds, with an interval that knows folds share rows.

    Parameters
    ----------
    a, b : ndarray of shape (n,)
        Out-of-fold losses of the same rows under two candidates.
    folds : ndarray of int, shape (n,)
        Fold of each row, 0 to k − 1.
    """
    sizes = np.bincount(folds)
    differences = np.bincount(folds, a - b) / sizes
    # Only the ratio of the two parts' sizes matters: k − 1 folds to one.
    return corrected_resampled_t(differences, len(sizes) - 1, 1, level)


def indistinguishable(loss: Floats, cost: ArrayLike, folds: Ints, level: float = 0.95) -> Ints:
    """Return the candidates that can't be told from the best, the preferred one first.

    Parameters
    ----------
    loss : ndarray of shape (n, K)
        Out-of-fold loss of every row under every candidate; finite.
    cost : array_like of shape (K,)
        `Candidate.cost`. The cheapest are preferred, of equally cheap ones the better.
    folds : ndarray of int, shape (n,)
    level : float
        Of the corrected interval of the difference from the best, which must hold zero.

    Returns
    -------
    ndarray of int
        Indices of candidates; the best is among them.
    """
    means = finite("loss", loss).mean(axis=0)
    best = loss[:, np.argmin(means)]
    lows = np.array([corrected_difference(rows, best, folds, level).low for rows in loss.T])
    order = np.lexsort((means, np.asarray(cost)))
    return order[lows[order] <= 0]
