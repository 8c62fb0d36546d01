"""How the units of one module reach the next ones: producer, what lies between, consumers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from surefoot.ground.errors import InputError
from surefoot.groups.layer import FairDropout

PRODUCERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
# Modules that act on each unit alone and map zero to zero.
_ZERO_KEEPING = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Tanh, nn.Hardtanh, nn.Hardswish, nn.Identity, nn.Flatten, FairDropout,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
)  # fmt: skip
_F = nn.functional
_ZERO_KEEPING_FUNCTIONS = (
    torch.relu, _F.relu, _F.relu6, _F.leaky_relu, _F.elu, _F.gelu, _F.silu, _F.mish,
    torch.tanh, _F.tanh, _F.hardswish, torch.flatten, _F.dropout, _F.dropout2d,
    _F.max_pool1d, _F.max_pool2d, _F.max_pool3d, _F.avg_pool1d, _F.avg_pool2d, _F.avg_pool3d,
    _F.adaptive_avg_pool1d, _F.adaptive_avg_pool2d, _F.adaptive_avg_pool3d,
)  # fmt: skip
_ZERO_KEEPING_METHODS = ("relu", "tanh", "flatten", "contiguous")


@dataclass(frozen=True)
class Path:
    """The units of `producer` pass `between` (in order) and enter each of `consumers`; by name."""

    producer: str
    between: tuple[str, ...]
    consumers: tuple[str, ...]


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, FairDropout) or super().is_leaf_module(m, module_qualified_name)


def trace_units(model: nn.Module, place: str) -> Path:
    """Return the way of the units at module `place` from what makes them to what takes them in.

    Raises
    ------
    InputError
        If the model can't be traced, or the units meet something that mixes them (a residual sum,
        a LayerNorm), so that they can't be added or removed one by one.
    """
    graph = _trace(model)
    calls = [node for node in graph.nodes if node.op == "call_module" and node.target == place]
    if len(calls) != 1:
        found = f"{len(calls)} traceable calls in a forward"
        raise InputError(f"module {place!r}", found, "exactly one, of a torch.nn leaf module")
    modules = dict(model.named_modules())
    between: list[str] = []

    node = calls[0]
    while not isinstance(modules.get(_module_name(node)), PRODUCERS):
        _require_unitwise(node, modules, place)
        between.insert(0, _label(node))
        (node,) = node.all_input_nodes
        if len(node.users) > 1:
            raise InputError(
                f"module {place!r}", f"{node} feeds other modules too", "a simple chain"
            )
    producer = str(node.target)
    if len(modules) and sum(n.target == producer for n in graph.nodes) > 1:
        raise InputError(f"module {producer!r}", "called more than once", "a module called once")

    consumers: list[str] = []
    frontier = list(calls[0].users)
    while frontier:
        node = frontier.pop(0)
        if isinstance(modules.get(_module_name(node)), PRODUCERS):
            consumers.append(str(node.target))
            continue
        _require_unitwise(node, modules, place)
        if _label(node) not in between:
            between.append(_label(node))
        frontier.extend(node.users)
    return Path(producer, tuple(between), tuple(dict.fromkeys(consumers)))


def _trace(model: nn.Module) -> fx.Graph:
    try:
        return _Tracer().trace(model)
    except Exception as error:  # torch.fx raises many kinds for control flow that depends on data
        allowed = "a model that torch.fx can trace"
        raise InputError("model", f"{type(model).__name__}: {error}", allowed) from error


def _require_unitwise(node: fx.Node, modules: dict[str, nn.Module], place: str) -> None:
    module = modules.get(_module_name(node))
    passes = (
        isinstance(module, (*_ZERO_KEEPING, *BATCH_NORMS))
        or (node.op == "call_function" and node.target in _ZERO_KEEPING_FUNCTIONS)
        or (node.op == "call_method" and node.target in _ZERO_KEEPING_METHODS)
    )
    if not passes or len(node.all_input_nodes) != 1:
        kind = type(module).__name__ if module is not None else node.op
        allowed = "only activations, pooling, flattening and BatchNorm between two Linear or Conv"
        raise InputError(f"units at {place!r}", f"{node} ({kind}) mixes them", allowed)


def _module_name(node: fx.Node) -> Any:
    return node.target if node.op == "call_module" else None


def _label(node: fx.Node) -> str:
    return str(node.target) if node.op == "call_module" else node.name
