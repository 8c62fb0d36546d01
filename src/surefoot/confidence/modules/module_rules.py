"""Which parameters of a module chains can have, and which modules they can't run through."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.parameter import is_lazy

from surefoot.confidence.intervals_of_chains import listed
from surefoot.ground.errors import InputError

# The bases of all of them.
_DROPOUTS = nn.modules.dropout._DropoutNd
_BATCH_NORMS = nn.modules.batchnorm._BatchNorm
_WITH_DROPOUT = (nn.RNNBase, nn.MultiheadAttention)


def chosen_parameters(model: nn.Module, params: str | Sequence[str]) -> dict[str, nn.Parameter]:
    """Return the parameters that `params` describes, by name, in the order of the model.

    Parameters
    ----------
    model : nn.Module
    params : "last", "all", or sequence of str
        Names, or patterns such as ``"head.*"``. "last" is the last module in the order of
        ``named_modules()`` with parameters of its own.

    Raises
    ------
    InputError
        If nothing matches, or a parameter has no shape yet, is frozen, shared, or no real floating
        point numbers.
    """
    _refuse_lazy(model)
    # A shared parameter appears under each of its names.
    everything = dict(model.named_parameters(remove_duplicate=False))
    if not everything:
        raise InputError("model", type(model).__name__, "a module with parameters")
    if params == "all":
        names = [name for name, _ in model.named_parameters()]
    elif params == "last":
        names = _names_of(last_layer(model), model)
    else:
        patterns = [params] if isinstance(params, str) else list(params)
        names = _matching(patterns, list(everything))
    chosen = {name: everything[name] for name in names}
    for name, parameter in chosen.items():
        _refuse_unfit(name, parameter, everything)
    return chosen


def last_layer(model: nn.Module) -> str:
    """Return the name of the last module that has parameters of its own."""
    own = [name for name, m in model.named_modules() if any(True for _ in m.parameters(False))]
    return own[-1]


def is_linear_head(model: nn.Module, names: Sequence[str]) -> bool:
    """Return whether the parameters are those of a last linear layer: convex in a convex loss."""
    layer = last_layer(model)
    own = _names_of(layer, model)
    return isinstance(model.get_submodule(layer), nn.Linear) and set(names) <= set(own)


def refuse_training_modes(model: nn.Module, randomness: str) -> None:
    """Refuse modules whose training mode changes them, or draws random numbers nobody declared.

    Raises
    ------
    InputError
    """
    for name, module in model.named_modules():
        where, kind = f"model, module {name!r}", type(module).__name__
        if _mixes_rows(module):
            allowed = "running statistics in use: model.eval(), or eval() of that module"
            raise InputError(where, f"{kind} with statistics of the batch", allowed)
        if randomness == "error" and _drops(module):
            allowed = "model.eval(), or randomness='same' to make dropout part of each row"
            raise InputError(where, f"{kind} in training mode", allowed)


def _mixes_rows(module: nn.Module) -> bool:
    """Return whether the output of a row depends on others, or running statistics change."""
    if isinstance(module, _BATCH_NORMS):
        return module.training or module.running_mean is None
    return module.training and bool(getattr(module, "track_running_stats", False))


def _drops(module: nn.Module) -> bool:
    if not module.training:
        return False
    if isinstance(module, _DROPOUTS):
        return module.p > 0
    return isinstance(module, _WITH_DROPOUT) and module.dropout > 0


def _names_of(layer: str, model: nn.Module) -> list[str]:
    prefix = f"{layer}." if layer else ""
    own = model.get_submodule(layer).named_parameters(recurse=False)
    return [f"{prefix}{name}" for name, _ in own]


def _matching(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    if not patterns:
        raise InputError("params", "nothing", "'last', 'all', or names of parameters")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = difflib.get_close_matches(pattern, names, n=3) or names
            raise InputError("params", pattern, f"'last', 'all', or names such as {listed(near)}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _refuse_lazy(model: nn.Module) -> None:
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if is_lazy(tensor):
            allowed = "a model that has seen a batch: call it once first"
            raise InputError(f"model, parameter {name!r}", "no shape yet (a lazy module)", allowed)


def _refuse_unfit(name: str, parameter: nn.Parameter, everything: dict[str, nn.Parameter]) -> None:
    where = f"params, {name!r}"
    if others := [n for n, other in everything.items() if other is parameter and n != name]:
        allowed = "parameters of one place; untie them, or leave both out"
        raise InputError(where, f"the same parameter as {listed(others)}", allowed)
    if not parameter.is_floating_point():
        allowed = "real floating-point parameters; leave it out of params"
        raise InputError(where, f"{parameter.dtype}", allowed)
    if not parameter.requires_grad:
        allowed = "parameters that train: requires_grad_(True), or leave it out of params"
        raise InputError(where, "requires_grad=False", allowed)
    if parameter.numel() == 0:
        raise InputError(where, "no elements", "parameters with elements; leave it out of params")
