"""One basis in which the cost is a sum of squares and the variance a weighted one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from surefoot.incentives.costs import EffortCost

Floats = NDArray[np.float64]
# Eigenvalues, and gains without variance, below these shares of the largest are rounding.
_RANK, _GAIN = 1e-12, 1e-9


@dataclass(frozen=True, eq=False)
class Eigenbasis:
    """Efforts ``e = V w`` with ``e'Qe = w.w`` and ``e'Se = Σ l_k w_k²``.

    Depends neither on agents nor on their confidence.

    Attributes
    ----------
    values : ndarray of shape (k,)
        Eigenvalues l, ascending; exactly 0 where `S` has no variance.
    vectors : ndarray of shape (m, k)
        V, one column a direction; rows of nodes that nobody moves are 0.
    """

    values: Floats
    vectors: Floats

    @classmethod
    def of(cls, cov: Floats, cost: EffortCost) -> Self:
        """Return the basis of the covariance S of shape (m, m) and the cost's Q."""
        movable = np.flatnonzero(cost.movable)
        square = np.ix_(movable, movable)
        vectors = np.zeros((cost.size, len(movable)))
        if not len(movable):
            return cls(np.zeros(0), vectors)
        values, vectors[movable] = eigh(cov[square], cost.Q[square])
        return cls(np.where(values > _RANK * values[-1], values, 0.0), vectors)

    def coordinates(self, gain: Floats) -> Floats:
        """Return ``V'v``, shape (k,), so that ``v.e = (V'v).w``."""
        found = gain @ self.vectors
        rounding = (self.values == 0) & (np.abs(found) <= _GAIN * np.abs(found).max(initial=0.0))
        return np.where(rounding, 0.0, found)

    def ratio(self, gain: Floats) -> float:
        """Return the largest ``v.e / sd(e)`` of any effort; inf for a gain without variance."""
        c = self.coordinates(gain)
        risky = self.values > 0
        if np.any(c[~risky]):
            return float("inf")
        return float(np.sqrt(np.sum(c[risky] ** 2 / self.values[risky])))
