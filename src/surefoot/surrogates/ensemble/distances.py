"""Distances between two samples: replicates of a stochastic simulator and predictive draws.

Each takes samples of shape (n, d) and (m, d), or (n,) and (m,), and is zero for equal ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from surefoot.ground.errors import InputError
from surefoot.ground.samples import finite
from surefoot.ground.streams import stream

Floats = NDArray[np.float64]

_DIRECTIONS = 100


def energy_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Return 2 E|A − B| − E|A − A'| − E|B − B'|, in the unit of the samples.

    Szekely and Rizzo, "Energy statistics", Journal of Statistical Planning and Inference 2013.
    """
    x, y = _samples(a, b)
    return float(2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean())


def mmd(a: ArrayLike, b: ArrayLike) -> float:
    """Return the maximum mean discrepancy under a Gaussian kernel, between 0 and √2.

    The kernel's length is the median distance in the pooled sample. Gretton et al., "A kernel
    two-sample test", JMLR 2012, eq. 5 (its root).
    """
    x, y = _samples(a, b)
    pooled = np.concatenate([x, y])
    squared = cdist(pooled, pooled, "sqeuclidean")
    scale = np.median(squared[squared > 0]) if squared.any() else 1.0
    kernel = np.exp(-squared / (2 * scale))
    sign = np.concatenate([np.full(len(x), 1 / len(x)), np.full(len(y), -1 / len(y))])
    return float(np.sqrt(max(sign @ kernel @ sign, 0.0)))


def sliced_wasserstein(a: ArrayLike, b: ArrayLike, seed: int = 0) -> float:
    """Return the 1-Wasserstein distance averaged over 100 random directions.

    Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures", JMIV 2015.
    """
    x, y = _samples(a, b)
    directions = stream(seed, "directions").standard_normal((_DIRECTIONS, x.shape[1]))
    if x.shape[1] == 1:
        directions = np.ones((1, 1))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return float(np.mean([wasserstein_distance(x @ d, y @ d) for d in directions]))


def _samples(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    x, y = (s[:, None] if s.ndim == 1 else s for s in (finite("a", a), finite("b", b)))
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InputError("samples", f"shapes {x.shape} and {y.shape}", "(n, d) and (m, d)")
    return x, y
