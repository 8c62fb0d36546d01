"""Follow an optimizer: an update after each of its steps, none where the step was left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from surefoot.averaging.binding import Binding
from surefoot.ground.errors import InputError


def follow(
    optimizer: Any, binding: Binding, update: Callable[[], None], is_busy: Callable[[], bool]
) -> list[Any]:
    """Register hooks on `optimizer`; return their handles."""
    found = type(optimizer).__name__
    while not _has_hooks(optimizer) and hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer  # as Accelerate and Lightning wrap it
    if not _has_hooks(optimizer):
        raise InputError("optimizer", found, "a torch optimizer")
    moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(member.tensor) in moved for member in binding.members):
        allowed = "the optimizer of this model's parameters"
        raise InputError("optimizer", "none of the averaged parameters", allowed)

    def before(*_: Any) -> None:
        if is_busy():
            raise InputError("optimizer.step", "inside applied()", "training outside of it")

    def after(stepped: Any, *_: Any) -> None:
        if not _was_left_out(stepped):
            update()

    return [optimizer.register_step_pre_hook(before), optimizer.register_step_post_hook(after)]


def _has_hooks(optimizer: Any) -> bool:
    """Return whether `optimizer` is a torch optimizer, and not only one by name as Accelerate's."""
    return isinstance(optimizer, torch.optim.Optimizer) and hasattr(
        optimizer, "_optimizer_step_post_hooks"
    )


def _was_left_out(optimizer: Any) -> bool:
    """Return whether a GradScaler had a fused optimizer leave the step out.

    Others are not called at all then; a fused one is, with what the scaler found attached to it,
    and leaves the weights alone by itself.
    """
    found_inf = getattr(optimizer, "found_inf", None)
    return found_inf is not None and bool(found_inf)
