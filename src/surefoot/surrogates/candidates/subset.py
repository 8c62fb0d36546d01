"""A Gaussian process of many rows: of those that cover the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.surrogates.candidates.covering import farthest_points
from surefoot.surrogates.candidates.fitted_gp import FittedGP
from surefoot.surrogates.candidates.gp import GaussianProcess

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SubsetGP:
    """A Matérn 5/2 Gaussian process with a free nugget on rows that cover the others.

    Parameters
    ----------
    rows : int
        How many; see `farthest_points`. The others have no part in the fit.
    """

    rows: int = 1500

    @property
    def name(self) -> str:
        """``gp-subset``."""
        return "gp-subset"

    @property
    def cost(self) -> int:
        """Five: a Gaussian process."""
        return 5

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedGP:
        """Return the posterior given the covering rows; see `GaussianProcess.fit`."""
        chosen = farthest_points(Z, self.rows)
        return GaussianProcess(nugget="free").fit(Z[chosen], t[chosen], seed=seed, start=start)

    def restore(self, state: dict[str, Any]) -> FittedGP:
        """Return the fit whose `FittedGP.state` this is."""
        return FittedGP.from_state(state)
