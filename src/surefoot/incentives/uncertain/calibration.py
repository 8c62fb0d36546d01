"""Which z keeps the promise, where the margin is not normal.

With rule and graph both unknown the margin is a product of the two. ``respond`` is exact in its
first two moments, and Φ⁻¹ of the confidence is then a z that is nearly right. Draws tell by how
much: the calibrated z is the one at which the agents who move pass as often as they want to, and
draws that it has not seen check it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from surefoot.ground.errors import InputError
from surefoot.ground.proportions import wilson
from surefoot.ground.streams import stream
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.found import Found
from surefoot.incentives.margins import MarginDraws, MarginMoments
from surefoot.incentives.status import Status
from surefoot.incentives.uncertain.respond import respond

Floats = NDArray[np.float64]
DrawsOf: TypeAlias = Callable[[int, np.random.Generator], MarginDraws]

# Agents of the sample, and draws that they share.
AGENTS, DRAWS = 40, 100_000
# A pass rate may fall short of the confidence by this much, beyond what chance explains.
TOLERANCE = 0.005
_STEP = 1e-4  # of z: some 2e-5 of confidence


def normal_z(confidence: float) -> float:
    """Return Φ⁻¹ of a confidence in [0.5, 1): exact if the margin is normal."""
    return float(ndtri(allowed(confidence)))


def cantelli_z(confidence: float) -> float:
    """Return the z that is enough whatever the distribution of the margin (Cantelli 1928)."""
    return float(np.sqrt(allowed(confidence) / (1 - confidence)))


@dataclass(frozen=True)
class Calibrated:
    """A z and the pass rate that draws it had not seen found for it.

    Attributes
    ----------
    z : float
    confidence : float
        What was asked for.
    pass_rate : float
        Of agents who move; NaN if none of the sample does.
    low, high : float
        99 % Wilson interval of the pass rate. Agents share their draws: the draws are counted.
    """

    z: float
    confidence: float
    pass_rate: float
    low: float
    high: float

    @property
    def kept(self) -> bool:
        """Whether the draws are in line with the confidence, short of it by 0.005 at most."""
        return self.high >= self.confidence - TOLERANCE


def calibrated_z(
    moments: MarginMoments,
    draws_of: DrawsOf,
    X: Floats,
    confidence: float,
    cost: EffortCost,
    *,
    seed: int = 0,
) -> Calibrated:
    """Return the least z at which the agents who move pass with the confidence they want.

    Parameters
    ----------
    moments : MarginMoments
    draws_of : callable
        ``draws_of(n, generator)`` returns n draws of what `moments` summarises.
    X : ndarray of shape (N, n)
        Features of the rule. A sample of those who aren't confident yet is enough.
    confidence : float
        In [0.5, 1).
    cost : EffortCost
    seed : int
    """
    low, high = 0.0, cantelli_z(confidence)
    z = normal_z(confidence)
    X, cost = undecided(moments, X, z, cost, seed)
    if not len(X):
        return Calibrated(z, confidence, float("nan"), 0.0, 1.0)
    draws = draws_of(DRAWS, stream(seed, "calibration"))
    while high - low > _STEP:
        found = _sampled(moments, X, z, cost)
        if np.any(found.status == Status.MOVES):
            enough = _rate(draws, X, found) >= confidence
        else:  # either nobody can be so sure, or everybody is
            enough = bool(np.any(found.status != Status.PASSES))
        low, high = (low, z) if enough else (z, high)
        z = (low + high) / 2
    return checked(draws_of, X, _sampled(moments, X, high, cost), high, confidence, seed)


def undecided(
    moments: MarginMoments, X: Floats, z: float, cost: EffortCost, seed: int
) -> tuple[Floats, EffortCost]:
    """Return a sample of the agents who aren't confident as they stand, and their cost."""
    mean, variance, _ = moments.at(X)
    unsure = np.flatnonzero(mean < z * np.sqrt(variance))
    if len(unsure) > AGENTS:
        chosen = stream(seed, "agents").choice(len(unsure), AGENTS, replace=False)
        unsure = unsure[np.sort(chosen)]
    return X[unsure], cost.rows(unsure)


def checked(
    draws_of: DrawsOf, X: Floats, found: Found, z: float, confidence: float, seed: int
) -> Calibrated:
    """Return the pass rate of these efforts on fresh draws."""
    if not np.any(found.status == Status.MOVES):
        return Calibrated(z, confidence, float("nan"), 0.0, 1.0)
    rate = _rate(draws_of(DRAWS, stream(seed, "check")), X, found)
    low, high = wilson(round(rate * DRAWS), DRAWS, 0.99)
    return Calibrated(z, confidence, rate, float(low), float(high))


def _sampled(moments: MarginMoments, X: Floats, z: float, cost: EffortCost) -> Found:
    return respond(moments, X, z, cost, "numpy")  # so few that compiling would take longer


def _rate(draws: MarginDraws, X: Floats, found: Found) -> float:
    moves = found.status == Status.MOVES
    return float(draws.pass_rate(X[moves], found.effort[moves]).mean())


def allowed(confidence: float) -> float:
    """Return a confidence in [0.5, 1), or say what is wrong with it."""
    if not 0.5 <= confidence < 1:
        reason = "below one half, what is confident enough is no convex set"
        raise InputError("confidence", confidence, f"a number in [0.5, 1): {reason}")
    return confidence
