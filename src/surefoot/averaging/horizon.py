"""Choose the averaging horizon after the run, on validation data.

The best horizon depends on the learning-rate schedule: about a hundredth of the run under a full
decay, a tenth or more under a constant rate. No rule of thumb covers both. A run that has kept
segment means need not know beforehand: each horizon costs one evaluation afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from surefoot.averaging.profiles import Profile
from surefoot.ground.errors import InputError, UnmetError, one_of
from surefoot.ground.intervals import Interval, paired_difference
from surefoot.ground.numerals import number

if TYPE_CHECKING:
    import pandas as pd

Losses = float | Sequence[float] | NDArray | Tensor
Rule = Literal["one-se", "best"]
_REFINEMENTS = 2


@dataclass(frozen=True)
class HorizonCurve:
    """How good the average is at every horizon tried, and which horizon was chosen.

    The difference to the raw iterate flatters: the horizon was chosen on the same data. What
    averaging really brings is for a test set to say.

    Attributes
    ----------
    horizons : tuple of int
        In steps, ascending; the first is 0, the raw last iterate.
    values : tuple of float
        What was found at each; NaN or infinite where the model is broken.
    standard_errors : tuple of float
        Of the paired difference to the best horizon; NaN where only one number was given.
    best, chosen : int
        The horizon with the best value, and the one to use; 0 says to leave the model as it is.
    rule : str
        What chose: "one-se", "best", or "best (no standard errors)" where "one-se" was asked for
        but there were no losses of single examples.
    difference : Interval or None
        Value at the chosen horizon less that of the raw iterate, paired over examples; without
        bounds for single numbers, None if the raw iterate's value is not finite.
    steps : int
        The longest horizon: how many steps were averaged over.
    """

    horizons: tuple[int, ...]
    values: tuple[float, ...]
    standard_errors: tuple[float, ...]
    best: int
    chosen: int
    rule: str
    difference: Interval | None
    steps: int

    @property
    def raw(self) -> float:
        """Value of the last iterate itself."""
        return self.values[0]

    @property
    def value(self) -> float:
        """Value at the chosen horizon."""
        return self.values[self.horizons.index(self.chosen)]

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        steps = f"{self.steps:,} steps"
        if self.chosen == 0:
            margin = " by more than one standard error" if self.rule == "one-se" else ""
            return f"the last iterate itself: no window of up to {steps} is better{margin}"
        # As many decimals as it takes to tell the two apart.
        pairs = [(number(self.value, digits), number(self.raw, digits)) for digits in range(3, 7)]
        value, raw = next(((a, b) for a, b in pairs if a != b), pairs[0])
        return f"a window of {self.chosen:,} of {steps}; {value} against {raw} raw"

    def to_frame(self) -> pd.DataFrame:
        """Return one row a horizon: steps, share of the run, value and standard error."""
        import pandas as pd

        horizons = np.array(self.horizons)
        columns = {
            "horizon": horizons,
            "share": horizons / self.steps,
            "value": self.values,
            "standard_error": self.standard_errors,
        }
        return pd.DataFrame(columns)


def search_horizons(
    evaluate: Callable[[int], Losses],
    longest: int,
    *,
    per_octave: int = 2,
    refine: bool = True,
    rule: Rule = "one-se",
    higher_is_better: bool = False,
) -> HorizonCurve:
    """Try horizons on a logarithmic grid, and choose one.

    Parameters
    ----------
    evaluate : callable ``(horizon) -> float or array-like of shape (n,)``
        What validation data say of the average over `horizon` steps, 0 being the raw iterate:
        one number, or better a loss for every example. Called once a horizon.
    longest : int
        The longest horizon, in steps.
    per_octave : int
        How many horizons between one and its double.
    refine : bool
        Whether to go on between the best horizon and its neighbours, twice at the geometric
        means, which makes the grid four times as fine there.
    rule : {"one-se", "best"}
        "one-se" takes the shortest horizon that is within one standard error of the best; a
        small validation set is not fitted that way. The raw iterate counts as the shortest.
    higher_is_better : bool
        For accuracy and the like; loss is the better guide, being smoother.

    Returns
    -------
    HorizonCurve

    Raises
    ------
    UnmetError
        If no horizon gives a finite value.

    Notes
    -----
    The standard error is that of the mean difference to the best horizon, example by example.
    Neighbouring averages err on the same examples, so it is far smaller than that of the loss.
    """
    for name, count in (("longest", longest), ("per_octave", per_octave)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InputError(name, count, "a whole number from 1")
    one_of("rule", rule, ("one-se", "best"))
    trials = _Trials(evaluate, -1 if higher_is_better else 1)
    octaves = math.log2(longest)
    grid = {round(2 ** (i / per_octave)) for i in range(math.ceil(octaves * per_octave))}
    for horizon in [0, *sorted(grid | {1, longest})]:
        trials.run(horizon)
    for _ in range(_REFINEMENTS if refine else 0):
        for horizon in trials.around_the_best():
            trials.run(horizon)
    return trials.curve(rule, longest)


class _Trials:
    """What was found at each horizon so far."""

    def __init__(self, evaluate: Callable[[int], Losses], sign: int) -> None:
        self._evaluate, self._sign = evaluate, sign
        self._losses: dict[int, NDArray] = {}
        self._values: dict[int, float] = {}

    def run(self, horizon: int) -> None:
        if horizon in self._losses:
            return
        losses = _as_losses(self._evaluate(horizon))
        sizes = {len(known) for known in self._losses.values()} | {len(losses)}
        if len(sizes) > 1:
            found = f"{len(losses)} losses at horizon {horizon}"
            raise InputError("evaluate", found, "as many at every horizon")
        self._losses[horizon] = losses
        with np.errstate(invalid="ignore", over="ignore"):
            self._values[horizon] = float(losses.mean())

    def best(self, least: int = 0) -> int | None:
        """Return the best horizon from `least` on, the shortest of equals."""
        values = self._values
        candidates = [h for h in values if h >= least and math.isfinite(values[h])]
        return min(candidates, key=lambda h: (self._sign * values[h], h), default=None)

    def around_the_best(self) -> list[int]:
        """Return the geometric means between the best horizon and its neighbours."""
        best = self.best(least=1)
        tried = sorted(h for h in self._values if h > 0)
        return [round(math.sqrt(a * b)) for a, b in pairwise(tried) if best in (a, b)]

    def curve(self, rule: Rule, longest: int) -> HorizonCurve:
        best = self.best()
        if best is None:
            msg = "no horizon gives a finite value; look at the weights or at evaluate"
            raise UnmetError(msg)
        horizons = sorted(self._values)
        errors = {h: self._standard_error(h, best) for h in horizons}
        chosen, chosen_by = best, str(rule)
        if rule == "one-se":
            if len(self._losses[best]) > 1:
                lag = {h: abs(self._values[h] - self._values[best]) for h in horizons}
                chosen = min(h for h in horizons if lag[h] <= errors[h])
            else:
                chosen_by = "best (no standard errors)"
        difference = None
        if math.isfinite(self._values[0]):
            difference = paired_difference(self._losses[chosen], self._losses[0])
        return HorizonCurve(
            tuple(horizons),
            tuple(self._values[h] for h in horizons),
            tuple(errors[h] for h in horizons),
            best,
            chosen,
            chosen_by,
            difference,
            longest,
        )

    def _standard_error(self, horizon: int, best: int) -> float:
        n = len(self._losses[best])
        if n < 2 or not math.isfinite(self._values[horizon]):
            return math.nan
        differences = self._losses[horizon] - self._losses[best]
        return float(differences.std(ddof=1) / math.sqrt(n))


class HorizonSource(Protocol):
    """Where averages over any horizon come from, such as a `WeightAverager`."""

    @property
    def model(self) -> nn.Module | None:
        """The model, with its raw weights; None if there are only named tensors."""

    @property
    def steps(self) -> int:
        """How many optimizer steps were seen."""

    @property
    def segmented(self) -> Sequence[str]:
        """Names of the averages that hold segment means."""

    def applied(self, name: str, *, horizon: int, profile: Profile) -> AbstractContextManager[Any]:
        """Put that average into the model for the time of a block."""


@dataclass(frozen=True)
class HorizonSearch:
    """Choose the horizon of a run's segment means on validation data.

    Parameters
    ----------
    source : WeightAverager
        With a `SegmentMeans` average.
    evaluate : callable ``(model) -> float or array-like of shape (n,)``
        What validation data say of the model: one number, or better a loss for every example.
    average : str, optional
        Name of the `SegmentMeans` average; default: the only one.
    profile : {"uniform", "cosine", "one-minus-sqrt"} or callable
        How the iterates inside the horizon are weighed; see `profile_weights`.
    per_octave, refine, rule, higher_is_better
        See `search_horizons`.

    Examples
    --------
    ::

        curve = HorizonSearch(averager, lambda model: losses(model, X_val, y_val)).run()
        curve.sentence  # 'a window of 240 of 1,000 steps; 0.312 against 0.341 raw'
    """

    source: HorizonSource
    evaluate: Callable[[nn.Module], Losses]
    _: KW_ONLY
    average: str | None = None
    profile: Profile = "uniform"
    per_octave: int = 2
    refine: bool = True
    rule: Rule = "one-se"
    higher_is_better: bool = False

    def run(self) -> HorizonCurve:
        """Evaluate every horizon tried, each once; the model's raw weights are back at the end."""
        source = self.source
        if source.steps < 1:
            raise InputError("source", "no steps", "an averager that has seen the training")
        name, model = self._average(), source.model
        if model is None:
            raise InputError("source", "named tensors", "an averager made from a module")

        def at(horizon: int) -> Losses:
            if horizon == 0:
                return self.evaluate(model)
            with source.applied(name, horizon=horizon, profile=self.profile):
                return self.evaluate(model)

        return search_horizons(
            at,
            source.steps,
            per_octave=self.per_octave,
            refine=self.refine,
            rule=self.rule,
            higher_is_better=self.higher_is_better,
        )

    def _average(self) -> str:
        names = list(self.source.segmented)
        if self.average is not None:
            return str(one_of("average", self.average, names))
        if len(names) != 1:
            found = ", ".join(map(repr, names)) or "no SegmentMeans average"
            raise InputError("average", found, "exactly one, or its name in average=…")
        return names[0]


def _as_losses(found: Any) -> NDArray:
    """Return what `evaluate` gave as a vector of float64, of length 1 for a single number."""
    allowed = "a number, or a loss for every example"
    if isinstance(found, Tensor):
        found = found.detach().cpu().double()
    try:
        losses = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("evaluate", found, allowed) from error
    if found is None:  # numpy takes it for a NaN
        raise InputError("evaluate", found, allowed)
    if losses.ndim > 1 or losses.size == 0:
        raise InputError("evaluate", f"shape {losses.shape}", allowed)
    return losses.reshape(-1)
