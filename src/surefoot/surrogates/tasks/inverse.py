"""From an observed output back to the inputs: likelihoods on points of the inputs sought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.surrogates.simulation.space import Categorical, Space
from surefoot.surrogates.tasks.asking import Output, moments

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_CELLS = 36


class InverseProblem:
    """An observation, the inputs sought, and a surrogate to find them with.

    Parameters
    ----------
    surrogate : Surrogate
    space : Space
    observed, noise_sd : float or sequence of float
    fixed : mapping of str to value
    output : str, int or None
        See `Posterior`.
    """

    def __init__(
        self,
        surrogate: Any,
        space: Space,
        observed: ArrayLike,
        noise_sd: ArrayLike,
        fixed: Mapping[str, Any],
        output: Output | None,
    ) -> None:
        for name in fixed:
            one_of("fixed", name, space.names)
        self.names = tuple(name for name in space.names if name not in fixed)
        if not self.names:
            raise InputError("fixed", list(fixed), "at least one input left to seek")
        for name in self.names:
            if isinstance(space.dimensions[name], Categorical):
                raise InputError(f"input {name!r}", "levels", "numbers: fix it at one level")
        self.surrogate, self.space, self.fixed, self.output = surrogate, space, fixed, output
        self.observed, self.noise_sd = np.ravel(observed), np.ravel(noise_sd)

    def frame(self, U: Floats) -> pd.DataFrame:
        """Return all inputs, those sought being at `U` in their own unit cube."""
        columns = dict(zip(self.names, U.T, strict=True))
        return self.space.check(
            {
                name: np.full(len(U), self.fixed[name])
                if name in self.fixed
                else dimension.from_unit(columns[name])
                for name, dimension in self.space.dimensions.items()
            }
        )

    def surrogate_moments(self, U: Floats) -> tuple[Floats, Floats]:
        """Return the surrogate's mean and standard deviation there."""
        return moments(self.surrogate, self.frame(U), self.output)

    def log_likelihood(self, outputs: Floats, sd: ArrayLike = 0.0) -> Floats:
        """Return log p(observed | outputs), the outputs themselves known up to `sd`."""
        rows = outputs.reshape(len(outputs), -1)
        if rows.shape[1] != self.observed.size:
            found = f"{self.observed.size} values for {rows.shape[1]} outputs"
            raise InputError("observed", found, "one value for each output")
        variance = self.noise_sd**2 + np.broadcast_to(sd, outputs.shape).reshape(rows.shape) ** 2
        logs: Floats = -0.5 * ((self.observed - rows) ** 2 / variance + np.log(variance)).sum(
            axis=1
        )
        return logs


@dataclass(frozen=True, eq=False)
class Cloud:
    """Weighted points of the unit cube of the inputs sought."""

    U: Floats
    weights: Floats

    @property
    def cells(self) -> float:
        """How many evenly weighted points these are worth."""
        return float(1 / (self.weights**2).sum())

    def summary(self, problem: InverseProblem) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation of each input in its own unit."""
        values = problem.frame(self.U)[list(problem.names)].to_numpy(dtype=float)
        mean = self.weights @ values
        sd = np.sqrt(self.weights @ (values - mean) ** 2)
        return tuple(mean.tolist()), tuple(sd.tolist())


def grid(d: int) -> Floats:
    """Return the middles of 1,296 equal cells of the unit line or square."""
    if d == 1:
        return ((np.arange(_CELLS**2) + 0.5) / _CELLS**2)[:, None]
    middles = (np.arange(_CELLS) + 0.5) / _CELLS
    return np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1).reshape(-1, 2)


def total_variation(p: Floats, q: Floats) -> float:
    """Return the largest difference of probability that two laws on the same points give."""
    return float(np.abs(p - q).sum() / 2)
