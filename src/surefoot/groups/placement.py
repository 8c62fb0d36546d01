"""Where in a network FairDropout can stand, and what stands in its way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.ground.errors import InputError
from surefoot.ground.fitting import evaluating
from surefoot.groups.layer import FairDropout
from surefoot.groups.norms import BatchNorm, keeps_statistics

MIN_GENERALIZING = 16  # with 4 kept channels every run of the prototype failed
_UNITS_LAST = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.MultiheadAttention)
_UNITS_FIRST = (nn.Conv1d, nn.Conv2d, nn.Conv3d, BatchNorm, nn.GroupNorm)


@dataclass(frozen=True)
class Placement:
    """A module whose output can carry FairDropout.

    Attributes
    ----------
    name : str
        As `surefoot.groups.attach` takes it.
    num_features : int
        H, the units of the output along axis 1 (−1 for tokens).
    generalizing : int
        G at the p_gen asked for.
    batchnorms_behind : tuple of str
        Norms that need `recalibrate_batchnorm` afterwards, or must be frozen.
    mask_bytes : int
        Memory of the expanded mask for the sample's batch, in bytes.
    advice : str
        "good", or the reason for caution.
    tokens : bool
        The units are along the last axis: (B, T, H). Attach with ``feature_dim=-1``.
    """

    name: str
    num_features: int
    generalizing: int
    batchnorms_behind: tuple[str, ...]
    mask_bytes: int
    advice: str
    tokens: bool = False


@dataclass(frozen=True)
class _Call:
    name: str
    module: nn.Module
    output: Tensor
    tokens: bool


def suggest_placements(model: nn.Module, sample: Any, *, p_gen: float = 0.2) -> list[Placement]:
    """List the modules of `model` behind which FairDropout can be attached, best first.

    Good places stand after the last BatchNorm and keep enough generalising units; among them the
    order of execution decides, as earlier hidden layers measured better than the last. A place is
    left out if it executes more than once in a forward, is the output itself, or has no row for
    each example.

    Parameters
    ----------
    model : nn.Module
    sample : Tensor, tuple or dict
        One batch as the model takes it (two rows are enough). It is run once, in eval mode.
    p_gen : float, default 0.2

    Returns
    -------
    list of Placement
    """
    calls, final = _execute(model, sample)
    if not calls:
        raise InputError("model", type(model).__name__, "one with submodules that return tensors")
    rows = next((len(tensor) for tensor in _tensors(sample)), None)
    outputs = [calls[-1].output, *_tensors(final)]
    names = [call.name for call in calls]
    result = []
    for position, call in enumerate(calls):
        output, width = call.output, call.output.shape[-1 if call.tokens else 1]
        if (
            names.count(call.name) > 1
            or any(output is other for other in outputs)
            or len(output) != rows
            or width < 2
            or isinstance(call.module, nn.Flatten | FairDropout)
        ):
            continue
        later = calls[position + 1 :]
        norms = tuple(dict.fromkeys(c.name for c in later if keeps_statistics(c.module)))
        kept = FairDropout(width, p_gen).num_generalizing
        mask_bytes = rows * width * output.element_size()
        advice = _advice(kept, norms)
        result.append(Placement(call.name, width, kept, norms, mask_bytes, advice, call.tokens))
    return sorted(result, key=lambda place: (bool(place.batchnorms_behind), place.advice != "good"))


def _execute(model: nn.Module, sample: Any) -> tuple[list[_Call], Any]:
    """Return the calls of modules that put out units, in order, and the model's output."""
    calls: list[_Call] = []
    names = {module: name for name, module in model.named_modules()}
    units_last = True

    def record(module: nn.Module, args: Any, output: Any) -> None:
        nonlocal units_last
        # Activations, dropout and containers keep the layout of what ran before them.
        if isinstance(module, (*_UNITS_LAST, *_UNITS_FIRST)):
            units_last = isinstance(module, _UNITS_LAST)
        first = output[0] if isinstance(output, tuple) and output else output
        if isinstance(first, Tensor) and first.is_floating_point() and first.ndim >= 2:
            tokens = first.ndim > 2 and units_last
            calls.append(_Call(names[module], module, first, tokens))

    hooks = [module.register_forward_hook(record) for module in names if module is not model]
    try:
        with torch.no_grad(), evaluating(model):
            final = _call(model, sample)
    finally:
        for hook in hooks:
            hook.remove()
    return calls, final


def _advice(kept: int, norms: tuple[str, ...]) -> str:
    if norms:
        return "a BatchNorm follows: freeze it, or recalibrate_batchnorm after training"
    if kept < MIN_GENERALIZING:
        return f"only {kept} generalising units: raise p_gen, or expand"
    return "good"


def _call(model: nn.Module, sample: Any) -> object:
    if isinstance(sample, Mapping):
        return model(**sample)
    return model(*sample) if isinstance(sample, tuple) else model(sample)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from (tensor for item in value.values() for tensor in _tensors(item))
    elif isinstance(value, list | tuple):
        yield from (tensor for item in value for tensor in _tensors(item))
