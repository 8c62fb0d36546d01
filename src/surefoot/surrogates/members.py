"""Members of a stack: a candidate that sees the response through a warp, tried on shared folds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates.base import Candidate, Fitted
from surefoot.surrogates.ensemble.warps import Warp, fit_warp

Floats = NDArray[np.float64]

_ATTEMPTS = 3


@dataclass(frozen=True)
class Member:
    """A candidate and the warp of the response that it is fitted under.

    Parameters
    ----------
    candidate : Candidate
    warp : str
        See `surefoot.surrogates.ensemble.warps`.
    """

    candidate: Candidate
    warp: str

    @property
    def name(self) -> str:
        """Such as ``"gp-se"`` or ``"gp-se, log"``."""
        suffix = "" if self.warp == "identity" else f", {self.warp}"
        return self.candidate.name + suffix

    def fit(self, Z: Floats, y: Floats, *, seed: int, start: Any = None) -> FittedMember:
        """Learn the warp and the candidate from these rows alone."""
        warp = fit_warp(self.warp, y)
        model = self.candidate.fit(Z, warp.forward(y), seed=seed, start=start)
        return FittedMember(self, warp, model)


@dataclass(frozen=True)
class FittedMember:
    """A fitted candidate and its warp; its laws are normal in the warped response."""

    member: Member
    warp: Warp
    model: Fitted

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the warped response, each of shape (m,)."""
        return self.model.predict(Z)


@dataclass(frozen=True)
class Trial:
    """A member fitted to all rows, and to all folds but one, each in turn.

    Attributes
    ----------
    full : FittedMember
    folds : tuple of FittedMember
        ``folds[k]`` never saw fold k: neither its warp, its basis nor its length scales did.
    mean, sd, warped : ndarray of shape (n,)
        Out of fold, in the warped response of the fold that left the row out: the law, and the
        response itself.
    cpu_s : float
        What all of it took, in seconds.
    """

    full: FittedMember
    folds: tuple[FittedMember, ...]
    mean: Floats
    sd: Floats
    warped: Floats
    cpu_s: float


def try_member(
    member: Member, Z: Floats, y: Floats, fold: NDArray[np.intp], seed: int
) -> Trial | str:
    """Fit a member to all rows and to each set of folds; return why not where it can't be done.

    Parameters
    ----------
    member : Member
    Z : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    fold : ndarray of int of shape (n,)
        Numbered from 0; shared by all members.
    seed : int

    Raises
    ------
    InputError
        If the member itself can't be used, such as a regressor that takes no numbers.
    """
    began = time.thread_time()
    mean, sd, warped = (np.empty(len(y)) for _ in range(3))
    folds = []
    # One thread: the order of a sum, and so its last digit, depends on their number.
    with threadpool_limits(1):
        try:
            full = member.fit(Z, y, seed=seed)
            for k in range(fold.max() + 1):
                out = fold == k
                fitted = member.fit(Z[~out], y[~out], seed=seed, start=full.model.start)
                mean[out], sd[out] = fitted.predict(Z[out])
                warped[out] = fitted.warp.forward(y[out])
                folds.append(fitted)
        except InputError:
            raise
        except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
            return f"{type(error).__name__}: {error}"
    if not (np.isfinite(mean).all() and np.isfinite(sd).all() and (sd > 0).all()):
        return "predictions that are not finite"
    cpu_s = time.thread_time() - began
    return Trial(full, tuple(folds), mean, sd, warped, cpu_s)


def try_members(
    members: Sequence[Member],
    Z: Floats,
    y: Floats,
    fold: NDArray[np.intp],
    *,
    seed: int,
    n_jobs: int | None,
) -> list[Trial | str]:
    """Try each member; joblib's backends, Dask's among them, run them side by side.

    A worker that dies takes the whole batch with it, as joblib has it; the batch is begun again.
    """
    from joblib import Parallel, delayed

    for attempt in range(1, _ATTEMPTS + 1):
        calls = (delayed(try_member)(member, Z, y, fold, seed) for member in members)
        try:
            return list(Parallel(n_jobs=n_jobs)(calls))
        except Exception as error:
            if attempt == _ATTEMPTS or not _lost_worker(error):
                raise
    raise AssertionError  # the last attempt returns or raises


def _lost_worker(error: Exception) -> bool:
    broken = isinstance(error, BrokenExecutor | CancelledError)
    return broken or type(error).__module__.startswith("distributed.")
