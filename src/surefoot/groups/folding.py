"""Fold a trained network for serving: units that inference never uses are deleted."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.ground.errors import InputError
from surefoot.groups.attachment import Attachment, detach
from surefoot.groups.graph import BATCH_NORMS, trace_units
from surefoot.groups.layer import FairDropout


class Scale(nn.Module):
    """Multiply by the constant s of a folded FairDropout."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return s · x."""
        return x * self.factor

    def extra_repr(self) -> str:
        """Show s in ``print(model)``."""
        return f"{self.factor:g}"


def fold(model: nn.Module) -> nn.Module:
    """Return a smaller copy of `model` that computes what it computes in ``eval()``.

    The memorising units are removed from the module that makes them, from BatchNorms on the way and
    from the modules that take them in: with p_gen = 0.2 the next layer has a fifth of its inputs.
    The copy holds only standard modules (and one constant factor) and is in eval mode.

    Parameters
    ----------
    model : nn.Module
        With FairDropout written into it or attached; traceable by torch.fx. It is not changed.

    Raises
    ------
    InputError
        If units can't be removed exactly: they meet a residual sum, a LayerNorm or, behind the
        layer, a BatchNorm in front of a padded convolution; or memory is not "drop".
    """
    folded = copy.deepcopy(model).eval()
    places = _places(folded)
    if not places:
        raise InputError("model", type(model).__name__, "one with a FairDropout layer")
    for place, layer in places:
        if layer.memory != "drop":
            raise InputError(f"memory of {place!r}", layer.memory, "'drop', as inference uses it")
        if layer.num_memorizing:
            _remove_memory(folded, place, layer)
    _replace_layers(folded)
    return folded


def _places(model: nn.Module) -> list[tuple[str, FairDropout]]:
    places: list[tuple[str, FairDropout]] = []
    for name, module in model.named_modules():
        if isinstance(module, FairDropout):
            places.append((name, module))
        hooks = module._forward_hooks.values()
        places += [(name, hook.layer) for hook in hooks if isinstance(hook, Attachment)]
    return places


def _remove_memory(model: nn.Module, place: str, layer: FairDropout) -> None:
    path = trace_units(model, place)
    modules: dict[str, Any] = dict(model.named_modules())
    producer = modules[path.producer]
    kept, width = layer.num_generalizing, layer.num_features
    if int(producer.weight.shape[0]) != width:
        found = f"{producer.weight.shape[0]} units made by {path.producer!r}"
        raise InputError(f"module {place!r}", found, f"{width}, as its FairDropout has")
    for name in (path.producer, *path.consumers):
        if getattr(modules[name], "groups", 1) != 1:
            raise InputError(f"module {name!r}", "a grouped convolution", "groups = 1")

    # What a dropped unit still sends on: zero, unless a BatchNorm behind the layer shifts it.
    behind = (
        path.between[path.between.index(place) + 1 :] if place in path.between else path.between
    )
    constant = torch.zeros(width - kept, dtype=producer.weight.dtype)
    for name in behind:
        if isinstance(modules.get(name), BATCH_NORMS):
            constant = _through_batch_norm(modules[name], constant, kept)
        elif constant.any():
            constant = _through(modules.get(name), name, constant)
    for name in path.consumers:
        _shrink_consumer(modules[name], name, kept, width, constant)
    for name in path.between:
        if isinstance(modules.get(name), BATCH_NORMS):
            _shrink_batch_norm(modules[name], kept)
    producer.weight = nn.Parameter(producer.weight.detach()[:kept].clone())
    if producer.bias is not None:
        producer.bias = nn.Parameter(producer.bias.detach()[:kept].clone())
    setattr(producer, "out_features" if isinstance(producer, nn.Linear) else "out_channels", kept)


def _through_batch_norm(norm: Any, constant: Tensor, kept: int) -> Tensor:
    if norm.running_mean is None:
        raise InputError("BatchNorm behind FairDropout", "no running statistics", "tracked ones")
    factor = (norm.running_var[kept:] + norm.eps).rsqrt()
    value = (constant - norm.running_mean[kept:]) * factor
    if norm.affine:
        value = value * norm.weight.detach()[kept:] + norm.bias.detach()[kept:]
    return value


def _through(module: nn.Module | None, name: str, constant: Tensor) -> Tensor:
    pooling = module is not None and "Pool" in type(module).__name__
    padded = pooling and getattr(module, "padding", 0) not in (0, (0, 0))
    if module is None or padded:
        allowed = "torch.nn modules without padding"
        raise InputError("fold", f"{name} behind a shifting BatchNorm", allowed)
    shifted = constant if pooling or isinstance(module, nn.Flatten) else module(constant[None])[0]
    return shifted.detach()


def _shrink_consumer(consumer: Any, name: str, kept: int, width: int, constant: Tensor) -> None:
    weight = consumer.weight.detach()
    positions = weight.shape[1] // width
    removed = weight[:, kept * positions :]
    if constant.any():
        if getattr(consumer, "padding", 0) not in (0, (0,), (0, 0), (0, 0, 0)):
            found = "padding behind a BatchNorm that shifts dropped units"
            raise InputError(
                f"module {name!r}", found, "no padding there, or a place after the norm"
            )
        inputs = constant.repeat_interleave(positions)
        shift = removed.flatten(2).sum(2) @ inputs if removed.ndim > 2 else removed @ inputs
        bias = consumer.bias.detach() if consumer.bias is not None else torch.zeros_like(shift)
        consumer.bias = nn.Parameter(bias + shift)
    consumer.weight = nn.Parameter(weight[:, : kept * positions].clone())
    kind = "in_features" if isinstance(consumer, nn.Linear) else "in_channels"
    setattr(consumer, kind, kept * positions)


def _shrink_batch_norm(norm: Any, kept: int) -> None:
    if norm.affine:
        norm.weight = nn.Parameter(norm.weight.detach()[:kept].clone())
        norm.bias = nn.Parameter(norm.bias.detach()[:kept].clone())
    if norm.running_mean is not None:
        norm.running_mean = norm.running_mean[:kept].clone()
        norm.running_var = norm.running_var[:kept].clone()
    norm.num_features = kept


def _replace_layers(model: nn.Module) -> None:
    """Put the constant s, where it is not 1, in the place of every FairDropout."""
    replacements: list[tuple[str, nn.Module]] = []
    for place, layer in _places(model):
        module = model.get_submodule(place)
        factor = Scale(layer.scale) if layer.scale != 1 else nn.Identity()
        if isinstance(module, FairDropout):
            replacements.append((place, factor))
        elif layer.scale != 1:
            replacements.append((place, nn.Sequential(module, factor)))
    detach(model)
    for place, module in replacements:
        parent, _, child = place.rpartition(".")
        setattr(model.get_submodule(parent), child, module)
