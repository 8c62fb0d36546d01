"""Kriging of the Surrogate Modeling Toolbox (SMT)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import need
from surefoot.ground.streams import subseed
from surefoot.surrogates.candidates.adapter import FittedElsewhere, refuse_to_store

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SmtKriging:
    """SMT's ``KRG``, with its defaults unless told otherwise; it interpolates."""

    corr: Literal["squar_exp", "matern52"] = "squar_exp"
    poly: Literal["constant", "linear"] = "constant"
    restarts: int = 10

    @property
    def name(self) -> str:
        """``smt-kriging``."""
        return "smt-kriging"

    @property
    def cost(self) -> int:
        """Five: a Gaussian process."""
        return 5

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedElsewhere:
        """Return the fit."""
        surrogate_models = need("smt.surrogate_models", "peers")
        model = surrogate_models.KRG(
            corr=self.corr,
            poly=self.poly,
            n_start=self.restarts,
            seed=subseed(seed, self.name) % 2**32,
            print_global=False,
        )
        model.set_training_values(Z, t)
        with np.errstate(
            divide="ignore", invalid="ignore"
        ):  # of a constant response it takes log 0
            model.train()

        def law(Z: Floats) -> tuple[Floats, Floats]:
            variance = model.predict_variances(Z)[:, 0]
            return model.predict_values(Z)[:, 0], np.sqrt(np.maximum(variance, 0))

        told = {"corr": self.corr, "poly": self.poly, "theta": model.optimal_theta.tolist()}
        return FittedElsewhere(self.name, law, told)

    def restore(self, state: dict[str, Any]) -> NoReturn:
        """Refuse: see `FittedElsewhere`."""
        refuse_to_store(self.name)
