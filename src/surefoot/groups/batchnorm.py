"""BatchNorm behind FairDropout: its training statistics describe a network with the memory on.

At inference the memory is off, so those statistics are wrong and act like a random shift of the
decision threshold. They are re-estimated here with the memory off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.ground.errors import InputError
from surefoot.groups.attachment import fair_layers, memory_mode
from surefoot.groups.graph import BATCH_NORMS

_NORMS = (*BATCH_NORMS, nn.modules.batchnorm._BatchNorm)


def recalibrate_batchnorm(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    forward: Callable[[nn.Module, Any], object] | None = None,
) -> list[str]:
    """Re-estimate every BatchNorm downstream of a FairDropout layer with the memory dropped.

    Means and variances are pooled over all rows in float64, one norm after the other, each seeing
    the norms before it corrected. The order and grouping of the rows therefore does not matter,
    other than with averages of batch statistics. Norms upstream keep what training gave them.

    Parameters
    ----------
    model : nn.Module
        Its mode and parameters are left as they are.
    batches : iterable that can be run several times, e.g. a DataLoader or a list
        Training inputs, without augmentation if possible. One pass for each norm.
    forward : callable ``(model, batch)``, optional
        How to run a batch; by default ``model(batch)`` with the first element of a tuple, or with
        the entries of a dictionary as keywords.

    Returns
    -------
    list of str
        Names of the norms that were re-estimated, in order of execution.
    """
    run = _run if forward is None else forward
    if not fair_layers(model):
        raise InputError("model", type(model).__name__, "one with a FairDropout layer")
    if iter(batches) is batches:
        raise InputError(
            "batches", "an iterator", "something that can be run again: list, DataLoader"
        )
    first = next(iter(batches), None)
    if first is None:
        raise InputError("batches", "nothing", "at least one batch")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), memory_mode(model, "drop"):
            names = downstream_norms(model, lambda: run(model, first))
            for name in names:
                _re_estimate(model.get_submodule(name), lambda: [run(model, b) for b in batches])
    finally:
        for module, mode in modes.items():
            module.training = mode
    return names


def downstream_norms(model: nn.Module, run: Callable[[], object]) -> list[str]:
    """Return the BatchNorms that execute after the first FairDropout layer during ``run()``.

    Order of execution stands for dataflow: in a network with parallel branches a norm of another
    branch may be included, which is harmless.
    """
    order: list[str] = []
    seen_layer = False

    def enter(name: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            if seen_layer and name not in order:
                order.append(name)

        return hook

    def mark(*_: object) -> None:
        nonlocal seen_layer
        seen_layer = True

    hooks = [layer.register_forward_hook(mark) for layer in fair_layers(model)]
    hooks += [
        module.register_forward_pre_hook(enter(name))
        for name, module in model.named_modules()
        if isinstance(module, _NORMS) and module.track_running_stats
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return order


def _re_estimate(norm: Any, run: Callable[[], object]) -> None:
    count = 0
    total = torch.zeros_like(norm.running_mean, dtype=torch.float64)
    squares = torch.zeros_like(total)
    offset: Tensor | None = None

    def collect(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        nonlocal count, offset
        values = args[0].detach().double().transpose(0, 1).flatten(1)
        if offset is None:  # squares about a typical value, so that they do not cancel
            offset = values.mean(1)
        centred = values - offset[:, None]
        count += centred.shape[1]
        total.add_(centred.sum(1))
        squares.add_(centred.square().sum(1))

    hook = norm.register_forward_pre_hook(collect)
    try:
        run()
    finally:
        hook.remove()
    if offset is None or count < 2:
        raise InputError("batches", f"{count} values for a BatchNorm", "at least two")
    mean = total / count
    variance = (squares / count - mean.square()).clamp(min=0) * count / (count - 1)
    norm.running_mean.copy_(mean + offset)
    norm.running_var.copy_(variance)


def _run(model: nn.Module, batch: Any) -> object:
    if isinstance(batch, dict):
        return model(**batch)
    return model(batch[0] if isinstance(batch, list | tuple) else batch)
