"""Step sizes α_k = c0 / (k + k0)^γ, and how large the first may be."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError

_FEWEST_STEPS = 300


@dataclass(frozen=True)
class StepSchedule:
    """α_k = c0 / (k + k0)^γ for minibatch k = 1, 2, …

    Parameters
    ----------
    c0 : float
        In whitened coordinates 1 is right, and half or twice that makes little difference.
    gamma : float
        In (1/2, 1]. Theory likes γ near 1, but the start is forgotten more slowly the larger it is.
    k0 : float or "auto"
        Delay. "auto" makes the first step stable even for the largest multiplier.
    """

    c0: float = 1.0
    gamma: float = 0.6
    k0: float | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if not (isinstance(self.c0, Real) and 0 < self.c0 < math.inf):
            raise InputError("c0", self.c0, "a positive number")
        if not (isinstance(self.gamma, Real) and 0.5 < self.gamma <= 1):
            raise InputError("gamma", self.gamma, "a number in (1/2, 1]")
        if self.k0 != "auto" and (isinstance(self.k0, str) or not 0 <= self.k0 < math.inf):
            raise InputError("k0", self.k0, '"auto" or a number from 0')

    def resolved(
        self,
        *,
        largest_weight: float,
        row_curvature: float,
        batch_size: int,
        top_curvature: float = 1.0,
    ) -> StepSchedule:
        """Return the schedule with a number for k0.

        Parameters
        ----------
        largest_weight : float
            The largest multiplier.
        row_curvature : float
            R²: mean over rows of the curvature bound times ‖x̃‖², about d in whitened coordinates.
        batch_size : int
        top_curvature : float
            Largest eigenvalue of the curvature; 1 in whitened coordinates.

        Notes
        -----
        k0 = (c0 (λ + W R²/B))^(1/γ), so that α ≤ 1/(λ + W R²/B): the mean curvature and what the
        rows of one minibatch, all with the largest weight, can add to it. λ = 1 when whitened.
        """
        if self.k0 != "auto":
            return self
        bound = top_curvature + largest_weight * row_curvature / batch_size
        return dataclasses.replace(self, k0=(self.c0 * bound) ** (1 / self.gamma))

    def steps(self, first: int, count: int) -> NDArray[np.float64]:
        """Return α_k for k = first … first + count − 1 of a resolved schedule."""
        if isinstance(self.k0, str):
            raise InputError("k0", self.k0, "a resolved schedule, see StepSchedule.resolved")
        k = np.arange(first, first + count, dtype=np.float64)
        return self.c0 / (k + self.k0) ** self.gamma

    def step(self, k: int) -> float:
        """Return α_k of a resolved schedule."""
        return float(self.c0 / (k + float(self.k0)) ** self.gamma)


def batch_size_for(n_rows: int | None) -> int:
    """Return the minibatch size for a run of `n_rows`, 32 if that is not known.

    A power of two from 8 to 64 that leaves 300 steps or more where it can: fewer under-cover.
    """
    if n_rows is None:
        return 32
    wanted = math.log2(max(n_rows / _FEWEST_STEPS, 1))
    return int(2 ** min(max(math.floor(wanted), 3), 6))
