"""Covariance matrices that people hand in."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.notices import warn
from surefoot.incentives.notices import IncentiveWarning

Floats = NDArray[np.float64]
# Eigenvalues below zero, relative to the largest: by rounding alone, and by rounded numbers.
_ROUNDING, _TOLERATED = 1e-14, 1e-10


def checked_covariance(where: str, given: ArrayLike) -> Floats:
    """Return a covariance matrix, shape (n, n), that is symmetric and positive semidefinite.

    Negative eigenvalues down to −1e−10 of the largest are taken for rounded numbers and set to 0,
    with a warning.

    Raises
    ------
    InputError
        Not a square of finite numbers, not symmetric or not positive semidefinite.
    """
    matrix = np.asarray(given, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(where, matrix.shape, "a square matrix")
    if not np.isfinite(matrix).all():
        raise InputError(where, "an entry that is not finite", "finite numbers")
    if np.any(np.abs(matrix - matrix.T) > 1e-10 * np.abs(matrix).max(initial=0.0)):
        raise InputError(where, "not symmetric", "a symmetric matrix")
    matrix = (matrix + matrix.T) / 2
    if not np.any(matrix - np.diag(np.diag(matrix))):
        values, vectors = np.diag(matrix), np.eye(len(matrix))
    else:
        values, vectors = np.linalg.eigh(matrix)
    lowest, largest = values.min(initial=0.0), np.abs(values).max(initial=0.0)
    if lowest < -_TOLERATED * largest:
        raise InputError(where, f"eigenvalue {lowest:.3g}", "a positive semidefinite matrix")
    if lowest < -_ROUNDING * len(matrix) * largest:
        warn(f"{where}: the eigenvalue {lowest:.3g} was set to 0", IncentiveWarning)
        return (vectors * np.maximum(values, 0.0)) @ vectors.T
    return matrix


def root_of(covariance: Floats) -> Floats:
    """Return R with ``RR'`` the covariance, singular ones too: normal draws are ``Rz``."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
