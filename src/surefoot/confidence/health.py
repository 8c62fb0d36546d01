"""What a finished run says about itself: numbers for the record, and sentences for what is off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surefoot.confidence.averages import Averages
from surefoot.confidence.bias import (
    DRIFT_LIMIT,
    ChainTails,
    TransientBias,
    chain_tails,
    half_sample_drift,
    keeps_growing,
    relative_spreads,
    transient_bias,
)
from surefoot.confidence.engine import ChainEngine
from surefoot.ground.numerals import counted

FEWEST_STEPS = 300
# A tenth of a standard error: what rounding does to a run is found to be less than predicted.
_ROUNDING_LIMIT = 0.1
_ALIKE = 1e-13
_CHANCE = 1e-4


class ConfidenceWarning(UserWarning):
    """Something about the rows or the run makes its confidence sets doubtful.

    The message says what was found and what would help; `diagnostics_` has the numbers.
    """


@dataclass(frozen=True, eq=False)
class RunHealth:
    """Checks of a run, or of runs on shards that were merged.

    Attributes
    ----------
    n_steps, n_chains, d : int
    n_runs, n_short : int
        How many runs were merged, and how many of them took fewer than 300 steps.
    bias : TransientBias
    drift : float
        See `half_sample_drift`.
    tails : ChainTails
    chance : float
        Probability that shards in random order differ as much as these; 1 for one run.
    rank : int
        Of the pilot, like the next three.
    condition : float
    constant : tuple of str
        Features that don't vary.
    separated : bool
    growing : bool
        See `keeps_growing`; only for classes.
    rows_outside : int
        Rows unlike any in the pilot.
    penalised : bool
    alike : bool
        Whether all chains agree with the run.
    rounding : float
        What float32 may have changed, in standard errors; 0 in float64.
    """

    n_steps: int
    n_chains: int
    d: int
    bias: TransientBias
    drift: float
    tails: ChainTails
    rank: int
    condition: float
    constant: tuple[str, ...]
    separated: bool
    growing: bool
    rows_outside: int
    penalised: bool
    alike: bool
    rounding: float
    n_runs: int = 1
    n_short: int = 0
    chance: float = 1.0

    @property
    def diagnostics(self) -> dict[str, float | str]:
        """The numbers behind the remarks."""
        found: dict[str, float | str] = {
            "predicted bias / SD": self.bias.ratio,
            "drift between halves / SD": self.drift,
            "largest kurtosis of the chains": self.tails.kurtosis,
            "farthest chain / SD": self.tails.farthest,
            "chains not finite": self.tails.nonfinite,
            "rows unlike the pilot": self.rows_outside,
            "rank of the pilot": f"{self.rank} of {self.d}",
            "condition of the pilot": self.condition,
            "constant in the pilot": ", ".join(self.constant) or "none",
            "pilot separated": "yes" if self.separated else "no",
        }
        if self.rounding:
            found["rounding / SD"] = self.rounding
        if self.n_runs > 1:
            found |= {"runs merged": self.n_runs, "chance of shards this different": self.chance}
        return found

    def of_rows(self) -> dict[str, str]:
        """Return remarks that hold from the pilot on, however short the run is, by topic."""
        found = {}
        if self.constant:
            found["constant"] = f"constant in the pilot rows: {', '.join(self.constant)}"
        if self.rank < self.d - len(self.constant):
            found["rank"] = (
                f"the pilot rows span {self.rank} of {self.d} directions: the coefficients of "
                "collinear features are one of many solutions; features that vary little for "
                "their size are collinear with the constant until they are centred"
            )
        if self.separated:
            found["separated"] = (
                "the classes of the pilot rows can be told apart without error: coefficients may "
                "have no finite optimum; alpha > 0 gives them one"
            )
        if self.rows_outside:
            found["outside"] = (
                f"{counted(self.rows_outside, 'row')} unlike any in the pilot: shuffle the "
                "stream, or make the pilot larger"
            )
        if self.penalised:
            found["ridge"] = "alpha > 0: the intervals are for the penalised optimum"
        if self.tails.nonfinite:
            found["nonfinite"] = (
                f"{counted(self.tails.nonfinite, 'chain')} of {self.n_chains} not finite: "
                "smaller steps (c0) may help"
            )
        if self.alike:
            found["alike"] = "all chains agree with the run: a perfect fit, intervals of no length"
        return found

    def of_run(self) -> dict[str, str]:
        """Return remarks on how far the run got, by topic."""
        found = {}
        if self.n_runs > 1 and self.n_short:
            found["steps"] = (
                f"{self.n_short} of {self.n_runs} merged runs took fewer than {FEWEST_STEPS} "
                "steps: the intervals may be too short"
            )
        elif self.n_steps < FEWEST_STEPS:
            found["steps"] = (
                f"{counted(self.n_steps, 'step')}: with fewer than {FEWEST_STEPS} the "
                "intervals may be too short"
            )
        if self.bias.flagged:
            found["bias"] = (
                f"the start is not forgotten: predicted bias of {self.bias.ratio:.2g} standard "
                "errors; more rows or epochs, or a burn-in"
            )
        if self.drift > DRIFT_LIMIT:
            found["drift"] = (
                f"the halves of the run differ by {self.drift:.2g} standard errors: the stream "
                "drifts, or the run has not converged"
            )
        if self.chance < _CHANCE:
            found["apart"] = (
                f"shards in random order would differ so much with probability {self.chance:.1e}: "
                "the rows of each are unlike those of the others"
            )
        if self.growing and not self.separated:
            found["growing"] = (
                "the coefficients keep growing: the classes hardly overlap; alpha > 0 gives them a "
                "finite optimum"
            )
        if self.rounding > _ROUNDING_LIMIT:
            found["rounding"] = (
                f"float32 may have moved the run by {self.rounding:.2g} standard errors: use "
                "dtype='float64', or centre the target"
            )
        if self.tails.flagged and not self.tails.nonfinite:
            found["tails"] = (
                f"a few chains are wild (kurtosis {self.tails.kurtosis:.2g}, farthest at "
                f"{self.tails.farthest:.2g} standard deviations): standard errors rest on them"
            )
        return found


def health_of(engine: ChainEngine, averages: Averages, names: Sequence[str]) -> RunHealth:
    """Check a finished run.

    Parameters
    ----------
    engine : ChainEngine
    averages : Averages
        Of this engine.
    names : sequence of str
        Of the parameters. A constant called "const" is meant to be one.
    """
    pilot, steps = engine.pilot, engine.n_steps
    bias = transient_bias(averages, pilot, engine.schedule, engine.first_averaged, steps)
    drift = half_sample_drift(engine.path, pilot, averages)
    tails = chain_tails(averages)
    spreads = relative_spreads(averages, pilot)
    if alike := bool((spreads <= _ALIKE).all()):
        # Only rounding is left to be measured.
        bias, drift = TransientBias(np.zeros(pilot.d), 0.0), 0.0
        tails = ChainTails(tails.nonfinite, 0.0, 0.0)
    rounding = 0.0
    if engine.dtype == "float32" and not alike:
        rounding = float(np.finfo(np.float32).eps / 2 / spreads[spreads > 0].min(initial=np.inf))
    return RunHealth(
        n_steps=steps,
        n_chains=engine.n_chains,
        d=pilot.d,
        bias=bias,
        drift=drift,
        tails=tails,
        rank=pilot.rank,
        condition=pilot.condition,
        constant=tuple(names[j] for j in pilot.constant if names[j] != "const"),
        separated=pilot.separated,
        growing=engine.loss.name == "log_loss" and keeps_growing(engine.path, pilot),
        rows_outside=engine.rows_outside,
        penalised=bool(engine.ridge.any()),
        alike=alike,
        rounding=rounding,
        n_short=int(steps < FEWEST_STEPS),
    )
