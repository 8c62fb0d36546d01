"""Temperatures: how much wider each candidate's law must be to fit what it did not see."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FLOOR = -30.0
_WIDEST = math.log(1e3)
_FIRST_GRID, _LATER_GRID, _ZOOMS = 61, 9, 8


def temper(t: Floats, mean: Floats, sd: Floats) -> Floats:
    r"""Return τ per candidate: the factor on `sd` of the largest out-of-fold likelihood.

    Parameters
    ----------
    t : ndarray of shape (n, K)
        Responses in the warped space of each candidate's fold model.
    mean, sd : ndarray of shape (n, K)
        Predictions there, made without the row.

    Returns
    -------
    ndarray of shape (K,)
        Between 1/1000 and 1000.

    Notes
    -----
    Maximises :math:`\sum_i \max(-30, \ln N(t_i; μ_i, τ^2 s_i^2)) - (\ln τ)^2 / 2`. The floor lets
    no single response decide. The prior ln τ ~ N(0, 1) has the curvature of half a response: it
    decides only where there are hardly any, and holds τ where every error is zero. It is centred
    on 1, as the candidates' own standard deviations are meant to be right. The Jacobian of the
    warp does not depend on τ and is left out; so the floor is in standardised units.

    The floor makes the objective many-humped: it is searched on a grid, which then zooms in.
    """
    squared = ((t - mean) / sd) ** 2
    log_sd = np.log(sd) + 0.5 * math.log(2 * math.pi)

    def objective(log_tau: Floats) -> Floats:
        density = -0.5 * squared * np.exp(-2 * log_tau) - log_tau - log_sd
        return np.asarray(np.maximum(density, _FLOOR).sum(axis=0) - 0.5 * log_tau**2)

    best, reach = np.zeros(t.shape[1]), _WIDEST
    for zoom in range(_ZOOMS):
        size = _LATER_GRID if zoom else _FIRST_GRID
        grid = best + np.linspace(-reach, reach, size)[:, None]
        values = np.array([objective(log_tau) for log_tau in grid])
        best = np.take_along_axis(grid, values.argmax(axis=0)[None], axis=0)[0]
        reach *= 2 / (size - 1)
    return np.exp(np.clip(best, -_WIDEST, _WIDEST))
