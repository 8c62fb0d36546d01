"""Profiles: how much each of n iterates, oldest first, weighs in an average.

With a constant learning rate, averaging is a learning-rate decay made afterwards: if iterate j
weighs c_j, the update that led to iterate i counts with the factor w_i = Σ_{j≥i} c_j. Any curve w
that falls from 1 to 0 therefore gives weights c_j = w_j − w_{j+1}, none of them negative. Equal
weights are a linear decay.

Source: Tian et al., "WSM: decay-free learning rate schedule via checkpoint merging",
arXiv 2507.17634 (2025).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of

Weights = NDArray[np.float64]
Decay = Callable[[Weights], Weights]


@runtime_checkable
class Weighing(Protocol):
    """What weighs iterates; every scheme of the room does."""

    def weights(self, n: int) -> Weights:
        """Return the weight of each of `n` iterates, oldest first; they sum to 1."""
        ...


# Learning-rate factor at the share x of the horizon that has passed.
DECAYS: Mapping[str, Decay] = {
    "uniform": lambda x: 1 - x,
    "linear": lambda x: 1 - x,  # what a uniform window emulates
    "cosine": lambda x: (1 + np.cos(np.pi * x)) / 2,
    "one-minus-sqrt": lambda x: 1 - np.sqrt(x),
}
Profile = str | Decay | Weighing


def profile_weights(profile: Profile, n: int, horizon: float | None = None) -> Weights:
    """Return the weights of `n` iterates, oldest first.

    Parameters
    ----------
    profile : {"uniform", "cosine", "one-minus-sqrt"}, callable or scheme
        A callable is a decay curve: it takes an array of shares in [0, 1] of the horizon passed
        and returns learning-rate factors that fall from 1 to 0. A scheme, such as ``EMA(0.99)``,
        brings weights of its own.
    n : int
        How many iterates there are.
    horizon : float, optional
        How many of the latest iterates a decay curve stretches over; default: all. A fraction of
        an iterate counts as that fraction.

    Returns
    -------
    ndarray of shape (n,)
        Non-negative, with sum 1.

    Examples
    --------
    >>> profile_weights("uniform", 4, horizon=2)
    array([0. , 0. , 0.5, 0.5])
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise InputError("n", n, "1 or more iterates")
    if isinstance(profile, Weighing):
        if horizon is not None:
            raise InputError("horizon", horizon, "none: the scheme has a horizon of its own")
        return profile.weights(n)
    curve = DECAYS[one_of("profile", profile, DECAYS)] if isinstance(profile, str) else profile
    if not callable(curve):
        raise InputError("profile", profile, f"{', '.join(DECAYS)}, a callable or a scheme")
    length = float(n) if horizon is None else float(horizon)
    if not 0 < length < math.inf:
        raise InputError("horizon", horizon, "a positive number of iterates")
    length = min(length, float(n))
    edges = np.clip((np.arange(n + 1) - (n - length)) / length, 0.0, 1.0)
    factors = np.asarray(curve(edges), dtype=np.float64)
    weights = -np.diff(factors) if factors.shape == edges.shape else np.array([np.nan])
    falls = bool((weights >= -1e-9).all()) and abs(factors[0] - 1) < 1e-9 > abs(factors[-1])
    if not falls:
        raise InputError("profile", profile, "a curve on arrays that falls from 1 at 0 to 0 at 1")
    weights = np.clip(weights, 0.0, None)
    return weights / weights.sum()


def learning_rate_factors(weights: Weights) -> Weights:
    """Return by which factor each update counts: w_i = Σ_{j≥i} c_j, oldest first, w_0 = 1."""
    return np.cumsum(np.asarray(weights, dtype=np.float64)[::-1])[::-1]
