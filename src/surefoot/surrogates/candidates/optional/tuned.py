"""A peer at its best: its settings searched by cross-validation, as a careful user would."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold

from surefoot.ground.streams import subseed
from surefoot.surrogates.candidates.adapter import FittedElsewhere, refuse_to_store

Floats = NDArray[np.float64]

_FOLDS = 5
_LEAST_LOG_SCORE = -30.0


class Restarting(Protocol):
    """A candidate whose search can be started several times."""

    @property
    def name(self) -> str:
        """Short and unique."""

    @property
    def cost(self) -> int:
        """Rank of its expense."""

    @property
    def restarts(self) -> int:
        """How often."""

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedElsewhere:
        """Return the fit."""


@dataclass(frozen=True)
class Tuned:
    """The option with the best log score in five folds, refitted with more restarts.

    Parameters
    ----------
    options : tuple of candidates
        Versions of one candidate.
    restarts : int
        Of the refit.
    """

    options: tuple[Restarting, ...]
    restarts: int

    @property
    def name(self) -> str:
        """That of the options, and ``-tuned``."""
        return f"{self.options[0].name}-tuned"

    @property
    def cost(self) -> int:
        """That of the options."""
        return self.options[0].cost

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedElsewhere:
        """Return the refit of the best option."""
        folds = KFold(
            min(_FOLDS, len(t)), shuffle=True, random_state=subseed(seed, "tuned") % 2**32
        )
        splits = list(folds.split(Z))
        scores = [_log_score(option, Z, t, splits, seed) for option in self.options]
        best: Any = self.options[int(np.argmax(scores))]
        fitted: FittedElsewhere = replace(best, restarts=self.restarts).fit(Z, t, seed=seed)
        searched = {repr(option): score for option, score in zip(self.options, scores, strict=True)}
        return replace(fitted, name=self.name, told=fitted.told | {"log_scores": searched})

    def restore(self, state: dict[str, Any]) -> NoReturn:
        """Refuse: see `FittedElsewhere`."""
        refuse_to_store(self.name)


def _log_score(option: Restarting, Z: Floats, t: Floats, splits: list[Any], seed: int) -> float:
    densities = []
    for kept, left_out in splits:
        mean, sd = option.fit(Z[kept], t[kept], seed=seed).predict(Z[left_out])
        log_density = -0.5 * ((t[left_out] - mean) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))
        densities.append(np.maximum(log_density, _LEAST_LOG_SCORE))
    return float(np.concatenate(densities).mean())
