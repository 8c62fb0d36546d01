"""One z for everybody where margins are nearly normal, the mean of the worst where they aren't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.streams import stream
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.found import Found
from surefoot.incentives.margins import MarginDraws, MarginMoments
from surefoot.incentives.status import Status
from surefoot.incentives.uncertain.calibration import (
    DRAWS,
    Calibrated,
    DrawsOf,
    calibrated_z,
    checked,
    normal_z,
    undecided,
)
from surefoot.incentives.uncertain.cvar import cvar_respond
from surefoot.incentives.uncertain.respond import respond

Floats = NDArray[np.float64]
# Beyond these one z does not suit agents with different efforts.
SKEWNESS, KURTOSIS = 1.0, 3.0
_SCENARIOS = 2_000


@dataclass(frozen=True)
class Shape:
    """How far margins are from normal, at the worst of the agents looked at.

    Attributes
    ----------
    skewness, kurtosis : float
        Largest absolute skewness and excess kurtosis.
    """

    skewness: float
    kurtosis: float

    @property
    def normal(self) -> bool:
        """Whether a normal distribution is a fair description."""
        return self.skewness <= SKEWNESS and self.kurtosis <= KURTOSIS

    @classmethod
    def of(cls, draws: MarginDraws, X: Floats, effort: Floats) -> Shape:
        """Return the shape of the margins of these agents after these efforts."""
        extended = np.column_stack([X, np.full(len(X), -1.0)])
        skewness = kurtosis = 0.0
        for x, e in zip(extended, effort, strict=True):
            margins = draws.theta @ x + draws.gains @ e
            centred = margins - margins.mean()
            square = centred * centred  # a power of 3 or 4 takes ten times as long
            variance = np.mean(square)
            if variance > 0:
                skewness = max(skewness, abs(np.mean(square * centred)) / variance**1.5)
                kurtosis = max(kurtosis, abs(np.mean(square * square) / variance**2 - 3))
        return cls(float(skewness), float(kurtosis))


@dataclass(frozen=True, eq=False)
class Choice:
    """Responses under joint uncertainty, how they were found, and what speaks for it.

    Attributes
    ----------
    found : Found
    method : {"calibrated", "cvar"}
    shape : Shape
        Of the margins, at the z of a normal distribution.
    check : Calibrated
        Pass rate on fresh draws; of ``cvar`` with NaN for z.
    """

    found: Found
    method: Literal["calibrated", "cvar"]
    shape: Shape
    check: Calibrated


def choose(
    moments: MarginMoments,
    draws_of: DrawsOf,
    X: Floats,
    confidence: float,
    cost: EffortCost,
    *,
    seed: int = 0,
) -> Choice:
    """Respond with a calibrated z, or by the mean of the worst where that z can't be trusted.

    Parameters are those of `calibrated_z`. The mean of the worst is asked where margins are skewed
    or heavy-tailed (`Shape`), and where fresh draws contradict the calibrated z. Unless the rule is
    known it takes a few milliseconds an agent.
    """
    z = normal_z(confidence)
    sample, part = undecided(moments, X, z, cost, seed)
    draws = draws_of(DRAWS, stream(seed, "shape"))
    shape = Shape.of(draws, sample, respond(moments, sample, z, part, "numpy").effort)
    if shape.normal:
        check = calibrated_z(moments, draws_of, X, confidence, cost, seed=seed)
        if check.kept:
            return Choice(respond(moments, X, check.z, cost), "calibrated", shape, check)
    scenarios = draws_of(_SCENARIOS, stream(seed, "scenarios"))
    found = cvar_respond(scenarios, X, confidence, cost)
    moving = np.flatnonzero(found.status == Status.MOVES)[: len(sample)]
    efforts = Found(found.effort[moving], found.price[moving], found.status[moving])
    check = checked(draws_of, X[moving], efforts, float("nan"), confidence, seed)
    return Choice(found, "cvar", shape, check)
