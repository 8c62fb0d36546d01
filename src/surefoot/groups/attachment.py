"""Put FairDropout behind modules of an existing model, and tell it which examples are in the batch.

The layer is a forward hook: parameter names, checkpoints and the model's own code stay as they are.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

from torch import Tensor, fx, nn
from torch.utils.hooks import RemovableHandle

from surefoot.ground.errors import InputError, one_of
from surefoot.groups.expansion import expand_units, plan_expansion
from surefoot.groups.layer import FairDropout, Memory, check_ids
from surefoot.groups.norms import warn_of_norms

_OPTIONS = [*(p for p in inspect.signature(FairDropout).parameters if p != "key"), "expand"]
_NOT_RUN = (
    "no FairDropout layer ran inside `tied`. Code compiled before attach(), also that of a model "
    "of the same form, does not see the layers: call torch.compiler.reset() after attach()."
)


class Attachment:
    """The forward hook that passes a module's output through its FairDropout layer."""

    def __init__(self, layer: FairDropout) -> None:
        self.layer = layer

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        """Return the masked output."""
        if isinstance(output, fx.Proxy):
            return output  # who traces an attached layer finds it with `attachments`
        # Hooks are not submodules: train() and eval() reach the layer through its host.
        self.layer.train(module.training)
        if isinstance(output, Tensor):
            return self.layer(output)
        if isinstance(output, tuple) and output and isinstance(output[0], Tensor):
            return (self.layer(output[0]), *output[1:])
        found = f"output of type {type(output).__name__}"
        raise InputError(f"module {self.layer.key!r}", found, "a tensor, or a tuple with one first")


