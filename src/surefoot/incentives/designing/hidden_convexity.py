"""A quadratic under one homogeneous quadratic constraint: not convex, solved exactly all the same.

A share of effort at p = 1.5, or of cost at p = 2, is at least beta iff ``x'Px <= 0`` with
``P = beta sum_U c y y' − (1 − beta) sum_D c y y'``. By the S-lemma the minimum of
``½ x'Hx + q'x`` under it solves ``(H + mu P) x = −q`` for the one mu >= 0 that leaves H + mu P
positive semidefinite: an eigendecomposition and the root of a monotone function of mu.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.optimize
from numpy.typing import NDArray

from surefoot.incentives.designing.losses import Objective
from surefoot.incentives.designing.regions import Region

Floats = NDArray[np.float64]
_MOST_STEPS = 100


def form(region: Region) -> Floats | None:
    """Return P if ``x'Px <= 0`` says that a share is beta or more, whatever the directions."""
    both = all(len(way) == 2 for way in region.ways) and bool(region.free.all())
    if region.power != 2 or not both or region.listed:
        return None
    ours = region.wanted.T @ (region.factors[0][:, None] * region.wanted)
    theirs = region.unwanted.T @ (region.factors[1][:, None] * region.unwanted)
    return region.target * theirs - (1 - region.target) * ours


def smallest(H: Floats, q: Floats, P: Floats) -> Floats:
    """Return the global minimiser of ``½ x'Hx + q'x`` under ``x'Px <= 0``, H positive definite."""
    lam, V = scipy.linalg.eigh(P, H)  # V'HV = I, V'PV = diag(lam)
    y = -V.T @ q
    if lam @ y**2 <= 0:
        return V @ y
    if lam[0] >= -1e-12 * lam[-1]:  # x'Px is 0 at best
        return V @ np.where(lam <= 1e-12 * lam[-1], y, 0.0)
    # mu = (1 − left) / −lam[0], so that 1 + mu lam = 1 − ratio (1 − left), exact at both ends.
    ratio = lam / lam[0]

    def at(log_left: float) -> Floats:
        near = 1.0 - ratio + ratio * np.exp(log_left)
        return y / np.where(ratio > 0.5, near, 1.0 + ratio * np.expm1(log_left))

    def excess(log_left: float) -> float:
        return float(lam @ at(log_left) ** 2)

    first, last = -300.0, 0.0
    if excess(first) < 0:
        return V @ at(scipy.optimize.brentq(excess, first, last, xtol=1e-13))
    # The hard case: y has nothing along the last direction, which takes what is missing.
    lowest = ratio >= 1 - 1e-12
    rest = np.where(lowest, 0.0, y / np.where(lowest, 1.0, 1 - ratio))
    rest[0] = np.sqrt(max(lam @ rest**2, 0.0) / -lam[0])
    return V @ rest


def design(objective: Objective, P: Floats, equal: Floats, start: Floats) -> Floats:
    """Return the best x with ``x'Px <= 0`` and ``equal x = 0``: global for a quadratic loss.

    For another loss its quadratic model is solved again and again, with more curvature whenever a
    step did not lower the loss: a local optimum.
    """
    free = scipy.linalg.null_space(equal) if len(equal) else np.eye(len(P))
    inside = free.T @ P @ free
    x, best, more = start, np.inf, 0.0
    for _ in range(_MOST_STEPS):
        value, gradient, hessian = objective.expand(x)
        curvature = hessian + more * np.trace(hessian) / len(hessian) * np.eye(len(hessian))
        there = free @ smallest(
            free.T @ curvature @ free, free.T @ (gradient - curvature @ x), inside
        )
        reached = objective.value(there)
        if objective.quadratic:
            return there
        if reached >= best - 1e-12 * max(1.0, abs(value)):
            if more > 1e6 or np.isclose(reached, best, rtol=1e-12, atol=0):
                break
            more = max(4 * more, 0.1)
        else:
            x, best, more = there, reached, more / 4
    return x
