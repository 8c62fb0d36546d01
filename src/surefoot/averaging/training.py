"""The study's training loop: keyed batches, NAdam with decoupled decay, three schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from surefoot.averaging.tasks import Rows, Task
from surefoot.ground.errors import UnmetError, one_of
from surefoot.ground.fitting import keyed_torch
from surefoot.ground.streams import stream

Schedule = Literal["constant", "cosine", "wsd"]
SCHEDULES = ("constant", "cosine", "wsd")
_WARMUP, _DECAY = 0.02, 0.2


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """Return the share of the learning rate used at `step` = 0, 1, …

    All warm up over the first 2 %. "cosine" then falls to zero; "wsd" (warm-up, stable, decay)
    stays and falls linearly to zero over the last 20 %.
    """
    one_of("schedule", schedule, SCHEDULES)
    warmup = max(1, round(_WARMUP * steps))
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
    if schedule == "wsd":
        return min(1.0, (steps - step) / (_DECAY * steps))
    return 1.0


def train(
    task: Task,
    schedule: Schedule,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    prepare: Callable[[nn.Module, torch.optim.Optimizer], Callable[[int], None]],
) -> nn.Module:
    """Train a network and return it.

    Parameters
    ----------
    prepare : callable ``(model, optimizer) -> after_step``
        Called before the first step; what it returns is called with 1, 2, … after each.

    Raises
    ------
    UnmetError
        If the loss stops being finite.
    """
    with keyed_torch(seed, "initial weights"):
        model = task.build()
    optimizer = torch.optim.NAdam(
        model.parameters(),
        lr=learning_rate,
        weight_decay=weight_decay,
        decoupled_weight_decay=True,
    )
    after_step = prepare(model, optimizer)
    batches = stream(seed, "batches")
    with keyed_torch(seed, "training"):
        for step in range(steps):
            chosen = torch.from_numpy(batches.integers(0, len(task.train.y), batch_size))
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * factor(schedule, step, steps)
            model.train()
            batch = Rows(task.train.X[chosen], task.train.y[chosen])
            loss = task.losses(model, batch).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if not math.isfinite(float(loss.detach())):
                msg = f"training diverged at step {step + 1}: lower learning_rate={learning_rate:g}"
                raise UnmetError(msg)
            after_step(step + 1)
    return model
