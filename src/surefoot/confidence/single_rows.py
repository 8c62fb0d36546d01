"""Steps of one row each, compiled by numba: there NumPy spends ten times as long on calls.

The same arithmetic as `surefoot.confidence.chains`, in loops; rounding apart the same chains.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.losses import Huber, Loss, Quantile
from surefoot.confidence.pilot import Pilot
from surefoot.ground.errors import need

Floats = NDArray[np.float64]

_KINDS = {"squared": 0, "huber": 1, "quantile": 2, "log_loss": 3}


@dataclass(frozen=True)
class SingleRows:
    """Compiled steps for one loss and one pilot.

    Attributes
    ----------
    loss : Loss
    pilot : Pilot
    """

    loss: Loss
    pilot: Pilot

    def whiten(self, rows: Floats, dtype: str) -> NDArray[Any]:
        """Return x̃ = L'x for each row, with the same bits however many rows there are."""
        if self.pilot.scale.ndim == 1:
            return np.asarray(rows * self.pilot.scale, dtype)
        whitened = np.empty(rows.shape, dtype)
        _kernels().whiten(np.ascontiguousarray(rows), self.pilot.scale, whitened)
        return whitened

    def steps(
        self,
        rows: NDArray[Any],
        y: Floats,
        weights: NDArray[Any],
        rates: Floats,
        phi: NDArray[Any],
        sums: Floats,
    ) -> Floats:
        """Take a step for each row, in place.

        Parameters
        ----------
        rows : ndarray of shape (b, d)
            Whitened.
        y : ndarray of shape (b,)
        weights : ndarray of shape (b, M + 1)
        rates : ndarray of shape (b,)
        phi, sums : ndarray of shape (d, M + 1)
            Iterates, and the sum of those that were.

        Returns
        -------
        ndarray of shape (b, d)
            The iterates of the run itself.
        """
        parameter = 0.0
        if isinstance(self.loss, Huber):
            parameter = self.loss.epsilon
        elif isinstance(self.loss, Quantile):
            parameter = self.loss.tau
        path = np.empty(rows.shape)
        _kernels().steps(
            rows, y, weights, rates, _KINDS[self.loss.name], parameter, phi, sums, path
        )
        return path


@cache
def _kernels() -> SimpleNamespace:
    numba = need("numba", "numba")

    @numba.njit(nogil=True)
    def whiten(rows, scale, out):  # type: ignore[no-untyped-def]
        b, d = rows.shape
        for k in range(b):
            for j in range(d):
                total = 0.0
                for i in range(d):
                    total += rows[k, i] * scale[i, j]
                out[k, j] = total

    @numba.njit(nogil=True)
    def steps(rows, y, weights, rates, kind, parameter, phi, sums, path):  # type: ignore[no-untyped-def]
        (b, d), columns = rows.shape, phi.shape[1]
        z = np.empty(columns, phi.dtype)
        for k in range(b):
            z[:] = 0
            for j in range(d):
                for m in range(columns):
                    z[m] += rows[k, j] * phi[j, m]
            for m in range(columns):
                if kind == 0:
                    score = z[m] - y[k]
                elif kind == 1:
                    score = min(max(z[m] - y[k], -parameter), parameter)
                elif kind == 2:
                    score = (1.0 if z[m] > y[k] else 0.0) - parameter
                else:
                    score = 1 / (1 + np.exp(-z[m])) - y[k]
                z[m] = rates[k] * score * weights[k, m]
            for j in range(d):
                for m in range(columns):
                    phi[j, m] -= rows[k, j] * z[m]
                    sums[j, m] += phi[j, m]
                path[k, j] = phi[j, 0]

    return SimpleNamespace(whiten=whiten, steps=steps)
