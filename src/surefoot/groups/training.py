"""One training loop for all methods: in memory, keyed, the global generator untouched."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from surefoot.ground.errors import UnmetError
from surefoot.ground.fitting import keyed_torch
from surefoot.ground.streams import stream
from surefoot.groups.attachment import memory_mode, tied
from surefoot.groups.layer import Memory
from surefoot.groups.objectives import Objective

_EVALUATION_ROWS = 4096


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: linear warm-up over one epoch at most, then a cosine to zero."""

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    optimizer: Literal["sgd", "adamw"] = "sgd"
    max_grad_norm: float | None = 1.0  # re-weighted losses have rare, huge gradients

    def optimizer_of(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return the optimizer over the trainable parameters."""
        trainable = [p for p in network.parameters() if p.requires_grad]
        rate, decay = self.learning_rate, self.weight_decay
        if self.optimizer == "adamw":
            return torch.optim.AdamW(trainable, lr=rate, weight_decay=decay, fused=True)
        momentum = self.momentum
        return torch.optim.SGD(trainable, rate, momentum, weight_decay=decay, fused=True)

    def factor(self, step: int, steps: int) -> float:
        """Return the share of the learning rate used at `step` of `steps`."""
        warmup = min(math.ceil(steps / self.epochs), max(1, steps // 10))
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


@dataclass(frozen=True)
class Rows:
    """Training rows on the device: float32 inputs (n, …), int64 labels and example ids (n,)."""

    X: Tensor
    y: Tensor
    ids: Tensor


def train(
    network: nn.Module,
    rows: Rows,
    objective: Objective,
    schedule: Schedule,
    *,
    seed: int,
    masks: Literal["none", "tied", "redrawn"] = "none",
    after_epoch: Callable[[int, float], None] | None = None,
) -> None:
    """Train `network` in place.

    Parameters
    ----------
    masks : {"none", "tied", "redrawn"}
        Whether the network has FairDropout layers; "redrawn" is the control that gives every
        example a new mask at every step, all else equal.
    after_epoch : callable ``(epoch, mean training loss)``, optional

    Raises
    ------
    UnmetError
        If the loss stops being finite.
    """
    n = len(rows.y)
    batches = math.ceil(n / schedule.batch_size)
    steps = batches * schedule.epochs
    optimizer = schedule.optimizer_of(network)
    step = 0
    network.train()
    with keyed_torch(seed, "training"):
        for epoch in range(schedule.epochs):
            order = torch.as_tensor(stream(seed, "order", epoch).permutation(n))
            fresh = stream(seed, "redrawn", epoch)
            total = 0.0
            # Equal batches instead of a small last one, whose noisy step would weigh as much.
            for batch in order.tensor_split(batches):
                ids = rows.ids[batch]
                if masks == "redrawn":
                    ids = torch.as_tensor(fresh.integers(0, 2**63 - 1, len(batch)))
                with nullcontext() if masks == "none" else tied(network, ids):
                    loss = objective(network(rows.X[batch]), rows.y[batch], batch)
                for group in optimizer.param_groups:
                    group["lr"] = schedule.learning_rate * schedule.factor(step, steps)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                if schedule.max_grad_norm is not None:
                    nn.utils.clip_grad_norm_(network.parameters(), schedule.max_grad_norm)
                optimizer.step()
                step += 1
                total += float(loss.detach()) * len(batch)
            if not math.isfinite(total):
                rate = schedule.learning_rate
                msg = (
                    f"training diverged in epoch {epoch + 1}: the loss is not finite; standardise "
                    f"the inputs or lower learning_rate (now {rate:g})"
                )
                raise UnmetError(msg)
            if after_epoch is not None:
                after_epoch(epoch, total / n)
                network.train()


@torch.no_grad()
def logits_of(
    network: nn.Module, X: Tensor, *, memory: Memory = "drop", ids: Tensor | None = None
) -> Tensor:
    """Return logits (n, C) in eval mode, in float32, with the memory in the mode asked for."""
    network.eval()
    chunks = []
    with memory_mode(network, memory):
        for start in range(0, len(X), _EVALUATION_ROWS):
            rows = slice(start, start + _EVALUATION_ROWS)
            with nullcontext() if ids is None else tied(network, ids[rows]):
                chunks.append(network(X[rows]).float())
    return torch.cat(chunks)


def build(factory: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Call `factory` with initial weights that depend on `seed` only."""
    with keyed_torch(seed, "initial weights"):
        return factory()


def as_tensor(X: NDArray, device: str) -> Tensor:
    """Return inputs as a float32 tensor on `device`."""
    return torch.as_tensor(np.ascontiguousarray(X, dtype=np.float32)).to(device)
