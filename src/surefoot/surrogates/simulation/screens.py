"""First looks at a response from few runs: can it be learned, and is it noisy?

Neither is a model. Both are shares of the variance of the response, so that they can be read
without knowing its unit.

Sources: Allen, "The relationship between variable selection and data augmentation and a method for
prediction", Technometrics 1974 (PRESS, the leave-one-out error in closed form); Stefánsson, Končar
& Jones, "A note on the Gamma test", Neural Comput. Appl. 1997 (noise from near neighbours).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Floats = NDArray[np.float64]

_NEIGHBOURS = 5


def learnable_share(Z: Floats, y: Floats) -> float | None:
    """Return the share of the variance that simple models predict at a point left out.

    The best of a linear model, a linear model with squares, and the mean of the two nearest
    neighbours. Most responses of simulators are learned far better by a real surrogate; one with
    nothing here is rough, noisy, or needs more runs.

    Parameters
    ----------
    Z : ndarray of shape (n, k)
        Inputs scaled to [0, 1].
    y : ndarray of shape (n,)

    Returns
    -------
    float or None
        At most 1; below 0 where all do worse than the mean. None if n < 4 or y is constant.
    """
    n = len(y)
    if n < 4 or np.ptp(y) == 0:
        return None
    bases = [Z, np.hstack([Z, Z**2])]
    errors = [_press(np.column_stack([np.ones(n), basis]), y) for basis in bases]
    nearest = KDTree(Z).query(Z, k=3)[1][:, 1:]
    errors.append(float(np.mean((y - y[nearest].mean(axis=1)) ** 2)))
    # The mean, left out as well, is the yardstick.
    baseline = float(np.var(y)) * (n / (n - 1)) ** 2
    return 1.0 - min(error for error in errors if error is not None) / baseline


def replicate_share(Z: Floats, y: Floats) -> float | None:
    """Return the variance within replicates as a share of all; None without any replicates."""
    _, group, counts = np.unique(Z, axis=0, return_inverse=True, return_counts=True)
    freedom = len(y) - len(counts)
    if freedom == 0 or np.ptp(y) == 0:
        return None
    means = np.bincount(group, y) / counts
    return float(np.sum((y - means[group]) ** 2) / freedom / np.var(y, ddof=1))


def gamma_share(Z: Floats, y: Floats) -> float | None:
    """Return noise, or roughness finer than the runs can see, as a share of the variance.

    The Gamma test: half the mean squared difference to the k-th neighbour, k = 1 … 5, against the
    mean squared distance; its line, continued to distance 0, is at the variance of the noise.

    Returns
    -------
    float or None
        In [0, 1]; None with fewer than 20 runs or a constant response.
    """
    if len(y) < 20 or np.ptp(y) == 0:
        return None
    distance, neighbour = KDTree(Z).query(Z, k=_NEIGHBOURS + 1)
    delta = np.mean(distance[:, 1:] ** 2, axis=0)
    gamma = np.mean((y[neighbour[:, 1:]] - y[:, None]) ** 2, axis=0) / 2
    if np.ptp(delta) == 0:
        return None
    slope = np.cov(delta, gamma)[0, 1] / np.var(delta, ddof=1)
    at_zero = gamma.mean() - slope * delta.mean()
    return float(np.clip(at_zero / np.var(y), 0.0, 1.0))


def _press(B: Floats, y: Floats) -> float | None:
    """Return the mean squared leave-one-out error of least squares; None if it can't be had."""
    n, k = B.shape
    if n < k + 2 or np.linalg.matrix_rank(B) < k:
        return None
    Q, _ = np.linalg.qr(B)
    leverage = np.sum(Q**2, axis=1)
    if leverage.max() > 1 - 1e-9:
        return None
    return float(np.mean(((y - Q @ (Q.T @ y)) / (1 - leverage)) ** 2))
