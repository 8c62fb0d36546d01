"""A torch module, trained by averaged SGD with perturbed copies beside it: how sure is it?

The exact case is a last linear layer on features that stay as they are, under a loss that is convex
in the output: what comes before is run once a batch, and the theory of the room holds. Any other
choice of parameters is a heuristic, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap

from surefoot.confidence.intervals_of_chains import bounds, check_level, standard_errors
from surefoot.confidence.modules.batches import keyed, random_state, rows_in, rows_of
from surefoot.confidence.modules.chained_loss import ChainedLoss
from surefoot.confidence.modules.chains import Randomness
from surefoot.confidence.modules.cut import Network
from surefoot.confidence.modules.module_rules import (
    chosen_parameters,
    is_linear_head,
    last_layer,
    refuse_training_modes,
)
from surefoot.confidence.multipliers import Multiplier, QuantileFunction
from surefoot.confidence.pilot import Precondition
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError
from surefoot.ground.fitting import evaluating

_OUTPUTS_AT_ONCE = 16_384


class PredictedMean(NamedTuple):
    """Outputs of a model and how sure they are, each tensor of the shape of the output.

    Attributes
    ----------
    estimate : Tensor
        Of the averaged run.
    std_error : Tensor
    lower, upper : Tensor
    """

    estimate: Tensor
    std_error: Tensor
    lower: Tensor
    upper: Tensor


class ChainedSGD(ChainedLoss):
    """SGD with averaging on parameters of a module, its chains and its confidence sets.

    The module itself is never changed: load `averaged_state_dict` into it when done.

    Parameters
    ----------
    model : nn.Module
        On its device, and in the mode it is to be used in: mostly ``eval()``.
    loss_fn : callable ``(output, target) -> Tensor of shape (b,)``
        One loss a row: such as ``nn.CrossEntropyLoss(reduction="none")``. A loss that needs more
        than output and target goes through `from_loss`.
    n_chains : int
        How many perturbed copies run along. They take `nbytes_needed`.
    params : "last", "all", or sequence of str
        Which parameters are trained: those of the last layer, all, or those with these names, in
        which ``*`` stands for any characters. The others stay as they are.
    schedule, multiplier, batch_size, burn_in, precondition, randomness, seed, confidence_level
        See `ChainedLoss`. ``randomness="same"`` allows dropout in training mode.
    alpha : float
        Of the penalty ½ α ‖θ‖² on the chosen parameters that are matrices or more; biases and
        scales are free.
    dtype : torch.dtype, optional
        Of the chains and what they meet, torch.float32 or torch.float64; default: that of the
        parameters.

    Examples
    --------
    ::

        chained = ChainedSGD(model.eval(), nn.CrossEntropyLoss(reduction="none"))
        chained.warm_up((inputs[:2000], targets[:2000]))
        for inputs, targets in loader:
            chained.step((inputs, targets))
        print(chained.result().summary())
        model.load_state_dict(chained.averaged_state_dict())
        chained.predict(new_inputs).lower
    """

    def __init__(
        self,
        model: nn.Module,
        loss_fn: Callable[[Any, Any], Tensor],
        n_chains: int = 50,
        *,
        params: str | Sequence[str] = "last",
        schedule: StepSchedule | None = None,
        multiplier: str | Multiplier | QuantileFunction | Sequence[float] = "mammen",
        batch_size: int = 32,
        alpha: float = 0.0,
        burn_in: int = 0,
        precondition: Precondition | None = "whiten",
        randomness: Randomness = "error",
        seed: int = 0,
        confidence_level: float = 0.95,
        dtype: torch.dtype | None = None,
    ) -> None:
        if (reduction := getattr(loss_fn, "reduction", "none")) != "none":
            raise InputError("loss_fn", f"losses reduced to their {reduction}", "reduction='none'")
        chosen = chosen_parameters(model, params)
        refuse_training_modes(model, randomness)
        self.model, self.loss_fn, self._params = model, loss_fn, params
        # Random numbers before the cut are alike for all chains.
        self._network = Network(model, chosen, dtype=dtype, cut=randomness != "different")
        self._traced = False
        self._heuristic = not is_linear_head(model, list(chosen))
        super().__init__(
            self._loss_of_rows,
            self._network.start,
            n_chains,
            names=self._network.names,
            schedule=schedule,
            multiplier=multiplier,
            batch_size=batch_size,
            alpha=alpha * self._network.of_matrices(),
            burn_in=burn_in,
            precondition=precondition,
            randomness=randomness,
            seed=seed,
            confidence_level=confidence_level,
        )

    @staticmethod
    def from_loss(
        loss: Callable[[Tensor, Any], Tensor], start: Tensor, n_chains: int = 50, **options: Any
    ) -> ChainedLoss:
        """Return chains on any loss of a parameter vector.

        For losses that are no function of output and target, or models that are no modules. All
        methods are the same, apart from `predict` and `averaged_state_dict`, which need a model.

        Parameters
        ----------
        loss : callable ``(theta, batch) -> Tensor of shape (b,)``
            Takes a tensor of shape (d,), and a batch of any form.
        start : Tensor of shape (d,)
        n_chains : int
        **options
            As of `ChainedLoss`.
        """
        return ChainedLoss(loss, start, n_chains, **options)

    def averaged_state_dict(self) -> dict[str, Any]:
        """Return the state of the model with the averaged run in place of the chosen parameters."""
        state = dict(self.model.state_dict())
        theta = torch.as_tensor(self.averages().estimate).to(self._start)
        for name, value in self._network.split(theta).items():
            state[name] = value.to(state[name].dtype).clone()
        return state

    @torch.no_grad()
    def predict(
        self,
        x: Any,
        level: float | None = None,
        *,
        transform: Callable[[Any], Tensor] | None = None,
    ) -> PredictedMean:
        """Return the output of the averaged model at new inputs, with intervals.

        They say how sure the output is, not where a new target will fall. The model is run in
        ``eval()`` mode. Few rows at a time are pushed through all chains.

        Parameters
        ----------
        x : Any
            Inputs with a row a sample, as in a batch, without the target.
        level : float, optional
        transform : callable ``(output) -> Tensor``, optional
            Of which the intervals are wanted: such as ``lambda z: z.softmax(-1)``.

        Raises
        ------
        InputError
            If a chain is not finite, or the output is no tensor with one entry a row.
        """
        level = self.confidence_level if level is None else check_level(level)
        averages = self.averages()
        if not (np.isfinite(averages.estimate).all() and averages.finite.all()):
            allowed = "finite chains: smaller steps (c0) may help"
            raise InputError("chains", "values that are not finite", allowed)
        every = torch.as_tensor(np.vstack([averages.estimate, averages.chains])).to(self._start)
        at_once = max(1, _OUTPUTS_AT_ONCE // len(every))
        parts = []
        with evaluating(self.model):
            for first in range(0, rows_in(x), at_once):
                rows = rows_of(x, slice(first, first + at_once))
                parts.append(_interval(self._outputs(every, rows, transform), level))
        return PredictedMean(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    def _prepared(self, batch: Any) -> tuple[Any, Any]:
        """Return the target, which counts the rows, and the features."""
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            found = (
                f"{type(batch).__name__} of {len(batch)}" if hasattr(batch, "__len__") else batch
            )
            raise InputError("batch", found, "(inputs, target)")
        refuse_training_modes(self.model, self.options.randomness)
        inputs, target = batch
        with torch.no_grad():
            self._look_at(inputs)
            with self._keyed("features"):
                return self._network.converted(target), self._network.features(inputs)

    def _look_at(self, inputs: Any) -> None:
        """Find out, with the first inputs, where the model can be cut and what runs last."""
        if self._traced:
            return
        before = random_state(self._start.device)
        with self._keyed("trace"):
            order = self._network.trace(inputs)
        if not torch.equal(random_state(self._start.device), before):
            allowed = "model.eval(), or randomness='same' to make them part of each row"
            raise InputError("model", "random numbers drawn in a forward pass", allowed)
        last = last_layer(self.model)
        if (ran := order[-1] if order else None) != last:
            self._heuristic = True
            if self._params == "last":
                found = f"'last', by its place in the model {last!r}, while {ran!r} runs last"
                raise InputError("params", found, f"names, such as ['{ran}.*']")
        self._traced = True

    def _keyed(self, purpose: str) -> AbstractContextManager[None]:
        """Key what the model draws outside of the chains, so that a resumed run draws the same."""
        if self.options.randomness == "error":
            return nullcontext()
        step = 0 if self.chains is None else self.chains.n_steps
        return keyed(self._start.device, self.options.seed, purpose, step)

    def _loss_of_rows(self, theta: Tensor, batch: tuple[Any, Any]) -> Tensor:
        target, features = batch
        return self.loss_fn(self._network.output(theta, features), target)

    def _outputs(
        self, every: Tensor, rows: Any, transform: Callable[[Any], Tensor] | None
    ) -> Tensor:
        """Return the outputs of the run and its chains, shape (M + 1, rows, ...)."""
        self._look_at(rows)
        features, b = self._network.features(rows), rows_in(rows)

        def output(theta: Tensor) -> Tensor:
            found = self._network.output(theta, features)
            found = found if transform is None else transform(found)
            if not isinstance(found, Tensor) or found.ndim == 0 or len(found) != b:
                kind = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found)
                allowed = f"a tensor with {b} rows; transform=... picks one"
                raise InputError("output", kind, allowed)
            return found

        return vmap(output)(every)


def _interval(outputs: Tensor, level: float) -> PredictedMean:
    """Return estimate, standard error and bounds for outputs of shape (M + 1, rows, ...)."""
    values = outputs.flatten(1).double().cpu().numpy()
    estimate, deviations = values[0], values[1:] - values[0]
    spread = standard_errors(deviations)
    found = (estimate, spread, *bounds(estimate, deviations, level, "t"))
    return PredictedMean(
        *(torch.as_tensor(part).view(outputs.shape[1:]).to(outputs) for part in found)
    )
