"""At which points to run the simulator, and why there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.streams import subseed
from surefoot.surrogates.simulation.space import Space

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("random", "lhs", "lhs-maximin", "sobol", "halton", "maximin", "grid")


@dataclass(frozen=True)
class Design:
    """A plan of runs. The same design gives the same points, whatever ran before.

    Parameters
    ----------
    kind : str
        ``"random"``; ``"lhs"``: Latin hypercube of low centred discrepancy; ``"lhs-maximin"``:
        Latin hypercube with its points far apart; ``"sobol"``, ``"halton"``: scrambled sequences;
        ``"maximin"``: points one after the other, each the farthest from those before; ``"grid"``:
        as many equally spaced values of every input as `n` points allow (the two-level factorial
        for n = 2ᵈ). Points that were chosen in another way come through `given`.
    n : int
        Number of points; of a grid the most it may have.
    seed : int
        Key of what is random in it.
    reason : str
        Why this design; a card asks for it.
    replicates : int
        How often every point is run; more than once makes sense for a stochastic simulator only.
    values : mapping of name to list, optional
        The points of a design that was `given`.

    Raises
    ------
    InputError
        If `kind` is unknown, or `n` or `replicates` is not a whole number above zero.
    """

    kind: str
    n: int
    seed: int = 0
    reason: str = ""
    replicates: int = 1
    values: Mapping[str, list[Any]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.values is None:
            one_of("design", self.kind, KINDS)
        for name in ("n", "replicates"):
            count = getattr(self, name)
            if isinstance(count, bool) or not hasattr(count, "__index__") or count < 1:
                raise InputError(f"design, {name}", count, "a whole number above 0")

    @classmethod
    def given(
        cls,
        points: Any,
        *,
        kind: str = "table",
        seed: int = 0,
        reason: str = "",
        replicates: int = 1,
    ) -> Design:
        """Return the design of these very points.

        Parameters
        ----------
        points : DataFrame or mapping of name to values
            One row a point.
        kind : str
            How they were found.
        """
        columns = {str(name): np.asarray(points[name]).tolist() for name in points}
        n = max(map(len, columns.values()), default=0)
        return cls(kind, n, seed, reason, replicates, columns)

    def points(self, space: Space) -> pd.DataFrame:
        """Return the points in the simulator's own values, one row each.

        Raises
        ------
        InputError
            If given points do not fit `space` or lie outside it, or a grid of so few points can't
            hold every level.
        """
        if self.values is None:
            # Here, as workers that only run the simulator would wait for SciPy to be imported.
            from surefoot.surrogates.simulation.samplers import SAMPLERS

            # SciPy draws further generators from this one, so it needs a seed, not a stream's key.
            random = np.random.default_rng(subseed(self.seed, "design", self.kind, self.n))
            return space.from_unit(SAMPLERS[self.kind](space, self.n, random))
        frame = space.check(self.values)
        outside = np.flatnonzero(~space.contains(frame))
        if outside.size:
            row = int(outside[0])
            raise InputError(f"design, row {row}", frame.loc[row].to_dict(), f"a point of {space}")
        return frame

    def remarks(self, points: pd.DataFrame) -> list[str]:
        """Return what a person should know about `points`, the points of this design."""
        found = []
        if self.kind == "sobol" and self.n & (self.n - 1):
            low = 2 ** (self.n.bit_length() - 1)
            powers = f"{low} or {2 * low} points, not {self.n}"
            found.append(f"a Sobol' sequence is balanced at powers of two: {powers}")
        if self.kind == "grid" and len(points) < self.n:
            found.append(f"the grid has {len(points)} points, as the next larger has over {self.n}")
        if repeated := int(points.duplicated().sum()):
            found.append(f"{repeated} of {len(points)} points coincide with earlier ones")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the design in JSON's types; ``Design(**values)`` is equal to it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
