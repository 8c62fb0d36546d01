"""Intervals that hold whatever the model: normalised CV+.

Source: Barber, Candès, Ramdas and Tibshirani, "Predictive inference with the jackknife+", Annals
of Statistics 2021, section 3, with residuals in units of the predicted standard deviation.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.samples import tail_of

Floats = NDArray[np.float64]

# Values held at once: 4 million doubles are 32 MB.
_BATCH_VALUES = 4_000_000


def cv_plus(
    scores: Floats, fold_of: NDArray[np.intp], mean: Floats, sd: Floats, level: float
) -> tuple[Floats, Floats]:
    r"""Return the CV+ interval at m new points.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Out-of-fold residuals :math:`R_i = |y_i - m_{-f(i)}(x_i)| / s_{-f(i)}(x_i)`.
    fold_of : ndarray of int, shape (n,)
        Fold f(i) of each row, 0 to F − 1.
    mean, sd : ndarray of shape (F, m)
        Predictions of each fold's model at the new points.
    level : float
        Nominal coverage, in (0, 1).

    Returns
    -------
    lower, upper : ndarray of shape (m,)
        Infinite where n < level / (1 − level): fewer than 19 rows say nothing at 95 %.

    Notes
    -----
    With α = 1 − level, the ends are the ⌊α(n + 1)⌋-th smallest of the n values
    :math:`m_{-f(i)}(x) - R_i s_{-f(i)}(x)` and the ⌈(1 − α)(n + 1)⌉-th smallest of those with a
    plus. For exchangeable rows the coverage is at least 1 − 2α, less a term of order
    :math:`\sqrt{2/n}` for few folds; in practice it is close to 1 − α.
    """
    n, m = len(scores), mean.shape[1]
    if not (len(fold_of) == n and np.isfinite(scores).all()):
        raise InputError("scores", f"shape {scores.shape}", "one finite residual per row")
    tail_of(level)  # refuses what is no level
    # Rounded, as a product that should be whole may come out just above.
    rank = math.ceil(round(level * (n + 1), 9))
    if rank > n:
        return np.full(m, -np.inf), np.full(m, np.inf)
    lower, upper = np.empty(m), np.empty(m)
    size = max(1, _BATCH_VALUES // n)
    for start in range(0, m, size):
        points = slice(start, start + size)
        centre, reach = mean[fold_of, points], scores[:, None] * sd[fold_of, points]
        lower[points] = np.partition(centre - reach, n - rank, axis=0)[n - rank]
        upper[points] = np.partition(centre + reach, rank - 1, axis=0)[rank - 1]
    return lower, upper
