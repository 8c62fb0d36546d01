"""A Gaussian process whose hyperparameters are known: its law anywhere, and without a row.

Sources: Santner, Williams & Notz, "The design and analysis of computer experiments", 2003, section
3.3 (universal kriging); Dubrule, "Cross validation of kriging in a unique neighborhood", Math.
Geol. 15 (1983).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpocon, dpotrf, dtrtri

from surefoot.surrogates.candidates.kernels import kernel_named, squared_distances
from surefoot.surrogates.candidates.polynomials import legendre
from surefoot.surrogates.candidates.reml import at_bound, residual_variance

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_CHUNK = 4096
_WORST_CONDITION = 1e12


@dataclass(frozen=True, eq=False)
class FittedGP:
    """The posterior of f(z)ᵀβ + Gaussian process, of one response or of several alike.

    Attributes
    ----------
    kernel : str
    Z : ndarray of shape (n, d)
    T : ndarray of shape (n, p)
    single : bool
        Whether the response came as a vector; predictions then are vectors too.
    lengths : ndarray of shape (d,)
    nugget : float
        γ, the variance of noise over that of the process; a new response contains it.
    asked_nugget : float
        What the likelihood chose; smaller if K would have been near singular with it.
    indices : ndarray of shape (q, d)
        The trend's multi-indices.
    variance : ndarray of shape (p,)
        σ̂².
    offset : ndarray of shape (p,)
        Means, subtracted before anything is multiplied.
    beta : ndarray of shape (q, p)
        Coefficients of the trend.
    alpha : ndarray of shape (n, p)
        K⁻¹ (T − offset − Fβ).
    whitener : ndarray of shape (n, n)
        L⁻¹, with K = LLᵀ.
    white_trend : ndarray of shape (n, q)
        L⁻¹F.
    unwhiten_trend : ndarray of shape (q, q)
        G⁻¹, with FᵀK⁻¹F = GᵀG.
    """

    kernel: str
    Z: Floats
    T: Floats
    single: bool
    lengths: Floats
    nugget: float
    asked_nugget: float
    indices: Indices
    variance: Floats
    offset: Floats
    beta: Floats
    alpha: Floats
    whitener: Floats
    white_trend: Floats
    unwhiten_trend: Floats

    @property
    def start(self) -> Floats:
        """θ = (ln ℓ_1 … ln ℓ_d, ln γ), from which a refit may start."""
        return np.log(np.append(self.lengths, self.asked_nugget))

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of a new response, (m,) or (m, p) like the response.

        Not knowing β is part of the deviation, and so is the nugget.
        """
        m, p = len(Z), self.T.shape[1]
        mean, unscaled = np.empty((m, p)), np.empty(m)
        for rows in _chunks(m):
            trend, cross, white, rest = self._against(Z[rows])
            mean[rows] = self.offset + trend @ self.beta + cross @ self.alpha
            explained = np.einsum("ij,ij->i", white, white)
            unscaled[rows] = np.maximum(1 - explained, 0) + np.einsum("ij,ij->i", rest, rest)
        sd = np.sqrt((unscaled + self.nugget)[:, None] * self.variance)
        return (mean[:, 0], sd[:, 0]) if self.single else (mean, sd)

    def predict_cov(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean (m,) and covariance (m, m) of new responses; for several, (m, p), (p, m, m).

        The squares of `predict`'s deviations are on the diagonal.
        """
        mean, sd = self.predict(Z)
        cov = self.covariance(Z, Z)
        own = np.arange(len(Z))
        cov[..., own, own] = sd.T**2
        return mean, cov

    def covariance(self, A: Floats, B: Floats) -> Floats:
        """Return the posterior covariance of the function between rows `A` and `B`, (a, b).

        For several responses (p, a, b). It does not contain the nugget. A run at a would lower the
        variance at b by cov(a, b)²/(cov(a, a) + γσ̂²): what an adaptive design needs.
        """
        _, _, white_a, rest_a = self._against(A)
        _, _, white_b, rest_b = self._against(B)
        prior = kernel_named(self.kernel).value(squared_distances(A, B, self.lengths))
        unscaled = prior - white_a @ white_b.T + rest_a @ rest_b.T
        if self.single:
            scaled: Floats = unscaled * self.variance[0]
            return scaled
        return self.variance[:, None, None] * unscaled

    def given(self, Z: Floats, t: Floats | None = None) -> FittedGP:
        """Return the fit after `Z` (k, d) was also run, hyperparameters and σ̂² as they are.

        Parameters
        ----------
        t : ndarray of shape (k,) or (k, p), optional
            Responses there. Without them the predicted means: deviations do not depend on
            responses, so this tells what the runs would be worth before they are made.
        """
        t = self.predict(Z)[0] if t is None else t
        rows = np.vstack([self.Z, Z])
        T = np.vstack([self.T, np.reshape(t, (len(Z), -1))])
        more = solve(self.kernel, rows, T, self.start, self.indices, single=self.single)
        return replace(more, variance=self.variance)

    def loo(self) -> tuple[Floats, Floats]:
        """Return mean and standard deviation at every row, given all others.

        With Q of `reml`, e = (QT)_i/Q_ii is the error and σ̂²/Q_ii its variance; here σ̂² is
        also without the row, so that no response has a part in its own scale. ℓ and γ remain those
        of all rows, and so does the trend: where its terms were selected, this is too optimistic.
        """
        n, q = self.white_trend.shape
        basis = self.white_trend @ self.unwhiten_trend
        inverse_rows = basis.T @ self.whitener
        diagonal = (self.whitener**2).sum(axis=0) - (inverse_rows**2).sum(axis=0)
        errors = self.alpha / diagonal[:, None]
        freedom = n - q
        squares = self.variance * freedom - self.alpha * errors
        variance = np.maximum(squares, 0) / max(freedom - 1, 1) / diagonal[:, None]
        mean, sd = self.T - errors, np.sqrt(variance)
        return (mean[:, 0], sd[:, 0]) if self.single else (mean, sd)

    def describe(self) -> dict[str, Any]:
        """Return kernel, length scales, nugget, variance and trend, and what was out of line."""
        told: dict[str, Any] = {
            "kernel": self.kernel,
            "length_scales": self.lengths.tolist(),
            "nugget": self.nugget,
            "process_variance": float(self.variance[0]) if self.single else self.variance.tolist(),
            "trend_terms": len(self.indices),
            "trend_degree": int(self.indices.sum(axis=1).max()),
        }
        if bound := at_bound(self.lengths):
            told["length_scales_at_bound"] = bound
        if self.nugget > self.asked_nugget:
            told["nugget_raised_from"] = self.asked_nugget
        return told

    def state(self) -> dict[str, Any]:
        """Return every field, the multi-indices as floats."""
        state = {field.name: getattr(self, field.name) for field in fields(self)}
        return state | {"indices": self.indices.astype(float)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedGP:
        """Return the fit whose `state` this is."""
        known = {field.name: state[field.name] for field in fields(cls)}
        return cls(**known | {"indices": np.asarray(state["indices"]).astype(np.int64)})

    def __post_init__(self) -> None:
        # One memory order, whatever a file brings: sums then round alike.
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, np.ascontiguousarray(value))

    def _against(self, Z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return f, k, L⁻¹k and G⁻ᵀ(f − FᵀK⁻¹k) at the rows of `Z`, a row each."""
        trend = legendre(Z, self.indices)
        cross = kernel_named(self.kernel).value(squared_distances(Z, self.Z, self.lengths))
        white = cross @ self.whitener.T
        rest = (trend - white @ self.white_trend) @ self.unwhiten_trend
        return trend, cross, white, rest


def solve(
    kernel: str, Z: Floats, T: Floats, theta: Floats, indices: Indices, *, single: bool = False
) -> FittedGP:
    """Return the fit of `T` (n, p) with hyperparameters θ = (ln ℓ_1 … ln ℓ_d, ln γ).

    The nugget is raised tenfold until the condition number of K is below 1e12.
    """
    lengths, asked = np.exp(theta[:-1]), float(np.exp(theta[-1]))
    offset = T.mean(axis=0)
    F = legendre(Z, indices)
    R = kernel_named(kernel).value(squared_distances(Z, Z, lengths))
    whitener, nugget = _whitener(R, asked)
    white = whitener @ np.hstack([F, T - offset])
    white_trend, white_t = np.split(white, [F.shape[1]], axis=1)
    basis, G = np.linalg.qr(white_trend)
    coordinates = basis.T @ white_t
    residuals = white_t - basis @ coordinates
    unwhiten_trend = np.linalg.inv(G)
    return FittedGP(
        kernel, Z, T, single, lengths, nugget, asked, indices,
        variance=residual_variance((residuals**2).sum(axis=0), T, len(Z) - F.shape[1]),
        offset=offset,
        beta=unwhiten_trend @ coordinates,
        alpha=whitener.T @ residuals,
        whitener=whitener,
        white_trend=white_trend,
        unwhiten_trend=unwhiten_trend,
    )  # fmt: skip


def _whitener(R: Floats, nugget: float) -> tuple[Floats, float]:
    """Return L⁻¹ of K = R + γI = LLᵀ, and the γ that made K well conditioned; γ = 1 always does."""
    while True:
        K = R + nugget * np.eye(len(R))
        L, failed = dpotrf(K.T, lower=1)
        if not failed:
            reciprocal, _ = dpocon(L, np.abs(K).sum(axis=0).max(), uplo="L")
            if reciprocal * _WORST_CONDITION >= 1:
                return dtrtri(L, lower=1)[0], nugget
        nugget *= 10


def _chunks(m: int) -> Iterator[slice]:
    return (slice(first, first + _CHUNK) for first in range(0, m, _CHUNK))
