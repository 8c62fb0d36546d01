"""Chains on any loss written in torch, from warm start to confidence sets.

`surefoot.confidence.modules.chained_sgd` does the same for the parameters of a module.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from surefoot.confidence.averages import Averages
from surefoot.confidence.coordinates import as_names
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.intervals_of_chains import check_level
from surefoot.confidence.modules.batches import TorchLoss
from surefoot.confidence.modules.chains import ChainOptions, Randomness, TorchChains
from surefoot.confidence.modules.health import checked
from surefoot.confidence.modules.memory import available_bytes, in_bytes
from surefoot.confidence.modules.pilot import (
    MOST_WHITENED,
    TorchPilot,
    cold_torch_pilot,
    fit_torch_pilot,
)
from surefoot.confidence.modules.state import chains_from, state_of
from surefoot.confidence.multipliers import Multiplier, QuantileFunction
from surefoot.confidence.pilot import Precondition
from surefoot.confidence.result import InferenceResult
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError, UnmetError, one_of
from surefoot.ground.notices import warn
from surefoot.ground.numerals import counted
from surefoot.ground.samples import finite

Floats = NDArray[np.float64]


class ChainedLoss:
    """SGD with averaging on a loss of a parameter vector, its chains and its confidence sets.

    Parameters
    ----------
    loss : callable ``(theta, batch) -> Tensor of shape (b,)``
        One loss a row, without reduction. For the theory to hold it is convex in θ.
    start : Tensor of shape (d,)
        Where θ starts, in float32 or float64, on the device the chains are to be on.
    n_chains : int
        How many perturbed copies run along.
    names : sequence of str, optional
        Of the parameters; default: theta[0], theta[1], …
    schedule : StepSchedule, optional
    multiplier : str or Multiplier
        Law of the weights, see `as_multiplier`.
    batch_size : int
        The most rows a batch has; see `step`.
    alpha : float or array-like of shape (d,)
        Of the penalty ½ Σ α_j θ_j²; the sets are then for the penalised optimum.
    burn_in : int
        So many steps of every epoch are left out of the average.
    precondition : {"whiten", "diag", None}
        See `fit_torch_pilot`. Beyond 1,000 parameters "whiten" becomes "diag", with a warning.
    randomness : {"error", "same", "different"}
        What chains do with random numbers inside the loss. "same" makes them part of the row, as
        the bootstrap has it; "different" adds their noise to the spread.
    seed : int
        Keys the weights, and random numbers inside the loss.
    confidence_level : float

    Attributes
    ----------
    names : tuple of str
    chains : TorchChains or None
        None before `warm_up`.
    """

    # Whether the loss is known not to be convex in these parameters.
    _heuristic = False

    def __init__(
        self,
        loss: TorchLoss,
        start: Tensor,
        n_chains: int = 50,
        *,
        names: Sequence[str] | None = None,
        schedule: StepSchedule | None = None,
        multiplier: str | Multiplier | QuantileFunction | Sequence[float] = "mammen",
        batch_size: int = 32,
        alpha: ArrayLike = 0.0,
        burn_in: int = 0,
        precondition: Precondition | None = "whiten",
        randomness: Randomness = "error",
        seed: int = 0,
        confidence_level: float = 0.95,
    ) -> None:
        self.options = ChainOptions(
            n_chains=n_chains,
            schedule=schedule or StepSchedule(),
            multiplier=multiplier,
            batch_size=batch_size,
            burn_in=burn_in,
            randomness=randomness,
            seed=seed,
        )
        self.confidence_level = check_level(confidence_level, "confidence_level")
        self._loss, self._start = loss, _checked_start(start)
        d = len(self._start)
        self.names = as_names([f"theta[{j}]" for j in range(d)] if names is None else names, d)
        self._ridge = _checked_ridge(alpha, d)
        if precondition is not None:
            one_of("precondition", precondition, get_args(Precondition))
        if precondition == "whiten" and d > MOST_WHITENED:
            remark = f"{d:,} parameters: precondition='diag' instead of 'whiten'"
            warn(remark, ConfidenceWarning)
            precondition = "diag"
        self.precondition = precondition
        self.chains: TorchChains | None = None
        self._warned: set[str] = set()
        free = available_bytes(self._start.device)
        if free is not None and self.nbytes_needed > free:
            remark = f"{self._size()} of memory for the chains, {in_bytes(free)} are free"
            warn(remark, ConfidenceWarning)

    @property
    def nbytes_needed(self) -> int:
        """About how many bytes the chains hold, without what the loss takes.

        For each parameter of each chain an iterate, its place in the user's coordinates, a
        gradient and a sum; and the coordinates.
        """
        d, size = len(self._start), self._start.element_size()
        coordinates = d * d if self.precondition == "whiten" else d
        return d * (self.options.n_chains + 1) * (3 * size + 8) + coordinates * (size + 16)

    def warm_up(self, batch: Any) -> None:
        """Fit the pilot: where the chains start, and the coordinates for one step size.

        Parameters
        ----------
        batch : Any
            Rows like all others, as the loss takes them, as many as `pilot_size` says: 20 a
            parameter, and 200. They are to be fed to `step` like all others.

        Raises
        ------
        InputError
            See `fit_torch_pilot`.
        """
        self._refuse_under_way()
        batch = self._prepared(batch)
        self._begin(
            fit_torch_pilot(
                self._loss,
                self._start,
                batch,
                precondition=self.precondition,
                ridge=self._ridge,
                convex=not self._heuristic,
            )
        )

    def cold_start(self, row_curvature: float) -> None:
        """Start where the parameters are, in their own coordinates.

        Intervals are then as good as the step size and the start: prefer `warm_up`.

        Parameters
        ----------
        row_curvature : float
            A guess of how curved the loss of a row is, over all parameters: the trace of its
            second derivative. Decides the step size, see `StepSchedule.resolved`.
        """
        self._refuse_under_way()
        if not 0 < row_curvature < np.inf:
            raise InputError("row_curvature", row_curvature, "a positive number")
        self._begin(cold_torch_pilot(self._start, row_curvature))

    def step(self, batch: Any, row_ids: ArrayLike | None = None) -> None:
        """Move the run and its chains by one batch.

        Parameters
        ----------
        batch : Any
            At most `batch_size` rows, as the loss takes them; its first tensor has one entry a
            row. The step of a shorter batch is shorter in proportion.
        row_ids : array-like of int of shape (b,), optional
            Decide the weights. A row must have the same id in every epoch. Default: rows are
            numbered as they come, from 0 in every epoch.

        Raises
        ------
        InputError
            Before `warm_up` or `cold_start`; if the batch is too large; if the loss is not one
            number a row.
        """
        self._running().step(self._prepared(batch), row_ids)

    def start_epoch(self) -> None:
        """Begin another pass: the chains go on, the average starts afresh."""
        self._running().start_epoch()

    def averages(self) -> Averages:
        """Return the averaged run and chains as they are now."""
        return self._running().averages()

    def result(self) -> InferenceResult:
        """Return confidence sets and tests as the run is now.

        Raises
        ------
        UnmetError
            If the run is not finite.

        Warns
        -----
        ConfidenceWarning
            Of what makes the sets doubtful, once.
        """
        chains, averages = self._running(), self.averages()
        if not np.isfinite(averages.estimate).all():
            msg = "the run is not finite: take smaller steps (c0, k0), or a pilot like all rows"
            raise UnmetError(msg)
        convex = chains.pilot.convex and not self._heuristic
        diagnostics, remarks = checked(chains, averages, convex=convex)
        for topic, remark in remarks.items():
            if topic not in self._warned:
                self._warned.add(topic)
                warn(remark, ConfidenceWarning)
        return InferenceResult(
            averages.estimate,
            averages.chains,
            self.names,
            n_seen=chains.n_rows,
            n_steps=chains.n_steps,
            confidence_level=self.confidence_level,
            diagnostics=diagnostics,
        )

    def state_dict(self) -> dict[str, Tensor]:
        """Return everything a run needs to go on, as tensors on the CPU.

        They can be saved by safetensors or as npz. A run resumed from them gives the same bits.
        """
        return state_of(self._running(), self._parameters())

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state.

        Parameters
        ----------
        state : mapping of str to Tensor
            From `state_dict` of an object that was made like this one.

        Raises
        ------
        InputError
            If it is no such state, or that of other parameters or options.
        """
        self.chains = chains_from(
            state, self._loss, self._parameters(), self.options, self._ridge, self._start
        )

    def __repr__(self) -> str:
        d, m = len(self._start), self.options.n_chains
        sizes = [counted(d, "parameter"), counted(m, "chain"), self._size()]
        return f"<{type(self).__name__}: {', '.join(sizes)}>"

    def _prepared(self, batch: Any) -> Any:
        """Return a batch as the loss takes it."""
        return batch

    def _begin(self, pilot: TorchPilot) -> None:
        self.chains = TorchChains(
            self._loss,
            pilot,
            self.options,
            ridge=self._ridge,
            dtype=self._start.dtype,
            device=self._start.device,
        )

    def _running(self) -> TorchChains:
        if self.chains is None:
            raise InputError("chains", "no start", "warm_up(batch) first, or cold_start(...)")
        return self.chains

    def _refuse_under_way(self) -> None:
        if self.chains is not None:
            raise InputError("chains", "a run under way", "a new object for another run")

    def _parameters(self) -> str:
        """Return a digest of the names of the parameters."""
        return hashlib.sha256("\n".join(self.names).encode()).hexdigest()

    def _size(self) -> str:
        return in_bytes(self.nbytes_needed)


def _checked_start(start: Tensor) -> Tensor:
    if not isinstance(start, Tensor) or start.ndim != 1 or len(start) == 0:
        found = f"shape {tuple(start.shape)}" if isinstance(start, Tensor) else start
        raise InputError("start", found, "a tensor of shape (d,)")
    if start.dtype not in (torch.float32, torch.float64):
        raise InputError("start", f"{start.dtype}", "torch.float32 or torch.float64")
    if not start.isfinite().all():
        raise InputError("start", "values that are not finite", "finite numbers")
    return start.detach().clone()


def _checked_ridge(alpha: ArrayLike, d: int) -> Floats:
    ridge = finite("alpha", alpha)
    if ridge.shape not in ((), (d,)):
        raise InputError("alpha", f"shape {ridge.shape}", f"a number, or shape ({d},)")
    if (ridge < 0).any():
        raise InputError("alpha", float(ridge.min()), "numbers from 0")
    return np.broadcast_to(ridge, (d,)).copy()
