r"""Continuous ranked probability scores, :math:`\int (F(x) - 1\{x \ge y\})^2 dx`.

Normal mixtures have a closed form. For warped ones the integral is taken piece by piece between
the components' own quantiles, where F is smooth, with four Gauss-Legendre nodes a piece: exact to
1e-3 up to a log-normal law whose standard deviation is a factor of seven, mostly to 1e-6.

Source: Grimit et al., "The continuous ranked probability score for circular variables and its
application to mesoscale forecast ensemble verification", QJRMS 2006, eq. 5; Gneiting and Ranjan,
"Comparing density forecasts using threshold- and quantile-weighted scoring rules", JBES 2011.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

if TYPE_CHECKING:
    from surefoot.surrogates.ensemble.mixture import Mixture

Floats = NDArray[np.float64]

# Standard deviations at which a component's quantiles part the integral.
_DEVIATIONS = np.linspace(-8, 8, 25)
_NODES, _SHARES = np.polynomial.legendre.leggauss(4)
# Values held at once: 2 million doubles are 16 MB, and a handful of such arrays live together.
_BATCH_VALUES = 2_000_000


def of_mixture(
    mixture: Mixture, y: Floats, above: float = -math.inf, below: float = math.inf
) -> Floats:
    """Return the score of each response, shape (m,); see `Mixture.crps`."""
    everywhere = above == -math.inf and below == math.inf
    if everywhere and all(c.warp.name == "identity" for c in mixture.components):
        return _normal(mixture, y)
    values = len(_NODES) * len(_DEVIATIONS) * len(mixture.components)
    size = max(1, _BATCH_VALUES // values)
    scores = np.empty(len(mixture))
    for start in range(0, len(y), size):
        rows = slice(start, start + size)
        scores[rows] = _integral(mixture.rows(rows), y[rows], above, below)
    return scores


def _normal(mixture: Mixture, y: Floats) -> Floats:
    """Return E|X − y| − E|X − X'| / 2 of a mixture of normal laws."""
    weights = [c.weight for c in mixture.components]
    moments = [c.moments() for c in mixture.components]
    score = np.zeros(len(mixture))
    for i, (mean, variance) in enumerate(moments):
        score += weights[i] * _distance(y - mean, variance)
        score -= weights[i] ** 2 * np.sqrt(variance / math.pi)
        for j, (other, more) in enumerate(moments[:i]):
            score -= weights[i] * weights[j] * _distance(mean - other, variance + more)
    return score


def _distance(mean: Floats, variance: Floats) -> Floats:
    """Return E|X| of normal laws."""
    sd = np.sqrt(variance)
    z = mean / sd
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    return np.asarray(2 * sd * density + mean * (2 * ndtr(z) - 1))


def _integral(mixture: Mixture, y: Floats, above: float, below: float) -> Floats:
    """Return the score restricted to responses from `above` to `below`."""
    # As far as warps are known: the tail of a wide logarithm beyond would be all there is to see.
    parts = [
        c.warp.inverse(c.mean + c.sd * _DEVIATIONS[:, None])
        for c in mixture.components
        if c.weight > 0
    ]
    # Pieces out of reach shrink to nothing, and y ends a piece: the integrand jumps there.
    cuts = np.sort(np.clip(np.concatenate([*parts, y[None]]), above, below), axis=0)
    middle, half = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts, axis=0) / 2
    x = middle + half * _NODES[:, None, None]
    gap = mixture.cdf(x) - (x >= y)
    return np.einsum("g,gpm,pm->m", _SHARES, gap**2, half)
