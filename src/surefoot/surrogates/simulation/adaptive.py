"""Where the next runs should go: batches chosen by what they would teach a Gaussian process.

A run at a lowers the variance at r by cov(a, r)² / (var(a) + noise), whatever it will give. That is
ALC, "active learning Cohn": the mean of this over the space. The next run of a batch is chosen as
if the one before had been made already.

Sources: Cohn, "Neural network exploration using optimal experiment design", NeurIPS 1994; Jones,
Schonlau & Welch, "Efficient global optimization", J. Global Optimization 1998.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import qmc

from surefoot.ground.errors import InputError, one_of
from surefoot.surrogates.candidates.fitted_gp import FittedGP
from surefoot.surrogates.simulation.spread import maximin_order

if TYPE_CHECKING:
    from surefoot.surrogates.stack import Comparison

Floats = NDArray[np.float64]
CRITERIA = ("alc", "variance", "minimum", "maximum", "maximin")


@dataclass(frozen=True)
class Batch:
    """Points to run next, and what they are expected to bring.

    Attributes
    ----------
    rows : list of int
        Which of the candidates.
    variance_left : float
        Mean predictive variance over the space after these runs, of that before.
    variance_left_space_filling : float
        The same for as many runs spread over the space. Both are what the process believes; an
        adaptive design can be worse than a space-filling one where the process is wrong.
    """

    rows: list[int]
    variance_left: float
    variance_left_space_filling: float


def leading_processes(comparisons: Sequence[Comparison]) -> list[FittedGP]:
    """Return for each response the Gaussian process with the best out-of-fold log score.

    Raises
    ------
    InputError
        If there is none among the candidates.
    """
    found = []
    for comparison in comparisons:
        scores = comparison.log_density.mean(axis=0)
        order = np.argsort(-scores, kind="stable").tolist()
        models = [comparison.trials[k].full.model for k in order]
        processes = [model for model in models if isinstance(model, FittedGP)]
        if not processes:
            raise InputError("criterion", "no Gaussian process", "one among the candidates")
        found.append(processes[0])
    return found


def choose_batch(
    processes: Sequence[FittedGP],
    done: Floats,
    candidates: Floats,
    reference: Floats,
    n: int,
    criterion: str,
    likely: Floats | None = None,
) -> Batch:
    """Choose `n` of the candidate points.

    Parameters
    ----------
    processes : sequence of FittedGP
        One a response; their criteria are added up, each relative to its own total.
    done : ndarray of shape (m, d)
        Points that have been run, or failed: they are not chosen again.
    candidates : ndarray of shape (c, d)
    reference : ndarray of shape (r, d)
        Where the surrogate is to be good.
    n : int
    criterion : {"alc", "variance", "minimum", "maximum", "maximin"}
        Least mean variance over the space; the largest variance; expected improvement on the
        least (largest) response of the first process; the largest distance to all other points.
    likely : ndarray of shape (c,), optional
        Probability that a run there ends well; what a run is worth is multiplied by it.
    """
    one_of("criterion", criterion, CRITERIA)
    if not 1 <= n <= len(candidates):
        raise InputError("n", n, f"1 to {len(candidates)}")
    before = [_spread(process, reference) for process in processes]
    spread = spread_rows(done, candidates, n)
    rows = spread
    if criterion != "maximin":
        worth = np.ones(len(candidates)) if likely is None else likely
        rows = _greedy(processes, candidates, reference, n, criterion, worth)
    return Batch(
        rows,
        _left(processes, candidates[rows], reference, before),
        _left(processes, candidates[spread], reference, before),
    )


def unit_points(d: int, n: int, seed: int) -> Floats:
    """Return `n` points of a scrambled Sobol' sequence in the unit cube."""
    points: Floats = qmc.Sobol(d, rng=np.random.default_rng(seed)).random(n)
    return points


def spread_rows(done: Floats, candidates: Floats, n: int) -> list[int]:
    """Return the candidates that are farthest from all that was done and from each other."""
    nearest = np.full(len(candidates), np.inf)
    for point in done:
        nearest = np.minimum(nearest, np.linalg.norm(candidates - point, axis=1))
    if not len(done):
        return maximin_order(candidates, n).tolist()
    rows: list[int] = []
    for _ in range(n):
        rows.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.linalg.norm(candidates - candidates[rows[-1]], axis=1))
        nearest[rows[-1]] = -1.0
    return rows


def _greedy(
    processes: Sequence[FittedGP],
    candidates: Floats,
    reference: Floats,
    n: int,
    criterion: str,
    likely: Floats,
) -> list[int]:
    rows: list[int] = []
    open_ = np.ones(len(candidates), bool)
    current = list(processes)
    for _ in range(n):
        worth = sum(_worth(each, candidates, reference, criterion) for each in current) * likely
        row = int(np.argmax(np.where(open_, worth, -np.inf)))
        rows.append(row)
        open_[row] = False
        current = [each.given(candidates[[row]]) for each in current]
    return rows


def _worth(process: FittedGP, candidates: Floats, reference: Floats, criterion: str) -> Floats:
    mean, sd = process.predict(candidates)
    if criterion == "variance":
        return sd**2 / float((sd**2).mean())
    if criterion == "alc":
        covariance = process.covariance(candidates, reference)
        gain: Floats = (covariance**2).mean(axis=1) / sd**2
        return gain / _spread(process, reference)
    sign = 1.0 if criterion == "maximum" else -1.0
    best = float((sign * process.T[:, 0]).max())
    z = (sign * mean - best) / sd
    improvement: Floats = sd * (z * ndtr(z) + np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))
    return improvement


def _spread(process: FittedGP, reference: Floats) -> float:
    _, sd = process.predict(reference)
    return float((sd**2).mean())


def _left(
    processes: Sequence[FittedGP], points: Floats, reference: Floats, before: Sequence[float]
) -> float:
    after = [_spread(process.given(points), reference) for process in processes]
    return float(np.mean([new / old for new, old in zip(after, before, strict=True)]))
