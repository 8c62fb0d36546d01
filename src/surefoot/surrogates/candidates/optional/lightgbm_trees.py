"""LightGBM's boosted trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import need
from surefoot.ground.streams import subseed
from surefoot.surrogates.candidates.adapter import (
    FittedElsewhere,
    Mean,
    refuse_to_store,
    with_residual_sd,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LightGBM:
    """``LGBMRegressor`` with its defaults, on one thread; the deviation is its five-fold error."""

    name: str = "lightgbm"
    cost: int = 4

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedElsewhere:
        """Return the fit."""
        lightgbm = need("lightgbm", "boost")

        def fit_mean(Z: Floats, t: Floats) -> Mean:
            booster = (
                lightgbm.LGBMRegressor(
                    n_jobs=1,
                    deterministic=True,
                    force_row_wise=True,
                    random_state=subseed(seed, self.name) % 2**31,
                    verbosity=-1,
                )
                .fit(Z, t)
                .booster_
            )
            mean: Mean = booster.predict
            return mean

        mean = fit_mean(Z, t)
        return FittedElsewhere(self.name, with_residual_sd(mean, fit_mean, Z, t, seed))

    def restore(self, state: dict[str, Any]) -> NoReturn:
        """Refuse: see `FittedElsewhere`."""
        refuse_to_store(self.name)
