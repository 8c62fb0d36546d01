"""How is an output spread when its inputs are, and how often is it beyond a threshold?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from surefoot.ground.errors import InputError
from surefoot.ground.numerals import number
from surefoot.ground.streams import subseed
from surefoot.surrogates.simulation.space import Space
from surefoot.surrogates.tasks.asking import Output, Result, draws, moments, simulate

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

_SETS = 16
_POINTS = 1_024
_DRAWS = 32


@dataclass(frozen=True)
class Estimate:
    """One quantity of the output's law, and the two parts of its uncertainty.

    Attributes
    ----------
    value : float
    sampling : float
        Standard error because it is a mean over points.
    surrogate : float
        Root mean square change over draws of the surrogate.
    """

    value: float
    sampling: float
    surrogate: float

    @property
    def sd(self) -> float:
        """Both parts together."""
        return float(np.hypot(self.sampling, self.surrogate))

    def __str__(self) -> str:
        return f"{number(self.value)} ± {number(self.sd)}"


@dataclass(frozen=True)
class ExceedanceResult(Result):
    """The law of an output.

    Attributes
    ----------
    output, threshold
        As asked for.
    probability : Estimate
        That the output is above the threshold.
    mean, spread : Estimate
        Mean and standard deviation of the output.
    quantiles : dict of str to Estimate
        By probability.
    joint : bool
        Whether the draws of the surrogate are whole functions; otherwise its parts are too small.
    true_probability, true_mean, true_spread : float or None
        What the simulator gives at the same points.
    error : float or None
        Of the probability.
    """

    output: Output
    threshold: float
    probability: Estimate
    mean: Estimate
    spread: Estimate
    quantiles: dict[str, Estimate]
    joint: bool
    true_probability: float | None = None
    true_mean: float | None = None
    true_spread: float | None = None
    error: float | None = None

    def __str__(self) -> str:
        text = f"P({self.output} > {number(self.threshold)}) = {self.probability}"
        if self.error is not None:
            text += f", {number(self.error)} off"
        text += f"; mean {self.mean}, standard deviation {self.spread}"
        return text if self.joint else f"{text}; surrogate part from independent draws"


@dataclass(frozen=True)
class Exceedance:
    """Estimate the law of an output from 16 scrambled Sobol' sets of 1,024 points.

    Parameters
    ----------
    output : str or int
    threshold : float
    law : callable, optional
        The inputs' law as a function from points of the unit cube, shape (n, d), to a table of
        inputs, such as inverse distribution functions. Without it inputs are uniform on the space.
    seed : int
    """

    output: Output
    threshold: float
    law: Callable[[Floats], pd.DataFrame] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not math.isfinite(self.threshold):
            raise InputError("threshold", self.threshold, "a finite number")

    def run(self, surrogate: Any, space: Space) -> ExceedanceResult:
        """Return the law of the surrogate's mean."""
        sets = self._sets(space)
        found = np.array(
            [self._quantities(moments(surrogate, points, self.output)[0]) for points in sets]
        )
        drawn = draws(surrogate, sets[0], _DRAWS, subseed(self.seed, "exceedance"), self.output)
        changes = np.array([self._quantities(one) for one in drawn.values]) - found[0]
        value, sampling = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(_SETS)
        surrogate_part = np.sqrt((changes**2).mean(axis=0))
        probability, mean, spread, *quantiles = (
            Estimate(*map(float, one)) for one in zip(value, sampling, surrogate_part, strict=True)
        )
        return ExceedanceResult(
            output=self.output,
            threshold=self.threshold,
            probability=probability,
            mean=mean,
            spread=spread,
            quantiles=dict(zip(map(str, QUANTILES), quantiles, strict=True)),
            joint=drawn.joint,
        )

    def score(self, surrogate: Any, space: Space, truth: Any) -> ExceedanceResult:
        """Return the law beside that of the simulator, run at the 16,384 points."""
        found = self.run(surrogate, space)
        true = np.mean(
            [
                self._quantities(simulate(truth, points, self.output))
                for points in self._sets(space)
            ],
            axis=0,
        )
        probability, mean, spread = map(float, true[:3])
        return replace(
            found,
            true_probability=probability,
            true_mean=mean,
            true_spread=spread,
            error=abs(found.probability.value - probability),
        )

    def _sets(self, space: Space) -> list[pd.DataFrame]:
        law = self.law or space.from_unit
        return [
            law(qmc.Sobol(len(space), rng=subseed(self.seed, "set", one)).random(_POINTS))
            for one in range(_SETS)
        ]

    def _quantities(self, values: Floats) -> Floats:
        moments_of = [np.mean(values > self.threshold), values.mean(), values.std()]
        return np.concatenate([moments_of, np.quantile(values, QUANTILES)])
