r"""The predictive law: at every point a weighted mixture of warped normal laws.

.. math:: p(y \mid x) = \sum_k w_k\, N(t_k(y);\, \mu_k(x), \sigma_k^2(x))\, t_k'(y)

Points stand on the last axis within, so that what belongs to a point broadcasts against any number
of responses, shape (..., m).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from surefoot.ground.errors import InputError
from surefoot.ground.samples import tail_of
from surefoot.surrogates.ensemble import crps
from surefoot.surrogates.ensemble.quantiles import invert_cdf
from surefoot.surrogates.ensemble.warps import Warp

Floats = NDArray[np.float64]

# A member that knows nothing may place its quantiles beyond every double; sums of these are finite.
_FARTHEST = 1e300
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_NODES, _SHARES = np.polynomial.hermite_e.hermegauss(15)
_SHARES = _SHARES / _SHARES.sum()


@dataclass(frozen=True, eq=False)
class Component:
    """One member's law at m points: normal in the member's warped space.

    Attributes
    ----------
    warp : Warp
    weight : float
        The member's share of the mixture.
    mean, sd : ndarray of shape (m,)
        In warped space; `sd` is above zero and already tempered.
    """

    warp: Warp
    weight: float
    mean: Floats
    sd: Floats

    def standardised(self, y: ArrayLike) -> Floats:
        """Return (t(y) − mean) / sd."""
        with np.errstate(over="ignore"):
            return np.asarray((self.warp.forward(y) - self.mean) / self.sd)

    def log_density(self, y: ArrayLike) -> Floats:
        """Return the log density of the component alone, per unit of y."""
        with np.errstate(over="ignore"):
            exponent = -0.5 * self.standardised(y) ** 2
        return exponent - np.log(self.sd) - _HALF_LOG_2PI + self.warp.log_jacobian(y)

    def at(self, z: Floats) -> Floats:
        """Return the response that stands `z` standard deviations above the mean, unclamped."""
        y = self.warp.exact_inverse(self.mean + self.sd * z)
        return np.clip(y, -_FARTHEST, _FARTHEST)

    def moments(self) -> tuple[Floats, Floats]:
        """Return mean and variance of the response, each of shape (m,); see `Warp.inverse`."""
        if self.warp.name == "identity":
            unit = self.warp.scale * self.warp.spread
            return self.warp.inverse(self.mean), (unit * self.sd) ** 2
        y = self.warp.inverse(self.mean + self.sd * _NODES[:, None])
        # From a value nearby: the digits of a large offset are not lost in the sum.
        offset = self.warp.inverse(self.mean)
        shift = _SHARES @ (y - offset)
        return offset + shift, _SHARES @ (y - offset - shift) ** 2

    def rows(self, index: Any) -> Component:
        """Return the component at some of its points."""
        return Component(self.warp.rows(index), self.weight, self.mean[index], self.sd[index])


@dataclass(frozen=True, eq=False)
class Mixture:
    """The predictive law of a response at m points.

    Density, distribution function, quantiles and scores are those of the mixture itself. Mean,
    standard deviation and samples are of its components clamped as in `Warp.inverse`.

    Attributes
    ----------
    components : tuple of Component
        Their weights are not negative and sum to 1.

    Examples
    --------
    >>> warp = fit_warp("identity", [1.0, 2.0, 3.0])
    >>> law = Mixture((Component(warp, 1.0, np.zeros(2), np.ones(2)),))
    >>> law.mean()
    array([2., 2.])
    """

    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        if not self.components:
            raise InputError("components", "none", "at least one")
        weights = np.array([c.weight for c in self.components])
        if not ((weights >= 0).all() and abs(weights.sum() - 1) < 1e-9):
            raise InputError("weights", weights.tolist(), "shares from 0 that sum to 1")
        shapes = {np.shape(a) for c in self.components for a in (c.mean, c.sd)}
        if len(shapes) > 1 or len(next(iter(shapes))) != 1:
            raise InputError("means and sds", f"shapes {sorted(shapes)}", "one shape (m,)")
        if not all((c.sd > 0).all() for c in self.components):
            raise InputError("sd", "a value not above 0", "standard deviations above 0")

    def __len__(self) -> int:
        return len(self.components[0].mean)

    def rows(self, index: Any) -> Mixture:
        """Return the law at some of its points."""
        return Mixture(tuple(c.rows(index) for c in self.components))

    def mean(self) -> Floats:
        """Return the mean at every point, shape (m,)."""
        return self._moments[0]

    def std(self) -> Floats:
        """Return the standard deviation at every point, shape (m,)."""
        return self._moments[1]

    def cdf(self, y: ArrayLike) -> Floats:
        """Return the probability of a response up to `y`, of shape (..., m)."""
        return np.asarray(sum(c.weight * ndtr(c.standardised(y)) for c in self.components))

    def log_density(self, y: ArrayLike) -> Floats:
        """Return the log density at `y`, of shape (..., m); -inf where it is zero."""
        with np.errstate(divide="ignore"):
            terms = [np.log(c.weight) + c.log_density(y) for c in self.components]
        return np.asarray(np.logaddexp.reduce(terms))

    def quantile(self, q: ArrayLike) -> Floats:
        """Return the responses below which shares `q`, of shape (r,), lie: shape (m, r)."""
        q = np.atleast_1d(np.asarray(q, dtype=np.float64))
        if q.ndim != 1 or not ((q > 0) & (q < 1)).all():
            raise InputError("q", q.tolist(), "probabilities in (0, 1)")
        shape = (len(q), len(self))
        law = self.rows(np.tile(np.arange(len(self)), len(q)))
        q = np.repeat(q, len(self))
        # The mixture's quantile lies between the smallest and the largest of its components'.
        ends = np.array([c.at(ndtri(q)) for c in law.components])
        guess = np.array([c.weight for c in law.components]) @ ends
        found = invert_cdf(law, q, ends.min(axis=0), ends.max(axis=0), guess)
        return found.reshape(shape).T

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the interval that leaves equal shares below and above, each end shape (m,)."""
        tail = tail_of(level) / 2
        low, high = self.quantile([tail, 1 - tail]).T
        return low, high

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """Return `n` independent draws at every point, shape (m, n)."""
        shape = (n, len(self))
        weights = np.array([c.weight for c in self.components])
        member = rng.choice(len(weights), size=shape, p=weights / weights.sum())
        z = rng.standard_normal(shape)
        draws = np.empty(shape)
        for k, c in enumerate(self.components):
            np.copyto(draws, c.warp.inverse(c.mean + c.sd * z), where=member == k)
        return draws.T

    def crps(self, y: ArrayLike, above: float = -math.inf, below: float = math.inf) -> Floats:
        """Return the continuous ranked probability score of responses `y`, shape (m,).

        Parameters
        ----------
        y : array_like of shape (m,)
        above, below : float
            Count only what the law says of responses between these: the threshold-weighted score.
        """
        return crps.of_mixture(self, np.asarray(y, dtype=np.float64), above, below)

    @cached_property
    def _moments(self) -> tuple[Floats, Floats]:
        weights = np.array([[c.weight] for c in self.components])
        moments = [c.moments() for c in self.components]
        means, variances = (np.array(column) for column in zip(*moments, strict=True))
        shift = (weights * (means - means[0])).sum(axis=0)
        mean = means[0] + shift
        variance = (weights * (variances + (means - means[0] - shift) ** 2)).sum(axis=0)
        return mean, np.sqrt(variance)


def mixture_of(warps: Sequence[Warp], weights: Floats, mean: Floats, sd: Floats) -> Mixture:
    """Return the law of members with a weight above zero, from arrays.

    Parameters
    ----------
    warps : sequence of Warp, length K
    weights : ndarray of shape (K,)
    mean, sd : ndarray of shape (m, K)
        In each member's warped space; `sd` tempered.
    """
    columns = zip(warps, weights.tolist(), mean.T, sd.T, strict=True)
    return Mixture(tuple(Component(*column) for column in columns if column[1] > 0))
