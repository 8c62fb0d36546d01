"""What a run of linear stochastic approximation says about itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.averages import Averages
from surefoot.confidence.bias import ChainTails, Path, TransientBias, chain_tails, in_spreads
from surefoot.confidence.health import FEWEST_STEPS, RunHealth
from surefoot.confidence.schedule import StepSchedule

Floats = NDArray[np.float64]

_SHARED = (
    "predicted bias / SD", "drift between halves / SD", "largest kurtosis of the chains",
    "farthest chain / SD", "chains not finite",
)  # fmt: skip
_ALIKE = 1e-13
_FORGOTTEN = 1e-12
_STEPS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class MeanRecursion:
    """The recursion without its noise: θ_k = θ_{k−1} − α_k (A θ_{k−1} − b).

    Attributes
    ----------
    A : ndarray of shape (d, d)
    b : ndarray of shape (d,)
        Means over a run, with the gain.
    start : ndarray of shape (d,)
    schedule : StepSchedule
        Resolved.
    """

    A: Floats
    b: Floats
    start: Floats
    schedule: StepSchedule

    @property
    def contraction(self) -> float:
        """Smallest real part of an eigenvalue of A: below 0 the recursion leaves its solution."""
        return float(np.linalg.eigvals(self.A).real.min())

    def bias(self, first: int, last: int) -> Floats:
        """Return the mean over k = first … last of θ_k − θ*, for A θ* = b.

        A need not be symmetric, nor even have a basis of eigenvectors: the steps are taken one by
        one, O(d²) each, until the start is forgotten.
        """
        distance = self.start - np.linalg.lstsq(self.A, self.b, rcond=None)[0]
        enough = _FORGOTTEN * np.abs(distance).max()
        total = np.zeros_like(distance)
        with np.errstate(over="ignore", invalid="ignore"):
            for k in range(1, last + 1, _STEPS_AT_ONCE):
                steps = self.schedule.steps(k, min(_STEPS_AT_ONCE, last + 1 - k))
                for i, step in enumerate(steps.tolist(), k):
                    distance = distance - step * (self.A @ distance)
                    if i >= first:
                        total += distance
                if np.abs(distance).max() <= enough:
                    break
        mean: Floats = total / (last + 1 - first)
        return mean


def run_health(
    averages: Averages, path: Path, recursion: MeanRecursion, first: int, last: int
) -> RunHealth:
    """Check a finished run that averaged the steps `first` … `last`."""
    bias = recursion.bias(first, last)
    predicted = TransientBias(bias, in_spreads(bias, averages))
    drift, tails = in_spreads(path.drift() / 2, averages), chain_tails(averages)
    if alike := bool((averages.spread <= _ALIKE * np.abs(averages.estimate).max()).all()):
        # Only rounding is left to be measured.
        predicted, drift = TransientBias(np.zeros_like(bias), 0.0), 0.0
        tails = ChainTails(tails.nonfinite, 0.0, 0.0)
    return RunHealth(
        n_steps=last, n_chains=len(averages.chains), d=len(bias), bias=predicted, drift=drift,
        tails=tails, alike=alike, n_short=int(last < FEWEST_STEPS),
        # There is no design that could be collinear, and no class to separate.
        rank=len(bias), condition=1.0, constant=(), separated=False, growing=False,
        rows_outside=0, penalised=False, rounding=0.0,
    )  # fmt: skip


def diagnostics(health: RunHealth, contraction: float) -> dict[str, float | str]:
    """Return the numbers of the checks."""
    found = {name: health.diagnostics[name] for name in _SHARED}
    return found | {"slowest contraction": contraction}


def remarks(health: RunHealth, contraction: float) -> list[str]:
    """Return a sentence for everything that is off."""
    found = list((health.of_rows() | health.of_run()).values())
    if contraction < 0:
        found.append(
            f"the mean step leads away from the solution (an eigenvalue of {contraction:.2g}): the "
            "run diverges, as off-policy TD may"
        )
    return found
