"""Stationary correlation functions with one length scale an input.

With s = Σ_j (z_j − z'_j)²/ℓ_j² the scaled squared distance, every kernel here satisfies
∂R/∂ln ℓ_j = H·(z_j − z'_j)²/ℓ_j² with one function H(s), its slope. So the gradient of a likelihood
needs one matrix for all length scales.

Source: Rasmussen & Williams, "Gaussian processes for machine learning", 2006, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from surefoot.ground.errors import one_of

Floats = NDArray[np.float64]
KernelName = Literal["squared-exponential", "matern52", "matern12"]


class Kernel(NamedTuple):
    """A correlation function R(s) and its slope H(s), both of the scaled squared distance.

    Attributes
    ----------
    value : callable
        s ↦ R; it may overwrite s.
    value_and_slope : callable
        s ↦ (R, H), two arrays that do not share memory; it may overwrite s.
    """

    value: Callable[[Floats], Floats]
    value_and_slope: Callable[[Floats], tuple[Floats, Floats]]


def kernel_named(name: str) -> Kernel:
    """Return the kernel of that name."""
    return _KERNELS[one_of("kernel", name, _KERNELS)]


def squared_distances(A: Floats, B: Floats, lengths: Floats) -> Floats:
    """Return s between the rows of `A` (a, d) and `B` (b, d), shape (a, b).

    By differences: the quicker ‖a‖² + ‖b‖² − 2ab would lose the digits that tell near rows apart.
    """
    s: Floats = cdist(A / lengths, B / lengths, "sqeuclidean")
    return s


def length_gradient(W: Floats, Z: Floats, lengths: Floats) -> Floats:
    """Return Σ_{a>b} W_ab (z_aj − z_bj)²/ℓ_j² for every j, shape (d,).

    Parameters
    ----------
    W : ndarray of shape (n, n)
        Zero on and above the diagonal.
    Z : ndarray of shape (n, d)
        Centred columns cancel least.

    Notes
    -----
    The square is multiplied out, so that no array is larger than n² or n·d.
    """
    X = Z / lengths
    sums = W.sum(axis=0) + W.sum(axis=1)
    gradient: Floats = sums @ (X * X) - 2 * np.einsum("aj,aj->j", X, W @ X)
    return gradient


def _squared_exponential(s: Floats) -> Floats:
    s *= -0.5
    return np.exp(s, out=s)


def _squared_exponential_slope(s: Floats) -> tuple[Floats, Floats]:
    R = _squared_exponential(s)
    return R, R.copy()


def _matern52(s: Floats) -> Floats:
    u = np.sqrt(s)
    u *= -np.sqrt(5)
    s *= 5 / 3
    s -= u
    s += 1
    s *= np.exp(u, out=u)
    return s


def _matern52_slope(s: Floats) -> tuple[Floats, Floats]:
    u = np.sqrt(5 * s)
    decay = np.exp(-u)
    u += 1
    H = 5 / 3 * (u * decay)
    s *= 5 / 3
    s += u
    s *= decay
    return s, H


def _matern12(s: Floats) -> Floats:
    np.sqrt(s, out=s)
    np.negative(s, out=s)
    return np.exp(s, out=s)


def _matern12_slope(s: Floats) -> tuple[Floats, Floats]:
    r = np.sqrt(s)
    R = np.exp(-r)
    # H has a pole where two rows meet; what it is multiplied by is zero there.
    H = np.divide(R, r, out=np.zeros_like(r), where=r > 0)
    return R, H


_KERNELS = {
    "squared-exponential": Kernel(_squared_exponential, _squared_exponential_slope),
    "matern52": Kernel(_matern52, _matern52_slope),
    "matern12": Kernel(_matern12, _matern12_slope),
}
