"""Bounds on proportions, from counts: Wilson, Clopper-Pearson and the binomial band.

Counts may be arrays; the bounds then have the same shape.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Literal

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.samples import alike, counts, finite, tail_of, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    Bounds = tuple[np.ndarray, np.ndarray]


def wilson(successes: ArrayLike, trials: ArrayLike, confidence_level: float = 0.95) -> Bounds:
    """Return Wilson's score interval of a proportion, the everyday choice.

    Parameters
    ----------
    successes, trials : array_like of int
        Counts, broadcast against each other; ``0 <= successes <= trials``, ``trials >= 1``.
    confidence_level : float
        In (0, 1).

    Returns
    -------
    low, high : ndarray
        Of the broadcast shape.

    Notes
    -----
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    tail = tail_of(confidence_level) / 2
    return (
        wilson_bound(successes, trials, tail, side="lower"),
        wilson_bound(successes, trials, tail, side="upper"),
    )


def wilson_bound(
    successes: ArrayLike, trials: ArrayLike, tail: float, side: Literal["lower", "upper"]
) -> np.ndarray:
    """Return one side of Wilson's interval, with probability `tail` in (0, 0.5] beyond it."""
    import numpy as np
    from scipy.special import ndtri

    k, n = counts(successes, trials)
    if not (isinstance(tail, Real) and 0 < tail <= 0.5):
        raise InputError("tail", tail, "a probability in (0, 0.5]")
    one_of("side", side, ("lower", "upper"))
    z = -ndtri(tail)
    p = k / n
    centre = p + z**2 / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    bound = (centre + (half if side == "upper" else -half)) / (1 + z**2 / n)
    # Exact at the ends, where rounding would leave 1e-17 or 1 - 1e-16.
    return np.where(k == 0, 0.0, bound) if side == "lower" else np.where(k == n, 1.0, bound)


def clopper_pearson(
    successes: ArrayLike, trials: ArrayLike, confidence_level: float = 0.95
) -> Bounds:
    """Return the exact interval of a proportion: never below its level, wider than Wilson's.

    Parameters and returned shapes are those of `wilson`.

    Notes
    -----
    Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 1934.
    """
    import numpy as np
    from scipy.special import betaincinv

    k, n = counts(successes, trials)
    tail = tail_of(confidence_level) / 2
    # The beta quantiles need positive parameters; the ends are known without them.
    low = np.where(k == 0, 0.0, betaincinv(np.maximum(k, 1), n - k + 1, tail))
    high = np.where(k == n, 1.0, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail))
    return low, high


def binomial_band(p: ArrayLike, n: ArrayLike, confidence_level: float = 0.95) -> Bounds:
    """Return the exact central band in which a share ``count / n`` stays if its truth is `p`.

    Use it to judge a measured coverage: a procedure that covers with probability `p` lands in the
    band in at least `confidence_level` of all studies of `n` repetitions.

    Parameters
    ----------
    p : array_like of float
        True probability, in [0, 1].
    n : array_like of int
        Number of repetitions, at least 1.
    confidence_level : float
        In (0, 1).

    Returns
    -------
    low, high : ndarray
        Shares, of the broadcast shape.
    """
    from scipy.stats import binom

    p, n = alike("p and n", finite("p", p), whole("n", n, 1))
    if (bad := (p < 0) | (p > 1)).any():
        raise InputError("p", p[bad].item(0), "probabilities in [0, 1]")
    tail = tail_of(confidence_level) / 2
    return binom.ppf(tail, n, p) / n, binom.ppf(1 - tail, n, p) / n
