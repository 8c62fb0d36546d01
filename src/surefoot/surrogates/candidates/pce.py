"""Sparse polynomial chaos: few terms out of many, chosen by least angle regression.

Sources: Blatman & Sudret, J. Comput. Phys. 230 (2011); the indices from the coefficients: Sudret,
Reliab. Eng. Syst. Saf. 93 (2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from surefoot.surrogates.candidates.lars import least_angle_selection
from surefoot.surrogates.candidates.polynomials import hyperbolic_indices, legendre, quasi_norm

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_NORMS = (0.5, 0.75, 1.0)
_HIGHEST_DEGREE = 12
_MOST_TERMS = 1200
_MOST_ENTERED = 250
_CHUNK = 4096
_LEAST_SD = 1e-12


class Basis(NamedTuple):
    """What the search ended with.

    Attributes
    ----------
    indices : ndarray of shape (m, d)
        Multi-indices; the constant is the first.
    q : float
        Of the quasi-norm ‖α‖_q that bounded the degree.
    degree : int
    error : float
        Corrected mean squared leave-one-out error.
    """

    indices: Indices
    q: float
    degree: int
    error: float


def select_basis(Z: Floats, t: Floats) -> Basis:
    """Return the best basis over quasi-norms, degrees and stages of the path.

    For each quasi-norm the degree rises to 12 while there are at most min(6n, 1200) terms, and
    until two degrees in succession were no better than the best before.
    """
    n, d = Z.shape
    cap, most = min(6 * n, _MOST_TERMS), min(int(0.8 * n), _MOST_ENTERED)
    constant = np.zeros((1, d), np.int64)
    best = Basis(constant, 1.0, 0, float(np.var(t)) * (n / max(n - 1, 1)) ** 3)
    for q in _NORMS:
        indices, norms, Psi = _largest(Z, q, cap)
        best_of_q, best_degree, seen = np.inf, 0, 0
        for degree in range(1, int(norms.max()) + 1):
            terms = int((norms <= degree).sum())
            if terms == seen:
                continue
            seen = terms
            found = least_angle_selection(Psi[:, 1:terms], t, min(terms - 1, most))
            if found.error < best_of_q:
                best_of_q, best_degree = found.error, degree
            if found.error < best.error:
                chosen = np.vstack([constant, indices[1 + found.columns]])
                best = Basis(chosen, q, degree, found.error)
            if degree - best_degree >= 2:
                break
    return best


def _largest(Z: Floats, q: float, cap: int) -> tuple[Indices, Floats, Floats]:
    """Return the multi-indices of the highest degree within `cap`, their norms, and Ψ."""
    indices = np.zeros((1, Z.shape[1]), np.int64)
    for degree in range(1, _HIGHEST_DEGREE + 1):
        larger = hyperbolic_indices(Z.shape[1], degree, q, cap)
        if larger is None:
            break
        indices = larger
    return indices, quasi_norm(indices, q), legendre(Z, indices)


@dataclass(frozen=True, eq=False)
class FittedChaos:
    """A polynomial Ψ(z)ᵀc with least-squares coefficients.

    Attributes
    ----------
    indices : ndarray of shape (m, d)
    coefficients : ndarray of shape (m,)
        Of orthonormal polynomials: under the uniform law the first is the mean, and the sum of
        squares of the others is the variance.
    unwhiten : ndarray of shape (m, m)
        R⁻¹ of Ψ = QR at the rows of the fit.
    variance : float
        s², such that s²(1 + leverage) is on average the corrected leave-one-out error.
    q, degree : float
        Bound of the terms that were on offer.
    """

    indices: Indices
    coefficients: Floats
    unwhiten: Floats
    variance: float
    q: float
    degree: int

    @property
    def start(self) -> None:
        """None: the basis is chosen anew in every fit."""
        return None

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation s·√(1 + ψ(z)ᵀ(ΨᵀΨ)⁻¹ψ(z)) of a response."""
        mean, leverage = np.empty(len(Z)), np.empty(len(Z))
        for first in range(0, len(Z), _CHUNK):
            rows = slice(first, first + _CHUNK)
            Psi = legendre(Z[rows], self.indices)
            white = Psi @ self.unwhiten
            mean[rows] = Psi @ self.coefficients
            leverage[rows] = np.einsum("ij,ij->i", white, white)
        return mean, np.maximum(np.sqrt(self.variance * (1 + leverage)), _LEAST_SD)

    def sobol_indices(self) -> tuple[Floats, Floats]:
        """Return first-order and total Sobol' indices for uniform inputs, each of shape (d,)."""
        shares = self.coefficients**2
        shares[~self.indices.any(axis=1)] = 0
        shares /= shares.sum() or 1.0
        involved = self.indices > 0
        alone = involved & (involved.sum(axis=1, keepdims=True) == 1)
        return shares @ alone, shares @ involved

    def describe(self) -> dict[str, Any]:
        """Return how many terms there are, of what degree, and the leave-one-out error."""
        return {
            "terms": len(self.indices),
            "highest_degree": int(self.indices.sum(axis=1).max()),
            "most_inputs_in_a_term": int((self.indices > 0).sum(axis=1).max()),
            "quasi_norm": self.q,
            "degree": self.degree,
            "residual_variance": self.variance,
        }

    def state(self) -> dict[str, Any]:
        """Return every field, the multi-indices as floats."""
        return vars(self) | {"indices": self.indices.astype(float)}


@dataclass(frozen=True)
class PolynomialChaos:
    """A sparse polynomial in orthonormal Legendre terms, selected by least angle regression."""

    @property
    def name(self) -> str:
        """``pce``."""
        return "pce"

    @property
    def cost(self) -> int:
        """Three: a polynomial."""
        return 3

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedChaos:
        """Return the polynomial; nothing is random, and nothing is taken from an earlier fit."""
        basis = select_basis(Z, t)
        coefficients, unwhiten = least_squares(legendre(Z, basis.indices), t)
        variance = basis.error / (1 + len(basis.indices) / len(t))
        return FittedChaos(basis.indices, coefficients, unwhiten, variance, basis.q, basis.degree)

    def restore(self, state: dict[str, Any]) -> FittedChaos:
        """Return the fit whose `FittedChaos.state` this is."""
        indices = np.asarray(state["indices"]).astype(np.int64)
        return FittedChaos(**state | {"indices": indices})


def least_squares(Psi: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Return c that minimises ‖t − Ψc‖, shape (m,), and R⁻¹ of Ψ = QR, shape (m, m)."""
    Q, R = np.linalg.qr(Psi)
    unwhiten = np.linalg.inv(R)
    return unwhiten @ (Q.T @ t), unwhiten
