"""Before an interval is trusted: was the start forgotten, did the stream drift, are chains wild?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.averages import Averages
from surefoot.confidence.pilot import Pilot
from surefoot.confidence.schedule import StepSchedule

Floats = NDArray[np.float64]

BIAS_LIMIT = 0.25
DRIFT_LIMIT = 4.0
KURTOSIS_LIMIT = 10.0
DEVIATION_LIMIT = 8.0
_SEGMENTS = 32
_STEPS_AT_ONCE = 256
_FORGOTTEN = 1e-12
_NOTHING_LEARNED = 1 - 1e-6
_GREW = 2.0
_EXPLODED = 1e6


@dataclass(frozen=True, eq=False)
class TransientBias:
    """How much of the distance to the start is predicted to be left in the average.

    Attributes
    ----------
    bias : ndarray of shape (d,)
        In the user's coordinates.
    ratio : float
        The largest |bias| in standard deviations of the chains.
    """

    bias: Floats
    ratio: float

    @property
    def flagged(self) -> bool:
        """Whether intervals would be off-centre: a quarter of a standard deviation or more."""
        return not self.ratio <= BIAS_LIMIT


def transient_bias(
    averages: Averages, pilot: Pilot, schedule: StepSchedule, first: int, last: int
) -> TransientBias:
    """Predict what is left of the start in the average of the iterates `first` … `last`.

    Parameters
    ----------
    averages : Averages
    pilot : Pilot
        Whose curvature says how fast each direction forgets.
    schedule : StepSchedule
        Resolved.
    first, last : int
        Steps, counted from 1.

    Notes
    -----
    Along an eigenvector of L'HL with eigenvalue λ the distance to the optimum shrinks by |1 − α_kλ|
    a step; β, the mean of what is left over the averaged steps, times θ₀ − θ* is the bias. As θ̄
    has gone the share 1 − β of the way from θ₀ to θ*, that is L U β/(1 − β) U' L⁻¹(θ₀ − θ̄).
    """
    values, vectors = np.linalg.eigh(pilot.quadratic_to_whitened(pilot.curvature))
    left = np.minimum(remaining(np.maximum(values, 0), schedule, first, last), _NOTHING_LEARNED)
    distance = vectors.T @ pilot.to_whitened(pilot.theta - averages.estimate)
    bias = pilot.to_user(vectors @ (left / (1 - left) * distance))
    return TransientBias(bias, in_spreads(bias, averages))


def in_spreads(values: Floats, averages: Averages) -> float:
    """Return the largest |value| in standard deviations of the chains.

    A parameter on which all chains agree has no say: a perfect fit, or one that no row moves.
    """
    ratios = np.zeros(len(values))
    np.divide(np.abs(values), averages.spread, out=ratios, where=averages.spread != 0)
    return float(ratios.max())


def remaining(curvatures: Floats, schedule: StepSchedule, first: int, last: int) -> Floats:
    """Return β for each curvature λ: the mean over k = first … last of Π_{i ≤ k} |1 − α_i λ|."""
    product, total = np.ones(len(curvatures)), np.zeros(len(curvatures))
    for start in range(1, last + 1, _STEPS_AT_ONCE):
        steps = schedule.steps(start, min(_STEPS_AT_ONCE, last + 1 - start))
        products = product * np.cumprod(np.abs(1 - np.outer(steps, curvatures)), axis=0)
        total += products[max(0, first - start) :].sum(0)
        product = products[-1]
        if product.max() < _FORGOTTEN:
            break
    return total / (last + 1 - first)


class Path:
    """Sums of the run's iterates over at most 32 equal stretches: memory of where it was when."""

    def __init__(self) -> None:
        self.length, self.steps = 1, 0
        self.sums: list[Floats] = []

    def begin(self, phi: Floats) -> None:
        """Forget everything; sums count from φ."""
        self.length, self.steps, self.sums, self.start = 1, 0, [], phi

    def update(self, phi: NDArray[Any]) -> None:
        """Take in an iterate."""
        if self.steps % self.length == 0:
            if len(self.sums) == _SEGMENTS:
                pairs = zip(self.sums[::2], self.sums[1::2], strict=True)
                self.sums = [a + b for a, b in pairs]
                self.length *= 2
            self.sums.append(np.zeros(len(phi)))
        self.sums[-1] += phi - self.start
        self.steps += 1

    def drift(self) -> Floats:
        """Return the mean of the second half less that of the first, to the nearest stretch."""
        full = self.steps // self.length
        half = full // 2
        if half == 0:
            return np.full(len(self.start), np.nan)
        early, late = np.sum(self.sums[:half], 0), np.sum(self.sums[full - half : full], 0)
        drift: Floats = (late - early) / (half * self.length)
        return drift

    def quarters(self) -> Floats:
        """Return the mean iterates of four equal parts, to the nearest stretch, shape (4, d)."""
        each = self.steps // self.length // 4
        if each == 0:
            return np.full((4, len(self.start)), np.nan)
        sums = np.array(self.sums[: 4 * each]).reshape(4, each, -1).sum(axis=1)
        means: Floats = self.start + sums / (each * self.length)
        return means


