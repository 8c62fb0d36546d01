"""The pilot of linear stochastic approximation: a start, and a gain that makes one step size do.

A is not symmetric, so there is no whitening it. A frozen gain K instead, the inverse of the pilot's
A, makes the mean of K A(ξ) about the identity: every direction forgets the start at one rate. The
averaged iterate has the same limit law under any gain that leaves the recursion stable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.linear.rows import Observations
from surefoot.confidence.pilot import gram_basis
from surefoot.ground.errors import InputError

Floats = NDArray[np.float64]

_FEWEST_BATCHES = 16


@dataclass(frozen=True, eq=False)
class LinearPilot:
    """What the first observations say.

    Attributes
    ----------
    theta : ndarray of shape (d,)
        Where the run is to start: the pilot's solution of A θ = b.
    gain : ndarray of shape (d, d)
        K; steps are along K z. The identity without preconditioning.
    top_curvature, batch_curvature : float
        For the step size: ‖E Ã‖ and ‖E Ã_B'Ã_B‖ / ‖E Ã‖, where Ã is K A in coordinates in which u
        has the identity for second moment, and Ã_B its mean over a minibatch.
    """

    theta: Floats
    gain: Floats
    top_curvature: float
    batch_curvature: float


def linear_pilot_size(d: int) -> int:
    """Return how many rows the pilot needs: 50 a parameter, and 500.

    More than for regression: of a state that was not seen the pilot knows nothing.
    """
    return max(50 * d, 500)


def fit_linear_pilot(
    seen: Observations, *, batch_size: int, precondition: bool = True
) -> LinearPilot:
    """Fit the pilot observations.

    Parameters
    ----------
    seen : Observations
    batch_size : int
    precondition : bool
        Without, the start is 0, the gain the identity, and only the step size is decided.

    Raises
    ------
    InputError
        If there are not more terms than parameters, or none says anything.

    Notes
    -----
    With z and u both whitened, A is P diag(ρ) Q', where ρ are canonical correlations, and its
    inverse Q diag(1/ρ) P'. What so few rows can't tell from 0, ρ below √(d/n), is taken for that
    much: such directions are slower, but stable. Directions that z never took are learned as fast
    as the step size allows, as if u were z, which it is about for temporal differences.
    """
    Z, U, r = seen.terms
    (terms, d), n = Z.shape, len(seen)
    if precondition and terms <= d:
        raise InputError("pilot", f"{n} rows", f"{d + 1} or more, or precondition=False")
    A = Z.T @ U / n
    if not A.any():
        raise InputError("pilot", "a mean A of 0", "rows that say something")
    if not precondition:
        return LinearPilot(np.zeros(d), np.eye(d), *_curvatures(Z, U, n, batch_size))

    each = np.full(terms, terms / n)
    z_basis, z_idle, _ = gram_basis(Z, each)
    u_basis, u_idle, _ = gram_basis(U, each)
    P, correlations, Qt = np.linalg.svd(z_basis.T @ A @ u_basis, full_matrices=False)
    lowest = min(np.sqrt(d / n), 1.0)
    gain = (u_basis @ Qt.T / np.maximum(correlations, lowest)) @ (P.T @ z_basis.T)
    theta = gain @ (Z.T @ r / n)
    scale = np.hstack([u_basis, u_idle])
    steps = np.linalg.solve(scale, gain @ Z.T).T
    top, curvature = _curvatures(steps, U @ scale, n, batch_size)
    z_idle /= np.linalg.norm(z_idle, axis=0)
    gain += curvature * min(batch_size, n) * n / np.vdot(Z, Z) * z_idle @ z_idle.T
    return LinearPilot(theta, gain, top, curvature)


def _curvatures(Z: Floats, U: Floats, n: int, batch_size: int) -> tuple[float, float]:
    """Return ‖E A‖ and ‖E A_B'A_B‖ / ‖E A‖ for the terms of n observations.

    Of minibatches as they come, so that rows that are alike for a while count as what they are. For
    states of a chain it is the rarest that decides, not how many there are: with the mean of ‖z‖‖u‖
    intervals were up to 28 times too long.
    """
    d = Z.shape[1]
    each = max(1, min(batch_size, n // _FEWEST_BATCHES))
    used = n // each * each * len(Z) // n
    z, u = (x[:used].reshape(n // each, -1, d) for x in (Z, U))
    means = (z.swapaxes(1, 2) @ u / each).reshape(-1, d)
    top = np.linalg.norm(Z.T @ U / n, 2)
    return float(top), float(np.linalg.norm(means, 2) ** 2 / (n // each) / top)
