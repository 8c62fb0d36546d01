"""Scikit-learn's Gaussian process, as its users build it for a simulator."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

from surefoot.ground.streams import subseed
from surefoot.surrogates.candidates.adapter import FittedElsewhere, refuse_to_store

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SklearnGP:
    """Constant × kernel with a length scale an input + white noise, all with the default bounds.

    The deviation is scikit-learn's own, noise included. Tighter bounds and a small first guess of
    the noise, as for a deterministic code, were no better on the development functions.
    """

    kernel: Literal["matern52", "matern32", "rbf"] = "matern52"
    restarts: int = 3

    @property
    def name(self) -> str:
        """``sklearn-gp``."""
        return "sklearn-gp"

    @property
    def cost(self) -> int:
        """Five: a Gaussian process."""
        return 5

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedElsewhere:
        """Return the fit; its warnings about bounds are not passed on."""
        ones = np.ones(Z.shape[1])
        shapes = {
            "matern52": Matern(ones, nu=2.5),
            "matern32": Matern(ones, nu=1.5),
            "rbf": RBF(ones),
        }
        model = GaussianProcessRegressor(
            ConstantKernel() * shapes[self.kernel] + WhiteKernel(),
            n_restarts_optimizer=self.restarts,
            normalize_y=True,
            random_state=subseed(seed, self.name) % 2**32,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(Z, t)

        def law(Z: Floats) -> tuple[Floats, Floats]:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Predicted variances smaller than 0")
                mean, sd = model.predict(Z, return_std=True)
            return mean, sd

        return FittedElsewhere(self.name, law, {"kernel": str(model.kernel_)})

    def restore(self, state: dict[str, Any]) -> NoReturn:
        """Refuse: see `FittedElsewhere`."""
        refuse_to_store(self.name)
