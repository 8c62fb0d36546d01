"""What passing takes: the answer of every kernel, before anybody asks whether it is worth it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.status import Status

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """Least effort to pass, agent by agent.

    Attributes
    ----------
    effort : ndarray of shape (N, m)
        Zeros where nothing is needed or nothing helps.
    price : ndarray of shape (N,)
        Its cost; 0 where nothing is needed, inf where nothing helps.
    status : ndarray of shape (N,), int8
        `Status`: PASSES, MOVES, OUT_OF_REACH or NEVER_SURE.
    """

    effort: Floats
    price: Floats
    status: NDArray[np.int8]

    @classmethod
    def of(cls, n: int, m: int, status: Status) -> Found:
        """Return the same answer without effort for `n` agents."""
        price = 0.0 if status is Status.PASSES else np.inf
        return cls(np.zeros((n, m)), np.full(n, price), np.full(n, status, dtype=np.int8))
