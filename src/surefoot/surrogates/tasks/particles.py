"""Draw from a posterior by tempering: many particles move from the prior to it in small steps.

Source: Del Moral, Doucet and Jasra, "Sequential Monte Carlo samplers", JRSS B 68 (2006) 411.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp
from scipy.stats import qmc

from surefoot.ground.streams import stream, subseed

Floats = NDArray[np.float64]
LogLikelihood = Callable[[Floats], Floats]

PARTICLES = 1_024
_MOVES = 8
_STAGES = 200


def draw(log_likelihood: LogLikelihood, d: int, seed: int) -> Floats:
    """Return 1,024 points of the unit cube that follow prior × likelihood, shape (1024, d).

    The prior is uniform. In each stage the likelihood's power grows until half the particles count;
    they are drawn anew by their weights and moved by eight random walks of their own spread.

    Parameters
    ----------
    log_likelihood : callable
        From points of shape (m, d) to values of shape (m,).
    d : int
    seed : int
    """
    random = stream(seed, "particles")
    U = qmc.Sobol(d, rng=subseed(seed, "prior")).random(PARTICLES)
    logs, power, stretch = log_likelihood(U), 0.0, 2.38 / np.sqrt(d)
    for _ in range(_STAGES):
        step = _next_step(logs, 1 - power)
        power += step
        chosen = _systematic(step * logs, random)
        U, logs = U[chosen], logs[chosen]
        factor = np.linalg.cholesky(np.cov(U, rowvar=False).reshape(d, d) + 1e-12 * np.eye(d))
        for _ in range(_MOVES):
            moved = _reflected(U + stretch * random.standard_normal(U.shape) @ factor.T)
            rivals = log_likelihood(moved)
            accepted = np.log(random.random(PARTICLES)) < power * (rivals - logs)
            U, logs = np.where(accepted[:, None], moved, U), np.where(accepted, rivals, logs)
            # A quarter of the moves should be accepted.
            stretch *= np.exp(accepted.mean() - 0.25)
        if power >= 1:
            break
    return U


def _next_step(logs: Floats, left: float) -> float:
    """Return the largest step of the power at which half of the particles still count."""

    def surplus(step: float) -> float:
        weighted = step * logs
        log_ess = 2 * logsumexp(weighted) - logsumexp(2 * weighted)
        return float(log_ess - np.log(PARTICLES / 2))

    return left if surplus(left) >= 0 else float(brentq(surplus, 0, left))


def _systematic(log_weights: Floats, random: np.random.Generator) -> NDArray[np.intp]:
    cumulated = np.cumsum(np.exp(log_weights - logsumexp(log_weights)))
    places = (np.arange(PARTICLES) + random.random()) / PARTICLES
    return np.searchsorted(cumulated / cumulated[-1], places)


def _reflected(U: Floats) -> Floats:
    """Return points that left the cube mirrored back into it."""
    folded: Floats = np.abs((U + 1) % 2 - 1)
    return folded
