"""How units travel: what makes them, what they pass, and what takes them in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import fx, nn

from surefoot.ground.errors import InputError
from surefoot.groups.layer import FairDropout

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
PRODUCERS = (nn.Linear, *CONVS)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
AVERAGE_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
POOLING_FUNCTIONS = (
    F.max_pool1d, F.max_pool2d, F.max_pool3d, F.avg_pool1d, F.avg_pool2d, F.avg_pool3d,
    F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d,
    F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d,
)  # fmt: skip
POOLS = (
    *AVERAGE_POOLS, *POOLING_FUNCTIONS, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
)  # fmt: skip
MEANS = (torch.mean, "mean")
FLATTENS = (nn.Flatten, torch.flatten, "flatten")
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, F.dropout, F.dropout2d)
# f(s·z) = s·f(z) for s > 0, each unit alone
HOMOGENEOUS = (
    nn.Identity, nn.ReLU, nn.LeakyReLU, nn.PReLU, F.relu, F.leaky_relu, torch.relu, "relu",
    "contiguous", *DROPOUTS,
)  # fmt: skip
_CURVED = (
    nn.ReLU6, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh, nn.Sigmoid, nn.Softplus,
    nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, F.relu6, F.elu, F.gelu, F.silu, F.mish, F.softplus,
    F.hardtanh, F.hardswish, torch.tanh, torch.sigmoid, "tanh", "sigmoid",
)  # fmt: skip


@dataclass(frozen=True)
class Branch:
    """The nodes between a place and one module that takes its units in."""

    steps: tuple[fx.Node, ...]
    consumer: fx.Node


@dataclass(frozen=True)
class Route:
    """The way of units: made by `producer`, through `before` to a place, then along `branches`."""

    producer: fx.Node
    before: tuple[fx.Node, ...]
    branches: tuple[Branch, ...]

    @property
    def passed(self) -> list[fx.Node]:
        """Every node between the producer and the consumers, once."""
        steps = [step for branch in self.branches for step in branch.steps]
        return list(dict.fromkeys([*self.before, *steps]))


class UnitGraph:
    """The graph of a model's forward, with the units in mind.

    Parameters
    ----------
    model : nn.Module
        Traceable by torch.fx.
    attached : mapping of name to FairDropout, optional
        Layers attached behind the modules of these names; each becomes a node of the graph.

    Attributes
    ----------
    graph : fx.Graph
    """

    def __init__(self, model: nn.Module, attached: Mapping[str, FairDropout] | None = None) -> None:
        tracer = _Tracer(attached or {})
        try:
            self.graph = tracer.trace(model)
        except Exception as error:  # control flow that depends on data fails in many ways
            allowed = "a model that torch.fx can trace"
            raise InputError("model", f"{type(model).__name__}: {error}", allowed) from error
        self._outputs = tracer.outputs
        self._modules = dict(model.named_modules())
        self._modules |= {_attached_name(name): layer for name, layer in tracer.attached.items()}

    def module(self, node: fx.Node) -> Any:
        """Return the module that `node` calls, or None."""
        return self._modules.get(str(node.target)) if node.op == "call_module" else None

    def kind(self, node: fx.Node) -> Any:
        """Return the module's class, the function, or the method's name that `node` calls."""
        module = self.module(node)
        return node.target if module is None else type(module)

    def route_from(self, place: str) -> Route:
        """Return the way of the units that module `place` puts out."""
        nodes = self._outputs.get(place, [])
        if len(nodes) != 1:
            raise InputError(f"module {place!r}", f"{len(nodes)} calls in a forward", "exactly one")
        return self.route(nodes[0], place)

    def route(self, node: fx.Node, place: str) -> Route:
        """Return the way of the units at `node`; `place` names it in errors.

        Raises
        ------
        InputError
            If units can't be added or removed one by one: they meet something that mixes them (a
            residual sum, a LayerNorm), or leave the model.
        """
        before: list[fx.Node] = []
        producer = node
        while self.kind(producer) not in PRODUCERS:
            if not (producer is node and isinstance(self.module(node), FairDropout)):
                before.insert(0, producer)
            if not producer.all_input_nodes:
                raise _refusal(place, f"{self.describe(producer)} before any Linear or Conv")
            producer = producer.all_input_nodes[0]
            if len(producer.users) > 1:
                raise _refusal(place, f"{self.describe(producer)}, which feeds several modules")
        self.require_own(producer, place)
        way = _Way(self, producer, place)
        flat = False
        for step in before:
            flat = way.passes(step, flat)
        return Route(producer, tuple(before), tuple(self._branches(node, flat, (), way)))

    def _branches(
        self, node: fx.Node, flat: bool, steps: tuple[fx.Node, ...], way: _Way
    ) -> Iterator[Branch]:
        for user in node.users:
            if self.kind(user) in PRODUCERS:
                self.require_own(user, way.place)
                way.enters(user, flat)
                yield Branch(steps, user)
            else:
                yield from self._branches(user, way.passes(user, flat), (*steps, user), way)

    def require_own(self, node: fx.Node, place: str) -> None:
        """Refuse a module whose weights can't be cut for the units at `place` alone."""
        module, name = self.module(node), self.describe(node)
        if sum(other.target == node.target for other in self.graph.nodes) > 1:
            raise _refusal(place, f"{name}, which is called more than once")
        if getattr(module, "groups", 1) != 1:
            raise _refusal(place, f"{name}, a grouped convolution")
        if "weight" not in module._parameters:
            raise _refusal(place, f"{name}, whose weight is computed")

    def describe(self, node: fx.Node) -> str:
        """Return what `node` is, in the user's words."""
        if node.op in ("placeholder", "output"):
            return "the model's input" if node.op == "placeholder" else "the model's output"
        kind = self.kind(node)
        name = getattr(kind, "__name__", str(kind))
        return f"{node.target} ({name})" if node.op == "call_module" else name


