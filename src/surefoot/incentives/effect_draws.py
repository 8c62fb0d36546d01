"""Effects known by draws of them: a bootstrap, a posterior sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError
from surefoot.incentives.names import named

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EffectDraws:
    """Contribution matrices, all equally likely. Satisfies `Effects`.

    Parameters
    ----------
    values : array-like of shape (B, m, n)
        What one unit of each effort adds to each feature, draw by draw.
    efforts : sequence of str
        Names of the m effort nodes.
    features : sequence of str
        Names of the n features.
    """

    values: Floats
    efforts: tuple[str, ...]
    features: tuple[str, ...]

    def __init__(self, values: ArrayLike, efforts: Sequence[str], features: Sequence[str]) -> None:
        drawn = np.asarray(values, dtype=float)
        rows, columns = named("efforts", efforts), named("features", features)
        if drawn.ndim != 3 or drawn.shape[1:] != (len(rows), len(columns)) or not len(drawn):
            allowed = f"(B, {len(rows)} efforts, {len(columns)} features)"
            raise InputError("EffectDraws.values", drawn.shape, allowed)
        if not np.isfinite(drawn).all():
            raise InputError("EffectDraws.values", "an entry that is not finite", "finite numbers")
        object.__setattr__(self, "values", drawn)
        object.__setattr__(self, "efforts", rows)
        object.__setattr__(self, "features", columns)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def certain(self) -> bool:
        """Whether all draws are the same."""
        return bool(np.all(self.values == self.values[0]))

    def contribution(self) -> Floats:
        """Return the mean of the draws, shape (m, n)."""
        return self.values[0] if self.certain else self.values.mean(axis=0)

    def second_moment(self, M: Floats) -> Floats:
        """Return the mean of ``C M C'`` over the draws, shape (m, m)."""
        m = len(self.efforts)
        # One product of two matrices with a row an effort, instead of B small ones.
        left = np.moveaxis(self.values @ M, 1, 0).reshape(m, -1)
        right = np.moveaxis(self.values, 1, 0).reshape(m, -1)
        return left @ right.T / len(self)

    def draws(self, n: int, generator: np.random.Generator) -> Floats:
        """Return the draws as they are if `n` is their number, else `n` of them by chance."""
        if n == len(self):
            return self.values
        return self.values[generator.integers(len(self), size=n)]
