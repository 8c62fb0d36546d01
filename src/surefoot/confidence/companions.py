"""Rival methods that ride along on the same pass, for comparison and as a second opinion.

They see the run itself, not its copies, and everything in whitened coordinates.

================= ================================ =============================================
name              what it keeps                    remark
================= ================================ =============================================
`PlugIn`          mean curvature, mean score²      the sandwich; needs a curvature
`RandomScaling`   how the average itself moved     pivotal: no variance, its own critical values
`BatchMeans`      sums over blocks of iterates     biased down at any realistic n
`ScoreBootstrap`  weighted scores                  plug-in that gives chains: simultaneous sets
================= ================================ =============================================

Sources: Chen, Lee, Tong & Zhang, Ann. Statist. 48 (2020) (plug-in); Lee, Liao, Seo & Shin, AAAI
2022 (random scaling); Zhu, Chen & Wu, JASA 118 (2023) (online batch means).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError
from surefoot.ground.samples import tail_of

Floats = NDArray[np.float64]


@dataclass
class Minibatch:
    """What a companion may look at after a step.

    Attributes
    ----------
    rows : ndarray of shape (b, d)
        Whitened.
    scores : ndarray of shape (b,)
        Of the run itself before the step.
    curvatures : ndarray of shape (b,) or None
        The same; None for a loss without.
    sample_weight : ndarray of shape (b,)
    weights : ndarray of shape (b, M)
        Sample weight · multiplier of each chain.
    iterate : ndarray of shape (d,)
        The run itself after the step.
    """

    rows: NDArray[Any]
    scores: Floats
    curvatures: Floats | None
    sample_weight: Floats
    weights: NDArray[Any]
    iterate: NDArray[Any]


class Companion(ABC):
    """A method of inference beside the chains.

    Attributes
    ----------
    name : str
    needs_curvature : bool
        Whether it needs the loss's second derivative.
    matrices, chains : int
        What it keeps: arrays of shape (d, d) and of shape (d, M).
    """

    name: ClassVar[str]
    needs_curvature: ClassVar[bool] = False
    matrices: ClassVar[int] = 1
    chains: ClassVar[int] = 0

    def __init__(self) -> None:
        self.arrays: dict[str, Floats] = {}

    def begin(
        self, phi: Floats, chains: int, penalty: Floats | None, schedule: StepSchedule
    ) -> None:
        """Forget everything and start at φ; `penalty` is the curvature of a ridge (d, d)."""
        self.penalty, self.schedule = penalty, schedule
        empty = self._empty(len(phi), chains)
        self.arrays = {"n": np.zeros(()), "start": phi.astype(np.float64), **empty}

    @abstractmethod
    def _empty(self, d: int, chains: int) -> dict[str, Floats]:
        """Return the accumulators."""

    @abstractmethod
    def update(self, batch: Minibatch) -> None:
        """Take in a minibatch."""

    @abstractmethod
    def covariance(self) -> Floats:
        """Return the covariance matrix of the averaged run, shape (d, d)."""

    def critical_value(self, level: float) -> float:
        """Return how many standard errors an interval of this level reaches to each side."""
        return NormalDist().inv_cdf(1 - tail_of(level) / 2)


class PlugIn(Companion):
    """The sandwich A⁻¹ S A⁻¹ / n, from curvatures and scores along the path."""

    name = "plugin"
    needs_curvature = True
    matrices = 2

    def _empty(self, d: int, chains: int) -> dict[str, Floats]:
        return {"A": np.zeros((d, d)), "S": np.zeros((d, d)), "g": np.zeros(d)}

    def update(self, batch: Minibatch) -> None:
        """Add curvatures and scores."""
        assert batch.curvatures is not None
        a = self.arrays
        gradients = batch.rows * (batch.scores * batch.sample_weight)[:, None]
        a["A"] += batch.rows.T @ (batch.rows * (batch.curvatures * batch.sample_weight)[:, None])
        a["S"] += gradients.T @ gradients
        a["g"] += gradients.sum(0)
        a["n"] += len(batch.rows)

    def curvature(self) -> Floats:
        """Return A, with the ridge."""
        mean: Floats = self.arrays["A"] / self.arrays["n"]
        return mean if self.penalty is None else mean + self.penalty

    def covariance(self) -> Floats:
        """Return A⁻¹ S A⁻¹ / n."""
        a, n = self.arrays, self.arrays["n"]
        # Under a ridge the mean gradient of the data alone is not 0 at the optimum.
        S = a["S"] / n - np.outer(a["g"], a["g"]) / n**2
        inverse = np.linalg.inv(self.curvature())
        covariance: Floats = inverse @ S @ inverse / n
        return covariance


class ScoreBootstrap(PlugIn):
    """Chains without running them: θ̄ − A⁻¹ Σ (W − 1) gradient / n, linear around one path."""

    name = "score_bootstrap"
    chains = 1

    def _empty(self, d: int, chains: int) -> dict[str, Floats]:
        return {**super()._empty(d, chains), "G": np.zeros((d, chains))}

    def update(self, batch: Minibatch) -> None:
        """Add the weighted scores too."""
        super().update(batch)
        noise = (batch.weights - batch.sample_weight[:, None]) * batch.scores[:, None]
        self.arrays["G"] += batch.rows.T @ noise

    def deviations(self) -> Floats:
        """Return the chains less the averaged run, shape (d, M)."""
        deviations: Floats = -np.linalg.inv(self.curvature()) @ self.arrays["G"]
        deviations /= self.arrays["n"]
        return deviations

    def covariance(self) -> Floats:
        """Return the second moment of the deviations."""
        deviations = self.deviations()
        covariance: Floats = deviations @ deviations.T / deviations.shape[1]
        return covariance


class RandomScaling(Companion):
    """How far the average moved while the run went on: Σ s² (θ̄_s − θ̄)(θ̄_s − θ̄)' / K³.

    ``covariance`` is this matrix, with which θ̄ is pivotal; it is no estimate of a covariance.
    """

    name = "random_scaling"

    def _empty(self, d: int, chains: int) -> dict[str, Floats]:
        sums = {"T": np.zeros(d), "sT": np.zeros(d), "ss": np.zeros(())}
        return {**sums, "TT": np.zeros((d, d))}

    def update(self, batch: Minibatch) -> None:
        """Add the average so far."""
        a = self.arrays
        a["n"] += 1
        # Sums count from the start, near the average, so that little cancels.
        a["T"] += batch.iterate - a["start"]
        a["TT"] += np.outer(a["T"], a["T"])
        a["sT"] += a["n"] * a["T"]
        a["ss"] += a["n"] ** 2

    def covariance(self) -> Floats:
        """Return the random scaling matrix over the number of steps."""
        a, steps = self.arrays, self.arrays["n"]
        mean = a["T"] / steps
        cross = np.outer(a["sT"], mean)
        scale: Floats = (a["TT"] - cross - cross.T + a["ss"] * np.outer(mean, mean)) / steps**3
        return scale

    def critical_value(self, level: float) -> float:
        """Return the critical value of the pivot."""
        return random_scaling_critical_value(level)


class BatchMeans(Companion):
    """Online overlapping batch means: sums over blocks that restart at ⌊m^(2/(1−γ))⌋.

    For γ = 0.6 they restart at 1, 32, 243, 1024, … steps: too few and too short to see the whole
    correlation of the iterates. Intervals come out .56 times as long as they should be at 312
    steps, .74 at 10,000 and .86 at 100,000.
    """

    name = "batch_means"

    def _empty(self, d: int, chains: int) -> dict[str, Floats]:
        if self.schedule.gamma == 1:
            raise InputError("gamma", 1, "less than 1 for batch means")
        zeros = {"m": np.ones(()), "l": np.zeros(()), "q": np.zeros(()), "v": np.zeros(())}
        vectors = {"W": np.zeros(d), "U": np.zeros(d), "T": np.zeros(d)}
        return {**zeros, **vectors, "V": np.zeros((d, d))}

    def update(self, batch: Minibatch) -> None:
        """Add the iterate to its block."""
        a = self.arrays
        a["n"] += 1
        moved = batch.iterate - a["start"]
        if a["n"] >= math.floor((a["m"] + 1) ** (2 / (1 - self.schedule.gamma))):
            a["m"] += 1
            a["W"][:] = 0
            a["l"][...] = 0
        a["W"] += moved
        a["l"] += 1
        a["T"] += moved
        a["V"] += np.outer(a["W"], a["W"])
        a["U"] += a["l"] * a["W"]
        a["q"] += a["l"] ** 2
        a["v"] += a["l"]

    def covariance(self) -> Floats:
        """Return the long-run covariance of the iterates over the number of steps."""
        a, steps = self.arrays, self.arrays["n"]
        mean = a["T"] / steps
        cross = np.outer(a["U"], mean)
        long_run = (a["V"] - cross - cross.T + a["q"] * np.outer(mean, mean)) / a["v"]
        covariance: Floats = long_run / steps
        return covariance


COMPANIONS: dict[str, type[Companion]] = {
    kind.name: kind for kind in (PlugIn, RandomScaling, BatchMeans, ScoreBootstrap)
}


@cache
def random_scaling_critical_value(level: float) -> float:
    """Return c with P(|W(1)| ≤ c √∫ (W(r) − r W(1))² dr) = level, for a Brownian motion W.

    Notes
    -----
    6.747 at .95, 5.323 at .90, 3.875 at .80 (Abadir & Paruolo, Econometrica 65, 1997); here for
    any level. W(1) and the integral Q are independent, and E exp(−x²Q/2) = √(x / sinh x). Writing
    the normal tail as P(|N| > a) = (2/π) ∫₀^{π/2} exp(−a² / (2 cos² φ)) dφ gives
    P(|t| > c) = (2/π) ∫₀^{π/2} √(x / sinh x) dφ with x = c / cos φ.
    """
    from scipy.integrate import quad
    from scipy.optimize import brentq

    def integrand(angle: float, c: float) -> float:
        x = c / max(math.cos(angle), 1e-300)
        # x / sinh x without overflow.
        return math.sqrt(2 * x / -math.expm1(-2 * x)) * math.exp(-x / 2) if x < 1e3 else 0.0

    def excess(c: float) -> float:
        tail = 2 / math.pi * quad(integrand, 0, math.pi / 2, args=(c,))[0]
        return float(tail - tail_of(level))

    return float(brentq(excess, 1e-9, 400, xtol=1e-10))