class _Way:
    """Follows the axis of the units of one producer: axis 1 behind a Conv, the last one otherwise.

    `flat` tells whether the positions of a convolution have been flattened into that axis.
    """

    def __init__(self, units: UnitGraph, producer: fx.Node, place: str) -> None:
        self.units, self.place = units, place
        module = units.module(producer)
        self.space = CONVS.index(type(module)) + 1 if type(module) in CONVS else 0
        self.width = int(module.weight.shape[0])

    def passes(self, node: fx.Node, flat: bool) -> bool:
        """Return whether the units are flat behind `node`; refuse what mixes them."""
        kind, module = self.units.kind(node), self.units.module(node)
        single = len(node.all_input_nodes) == 1
        if single and kind in BATCH_NORMS and module.num_features == self.width:
            self.units.require_own(node, self.place)
            return flat
        if single and kind is nn.PReLU and module.num_parameters in (1, self.width):
            return flat
        if single and kind in (*HOMOGENEOUS, *_CURVED) and kind is not nn.PReLU:
            return flat
        if single and kind in POOLS and self.space and not flat:
            return flat
        if single and kind in FLATTENS and _flattens_rows(node, module):
            return True
        if single and kind in MEANS and self.space and not flat and _averages(node, self.space):
            return not node.kwargs.get("keepdim", False)
        raise _refusal(self.place, self.units.describe(node))

    def enters(self, consumer: fx.Node, flat: bool) -> None:
        """Refuse a consumer that does not take the units in along their own axis."""
        inputs = int(self.units.module(consumer).weight.shape[1])
        if self.units.kind(consumer) in CONVS:
            fits = self.space > 0 and not flat and inputs == self.width
        elif self.space:
            fits = flat and inputs % self.width == 0
        else:
            fits = inputs == self.width
        if not fits:
            raise _refusal(self.place, f"{self.units.describe(consumer)} along another axis")


class _Tracer(fx.Tracer):
    """Keeps FairDropout whole and puts attached layers behind their modules."""

    def __init__(self, attached: Mapping[str, FairDropout]) -> None:
        super().__init__()
        self.attached = dict(attached)
        self.outputs: dict[str, list[fx.Node]] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, FairDropout) or super().is_leaf_module(m, module_qualified_name)

    def path_of_module(self, mod: nn.Module) -> str:
        names = (_attached_name(name) for name, layer in self.attached.items() if layer is mod)
        return next(names, None) or super().path_of_module(mod)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        output = super().call_module(m, forward, args, kwargs)
        name = self.path_of_module(m)
        if name in self.attached:
            output = self.attached[name](output)
        if isinstance(output, fx.Proxy):
            self.outputs.setdefault(name, []).append(output.node)
        return output


def _attached_name(host: str) -> str:
    return f"{host}:FairDropout"


def _flattens_rows(node: fx.Node, module: Any) -> bool:
    if module is not None:
        return (module.start_dim, module.end_dim) == (1, -1)
    given = dict(zip(("start_dim", "end_dim"), node.args[1:], strict=False)) | node.kwargs
    return (given.get("start_dim", 0), given.get("end_dim", -1)) == (1, -1)


def _averages(node: fx.Node, space: int) -> bool:
    dims: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim") or ()
    axes = {axis % (space + 2) for axis in ((dims,) if isinstance(dims, int) else dims)}
    return len(node.args) <= 2 and axes == set(range(2, space + 2))


def _refusal(place: str, found: str) -> InputError:
    allowed = (
        "only activations, pooling, flattening and BatchNorm on the way from one Linear or Conv to "
        "the next"
    )
    return InputError(f"units at {place!r}", f"they meet {found}", allowed)
