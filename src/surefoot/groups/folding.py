"""Fold a trained network for serving: units that inference never uses are deleted."""

from __future__ import annotations

import copy
import operator
from typing import Any

import torch
from torch import Tensor, fx, nn

from surefoot.ground.errors import InputError
from surefoot.groups.attachment import attachments, detach, fair_layers
from surefoot.groups.graph import (
    AVERAGE_POOLS,
    BATCH_NORMS,
    DROPOUTS,
    FLATTENS,
    HOMOGENEOUS,
    MEANS,
    POOLING_FUNCTIONS,
    POOLS,
    Branch,
    UnitGraph,
)
from surefoot.groups.layer import FairDropout

_NO_PADDING = (0, (0,), (0, 0), (0, 0, 0), "valid")


def fold(model: nn.Module) -> fx.GraphModule:
    """Return a smaller copy of `model` that computes what it computes in ``eval()``.

    The memorising units are removed from the module that makes them, from BatchNorms on the way and
    from the modules that take them in: with p_gen = 0.2 the next layer has a fifth of its inputs.
    The scale s goes into the weights of the next layer or BatchNorm; where an activation such as
    GELU forbids that, one multiplication stays. What is left are modules of torch.nn under their
    old names, in eval mode, ready for `torch.export`.

    Parameters
    ----------
    model : nn.Module
        With FairDropout written into it or attached; traceable by torch.fx. It is not changed.

    Raises
    ------
    InputError
        If units can't be removed exactly: they meet a residual sum or a LayerNorm, are the output
        of the model, or meet, behind the layer, a BatchNorm in front of a padded convolution; or
        memory is not "drop".

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), FairDropout(10), nn.Linear(10, 2))
    >>> fold(model).get_submodule("3")
    Linear(in_features=2, out_features=2, bias=True)
    """
    if not fair_layers(model):
        raise InputError("model", type(model).__name__, "one with a FairDropout layer")
    folded = copy.deepcopy(model).eval()
    attached = {
        name: hook.layer
        for name, module in folded.named_modules()
        for hook in attachments(module).values()
    }
    units = UnitGraph(folded, attached)
    calls = [node for node in units.graph.nodes if isinstance(units.module(node), FairDropout)]
    for call in calls:
        if units.module(call).memory != "drop":
            found = units.module(call).memory
            raise InputError(f"memory of {call.target}", found, "'drop', as inference uses it")
    # Identities first: they may stand on the way of other layers' units.
    for call in sorted(calls, key=lambda call: units.module(call).num_memorizing > 0):
        factor = _remove_memory(units, call) if units.module(call).num_memorizing else 1.0
        _replace(units.graph, call, factor)
    detach(folded)
    return fx.GraphModule(folded, units.graph, type(model).__name__)


def _remove_memory(units: UnitGraph, call: fx.Node) -> float:
    """Delete the memorising units at `call`; return the factor that is left to be applied there."""
    layer: FairDropout = units.module(call)
    place = str(call.target)
    route = units.route(call, place)
    producer = units.module(route.producer)
    kept, width = layer.num_generalizing, layer.num_features
    axes = (1, -1) if isinstance(producer, nn.Linear) else (1,)
    if producer.weight.shape[0] != width or layer.feature_dim not in axes:
        found = f"{width} units along axis {layer.feature_dim}"
        made = f"the {len(producer.weight)} that {route.producer.target!r} makes along axis 1"
        raise InputError(place, found, made)

    constants = [_constant(units, branch, kept, width) for branch in route.branches]
    absorbers = [_absorber(units, branch) for branch in route.branches]
    factor = layer.scale
    if None not in absorbers:
        for module in dict.fromkeys(units.module(node) for node in absorbers if node):
            _multiply(module, factor)
        factor = 1.0
    for branch, constant in zip(route.branches, constants, strict=True):
        _shrink_consumer(units.module(branch.consumer), kept, width, constant)
    for module in dict.fromkeys(map(units.module, route.passed)):
        _shrink_passed(module, kept)
    producer.weight = _part(producer.weight, slice(kept))
    if producer.bias is not None:
        producer.bias = _part(producer.bias, slice(kept))
    setattr(producer, "out_features" if isinstance(producer, nn.Linear) else "out_channels", kept)
    return factor


def _absorber(units: UnitGraph, branch: Branch) -> fx.Node | None:
    """Return the first node of `branch` whose weights can take a factor on its input."""
    for step in branch.steps:
        kind = units.kind(step)
        if kind in BATCH_NORMS:
            return step if units.module(step).affine else None
        if kind not in (*HOMOGENEOUS, *POOLS, *FLATTENS, *MEANS):
            return None
    return branch.consumer


