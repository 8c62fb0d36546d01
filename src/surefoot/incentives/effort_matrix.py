"""Effort matrices: efforts that nobody observes, and features that they move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError
from surefoot.incentives.names import named

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EffortMatrix:
    """What one unit of each of m efforts adds to each of n features. Satisfies `Effects`.

    For causes that are no features themselves (studying, say, behind the grades of three tests):
    every path from an effort to a feature is in its one entry.

    Parameters
    ----------
    matrix : array-like of shape (m, n)
    efforts : sequence of str
        Names of the rows.
    features : sequence of str
        Names of the columns.
    sd : array-like of shape (m, n) or float, optional
        Standard deviations of the entries, which are then normal and independent.

    References
    ----------
    Kleinberg and Raghavan, "How do classifiers induce agents to invest effort strategically?",
    EC 2019.

    Examples
    --------
    >>> matrix = EffortMatrix([[2.0, 1.0], [0.0, 3.0]], ["study", "cram"], ["essay", "test"])
    >>> matrix.contribution().tolist()
    [[2.0, 1.0], [0.0, 3.0]]
    """

    matrix: Floats
    efforts: tuple[str, ...]
    features: tuple[str, ...]
    sd: Floats

    def __init__(
        self,
        matrix: ArrayLike,
        efforts: Sequence[str],
        features: Sequence[str],
        sd: ArrayLike | None = None,
    ) -> None:
        rows, columns = named("efforts", efforts), named("features", features)
        entries = np.asarray(matrix, dtype=float)
        if entries.shape != (len(rows), len(columns)):
            allowed = f"({len(rows)} efforts, {len(columns)} features)"
            raise InputError("EffortMatrix.matrix", entries.shape, allowed)
        if not np.isfinite(entries).all():
            raise InputError("EffortMatrix.matrix", "an entry that is not finite", "finite numbers")
        spread = np.asarray(0.0 if sd is None else sd, dtype=float)
        if spread.shape not in ((), entries.shape):
            raise InputError("EffortMatrix.sd", spread.shape, f"{entries.shape}, or one number")
        if not (np.isfinite(spread).all() and np.all(spread >= 0)):
            raise InputError("EffortMatrix.sd", "an entry below 0 or not finite", "numbers >= 0")
        object.__setattr__(self, "matrix", entries)
        object.__setattr__(self, "efforts", rows)
        object.__setattr__(self, "features", columns)
        object.__setattr__(self, "sd", np.broadcast_to(spread, entries.shape))

    @property
    def certain(self) -> bool:
        """Whether no entry has a standard deviation."""
        return not np.any(self.sd)

    def contribution(self) -> Floats:
        """Return the mean matrix, shape (m, n)."""
        return self.matrix

    def second_moment(self, M: Floats) -> Floats:
        """Return ``E[C M C']``, shape (m, m); independent entries add to its diagonal only."""
        return self.matrix @ M @ self.matrix.T + np.diag(self.sd**2 @ np.diag(M))

    def draws(self, n: int, generator: np.random.Generator) -> Floats:
        """Return normal draws, shape (n, m, features)."""
        return self.matrix + self.sd * generator.standard_normal((n, *self.matrix.shape))
