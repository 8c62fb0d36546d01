"""The fit to all rows at once, with its two textbook standard errors: what SGD is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.losses import Loss, Squared
from surefoot.confidence.pilot import fit_pilot

Floats = NDArray[np.float64]

_STEPS = 20
_CLOSE = 1e-12  # squared standard errors that the last step may have moved


@dataclass(frozen=True, eq=False)
class MEstimate:
    """The minimiser of the mean loss over a sample, and how sure it is.

    Attributes
    ----------
    theta : ndarray of shape (d,)
    robust : ndarray of shape (d, d)
        The sandwich A⁻¹ S A⁻¹ / n (HC0 for squared loss): right without a model of the noise.
    model_based : ndarray of shape (d, d) or None
        A⁻¹ / n with the noise the loss stands for, as a Laplace approximation has it: right only
        if the model is. None for a loss without curvature.
    deficient : int
        Directions that no row varies in; in them both matrices are 0.
    separated : bool
        Whether a classification has no finite optimum.
    """

    theta: Floats
    robust: Floats
    model_based: Floats | None
    deficient: int
    separated: bool


def m_estimate(X: Floats, y: Floats, loss: Loss) -> MEstimate:
    """Fit all rows.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    loss : Loss
        A loss without curvature gets a density at 0 in its place, one for all rows.
    """
    n, d = X.shape
    fitted = fit_pilot(X, y, loss, precondition=None)
    theta, curvature = fitted.theta, fitted.curvature
    if loss.curvature_bound is not None and not fitted.separated:
        theta, curvature = _without_prior(X, y, loss, theta)
    scores = loss.score(X @ theta, y)
    inverse = np.linalg.pinv(curvature, rcond=1e-12, hermitian=True) / n
    robust = inverse @ ((X.T * scores**2) @ X) @ inverse
    noise = float(scores @ scores / max(n - d, 1)) if isinstance(loss, Squared) else 1.0
    model_based = None if loss.curvature_bound is None else noise * inverse
    return MEstimate(theta, robust, model_based, d - fitted.rank, fitted.separated)


def _without_prior(X: Floats, y: Floats, loss: Loss, theta: Floats) -> tuple[Floats, Floats]:
    """Return the minimiser near θ and the curvature there: a pilot has one row's worth of prior."""
    for _ in range(_STEPS):
        z = X @ theta
        curvature = (X.T * loss.curvature(z, y)) @ X / len(y)
        gradient = X.T @ loss.score(z, y) / len(y)
        step = np.linalg.pinv(curvature, rcond=1e-12, hermitian=True) @ gradient
        theta = theta - step
        if step @ curvature @ step <= _CLOSE / len(y):
            break
    return theta, (X.T * loss.curvature(X @ theta, y)) @ X / len(y)
