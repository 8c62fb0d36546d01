"""What a run leaves: the averaged model, the averaged chains, and how runs on shards merge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Averages:
    """Averaged iterates in the user's coordinates.

    Attributes
    ----------
    n_rows : int
        How many rows stand behind them: those of the latest epoch, without its burn-in.
    estimate : ndarray of shape (d,)
        The run itself.
    chains : ndarray of shape (M, d)
        Its perturbed copies. ``chains − estimate`` imitates ``estimate − truth``.
    """

    n_rows: int
    estimate: Floats
    chains: Floats

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Which chains are finite, shape (M,); the others are kept, and to be reported."""
        return np.asarray(np.isfinite(self.chains).all(axis=1))

    @cached_property
    def spread(self) -> Floats:
        """Standard deviation of the finite chains, shape (d,); NaN if there are not two."""
        finite = self.chains[self.finite]
        return finite.std(axis=0) if len(finite) > 1 else np.full(len(self.estimate), np.nan)


def merge(*parts: Averages) -> Averages:
    """Return the averages weighted by rows: shards of one stream as one run.

    Every shard needs rows of its own, and 300 steps or more. Merging is commutative and, up to
    rounding, associative, so any tree of merges will do.
    """
    return reduce(_merge, _all_alike(parts))


def _merge(a: Averages, b: Averages) -> Averages:
    n = a.n_rows + b.n_rows
    share, other = a.n_rows / n, b.n_rows / n
    return Averages(
        n,
        share * a.estimate + other * b.estimate,
        share * a.chains + other * b.chains,
    )


def _all_alike(parts: Iterable[Averages]) -> list[Averages]:
    found = list(parts)
    shapes = {part.chains.shape for part in found}
    if len(shapes) != 1:
        allowed = "runs with the same number of chains and parameters"
        raise InputError("merge", sorted(shapes), allowed)
    return found
