"""Legendre polynomials of several inputs, orthonormal for the uniform law on the unit cube.

Source: Blatman & Sudret, "Adaptive sparse polynomial chaos expansion based on least angle
regression", J. Comput. Phys. 230 (2011), section 3 (hyperbolic index sets).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_ROUNDING = 1e-9


def legendre(Z: Floats, indices: Indices) -> Floats:
    """Return Ψ, the products Π_j √(2α_j+1) P_{α_j}(2z_j − 1), one column a multi-index α.

    Parameters
    ----------
    Z : ndarray of shape (m, d)
    indices : ndarray of shape (q, d)
        Degrees; a row of zeros is the constant 1.

    Returns
    -------
    ndarray of shape (m, q)
        In Fortran order: its columns are contiguous.
    """
    products = np.ones((len(indices), len(Z)))
    for j in np.flatnonzero(indices.any(axis=0)):
        degrees = indices[:, j]
        used = np.flatnonzero(degrees)
        products[used] *= _univariate(Z[:, j], int(degrees.max()))[degrees[used]]
    return products.T


def _univariate(z: Floats, degree: int) -> Floats:
    """Return the polynomials of degree 0 … `degree` at `z`, shape (degree + 1, m)."""
    x = 2 * z - 1
    P = np.ones((degree + 1, len(z)))
    P[1] = x
    for k in range(1, degree):
        P[k + 1] = ((2 * k + 1) * x * P[k] - k * P[k - 1]) / (k + 1)
    P *= np.sqrt(2 * np.arange(degree + 1) + 1)[:, None]
    return P


def hyperbolic_indices(d: int, degree: int, q: float, most: int) -> Indices | None:
    """Return the multi-indices with ‖α‖_q = (Σ_j α_j^q)^{1/q} ≤ `degree`, or None if over `most`.

    The smaller `q`, the fewer interactions of high degree. They come sorted by `quasi_norm`, so
    that the sets of lower degrees are the leading rows; the constant is the first.
    """
    powers = np.arange(degree + 1.0) ** q
    found = np.zeros((1, 0), np.int64)
    left = np.array([powers[-1] + _ROUNDING])
    for _ in range(d):
        # Every partial index, filled up with zeros, is in the set: it may be counted already.
        fits = powers[None, :] <= left[:, None]
        row, value = np.nonzero(fits)
        if len(row) > most:
            return None
        found = np.column_stack([found[row], value])
        left = left[row] - powers[value]
    return found[np.argsort(quasi_norm(found, q), kind="stable")]


def quasi_norm(indices: Indices, q: float) -> Floats:
    """Return ‖α‖_q for every row, rounded so that equal degrees compare as equal."""
    norms: Floats = (indices.astype(float) ** q).sum(axis=1) ** (1 / q)
    return np.round(norms, 9)
