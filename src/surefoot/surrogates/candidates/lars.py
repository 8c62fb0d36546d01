"""Least angle regression: the order in which terms enter, each stage refitted by least squares.

Sources: Efron, Hastie, Johnstone & Tibshirani, Ann. Statist. 32 (2004); the corrected leave-one-out
error is that of Blatman & Sudret, J. Comput. Phys. 230 (2011), section 4, with 1 + m/n for its
trace.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_DEPENDENT = 1e-8
_FULL_LEVERAGE = 1e-9


class Selection(NamedTuple):
    """The stage of a path with the least corrected leave-one-out error.

    Attributes
    ----------
    columns : ndarray of shape (m − 1,)
        Which columns had entered, in order; the constant goes without saying.
    error : float
        (1/n) Σ (r_i/(1 − h_i))² · n/(n − m) · (1 + m/n), with m terms, the constant one of them.
    """

    columns: NDArray[np.int64]
    error: float


def least_angle_selection(Psi: Floats, t: Floats, most: int) -> Selection:
    """Follow the path of `t` on the columns of `Psi` and return its best stage.

    Parameters
    ----------
    Psi : ndarray of shape (n, k)
        Columns; those that are constant never enter.
    t : ndarray of shape (n,)
    most : int
        Columns that may enter.

    Notes
    -----
    With an orthonormal basis of the columns that have entered, kept by Gram-Schmidt, the
    equiangular direction is w = QQᵀr: the way from the present fit to the least-squares one. Along
    it all their correlations with r shrink alike, by 1 − g, until another column is as correlated:
    |c_j − g a_j| = (1 − g) C, with a = Ψᵀw. The same basis gives residuals and leverages of the
    refit, one dot product a stage.
    """
    n = len(t)
    X = np.ascontiguousarray((Psi - Psi.mean(axis=0)).T)
    norms = np.sqrt(np.einsum("kn,kn->k", X, X))
    outside = norms > _DEPENDENT * np.sqrt(n)
    X[outside] /= norms[outside, None]
    r = t - t.mean()  # of the path
    e = r.copy()  # of the refit
    h = np.full(n, 1 / n)
    c = X @ r
    Q = np.empty((most, n))
    entered: list[int] = []
    best, best_error = 0, _corrected(e, h, 1)
    enters = int(np.argmax(np.abs(c) * outside)) if outside.any() else -1
    while enters >= 0 and len(entered) < most:
        outside[enters] = False
        basis = Q[: len(entered)]
        v = X[enters] - (basis @ X[enters]) @ basis
        size = np.sqrt(v @ v)
        if size > _DEPENDENT:
            q = np.divide(v, size, out=Q[len(entered)])
            entered.append(enters)
            e -= (q @ e) * q
            h += q * q
            if h.max() > 1 - _FULL_LEVERAGE:
                break
            error = _corrected(e, h, len(entered) + 1)
            if error < best_error:
                best, best_error = len(entered), error
        basis = Q[: len(entered)]
        w = (basis @ r) @ basis
        a = X @ w
        step, following = _next_entry(c, a, abs(c[enters]), outside)
        r -= step * w
        c -= step * a
        enters = following
    return Selection(np.array(entered[:best], np.int64), best_error)


def _next_entry(c: Floats, a: Floats, C: float, outside: NDArray[np.bool_]) -> tuple[float, int]:
    """Return how far to go, in (0, 1], and the column that is met there; -1 if none is."""
    if not outside.any() or C == 0:
        return 1.0, -1
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.minimum(_positive((C - c) / (C - a)), _positive((C + c) / (C + a)))
    steps[~outside] = np.inf
    j = int(np.argmin(steps))
    return (float(steps[j]), j) if steps[j] < 1 else (1.0, -1)


def _positive(steps: Floats) -> Floats:
    return np.where(steps > 0, steps, np.inf)


def _corrected(e: Floats, h: Floats, m: int) -> float:
    n = len(e)
    if m >= n:
        return np.inf
    z = e / (1 - h)
    return float(z @ z / n * n / (n - m) * (1 + m / n))
