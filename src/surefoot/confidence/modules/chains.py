"""The engine for any loss written in torch: one `vmap` of one gradient moves all chains.

All chains are rows of Φ (M + 1, d), row 0 being the run itself, with weight 1. For a batch of b
rows and weights W (M + 1, b):

    θ_m = L φ_m,   g_m = ∇ Σ_i W_mi (loss_i(θ_m) + ½ θ_m'αθ_m),   φ_m ← φ_m − rate · L'g_m

The gradient is that of a weighted sum, so no gradient of a single row and no Jacobian is ever held.
For linear predictors `surefoot.confidence.engine` does the same in two matrix products, twenty
times as fast; given the same pilot and rows both give the same chains up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.func import grad, vmap

from surefoot.confidence.averages import Averages
from surefoot.confidence.bias import Path
from surefoot.confidence.modules.batches import TorchLoss, keyed, per_row, rows_in
from surefoot.confidence.modules.pilot import TorchPilot
from surefoot.confidence.multipliers import (
    Multiplier,
    QuantileFunction,
    RowWeights,
    as_multiplier,
)
from surefoot.confidence.parameters import whole
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError, one_of

Floats = NDArray[np.float64]
Randomness = Literal["error", "different", "same"]


@dataclass(frozen=True, kw_only=True)
class ChainOptions:
    """What chains can be told whatever their loss.

    Parameters
    ----------
    n_chains : int
        M, how many perturbed copies.
    schedule : StepSchedule
        If its k0 is "auto" the pilot and the multiplier decide.
    multiplier : str, Multiplier, callable or array-like
        See `as_multiplier`.
    batch_size : int
        B, the most rows a batch has. A batch is a step; that of a shorter one is shorter in
        proportion.
    burn_in : int
        So many steps of every epoch are left out of the average.
    randomness : {"error", "same", "different"}
        What chains do with random numbers inside the loss. "same" makes them part of the row, as
        the bootstrap has it; "different" adds their noise to the spread.
    seed : int
        Keys the weights, and random numbers inside the loss.
    """

    n_chains: int = 50
    schedule: StepSchedule = field(default_factory=StepSchedule)
    multiplier: str | Multiplier | QuantileFunction | Sequence[float] = "mammen"
    batch_size: int = 32
    burn_in: int = 0
    randomness: Randomness = "error"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("n_chains", 2), ("batch_size", 1), ("burn_in", 0)):
            object.__setattr__(self, name, whole(name, getattr(self, name), least))
        one_of("randomness", self.randomness, get_args(Randomness))
        object.__setattr__(self, "multiplier", as_multiplier(self.multiplier))


class TorchChains:
    """SGD with averaging on a loss written in torch, and M perturbed copies of it.

    Parameters
    ----------
    loss : callable ``(theta, batch) -> Tensor of shape (b,)``
        Takes θ as a tensor of shape (d,) and gives one loss a row, without reduction.
    pilot : TorchPilot
        From `fit_torch_pilot` or `cold_torch_pilot`.
    options : ChainOptions, optional
    ridge : float or array-like of shape (d,)
        α of the penalty ½ Σ α_j θ_j².
    dtype : torch.dtype
        Of the chains; averages are float64 always.
    device : torch.device, optional

    Attributes
    ----------
    schedule : StepSchedule
        With a number for k0.
    phi : Tensor of shape (M + 1, d)
        The iterates, in the coordinates of the pilot.
    n_rows, n_steps : int
        What was processed so far, over all epochs.
    first_averaged : int
        The first step that is in the average.
    path : Path
        Where the run itself was when.
    """

    def __init__(
        self,
        loss: TorchLoss,
        pilot: TorchPilot,
        options: ChainOptions | None = None,
        *,
        ridge: ArrayLike = 0.0,
        dtype: torch.dtype = torch.float64,
        device: torch.device | None = None,
    ) -> None:
        self.loss, self.pilot, self.options = loss, pilot, options or ChainOptions()
        multiplier = as_multiplier(self.options.multiplier)
        chains, self._batch_size = self.options.n_chains + 1, self.options.batch_size
        self.ridge = np.broadcast_to(np.asarray(ridge, dtype=np.float64), (pilot.d,)).copy()
        self.schedule = self.options.schedule.resolved(
            largest_weight=multiplier.largest,
            row_curvature=pilot.row_curvature,
            top_curvature=pilot.top_curvature,
            batch_size=self._batch_size,
        )
        start = torch.tensor(pilot.to_whitened(pilot.theta), dtype=dtype, device=device)
        self.phi = start.repeat(chains, 1)
        self._scale = torch.tensor(pilot.scale).to(start)
        self._alpha = torch.tensor(self.ridge).to(start) if self.ridge.any() else None
        self._sums = torch.zeros_like(self.phi, dtype=torch.float64)
        # The slot of the run itself is drawn and overwritten, so that chain m owns slot m.
        self._source = RowWeights(multiplier, self.options.seed, slice(0, chains))
        self._weights = np.empty((self._batch_size, chains))
        self._gradients = vmap(
            grad(self._weighted_loss), in_dims=(0, 0, None), randomness=self.options.randomness
        )
        self.n_rows = self.n_steps = self._epoch_rows = self._epoch_steps = 0
        self.path = Path()
        self._begin_average()

    @torch.no_grad()
    def step(self, batch: Any, row_ids: ArrayLike | None = None) -> None:
        """Move all chains by one batch.

        Parameters
        ----------
        batch : Any
            What the loss takes. The length of its first tensor counts the rows.
        row_ids : array-like of int of shape (b,), optional
            Decide the weights, and belong to the rows: a shuffling loader has to give them if there
            is a second epoch. Default: rows are numbered as they come, from 0 in every epoch.

        Raises
        ------
        InputError
            If the batch is larger than `batch_size`, or the loss is not one number a row.
        """
        ids = self._ids(row_ids, rows_in(batch))
        weights = self._weights_of(ids)
        theta = self.theta()
        try:
            with self._random_numbers():
                gradients = self._gradients(theta, weights, batch)
        except RuntimeError as error:
            if "randomness" not in str(error):
                raise
            allowed = "eval() of what draws them, or randomness='same' to make them part of a row"
            raise InputError("loss", "random numbers in it", allowed) from error
        if self._alpha is not None:
            # Weighted with its row, as everywhere in this room.
            gradients += weights.sum(1, keepdim=True) * self._alpha * theta
        rate = self.schedule.step(self.n_steps + 1) / self._batch_size
        full = self._scale.ndim == 2
        self.phi -= rate * (gradients @ self._scale if full else gradients * self._scale)
        self._count(len(ids))

    def theta(self) -> Tensor:
        """Return the chains in the user's coordinates, shape (M + 1, d)."""
        return self.phi @ self._scale.T if self._scale.ndim == 2 else self.phi * self._scale

    def start_epoch(self) -> None:
        """Begin another pass: the chains go on, the average starts afresh.

        Rows must come with the ids they had, or in the order they had, to get the same weights:
        fresh weights in every epoch would make the spread too small.
        """
        self._epoch_steps = self._epoch_rows = 0
        self._begin_average()

    def averages(self) -> Averages:
        """Return the averaged run and chains as they are now."""
        if self._averaged == 0:
            raise InputError("chains", "no averaged step", "steps beyond the burn-in")
        means = self.pilot.to_user(self._sums.cpu().numpy().T / self._averaged)
        # Counted in batches, of which a short one is a fraction.
        n_rows = round(self._averaged * self._batch_size)
        return Averages(n_rows, means[:, 0], means[:, 1:].T.copy())

    def _weighted_loss(self, theta: Tensor, weights: Tensor, batch: Any) -> Tensor:
        return weights @ per_row(self.loss(theta, batch), len(weights)).to(weights.dtype)

    def _ids(self, row_ids: ArrayLike | None, b: int) -> NDArray[np.int64]:
        if b > self._batch_size:
            raise InputError("batch", f"{b} rows", f"at most batch_size = {self._batch_size}")
        if row_ids is None:
            return np.arange(self._epoch_rows, self._epoch_rows + b)
        ids = np.asarray(row_ids)
        if ids.shape != (b,) or ids.dtype.kind not in "iu":
            found = f"shape {ids.shape} of {ids.dtype}"
            raise InputError("row_ids", found, f"{b} integers, one a row of the batch")
        return ids.astype(np.int64)

    def _weights_of(self, ids: NDArray[np.int64]) -> Tensor:
        weights = self._weights[: len(ids)]
        self._source.fill(ids, weights)
        weights[:, 0] = 1
        return torch.tensor(weights.T, dtype=self.phi.dtype, device=self.phi.device)

    def _random_numbers(self) -> AbstractContextManager[None]:
        """Key what a loss draws by the step, so that a resumed run draws the same."""
        if self.options.randomness == "error":
            return nullcontext()
        return keyed(self.phi.device, self.options.seed, "step", self.n_steps)

    def _count(self, b: int) -> None:
        self.n_steps += 1
        self.n_rows += b
        self._epoch_steps += 1
        self._epoch_rows += b
        if self._epoch_steps <= self.options.burn_in:
            self._begin_average()
            return
        share = b / self._batch_size
        self._sums += self.phi if share == 1 else self.phi * share
        self._averaged += share
        self.path.update(self._run())

    def _begin_average(self) -> None:
        self._sums.zero_()
        self._averaged, self.first_averaged = 0.0, self.n_steps + 1
        self.path.begin(self._run())

    def _run(self) -> Floats:
        run: Floats = self.phi[0].cpu().numpy().astype(np.float64)
        return run
