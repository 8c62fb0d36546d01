"""Gaussian processes: Kriging with a polynomial trend and one length scale an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.surrogates.candidates.covering import farthest_points
from surefoot.surrogates.candidates.fitted_gp import FittedGP, solve
from surefoot.surrogates.candidates.kernels import KernelName, kernel_named
from surefoot.surrogates.candidates.polynomials import legendre
from surefoot.surrogates.candidates.reml import NuggetName, RestrictedLikelihood
from surefoot.surrogates.candidates.trends import Trend, independent_columns, trend_indices

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_LEARNED_FROM = 500
_SHORT = {"squared-exponential": "se"}


@dataclass(frozen=True)
class GaussianProcess:
    """A Gaussian process, its hyperparameters at the maximum of the restricted likelihood.

    Parameters
    ----------
    kernel : {"squared-exponential", "matern52", "matern12"}
        From the smoothest to the roughest: infinitely often, twice and not differentiable.
    trend : {"constant", "linear"} or tuple of multi-indices on the Legendre basis
        The mean function. Terms that the rows can't tell apart are left out; if fewer than two
        rows were left for the variance, only the constant stays.
    nugget : {"tiny", "free"}
        Whether a repeated run gives the same response, or one with noise of unknown variance.
    """

    kernel: KernelName = "matern52"
    trend: Trend = "constant"
    nugget: NuggetName = "tiny"

    @property
    def name(self) -> str:
        """``gp-`` and the kernel; of the free nugget ``gp-noise``."""
        words = ["gp"]
        if self.nugget == "free":
            words.append("noise")
        if self.nugget != "free" or self.kernel != "matern52":
            words.append(_SHORT.get(self.kernel, self.kernel))
        if self.trend != "constant":
            words.append("linear" if self.trend == "linear" else "polynomial")
        return "-".join(words)

    @property
    def cost(self) -> int:
        """Five: a Gaussian process."""
        return 5

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedGP:
        """Return the posterior.

        Parameters
        ----------
        Z : ndarray of shape (n, d)
        t : ndarray of shape (n,) or (n, p)
            Of several responses the hyperparameters are shared, by the sum of their likelihoods;
            columns that are constant have no part in it. The mean is then one linear smoother of
            the responses: what is linear among them stays so.
        seed : int
            Key of the random start of the search.
        start : ndarray of shape (d + 1,), optional
            `FittedGP.start` of a fit on nearly the same rows; 15 iterations lead on from there.
        """
        T = t.reshape(len(t), -1)
        indices = trend_indices(self.trend, Z.shape[1])
        indices = indices[independent_columns(legendre(Z, indices))]
        if len(indices) > len(Z) - 2:
            indices = indices[:1]
        theta = self._learn(Z, T, indices, seed, start)
        return solve(self.kernel, Z, T, theta, indices, single=t.ndim == 1)

    def restore(self, state: dict[str, Any]) -> FittedGP:
        """Return the fit whose `FittedGP.state` this is."""
        return FittedGP.from_state(state)

    def _learn(self, Z: Floats, T: Floats, indices: Indices, seed: int, start: Any) -> Floats:
        """Return the hyperparameters θ. A search costs n³ a step: 500 covering rows have to do."""
        if len(Z) > _LEARNED_FROM:
            chosen = farthest_points(Z, _LEARNED_FROM)
            Z, T = Z[chosen], T[chosen]
        varying = T[:, np.ptp(T, axis=0) > 0]
        F = legendre(Z, indices)
        likelihood = RestrictedLikelihood(
            kernel_named(self.kernel),
            Z - Z.mean(axis=0),
            F[:, independent_columns(F)],
            varying - varying.mean(axis=0),
            self.nugget,
        )
        if varying.shape[1] == 0:
            return likelihood.typical()
        return likelihood.maximum(seed=seed, start=start)