@torch.no_grad()
def _multiply(module: Any, scale: float) -> None:
    module.weight *= scale
    if type(module) in BATCH_NORMS:
        module.running_mean.div_(scale)


@torch.no_grad()
def _constant(units: UnitGraph, branch: Branch, kept: int, width: int) -> Tensor:
    """Return what each dropped unit brings to the consumer: zero, unless something shifts it."""
    constant = units.module(branch.consumer).weight.new_zeros(width - kept)
    for step in branch.steps:
        kind, module = units.kind(step), units.module(step)
        if kind in BATCH_NORMS:
            if module.running_mean is None:
                raise InputError(f"BatchNorm {step.target!r}", "no running statistics", "some")
            constant = nn.functional.batch_norm(
                constant[None],
                module.running_mean[kept:],
                module.running_var[kept:],
                module.weight[kept:] if module.affine else None,
                module.bias[kept:] if module.affine else None,
                eps=module.eps,
            )[0]
        elif kind in POOLS:
            padded = kind in AVERAGE_POOLS and module.padding not in _NO_PADDING
            if constant.any() and (padded or kind in POOLING_FUNCTIONS):
                found = f"{units.describe(step)} behind a BatchNorm that shifts dropped units"
                raise InputError("fold", found, "torch.nn pooling without padding there")
        elif kind is nn.PReLU:
            slope = module.weight[kept:] if module.num_parameters > 1 else module.weight
            constant = constant.where(constant > 0, slope * constant)
        elif kind not in (*FLATTENS, *MEANS, *DROPOUTS):
            constant = _call(step, module, constant)
    return constant


def _call(step: fx.Node, module: Any, constant: Tensor) -> Tensor:
    """Run an activation on a value per unit."""
    if module is not None:
        return module(constant.clone())  # it may work in place
    args = fx.node.map_arg(step.args, lambda _: constant.clone())
    kwargs = fx.node.map_arg(step.kwargs, lambda _: constant.clone())
    if isinstance(step.target, str):
        return getattr(args[0], step.target)(*args[1:], **kwargs)
    return step.target(*args, **kwargs)


@torch.no_grad()
def _shrink_consumer(consumer: Any, kept: int, width: int, constant: Tensor) -> None:
    positions = consumer.weight.shape[1] // width
    if constant.any():
        if getattr(consumer, "padding", 0) not in _NO_PADDING:
            found = "padding behind a BatchNorm that shifts dropped units"
            allowed = "no padding there, or FairDropout behind the norm"
            raise InputError(f"fold into {type(consumer).__name__}", found, allowed)
        removed = consumer.weight[:, kept * positions :].flatten(1)
        inputs = constant.repeat_interleave(removed.shape[1] // (width - kept))
        shift = (removed.double() @ inputs.double()).to(removed.dtype)
        bias = shift if consumer.bias is None else consumer.bias + shift
        consumer.bias = nn.Parameter(bias)
    consumer.weight = _part(consumer.weight, (slice(None), slice(kept * positions)))
    side = "in_features" if isinstance(consumer, nn.Linear) else "in_channels"
    setattr(consumer, side, kept * positions)


def _shrink_passed(module: Any, kept: int) -> None:
    if type(module) in BATCH_NORMS:
        if module.affine:
            module.weight = _part(module.weight, slice(kept))
            module.bias = _part(module.bias, slice(kept))
        if module.running_mean is not None:
            module.running_mean = module.running_mean[:kept].clone()
            module.running_var = module.running_var[:kept].clone()
        module.num_features = kept
    elif isinstance(module, nn.PReLU) and module.num_parameters > 1:
        module.weight = _part(module.weight, slice(kept))
        module.num_parameters = kept


def _part(parameter: Tensor, index: Any) -> nn.Parameter:
    return nn.Parameter(parameter.detach()[index].clone(), requires_grad=parameter.requires_grad)


def _replace(graph: fx.Graph, node: fx.Node, factor: float) -> None:
    """Take a FairDropout out of the graph, leaving ``x`` or ``x * factor`` in its place."""
    value = node.all_input_nodes[0]
    if factor != 1:
        with graph.inserting_before(node):
            value = graph.call_function(operator.mul, (value, factor))
    node.replace_all_uses_with(value)
    graph.erase_node(node)
