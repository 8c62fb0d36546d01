"""What becomes of people after they respond: does the outcome follow the score?

Labels are never copied from before the response. Whoever raises a cause of the outcome raises the
outcome's chance; whoever raises a reading alone does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.streams import stream
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.tables import columns_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OutcomeModel:
    """A linear model of the outcome: 1 where ``latent + noise`` is above 0.

    Parameters
    ----------
    theta : mapping of feature to float
        What one unit of each feature adds to the latent quality, its causes held; features not
        named add nothing.
    noise : float
        Scale of the logistic noise. One unit of quality is ``1 / noise`` in log-odds.

    Examples
    --------
    >>> model = OutcomeModel({"study": 1.0}, noise=0.5)
    >>> model.log_odds
    {'study': 2.0}
    """

    theta: Mapping[str, float]
    noise: float = 1.0

    def __post_init__(self) -> None:
        for name, effect in self.theta.items():
            if not np.isfinite(effect):
                raise InputError(f"theta[{name!r}]", effect, "a finite number")
        if not (np.isfinite(self.noise) and self.noise > 0):
            raise InputError("noise", self.noise, "a number above 0")

    @property
    def log_odds(self) -> dict[str, float]:
        """Effect of one unit of each feature on the log-odds of the outcome."""
        return {name: effect / self.noise for name, effect in self.theta.items()}

    def gain(self, X: pd.DataFrame, moved: pd.DataFrame) -> Floats:
        """Return ``theta.(x' − x)``, what moving from `X` to `moved` adds to quality, (N,)."""
        names = list(self.theta)
        if len(moved) != len(X):
            raise InputError("moved", f"{len(moved)} rows", f"those of X: {len(X)}")
        change = columns_of(moved, names, "moved") - columns_of(X, names)
        return change @ np.array([float(self.theta[name]) for name in names])

    def labels(self, latent: ArrayLike, seed: int = 0) -> NDArray[np.int64]:
        """Return labels of the qualities `latent`, shape (N,).

        The noise belongs to the seed and the position: with one seed, a label changes only where
        quality does.
        """
        quality = np.asarray(latent, dtype=float)
        if quality.ndim != 1 or not np.isfinite(quality).all():
            raise InputError("latent", latent, "finite numbers, one an agent")
        noise = stream(seed, "outcome").logistic(scale=self.noise, size=len(quality))
        return (quality + noise > 0).astype(np.int64)

    def after(
        self,
        rule: LinearRule,
        X: pd.DataFrame,
        moved: pd.DataFrame,
        latent: ArrayLike,
        *,
        seed: int = 0,
    ) -> Aftermath:
        """Return how rule and people fare once `X` has become `moved`.

        Parameters
        ----------
        rule : LinearRule
            The rule that people responded to.
        X, moved : DataFrame of N rows
            Before and after, as `Response.moved` gives it.
        latent : array-like of shape (N,)
            Quality before the response, what is hidden from the rule included.
        seed : int
            Key of the noise, which is common to before and after.
        """
        quality = np.asarray(latent, dtype=float)
        if quality.shape != (len(X),):
            raise InputError("latent", quality.shape, f"one quality an agent: ({len(X)},)")
        gain = self.gain(X, moved)
        before, after = self.labels(quality, seed), self.labels(quality + gain, seed)
        accepted_before, accepted = rule.accepts(X), rule.accepts(moved)
        return Aftermath(
            static_accuracy=float((accepted_before == before).mean()),
            accuracy=float((accepted == after).mean()),
            accepted_before=float(accepted_before.mean()),
            accepted=float(accepted.mean()),
            rate_before=float(before.mean()),
            rate=float(after.mean()),
            score_gain=float((rule.score(moved) - rule.score(X)).mean()),
            outcome_gain=float(gain.mean() / self.noise),
        )


@dataclass(frozen=True)
class Aftermath:
    """Rule and people before and after the response; means over all people.

    Attributes
    ----------
    static_accuracy, accuracy : float
        Share of right decisions, on people and outcomes before, and on those after.
    accepted_before, accepted : float
        Share of people whom the rule accepts.
    rate_before, rate : float
        Share of people whose outcome is good.
    score_gain : float
        What effort added to the score, in its units: log-odds, for logistic regression.
    outcome_gain : float
        What it added to the log-odds of the outcome.
    """

    static_accuracy: float
    accuracy: float
    accepted_before: float
    accepted: float
    rate_before: float
    rate: float
    score_gain: float
    outcome_gain: float

    @property
    def rate_gain(self) -> float:
        """How many more people have a good outcome, as a share of all."""
        return self.rate - self.rate_before

    @property
    def outcome_share(self) -> float:
        """Outcome gained over score gained: what of a gain in score is real; NaN without any.

        Both are in log-odds if the score is. Above 1, the rule pays less than effort is worth.
        """
        return self.outcome_gain / self.score_gain if self.score_gain else float("nan")

    @property
    def gaming(self) -> float:
        """Score gained without any outcome behind it."""
        return self.score_gain - self.outcome_gain

    def to_dict(self) -> dict[str, float]:
        """Return all numbers by name."""
        derived = ("rate_gain", "outcome_share", "gaming")
        return asdict(self) | {name: getattr(self, name) for name in derived}
