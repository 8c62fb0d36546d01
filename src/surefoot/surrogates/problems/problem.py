"""What a test problem is: a function, the ranges of its inputs, and what is known of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.streams import stream
from surefoot.surrogates.simulation.space import Real, Space

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Group = Literal["development", "fresh", "machinery"]


@dataclass(frozen=True, eq=False)
class Problem:
    """A test problem; its inputs are independent and uniform on their ranges.

    Parameters
    ----------
    name, title : str
    group : {"development", "fresh", "machinery"}
        Whether methods may be developed on it, must be judged on it once and at the end, or only
        the code around them is tested with it.
    space : Space
        Names and ranges of the inputs; on a log scale the logarithm is uniform.
    function : callable
        Takes the inputs as keywords, numbers or arrays that broadcast; returns an array of their
        shape, with one more axis if the output is a curve or a field.
    source : str
        Where it was published.
    minimum : float, optional
        Least value on the ranges.
    minimisers : tuple of tuple of float
        Where it is taken.
    first_order, total_order : tuple of float
        Sobol' indices S1 and ST, analytic or to the digits given; empty where unknown.
    """

    name: str
    title: str
    group: Group
    space: Space
    function: Callable[..., Any]
    source: str
    minimum: float | None = None
    minimisers: tuple[tuple[float, ...], ...] = ()
    first_order: tuple[float, ...] = ()
    total_order: tuple[float, ...] = ()

    def __call__(self, X: Any) -> Floats:
        """Return the outputs at the rows of `X`.

        Parameters
        ----------
        X : array of shape (n, d) or DataFrame
            In the inputs' own units; columns of a frame are taken by name.

        Returns
        -------
        ndarray of shape (n,), or (n, k) for a curve or field

        Raises
        ------
        InputError
            If a column is missing, or their number is wrong.
        """
        rows = self.space.check(X) if hasattr(X, "columns") else np.asarray(X, dtype=float)
        if rows.ndim != 2 or rows.shape[1] != len(self.space):
            raise InputError(f"inputs of {self.name}", rows.shape, f"(n, {len(self.space)})")
        columns = np.asarray(rows, dtype=float).T
        outputs: Floats = self.function(**dict(zip(self.space.names, columns, strict=True)))
        return outputs

    def sample(self, n: int, seed: int = 0) -> pd.DataFrame:
        """Return `n` independent rows of inputs."""
        random = stream(seed, "problem", self.name)
        return self.space.from_unit(random.random((n, len(self.space))))


def cube(d: int, low: float = 0, high: float = 1) -> Space:
    """Return the inputs x1, x2 … xd, all of the same range."""
    return Space(**{f"x{i}": Real(low, high) for i in range(1, d + 1)})
