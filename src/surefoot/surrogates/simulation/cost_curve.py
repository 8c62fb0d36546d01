"""What more runs would bring: the error on growing parts of the design, and its power law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.comparing import lean
from surefoot.surrogates.simulation.spread import nested_subsets

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.surrogates.regressor import SurrogateRegressor

Floats = NDArray[np.float64]

_FEWEST = 8
# A slower decay than this is none: the number of runs it would ask for means nothing.
_LEAST_DECAY = 0.1


@dataclass(frozen=True)
class CurvePoint:
    """The out-of-fold error from `n` runs, with its 95 % interval."""

    n: int
    nrmse: float
    low: float
    high: float


@dataclass(frozen=True)
class CostCurve:
    """The error of one output against the number of runs.

    Attributes
    ----------
    output : str
    points : tuple of CurvePoint
        Of nested subsets, each as well spread as its size allows.
    scale, decay : float
        Of nrmse = scale · n^−decay, fitted to the logarithms.
    """

    output: str
    points: tuple[CurvePoint, ...]
    scale: float
    decay: float

    def runs_for(self, nrmse: float) -> int | None:
        """Return about how many runs the error asks for; None if it does not seem to fall.

        Beyond twice the runs there are it is a guess.
        """
        if not nrmse > 0:
            raise InputError("nrmse", nrmse, "an error above 0")
        if self.decay < _LEAST_DECAY:
            return None
        return math.ceil((self.scale / nrmse) ** (1 / self.decay))

    def to_dict(self) -> dict[str, Any]:
        """Return the curve in JSON's types."""
        return asdict(self)

    def __str__(self) -> str:
        steps = ", ".join(f"{p.n} runs {p.nrmse:.3g}" for p in self.points)
        last = self.points[-1]
        runs = self.runs_for(last.nrmse / 2)
        more = (
            "it does not fall with more runs" if runs is None else f"about {runs} runs to halve it"
        )
        return f"{self.output}: NRMSE at {steps}; {more}"


def cost_curves(
    model: SurrogateRegressor,
    X: pd.DataFrame,
    Y: pd.DataFrame,
    U: Floats,
    shares: Sequence[float] = (0.25, 0.5, 1.0),
) -> list[CostCurve]:
    """Fit the members of a mixture to growing parts of a table.

    Parameters
    ----------
    model : SurrogateRegressor
        Fitted to the whole table, which is not fitted again.
    X, Y : DataFrame
    U : ndarray of shape (n, d)
        The rows of `X` in the unit cube, for spreading the parts.
    shares : sequence of float
        Sizes of the parts; those with fewer than eight rows are left out.
    """
    points: dict[str, list[CurvePoint]] = {name: [] for name in model.output_names_}
    for rows in nested_subsets(U, shares):
        if len(rows) < min(_FEWEST, len(X)):
            continue
        whole = len(rows) == len(X)
        part = model if whole else lean(model).fit(X.iloc[rows], Y.iloc[rows])
        for name, scores in zip(model.output_names_, part.scores_, strict=True):
            found = scores.interval("nrmse")
            points[name].append(CurvePoint(len(rows), found.estimate, found.low, found.high))
    return [CostCurve(name, tuple(found), *_power_law(found)) for name, found in points.items()]


def _power_law(points: Sequence[CurvePoint]) -> tuple[float, float]:
    """Return scale and decay; no decay from a single point."""
    n = np.log([point.n for point in points])
    error = np.log([max(point.nrmse, np.finfo(float).tiny) for point in points])
    if len(points) < 2:
        return float(np.exp(error[0])), 0.0
    slope, intercept = np.polyfit(n, error, 1)
    return float(np.exp(intercept)), float(-slope)
