"""Append fresh units to a pretrained layer, so that none of its own has to serve as memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from surefoot.ground.errors import InputError
from surefoot.groups.graph import BATCH_NORMS, UnitGraph


def expand_units(model: nn.Module, place: str, units: int) -> int:
    """Append `units` to the Linear or Conv that makes the activation at `place`, in place.

    The new rows of the producer are initialised as torch does, the new columns of what consumes
    them are zero: the network computes the same function as before until it is trained further.
    BatchNorms on the way grow too. Hand the parameters to the optimizer after this call.

    Parameters
    ----------
    model : nn.Module
        Traceable by torch.fx.
    place : str
        Name of the producer, or of an activation behind it.
    units : int
        How many to append.

    Returns
    -------
    int
        The number of units there were before: the first ones, still in their places.

    Raises
    ------
    InputError
        If the units meet something that mixes them (a residual sum, a LayerNorm), or are the output
        of the model. The model is then as it was.
    """
    before = plan_expansion(model, place, units)
    graph = UnitGraph(model)
    route = graph.route_from(place)
    producer = graph.module(route.producer)
    fresh = _fresh_like(producer, units)
    producer.weight = _appended(producer.weight, fresh.weight, axis=0)
    if producer.bias is not None:
        producer.bias = _appended(producer.bias, fresh.bias, axis=0)
    _set_width(producer, "out", before + units)

    for module in {id(module): module for module in map(graph.module, route.passed)}.values():
        if isinstance(module, BATCH_NORMS):
            _expand_batch_norm(module, units)
        elif isinstance(module, nn.PReLU) and module.num_parameters > 1:
            initial = module.weight.new_full((units,), 0.25)  # torch's own
            module.weight = _appended(module.weight, initial, axis=0)
            module.num_parameters += units
    for branch in route.branches:
        # Flattening gives a unit one input per position; appended units come last either way.
        consumer = graph.module(branch.consumer)
        inputs = int(consumer.weight.shape[1])
        shape = list(consumer.weight.shape)
        shape[1] = units * (inputs // before)
        consumer.weight = _appended(consumer.weight, consumer.weight.new_zeros(shape), axis=1)
        _set_width(consumer, "in", inputs + shape[1])
    return before


def plan_expansion(model: nn.Module, place: str, units: int) -> int:
    """Return the number of units at `place`, or say why `units` can't be appended to them."""
    if isinstance(units, bool) or not isinstance(units, int) or units < 1:
        raise InputError("expand", units, "a positive number of units")
    graph = UnitGraph(model)
    return int(graph.module(graph.route_from(place).producer).weight.shape[0])


def _fresh_like(producer: Any, units: int) -> Any:
    keep = {"device": producer.weight.device, "dtype": producer.weight.dtype}
    if isinstance(producer, nn.Linear):
        return nn.Linear(producer.in_features, units, bias=producer.bias is not None, **keep)
    return type(producer)(
        producer.in_channels, units, producer.kernel_size, bias=producer.bias is not None, **keep
    )


def _expand_batch_norm(norm: Any, units: int) -> None:
    if norm.affine:
        norm.weight = _appended(norm.weight, norm.weight.new_ones(units), axis=0)
        norm.bias = _appended(norm.bias, norm.bias.new_zeros(units), axis=0)
    if norm.running_mean is not None:
        norm.running_mean = torch.cat([norm.running_mean, norm.running_mean.new_zeros(units)])
        norm.running_var = torch.cat([norm.running_var, norm.running_var.new_ones(units)])
    norm.num_features += units


def _appended(parameter: Tensor, fresh: Tensor, axis: int) -> nn.Parameter:
    joined = torch.cat([parameter.detach(), fresh.detach()], dim=axis)
    return nn.Parameter(joined, requires_grad=parameter.requires_grad)


def _set_width(module: Any, side: str, width: int) -> None:
    kind = "features" if isinstance(module, nn.Linear) else "channels"
    setattr(module, f"{side}_{kind}", width)
