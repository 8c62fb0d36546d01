"""Restricted likelihood of a Gaussian process, with its gradient and its maximum.

The responses t ~ N(Fβ, σ²K) have K = R(ℓ) + γI. With Q = K⁻¹ − K⁻¹F(FᵀK⁻¹F)⁻¹FᵀK⁻¹ the trend is
integrated out, σ̂² = tᵀQt/(n − q) is profiled, and what is minimised over ln ℓ and ln γ is

    ½[(n − q) ln σ̂² + ln|K| + ln|FᵀK⁻¹F|] − ln prior,    with ∂/∂θ = ½ tr(M ∂K/∂θ) − ∂ ln prior/∂θ
    and M = Q − aaᵀ/σ̂², a = Qt.

For several responses with one ℓ and one γ the bracket is summed over them.

Sources: Patterson & Thompson, Biometrika 58 (1971); the prior of ℓ grows with the dimension as in
Hvarfner, Hellsten & Nardi, "Vanilla Bayesian optimization performs great in high dimensions",
ICML 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri, dtrtrs
from scipy.optimize import minimize

from surefoot.ground.errors import one_of
from surefoot.ground.streams import stream
from surefoot.surrogates.candidates.kernels import (
    Kernel,
    length_gradient,
    squared_distances,
)

Floats = NDArray[np.float64]
NuggetName = Literal["tiny", "free"]

_LENGTHS = np.log([1e-2, 1e3])
_LENGTH_SD = np.sqrt(3)
_INFEASIBLE = 1e25


class _NuggetRule(NamedTuple):
    centre: float
    sd: float
    lowest: float
    highest: float


# The tiny one only keeps K well conditioned; the free one is the variance of noise over that of
# the process.
_NUGGETS = {
    "tiny": _NuggetRule(np.log(1e-8), 3.0, np.log(1e-10), np.log(1e-1)),
    "free": _NuggetRule(np.log(1e-2), 3.0, np.log(1e-8), np.log(1e2)),
}


@dataclass(frozen=True, eq=False)
class RestrictedLikelihood:
    """What the hyperparameters θ = (ln ℓ_1 … ln ℓ_d, ln γ) are worth.

    Attributes
    ----------
    kernel : Kernel
    Z : ndarray of shape (n, d)
    F : ndarray of shape (n, q)
        The trend's functions at the rows, of full rank q < n.
    T : ndarray of shape (n, p)
        Responses of mean about 0, none constant.
    nugget : {"tiny", "free"}
    """

    kernel: Kernel
    Z: Floats
    F: Floats
    T: Floats
    nugget: NuggetName = "tiny"

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return the objective and its gradient, shape (d + 1,)."""
        lengths, nugget = np.exp(theta[:-1]), float(np.exp(theta[-1]))
        (n, q), p = self.F.shape, self.T.shape[1]
        R, H = self.kernel.value_and_slope(squared_distances(self.Z, self.Z, lengths))
        R.flat[:: n + 1] += nugget
        L, failed = dpotrf(R.T, lower=1, overwrite_a=1)
        if failed:
            return _INFEASIBLE, np.zeros_like(theta)
        white = dtrtrs(L, np.hstack([self.F, self.T]), lower=1)[0]
        basis, G = np.linalg.qr(white[:, :q])
        residuals = white[:, q:] - basis @ (basis.T @ white[:, q:])
        scale = residual_variance((residuals**2).sum(axis=0), self.T, n - q)
        log_det = np.log(np.diag(L)).sum() + np.log(np.abs(np.diag(G))).sum()
        value = 0.5 * (n - q) * np.log(scale).sum() + p * log_det

        inner = np.hstack([np.sqrt(p) * basis, residuals / np.sqrt(scale)])
        Y = dtrtrs(L, inner, lower=1, trans=1)[0]
        inverse = dpotri(L, lower=1)[0]  # its lower triangle
        M = p * inverse - Y @ Y.T
        by_nugget = 0.5 * nugget * np.trace(M)
        W = np.tril(M * H, -1)
        # Half the trace counts both triangles, the sum over a > b one of them.
        by_lengths = length_gradient(W, self.Z, lengths)
        penalty, slope = self._prior(theta)
        return value + penalty, np.append(by_lengths, by_nugget) + slope

    def maximum(self, *, seed: int, start: Floats | None = None) -> Floats:
        """Return the best θ found.

        From `start` in at most 15 iterations; without it from two fixed points and one random one,
        the best of them to convergence.
        """
        bounds = np.vstack([np.tile(_LENGTHS, (self.Z.shape[1], 1)), self._rule[2:]])
        if start is not None:
            return self._descend(start, bounds, 15)[1]
        raced = [self._descend(theta, bounds, 40) for theta in self._starts(seed)]
        best = min(raced, key=lambda found: found[0])[1]
        return self._descend(best, bounds, 160)[1]

    def typical(self) -> Floats:
        """Return the centre of the prior."""
        return np.append(np.full(self.Z.shape[1], self._typical_length), self._rule.centre)

    def _starts(self, seed: int) -> list[Floats]:
        """Long and short length scales, alike for all inputs, and one draw near the short."""
        d = self.Z.shape[1]
        short = np.append(np.full(d, np.log(0.3) + 0.5 * np.log(d)), self._rule.centre)
        draw = stream(seed, "restricted likelihood", d).normal(size=d + 1)
        return [self.typical(), short, short + draw]

    def _descend(self, theta: Floats, bounds: Floats, most: int) -> tuple[float, Floats]:
        theta = np.clip(theta, *bounds.T)
        found = minimize(
            self, theta, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": most}
        )
        return float(found.fun), found.x

    def _prior(self, theta: Floats) -> tuple[float, Floats]:
        rule = self._rule
        sd = np.append(np.full(len(theta) - 1, _LENGTH_SD), rule.sd)
        z = (theta - self.typical()) / sd
        return float(0.5 * z @ z), z / sd

    @property
    def _typical_length(self) -> float:
        return float(np.sqrt(2) + 0.5 * np.log(self.Z.shape[1]))

    @property
    def _rule(self) -> _NuggetRule:
        return _NUGGETS[one_of("nugget", self.nugget, _NUGGETS)]


def residual_variance(squares: Floats, T: Floats, freedom: int) -> Floats:
    """Return σ̂² from the weighted sums of squares, kept above zero where the trend fits all."""
    floor = 1e-22 * ((T - T.mean(axis=0)) ** 2).sum(axis=0) + 1e-24
    variance: Floats = (squares + floor) / max(freedom, 1)
    return variance


def at_bound(lengths: Floats) -> list[int]:
    """Return which length scales lie at the shortest or the longest that is allowed."""
    logs = np.log(lengths)
    return np.flatnonzero((logs <= _LENGTHS[0] + 1e-6) | (logs >= _LENGTHS[1] - 1e-6)).tolist()