@dataclass
class Handle:
    """What `attach` put into a model. ``remove()`` takes it out again; also a context manager."""

    layers: dict[str, FairDropout]
    _hooks: list[RemovableHandle] = field(repr=False)

    def remove(self) -> None:
        """Detach the layers of this call."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def attach(model: nn.Module, places: Mapping[str, Mapping[str, Any] | FairDropout]) -> Handle:
    """Attach FairDropout to the outputs of named modules. Do so before `torch.compile`.

    Parameters
    ----------
    model : nn.Module
    places : mapping of module name to options
        A name as in ``model.named_modules()``. Options are those of `FairDropout`; the number of
        units and their axis are found from the module where they are known (Linear, Conv, norm
        layers), otherwise ``num_features`` must be given. The name is the layer's key. A finished
        `FairDropout` may stand for the options.
        ``expand=E`` appends E fresh memorising units to the module (a Linear or Conv) and to what
        consumes them, instead of giving up pretrained ones: see
        `surefoot.groups.surgery.expand_units`. Nothing is missing when they are dropped at first,
        so ``rescale`` is then "none" unless given.

    Returns
    -------
    Handle
        With ``.layers`` by module name and ``.remove()``.

    Raises
    ------
    InputError
        Unknown module or option, unknown width, a second layer at one place, or a model in
        `nn.DataParallel`, whose replicas can't see which ids are theirs.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 2))
    >>> handle = attach(model, {"1": dict(num_features=10, p_gen=0.2, p_mem=0.5)})
    >>> handle.layers["1"].num_memorizing
    8
    """
    refuse_data_parallel(model)
    modules = dict(model.named_modules())
    for name in places:
        one_of("module", name, modules)
        if attachments(modules[name]):
            raise InputError(f"module {name!r}", "already attached", "detach it first")
    # All layers are made before the model is touched: a bad option leaves it as it was.
    layers = {name: _layer_for(model, name, options) for name, options in places.items()}
    for name, options in places.items():
        if isinstance(options, Mapping) and options.get("expand"):
            expand_units(model, name, options["expand"])
    # prepend: a user's own hooks on the module see what the next module sees.
    hooks = [
        modules[name].register_forward_hook(Attachment(layer), prepend=True)
        for name, layer in layers.items()
    ]
    return Handle(layers, hooks)


def detach(model: nn.Module) -> int:
    """Remove every attached layer of `model`; return how many there were."""
    removed = 0
    for module in model.modules():
        for hook_id in attachments(module):
            del module._forward_hooks[hook_id]
            removed += 1
    return removed


def fair_layers(model: nn.Module) -> list[FairDropout]:
    """Return the FairDropout layers of `model`, written into it or attached, in module order."""
    layers: dict[int, FairDropout] = {}
    for module in model.modules():
        if isinstance(module, FairDropout):
            layers[id(module)] = module
        for hook in attachments(module).values():
            layers[id(hook.layer)] = hook.layer
    return list(layers.values())


@contextmanager
def tied(model: nn.Module, ids: Any) -> Iterator[None]:
    """Announce the ids of the batch to every FairDropout layer of `model`.

    Parameters
    ----------
    model : nn.Module
        Also wrapped in DistributedDataParallel or compiled.
    ids : array-like of int of shape (B,)
        A stable id in [0, 2^63) for each row, −1 for rows without memory. A `DataLoader` over an
        `IndexedDataset` yields them; `stable_id` makes them from keys.

    Warns
    -----
    BatchNormWarning
        In the first block in which a BatchNorm in training mode runs behind a layer.
    RuntimeWarning
        If no layer runs in the block, as when the model was compiled before `attach`.

    Examples
    --------
    ::

        for ids, (x, y) in DataLoader(IndexedDataset(data), shuffle=True):
            with tied(model, ids):
                loss = cross_entropy(model(x), y)
            loss.backward()
    """
    refuse_data_parallel(model)
    layers = fair_layers(model)
    if not layers:
        raise InputError("model", type(model).__name__, "one with a FairDropout layer; see attach")
    ids = check_ids(ids)
    before = [(layer.ids, layer.ran) for layer in layers]
    for layer in layers:
        layer.ids, layer.ran = ids, False
    try:
        with warn_of_norms(model, layers):
            yield
        if not any(layer.ran for layer in layers):
            warnings.warn(_NOT_RUN, RuntimeWarning, stacklevel=3)
    finally:
        for layer, (old_ids, ran) in zip(layers, before, strict=True):
            layer.ids, layer.ran = old_ids, layer.ran or ran


@contextmanager
def memory_mode(model: nn.Module, memory: Memory) -> Iterator[None]:
    """Evaluate with the memory dropped, kept or each example's own, then restore.

    "own" also needs the ids, from `tied`.
    """
    one_of("memory", memory, get_args(Memory))
    layers = fair_layers(model)
    before = [layer.memory for layer in layers]
    for layer in layers:
        layer.memory = memory
    try:
        yield
    finally:
        for layer, old in zip(layers, before, strict=True):
            layer.memory = old


def refuse_data_parallel(model: nn.Module) -> None:
    """Raise where ids would reach the wrong replica."""
    if any(isinstance(module, nn.DataParallel) for module in model.modules()):
        allowed = "DistributedDataParallel, which gives each process its own rows and ids"
        raise InputError("model", "nn.DataParallel", allowed)


def attachments(module: nn.Module) -> dict[int, Attachment]:
    """Return the layers attached to `module` itself, by the id of their hook."""
    hooks = module._forward_hooks.items()
    return {hook_id: hook for hook_id, hook in hooks if isinstance(hook, Attachment)}


def _layer_for(
    model: nn.Module, name: str, options: Mapping[str, Any] | FairDropout
) -> FairDropout:
    if isinstance(options, FairDropout):
        return options
    options = dict(options)
    for option in options:
        one_of(f"option for {name!r}", option, _OPTIONS)
    if extra := options.pop("expand", 0):
        if "p_gen" in options or "num_features" in options:
            found = "p_gen or num_features beside expand"
            raise InputError(f"options for {name!r}", found, "neither: old units generalise")
        kept = plan_expansion(model, name, extra)
        options = {"rescale": "none", "num_features": kept + extra, **options}
        options["p_gen"] = kept / (kept + extra)
    width, axis = _units_of(model.get_submodule(name))
    options = {"num_features": width, "feature_dim": axis, **options}
    if options["num_features"] is None:
        raise InputError(f"module {name!r}", "unknown width", "num_features=… in its options")
    return FairDropout(key=name, **options)


def _units_of(module: nn.Module) -> tuple[int | None, int]:
    """Return how many units the output of a standard module has, and their axis."""
    if isinstance(module, nn.Linear):
        return module.out_features, -1
    if isinstance(shape := getattr(module, "normalized_shape", None), tuple):
        return shape[-1], -1  # LayerNorm, RMSNorm
    for attribute in ("out_features", "out_channels", "num_features", "num_channels"):
        if isinstance(count := getattr(module, attribute, None), int):
            return count, 1
    if isinstance(module, nn.Sequential):
        # Activations and pooling keep the units of what stands before them.
        found = (_units_of(m) for m in reversed(module))
        return next((units for units in found if units[0] is not None), (None, 1))
    return None, 1