def half_sample_drift(path: Path, pilot: Pilot, averages: Averages) -> float:
    """Return max |mean of the second half − mean of the first half| / (2 SD of the chains).

    For a stationary stream the largest of d standard normal numbers: about 2, and for d = 20 beyond
    `DRIFT_LIMIT` once in a thousand. Beyond it the stream drifts, or nothing has converged.
    """
    return in_spreads(pilot.to_user(path.drift()) / 2, averages)


def keeps_growing(path: Path, pilot: Pilot) -> bool:
    """Return whether the run left a warm start for twice its size, and grew in every quarter.

    Log-odds of classes that hardly overlap do: their optimum is far out, or there is none. Where
    log-odds have a standard deviation of 3 the last quarter is at most 1.3 times the warm start,
    where it is 10 about 2.1 times, and for separated classes 2.8 times and more.
    """
    sizes = np.linalg.norm(path.quarters(), axis=1)
    start = float(np.linalg.norm(pilot.to_whitened(pilot.theta)))
    return bool(0 < _GREW * start < sizes[-1] and (np.diff(sizes) > 0).all())


def exploded(averages: Averages, pilot: Pilot) -> bool:
    """Return whether the run is not finite, or a million times the size of its warm start."""
    if not np.isfinite(averages.estimate).all():
        return True
    start, end = (np.abs(pilot.to_whitened(t)).max() for t in (pilot.theta, averages.estimate))
    return bool(0 < _EXPLODED * start < end)


def relative_spreads(averages: Averages, pilot: Pilot) -> Floats:
    """Return the spread of the finite chains over the size of the run, in whitened coordinates."""
    chains = averages.chains[averages.finite]
    if len(chains) < 2:
        return np.full(pilot.d, np.nan)
    size = np.abs(pilot.to_whitened(averages.estimate)).max()
    spreads: Floats = pilot.to_whitened(chains.T).std(axis=1) / max(size, 1e-100)
    return spreads


@dataclass(frozen=True)
class ChainTails:
    """How wild the chains are.

    Attributes
    ----------
    nonfinite : int
        How many chains are not finite.
    farthest : float
        Largest deviation of a finite chain from the run, in standard deviations.
    kurtosis : float
        Largest excess kurtosis of a coordinate over the finite chains.
    """

    nonfinite: int
    farthest: float
    kurtosis: float

    @property
    def flagged(self) -> bool:
        """Whether the spread of the chains rests on a few of them."""
        wild = self.kurtosis > KURTOSIS_LIMIT or self.farthest > DEVIATION_LIMIT
        return self.nonfinite > 0 or wild


def chain_tails(averages: Averages) -> ChainTails:
    """Return how far the chains reach and how heavy their tails are."""
    finite = averages.finite
    nonfinite = int(np.count_nonzero(~finite))
    if finite.sum() < 2:
        return ChainTails(nonfinite, np.inf, np.inf)
    deviations = averages.chains[finite] - averages.estimate
    centred = deviations - deviations.mean(0)
    variance = np.mean(centred**2, axis=0)
    # All chains alike: a perfect fit, or a coordinate that no row moves.
    variance = np.where(variance > 0, variance, np.inf)
    kurtosis = np.where(np.isinf(variance), 0.0, np.mean(centred**4, axis=0) / variance**2 - 3)
    farthest = np.abs(deviations).max(0) / np.sqrt(variance)
    return ChainTails(nonfinite, float(farthest.max()), float(kurtosis.max()))
