"""A plan: what agents of one kind make of a rule, settled once and followed by all of them.

How the chance of passing is assessed where rule or graph are in doubt:

==============  ===========================  ======================================================
method          the margin must be           guarantee
==============  ===========================  ======================================================
``gaussian``    z = Φ⁻¹(confidence) sds      exact for a normal margin; its two moments always are
``calibrated``  z found by Monte Carlo       empirical, with an interval from fresh draws
``cantelli``    z = √(c / (1 − c)) sds       whatever the distribution; dear
``cvar``        ≥ 0 in the mean of its tail  conservative on the draws, whatever their distribution
``auto``        the first that is good: ``gaussian`` for normal margins, ``calibrated`` where draws
                confirm it, else ``cvar``
==============  ===========================  ======================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from surefoot.ground.streams import stream
from surefoot.incentives.beliefs import Belief
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.effects import Effects
from surefoot.incentives.found import Found
from surefoot.incentives.full import respond as sure
from surefoot.incentives.full.spend import best_utility, spend
from surefoot.incentives.margins import MarginDraws, MarginMoments
from surefoot.incentives.rowwise import rowwise
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.status import Status
from surefoot.incentives.uncertain import respond as unsure
from surefoot.incentives.uncertain.calibration import calibrated_z, cantelli_z, normal_z, undecided
from surefoot.incentives.uncertain.ceiling import ceiling
from surefoot.incentives.uncertain.choose import choose
from surefoot.incentives.uncertain.cvar import cvar_respond

Floats = NDArray[np.float64]
Method = Literal["auto", "gaussian", "calibrated", "cantelli", "cvar"]
Aim = Literal["pass", "budget", "utility"]

_SCENARIOS = 2_000
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Done:
    """What agents do by a plan; arrays as in `surefoot.incentives.response.Response`."""

    effort: Floats
    cost: Floats
    price: Floats
    status: NDArray[np.int8]
    confidence: Floats


@dataclass(frozen=True, eq=False)
class Plan:
    """What agents of one kind make of a rule.

    Attributes
    ----------
    moments : MarginMoments
        Of the margin, as they believe it.
    method : {"gaussian", "calibrated", "cantelli", "cvar"}
        Settled; without doubt it does not matter.
    z : float
        How many standard deviations the margin must be above 0.
    wish : float
        The confidence they ask for.
    scenarios : MarginDraws or None
        Draws of the margin, for ``cvar``.
    ceiling : float
        The confidence that no effort exceeds; 1 where effects are sure.
    """

    moments: MarginMoments
    method: Method
    z: float
    wish: float
    scenarios: MarginDraws | None
    ceiling: float

    @classmethod
    def make(
        cls,
        rule: LinearRule,
        effects: Effects,
        belief: Belief,
        cost: EffortCost,
        X: Floats,
        *,
        confidence: float,
        method: Method,
        seed: int,
    ) -> Plan:
        """Settle the method, and z, on agents with features X of shape (N, n)."""
        moments = _without_rounding(belief.moments(rule, effects), rule, effects)

        def draws_of(n: int, generator: np.random.Generator) -> MarginDraws:
            return belief.draws(rule, effects, n, generator)

        z = normal_z(confidence)
        if method == "auto":
            method = "gaussian"
            if not (moments.certain or belief.normal):
                sample, part = undecided(moments, X, z, cost, seed)
                choice = choose(moments, draws_of, sample, confidence, part, seed=seed)
                method, z = choice.method, choice.check.z
        elif method == "calibrated" and not moments.certain:
            z = calibrated_z(moments, draws_of, X, confidence, cost, seed=seed).z
        elif method == "cantelli":
            z = cantelli_z(confidence)
        scenarios = None
        if method == "cvar" and not moments.certain:
            scenarios = draws_of(_SCENARIOS, stream(seed, "incentives", "scenarios"))
        highest = float(ndtr(ceiling(moments.gain, moments.gain_cov, cost)))
        return cls(moments, method, z, confidence, scenarios, highest)

    def respond(self, X: Floats, cost: EffortCost, budget: Floats, aim: Aim) -> Done:
        """Return what agents with features X of shape (N, n) and these budgets (N,) do."""
        if aim == "pass":
            return self._pass(X, cost, budget)
        if aim == "utility":
            effort = best_utility(self.moments.gain, cost, len(X))
        elif self.moments.certain:
            effort = spend(self.moments.gain, budget, cost)
        else:
            effort, _ = unsure.spend(self.moments, X, budget, cost)
        spent, still = cost.of(effort), ~np.any(effort, axis=1)
        confidence = self._confidence(X, effort)
        status = np.where(still, Status.OUT_OF_REACH, Status.MOVES)
        status = np.where(still & (confidence >= 0.5), Status.PASSES, status)
        return Done(effort, spent, spent, status.astype(np.int8), confidence)

    def _pass(self, X: Floats, cost: EffortCost, budget: Floats) -> Done:
        found = self._least(X, cost)
        dear = (found.status == Status.MOVES) & (found.price > budget)
        effort = np.where(dear[:, None], 0.0, found.effort)
        status = np.where(dear, Status.TOO_EXPENSIVE, found.status).astype(np.int8)
        spent = np.where(status == Status.MOVES, found.price, 0.0)
        return Done(effort, spent, found.price, status, self._confidence(X, effort))

    def _least(self, X: Floats, cost: EffortCost) -> Found:
        if self.moments.certain:
            return sure.respond(self.moments.gain, -self._margin(X), cost)
        if self.scenarios is not None:
            return cvar_respond(self.scenarios, X, self.wish, cost)
        return unsure.respond(self.moments, X, self.z, cost)

    def _margin(self, X: Floats) -> Floats:
        """Return the mean margin without effort, (N,); 0 where rounding decides."""
        margin = rowwise(X, self.moments.theta[:-1]) - self.moments.theta[-1]
        return np.where(np.abs(margin) <= _ROUNDING * self._size(X), 0.0, margin)

    def _size(self, X: Floats) -> Floats:
        """Return the size of the terms of a margin, (N,): what rounding is relative to."""
        weights, threshold = self.moments.theta[:-1], self.moments.theta[-1]
        return rowwise(np.abs(X), np.abs(weights)) + abs(threshold)

    def _confidence(self, X: Floats, effort: Floats) -> Floats:
        """Return the believed chance of passing, (N,): from the draws, if a method has some."""
        if self.scenarios is not None:
            return self.scenarios.pass_rate(X, effort)
        mean, variance, covariance = self.moments.at(X)
        gained = rowwise(effort, self.moments.gain)
        spread = variance + np.sum(
            effort * (2 * covariance + rowwise(effort, self.moments.gain_cov)), axis=1
        )
        margin, sd = mean + gained, np.sqrt(np.maximum(spread, 0.0))
        over = margin >= -_ROUNDING * (self._size(X) + np.abs(gained))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(sd > 0, ndtr(margin / sd), over.astype(float))


def _without_rounding(moments: MarginMoments, rule: LinearRule, effects: Effects) -> MarginMoments:
    """Return the moments with a gain of 0 where the terms of ``C h`` cancel: nobody pulls that."""
    C, h = effects.contribution(), rule.weights_of(effects.features)
    size = np.abs(C) @ np.abs(h)
    gain = np.where(np.abs(moments.gain) <= _ROUNDING * size, 0.0, moments.gain)
    return replace(moments, gain=gain)
