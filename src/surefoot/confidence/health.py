"""What a finished run says about itself: numbers for the record, and sentences for what is off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from surefoot.confidence.averages import Averages
from surefoot.confidence.bias import (
    DRIFT_LIMIT,
    ChainTails,
    TransientBias,
    chain_tails,
    half_sample_drift,
    transient_bias,
)
from surefoot.confidence.engine import ChainEngine
from surefoot.ground.numerals import counted

FEWEST_STEPS = 300


class ConfidenceWarning(UserWarning):
    """Something about the rows or the run makes its confidence sets doubtful."""


@dataclass(frozen=True, eq=False)
class RunHealth:
    """Checks of a run.

    Attributes
    ----------
    engine : ChainEngine
        Finished.
    bias : TransientBias
    drift : float
        See `half_sample_drift`.
    tails : ChainTails
    constant : tuple of str
        Features that don't vary in the pilot.
    """

    engine: ChainEngine
    bias: TransientBias
    drift: float
    tails: ChainTails
    constant: tuple[str, ...]

    @property
    def diagnostics(self) -> dict[str, float | str]:
        """The numbers behind the remarks."""
        pilot = self.engine.pilot
        return {
            "predicted bias / SD": self.bias.ratio,
            "drift between halves / SD": self.drift,
            "largest kurtosis of the chains": self.tails.kurtosis,
            "farthest chain / SD": self.tails.farthest,
            "chains not finite": self.tails.nonfinite,
            "rows unlike the pilot": self.engine.rows_outside,
            "rank of the pilot": f"{pilot.rank} of {pilot.d}",
            "condition of the pilot": pilot.condition,
            "constant in the pilot": ", ".join(self.constant) or "none",
            "pilot separated": "yes" if pilot.separated else "no",
        }

    def of_rows(self) -> dict[str, str]:
        """Return remarks that hold from the pilot on, however short the run is, by topic."""
        pilot, found = self.engine.pilot, {}
        if self.constant:
            found["constant"] = f"constant in the pilot rows: {', '.join(self.constant)}"
        if pilot.rank < pilot.d - len(self.constant):
            found["rank"] = (
                f"the pilot rows span {pilot.rank} of {pilot.d} directions: the coefficients of "
                "collinear features are one of many solutions"
            )
        if pilot.separated:
            found["separated"] = (
                "the classes of the pilot rows can be told apart without error: coefficients may "
                "have no finite optimum; alpha > 0 gives them one"
            )
        if self.engine.rows_outside:
            found["outside"] = (
                f"{counted(self.engine.rows_outside, 'row')} unlike any in the pilot: shuffle the "
                "stream, or make the pilot larger"
            )
        if self.engine.ridge.any():
            found["ridge"] = "alpha > 0: the intervals are for the penalised optimum"
        if self.tails.nonfinite:
            found["nonfinite"] = (
                f"{counted(self.tails.nonfinite, 'chain')} of {self.engine.n_chains} not finite: "
                "smaller steps (c0) may help"
            )
        return found

    def of_run(self) -> dict[str, str]:
        """Return remarks on how far the run got, by topic."""
        found = {}
        if self.engine.n_steps < FEWEST_STEPS:
            found["steps"] = (
                f"{counted(self.engine.n_steps, 'step')}: with fewer than {FEWEST_STEPS} the "
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
    first, last = engine.first_averaged, engine.n_steps
    return RunHealth(
        engine,
        transient_bias(averages, engine.pilot, engine.schedule, first, last),
        half_sample_drift(engine.path, engine.pilot, averages),
        chain_tails(averages),
        tuple(names[j] for j in engine.pilot.constant if names[j] != "const"),
    )
