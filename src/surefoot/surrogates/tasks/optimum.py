"""Where is the output least (or greatest)? And what would it have cost to trust the surrogate?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import one_of
from surefoot.ground.numerals import number
from surefoot.surrogates.simulation.space import Space
from surefoot.surrogates.tasks.asking import Output, Result, moments, simulate
from surefoot.surrogates.tasks.search import minimised, spread

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OptimumResult(Result):
    """The optimum of a surrogate, and what the simulator says there.

    Attributes
    ----------
    output, direction
        As asked for.
    at : dict
        The inputs.
    predicted, sd : float
        The surrogate's mean and standard deviation there.
    in_domain : bool or None
        Whether the surrogate vouches for this point.
    simulated : float or None
        What the simulator gives there.
    best : float or None
        The best value there is, if known.
    regret : float or None
        How far `simulated` misses `best`, in standard deviations of the output.
    design_best, design_regret : float or None
        The same for the best run that the surrogate has learned from.
    """

    output: Output
    direction: str
    at: dict[str, Any]
    predicted: float
    sd: float
    in_domain: bool | None
    simulated: float | None = None
    best: float | None = None
    regret: float | None = None
    design_best: float | None = None
    design_regret: float | None = None

    @property
    def beats_design(self) -> bool | None:
        """Whether the simulator is better there than in every run; None if that is unknown."""
        if self.simulated is None or self.design_best is None:
            return None
        sign = 1 if self.direction == "min" else -1
        return sign * self.simulated < sign * self.design_best

    def to_dict(self) -> dict[str, Any]:
        """Return the result in JSON's types."""
        return super().to_dict() | {"beats_design": self.beats_design}

    def __str__(self) -> str:
        place = ", ".join(
            f"{n} = {v if isinstance(v, str) else number(v)}" for n, v in self.at.items()
        )
        text = f"{self.direction} of {self.output}: {number(self.predicted)} ± {number(self.sd)}"
        text += f" at {place}"
        if self.simulated is not None:
            text += f"; simulated {number(self.simulated)}"
        if self.regret is not None:
            text += f", regret {number(self.regret)} sd (best run {number(self.design_regret)})"
        if self.beats_design is False:
            text += "; no better than the best run"
        return text


@dataclass(frozen=True)
class Optimum:
    """Find the least or greatest value of an output.

    The surrogate's mean is optimised from the best of 2,048 Sobol' points, and from the best point
    of every combination of whole numbers and levels if there are few: continuous inputs by
    L-BFGS-B and Nelder-Mead in the unit cube, the others by single changes, in turn.

    Parameters
    ----------
    output : str or int
    direction : {"min", "max"}
    seed : int
    """

    output: Output = 0
    direction: Literal["min", "max"] = "min"
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("direction", self.direction, ["min", "max"])

    def run(self, surrogate: Any, space: Space) -> OptimumResult:
        """Return the surrogate's optimum."""
        sign = 1.0 if self.direction == "min" else -1.0

        def cost(U: Floats) -> Floats:
            return sign * moments(surrogate, space.from_unit(U), self.output)[0]

        best = minimised(cost, space, self.seed)
        frame = space.from_unit(best[None])
        mean, sd = moments(surrogate, frame, self.output)
        inside = surrogate.in_domain(frame)[0] if hasattr(surrogate, "in_domain") else None
        return OptimumResult(
            output=self.output,
            direction=self.direction,
            at=space.records(frame)[0],
            predicted=float(mean[0]),
            sd=float(sd[0]),
            in_domain=None if inside is None else bool(inside),
        )

    def score(
        self,
        surrogate: Any,
        space: Space,
        truth: Any,
        *,
        best: float | None = None,
        design: Any = None,
    ) -> OptimumResult:
        """Return the surrogate's optimum with one run of the simulator there.

        Parameters
        ----------
        surrogate : Surrogate
        space : Space
        truth : callable or object with ``evaluate``
            See `asking.simulate`.
        best : float, optional
            The true optimum.
        design : array-like of shape (n,), optional
            The output in the runs that the surrogate has learned from. Its standard deviation is
            the unit of regret; without it, that of the surrogate's mean over the space.
        """
        import pandas as pd

        found = self.run(surrogate, space)
        simulated = float(simulate(truth, pd.DataFrame([found.at]), self.output)[0])
        sign = 1.0 if self.direction == "min" else -1.0
        runs = None if design is None else np.asarray(design, dtype=float)
        if runs is None:
            points = space.from_unit(spread(len(space), self.seed))
            scale = float(moments(surrogate, points, self.output)[0].std())
        else:
            scale = float(runs.std())
        design_best = None if runs is None else float(sign * (sign * runs).min())

        def regret(value: float | None) -> float | None:
            return None if best is None or value is None else sign * (value - best) / scale

        return replace(
            found,
            simulated=simulated,
            best=best,
            regret=regret(simulated),
            design_best=design_best,
            design_regret=regret(design_best),
        )
