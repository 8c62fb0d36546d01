"""One step of all chains: two matrix products and what lies between.

All chains are columns of Φ (d, M + 1), column 0 being the run itself, with weight 1. For a
minibatch of rows X (b, d) with targets y and weights W (b, M + 1):

    Z = X Φ,   R = score(Z, y) ∘ W,   Φ ← Φ − rate · X'R
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.losses import Loss

Floats = NDArray[np.float64]


class Chains:
    """The iterates of a run and its perturbed copies, in whitened coordinates.

    Parameters
    ----------
    start : ndarray of shape (d,)
        Where all of them start.
    n_chains : int
    batch_size : int
        How many rows a minibatch has at most.
    loss : Loss
    penalty : ndarray of shape (d, d), optional
        Curvature of a ridge.
    dtype : {"float64", "float32"}

    Attributes
    ----------
    phi : ndarray of shape (d, M + 1)
    predictor, score : ndarray of shape (batch_size,)
        Of the run itself at the latest minibatch, before the step.
    """

    def __init__(
        self,
        start: Floats,
        n_chains: int,
        batch_size: int,
        loss: Loss,
        penalty: Floats | None,
        dtype: str,
    ) -> None:
        columns = n_chains + 1
        self.loss, self.penalty = loss, penalty
        self.phi = np.repeat(start[:, None], columns, axis=1).astype(dtype)
        self.predictor, self.score = np.empty(batch_size), np.empty(batch_size)
        self._z = np.empty((batch_size, columns), dtype)
        self._gradient = np.empty((len(start), columns), dtype)
        self._scaled = np.empty((batch_size, len(start)), dtype)

    def step(self, rows: NDArray[Any], y: Floats, weights: NDArray[Any], rate: float) -> None:
        """Take one step of `rate` a row."""
        b = len(rows)
        z, scaled = self._z[:b], self._scaled[:b]
        np.matmul(rows, self.phi, out=z)
        self.predictor[:b] = z[:, 0]
        self.loss.score(z, y[:, None].astype(z.dtype, copy=False), out=z)
        self.score[:b] = z[:, 0]
        z *= weights
        np.multiply(rows, -rate, out=scaled)
        np.matmul(scaled.T, z, out=self._gradient)
        if self.penalty is not None:
            # The penalty is part of the loss of every row and is weighted with it. Unweighted, the
            # spread would count the mean gradient of the data, −ridge · θ, as if it were noise.
            self._gradient -= (self.penalty @ self.phi) * (rate * weights.sum(0))
        self.phi += self._gradient
