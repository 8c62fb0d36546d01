"""Where in a network FairDropout can stand, and what stands in its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.ground.errors import InputError
from surefoot.groups.batchnorm import _NORMS
from surefoot.groups.layer import FairDropout

_CHANNELS_FIRST = (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AvgPool1d)
MIN_GENERALIZING = 16  # with 4 kept channels every run of the prototype failed


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
        The units are along the last axis: (B, T, H).
    """

    name: str
    num_features: int
    generalizing: int
    batchnorms_behind: tuple[str, ...]
    mask_bytes: int
    advice: str
    tokens: bool = False


def suggest_placements(model: nn.Module, sample: Any, *, p_gen: float = 0.2) -> list[Placement]:
    """List the modules of `model` behind which FairDropout can be attached, best first.

    Good places stand after the last BatchNorm and keep enough generalising units; among them the
    order of execution decides, as earlier hidden layers measured better than the last. A place that
    executes more than once in a forward, or is the output itself, is left out.

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
    executed: list[tuple[str, nn.Module, Tensor]] = []
    names = {module: name for name, module in model.named_modules()}

    def record(module: nn.Module, args: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) and output else output
        if isinstance(first, Tensor) and first.is_floating_point() and first.ndim >= 2:
            executed.append((names[module], module, first))

    hooks = [module.register_forward_hook(record) for module in names if module is not model]
    mode = model.training
    model.eval()
    try:
        with torch.no_grad():
            _call(model, sample)
    finally:
        model.train(mode)
        for hook in hooks:
            hook.remove()
    if not executed:
        raise InputError("model", type(model).__name__, "one with submodules that return tensors")

    result = []
    counts: dict[str, int] = {}
    for name, _, _ in executed:
        counts[name] = counts.get(name, 0) + 1
    for position, (name, module, output) in enumerate(executed[:-1]):
        if counts[name] > 1 or isinstance(module, nn.Flatten | FairDropout):
            continue
        later = executed[position + 1 :]
        norms = tuple(n for n, m, _ in later if isinstance(m, _NORMS))
        # (B, H), (B, H, *space) of convolutions, (B, T, H) of everything else.
        tokens = output.ndim == 3 and not isinstance(module, _CHANNELS_FIRST)
        width = output.shape[-1 if tokens else 1]
        kept = max(1, int(p_gen * width))
        mask_bytes = output.shape[0] * width * output.element_size()
        advice = _advice(kept, norms)
        result.append(Placement(name, width, kept, norms, mask_bytes, advice, tokens))
    return sorted(result, key=lambda place: (bool(place.batchnorms_behind), place.advice != "good"))


def _advice(kept: int, norms: tuple[str, ...]) -> str:
    if norms:
        return "a BatchNorm follows: freeze it, or recalibrate_batchnorm after training"
    if kept < MIN_GENERALIZING:
        return f"only {kept} generalising units: raise p_gen, or expand"
    return "good"


def _call(model: nn.Module, sample: Any) -> object:
    if isinstance(sample, dict):
        return model(**sample)
    return model(*sample) if isinstance(sample, tuple) else model(sample)
