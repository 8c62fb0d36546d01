"""Beliefs that are draws: of the posterior of a rule, of a graph, or of both together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.incentives.effect_draws import EffectDraws
from surefoot.incentives.effects import Effects
from surefoot.incentives.margins import MarginDraws, MarginMoments
from surefoot.incentives.names import named
from surefoot.incentives.rules import LinearRule

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SampledBelief:
    """B joint draws of weights, threshold and contribution matrix, all equally likely.

    Draw b of one belongs to draw b of the others. What is not given is known.

    Parameters
    ----------
    weights : array-like of shape (B, k), optional
        Weights of the features `names`; those of other features are the rule's.
    thresholds : array-like of shape (B,), optional
    contributions : EffectDraws of B draws, optional
        Such as a graph's `bootstrap`. By default the mean of the true effects.
    names : sequence of str
        The features of `weights`.
    """

    normal: ClassVar[bool] = False
    weights: Floats | None
    thresholds: Floats | None
    contributions: EffectDraws | None
    names: tuple[str, ...]

    def __init__(
        self,
        weights: ArrayLike | None = None,
        thresholds: ArrayLike | None = None,
        contributions: EffectDraws | None = None,
        names: Sequence[str] = (),
    ) -> None:
        h = None if weights is None else np.asarray(weights, dtype=float)
        b = None if thresholds is None else np.asarray(thresholds, dtype=float)
        columns = tuple(names) if h is None else named("SampledBelief.names", names)
        if h is not None and (h.ndim != 2 or h.shape[1] != len(columns)):
            allowed = f"(B, {len(columns)}): a column for each of the names"
            raise InputError("SampledBelief.weights", h.shape, allowed)
        if b is not None and b.ndim != 1:
            raise InputError("SampledBelief.thresholds", b.shape, "(B,)")
        for part, values in (("weights", h), ("thresholds", b)):
            if values is not None and not np.isfinite(values).all():
                found = "an entry that is not finite"
                raise InputError(f"SampledBelief.{part}", found, "finite numbers")
        sizes = {len(part) for part in (h, b, contributions) if part is not None}
        if len(sizes) != 1 or 0 in sizes:
            allowed = "draws of something, as many of each part"
            raise InputError("SampledBelief", f"{sorted(sizes)} draws", allowed)
        object.__setattr__(self, "weights", h)
        object.__setattr__(self, "thresholds", b)
        object.__setattr__(self, "contributions", contributions)
        object.__setattr__(self, "names", columns)

    def __len__(self) -> int:
        parts = (self.weights, self.thresholds, self.contributions)
        return next(len(part) for part in parts if part is not None)

    def moments(self, rule: LinearRule, effects: Effects) -> MarginMoments:
        """Return the first two moments of the draws (divided by B: they are all there is)."""
        all_of_them = self._joint(rule, effects)
        n = all_of_them.theta.shape[1]
        values = np.hstack([all_of_them.theta, all_of_them.gains])
        # Measured from one of the draws, what never varies has a variance of 0, not of rounding.
        apart = values - values[0]
        offset = apart.mean(axis=0)
        cov = (apart - offset).T @ (apart - offset) / len(values)
        mean = values[0] + offset
        return MarginMoments(mean[:n], cov[:n, :n], mean[n:], cov[n:, n:], cov[n:, :n])

    def draws(
        self, rule: LinearRule, effects: Effects, n: int, generator: np.random.Generator
    ) -> MarginDraws:
        """Return the draws as they are if `n` is their number, else `n` of them by chance."""
        drawn = self._joint(rule, effects)
        if n == len(self):
            return drawn
        chosen = generator.integers(len(self), size=n)
        return MarginDraws(drawn.theta[chosen], drawn.gains[chosen])

    def _joint(self, rule: LinearRule, effects: Effects) -> MarginDraws:
        theta = np.tile(np.append(rule.weights, rule.threshold), (len(self), 1))
        for column, name in enumerate(self.names):
            one_of("SampledBelief.names", name, rule.names)
            assert self.weights is not None  # names come with weights
            theta[:, rule.names.index(name)] = self.weights[:, column]
        if self.thresholds is not None:
            theta[:, -1] = self.thresholds
        own = effects if self.contributions is None else self.contributions
        if sorted(own.efforts) != sorted(effects.efforts):
            found, allowed = ", ".join(own.efforts), ", ".join(effects.efforts)
            raise InputError("SampledBelief.contributions", found, f"these efforts: {allowed}")
        rule.weights_of(own.features)  # tells which of them the rule lacks
        h = theta[:, [rule.names.index(name) for name in own.features]]
        if self.contributions is None:
            return MarginDraws(theta, h @ effects.contribution().T)
        gains = np.einsum("bij,bj->bi", self.contributions.values, h)
        return MarginDraws(theta, gains[:, [own.efforts.index(node) for node in effects.efforts]])
