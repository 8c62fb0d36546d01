r"""Joint confidence sets: ellipsoids and balls.

The obvious ellipsoid is a trap: the quantile of the chains' own Mahalanobis distances, by the
covariance of the same chains. With 200 chains in 100 dimensions it covers the truth hardly ever,
as chains are near the centre in a metric that was fitted to them, and the run is not among them.
Hotelling's quantile accounts for the fit.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.linalg import solve_triangular

from surefoot.confidence.coordinates import Contrast, contrasts, described
from surefoot.confidence.intervals_of_chains import check_level, covariance, rank
from surefoot.ground.errors import InputError
from surefoot.ground.notices import warn

Floats = NDArray[np.float64]

_ENOUGH_PER_PARAMETER = 10
# The share of a parameter's variance that the others leave open, below which it is theirs.
_SINGULAR = 1e-12


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    r"""The set of θ with :math:`(θ − c)' S^{-1} (θ − c) ≤ r^2`.

    Attributes
    ----------
    center : ndarray of shape (k,)
    shape : ndarray of shape (k, k)
        S, the covariance of the chains.
    radius : float
        r, in standard errors.
    names : tuple of str
    confidence_level : float
    """

    center: Floats
    shape: Floats
    radius: float
    names: tuple[str, ...]
    confidence_level: float

    def contains(self, theta: ArrayLike) -> Any:
        """Return whether the set holds θ, shape (k,), or each of many, shape (..., k)."""
        points = as_points(theta, len(self.center))
        return squared_distance(points - self.center, self.shape) <= self.radius**2

    @cached_property
    def log_volume(self) -> float:
        """Natural logarithm of the volume, which may itself be too small for a float."""
        k = len(self.center)
        scale, factor = _cholesky(self.shape)
        ball = k / 2 * math.log(math.pi) - math.lgamma(k / 2 + 1)
        stretch = float(np.log(scale).sum() + np.log(np.diagonal(factor)).sum())
        return ball + k * math.log(self.radius) + stretch

    @property
    def volume(self) -> float:
        """Volume, in the product of the parameters' units."""
        return math.exp(self.log_volume)

    @property
    def bounds(self) -> Floats:
        """The smallest box around the set, shape (k, 2): Scheffé's intervals."""
        reach = self.radius * np.sqrt(np.diagonal(self.shape))
        return np.column_stack([self.center - reach, self.center + reach])

    def project(self, onto: Contrast) -> Ellipsoid:
        """Return the shadow of the set: what it says of some parameters or combinations.

        Parameters
        ----------
        onto : str, sequence of str, mapping of str to float, or array-like of shape (k,) or (r, k)
            Names, or directions. A shadow is wider than the set for these parameters alone: any
            number of shadows hold together.

        Examples
        --------
        ::

            low, high = ellipsoid.project({"x1": 1, "x2": -1}).bounds[0]
        """
        rows = contrasts("onto", onto, self.names)
        shape = rows @ self.shape @ rows.T
        names = tuple(described(row, self.names) for row in rows)
        return Ellipsoid(rows @ self.center, shape, self.radius, names, self.confidence_level)


@dataclass(frozen=True, eq=False)
class NormBall:
    """The set of θ within a distance of the centre.

    Attributes
    ----------
    center : ndarray of shape (k,)
    radius : float
        In the parameters' unit.
    p : 1, 2 or inf
        Of the norm.
    names : tuple of str
    confidence_level : float
    """

    center: Floats
    radius: float
    p: float
    names: tuple[str, ...]
    confidence_level: float

    def contains(self, theta: ArrayLike) -> Any:
        """Return whether the ball holds θ, shape (k,), or each of many, shape (..., k)."""
        points = as_points(theta, len(self.center))
        return np.linalg.norm(points - self.center, ord=self.p, axis=-1) <= self.radius


def ellipsoid_of(
    names: Sequence[str], center: Floats, deviations: Floats, level: float
) -> Ellipsoid:
    """Return Hotelling's ellipsoid for chains that deviate from `center` by `deviations` (M, k)."""
    check_level(level)
    m, k = deviations.shape
    check_chains(m, k, "which")
    if m < _ENOUGH_PER_PARAMETER * k:
        message = f"{m} chains for an ellipsoid in {k} dimensions: it is valid, but wide, and"
        advice = f"{_ENOUGH_PER_PARAMETER * k} chains or fewer parameters make it sharper"
        warn(f"{message} {advice}")
    shape = covariance(deviations)
    _cholesky(shape)
    return Ellipsoid(center, shape, hotelling_radius(level, m, k), tuple(names), level)


def norm_ball_of(
    names: Sequence[str], center: Floats, deviations: Floats, level: float, p: Any
) -> NormBall:
    """Return the ball that holds the error like one more deviation, of M."""
    if isinstance(p, bool) or p not in (1, 2, math.inf):
        raise InputError("p", p, "1, 2 or inf")
    k = rank(check_level(level), len(deviations))
    distances = np.linalg.norm(deviations, ord=p, axis=1)
    return NormBall(center, float(np.sort(distances)[k - 1]), p, tuple(names), level)


def hotelling_radius(level: float, n_chains: int, k: int) -> float:
    """Return the root of the quantile of T² = k M/(M − k + 1) F with k and M − k + 1 degrees."""
    rest = n_chains - k + 1
    return math.sqrt(k * n_chains / rest * special.fdtri(k, rest, level))


def squared_distance(differences: Floats, shape: Floats) -> Floats:
    """Return x' S⁻¹ x for each x of `differences`, shape (..., k)."""
    scale, factor = _cholesky(shape)
    flat = (differences / scale).reshape(-1, len(scale))
    solved = solve_triangular(factor, flat.T, lower=True, check_finite=False)
    distances: Floats = (solved**2).sum(axis=0).reshape(differences.shape[:-1])
    return distances


def check_chains(n_chains: int, k: int, where: str) -> None:
    """Refuse a covariance of k quantities that too few chains stand behind."""
    if n_chains < k + 2:
        found = f"{k} quantities and {n_chains} chains"
        raise InputError(where, found, "at least two chains more than quantities")


def as_points(theta: ArrayLike, k: int) -> Floats:
    """Return θ as floats of shape (..., k)."""
    try:
        points = np.asarray(theta, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("theta", theta, "numbers") from error
    if points.ndim == 0 or points.shape[-1] != k:
        raise InputError("theta", f"shape {points.shape}", f"(..., {k})")
    return points


def _cholesky(shape: Floats) -> tuple[Floats, Floats]:
    """Return standard deviations and the factor of the correlations.

    Correlations, as units must not matter: parameters may be of very different sizes.
    """
    scale: Floats = np.sqrt(np.diagonal(shape))
    factor: Floats | None = None
    if (scale > 0).all():
        with contextlib.suppress(np.linalg.LinAlgError):
            factor = np.asarray(np.linalg.cholesky(shape / scale / scale[:, None]))
    if factor is None or (np.diagonal(factor) ** 2).min() < _SINGULAR:
        found = "chains that are linearly dependent"
        raise InputError("covariance", found, "parameters or combinations that vary on their own")
    return scale, factor
