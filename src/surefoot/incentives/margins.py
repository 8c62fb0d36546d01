"""What agents believe of their margin ``h.x − b + v.e``: two moments, or draws.

With θ = (h, b) and x̃ = (x, −1) the margin without effort is θ.x̃; effort adds v.e, v = C h.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.rowwise import rowwise

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MarginMoments:
    """First two moments of (θ, v).

    Attributes
    ----------
    theta : ndarray of shape (n + 1,)
        Mean of the weights and, last, the threshold.
    theta_cov : ndarray of shape (n + 1, n + 1)
    gain : ndarray of shape (m,)
        Mean of v: score gained for a unit of each effort.
    gain_cov : ndarray of shape (m, m)
    cross : ndarray of shape (m, n + 1)
        Covariance of v and θ.
    """

    theta: Floats
    theta_cov: Floats
    gain: Floats
    gain_cov: Floats
    cross: Floats

    @property
    def rule_known(self) -> bool:
        """Whether all agents differ in is the gap: the spread does not depend on x."""
        return not (np.any(self.theta_cov) or np.any(self.cross))

    @property
    def certain(self) -> bool:
        """Whether nothing is uncertain."""
        return self.rule_known and not np.any(self.gain_cov)

    def at(self, X: Floats) -> tuple[Floats, Floats, Floats]:
        """Return mean and variance of θ.x̃, shapes (N,), and its covariance with v, (N, m)."""
        extended = np.column_stack([X, np.full(len(X), -1.0)])
        variance = np.sum(extended * rowwise(extended, self.theta_cov), axis=1)
        mean, covariance = rowwise(extended, self.theta), rowwise(extended, self.cross.T)
        return mean, np.maximum(variance, 0.0), covariance


@dataclass(frozen=True, eq=False)
class MarginDraws:
    """Joint draws of (θ, v).

    Attributes
    ----------
    theta : ndarray of shape (B, n + 1)
    gains : ndarray of shape (B, m)
    """

    theta: Floats
    gains: Floats

    def pass_rate(self, X: Floats, effort: Floats) -> Floats:
        """Return the share of draws in which each agent passes after its effort, shape (N,)."""
        extended = np.column_stack([X, np.full(len(X), -1.0)])
        rates = np.empty(len(X))
        step = max(1, 4_000_000 // max(len(self.theta), 1))  # some 32 MB at a time
        for start in range(0, len(X), step):
            part = slice(start, start + step)
            margin = extended[part] @ self.theta.T + effort[part] @ self.gains.T
            rates[part] = (margin >= 0).mean(axis=1)
        return rates
