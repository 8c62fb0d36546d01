"""Averages as ordinary state dicts, copies and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.averaging.binding import (
    Binding,
    canonical_names,
    canonical_state,
    is_sharded,
    local_of,
    place_of,
)
from surefoot.averaging.buffers import listed
from surefoot.ground.errors import InputError
from surefoot.ground.files import replacing


def snapshot(binding: Binding, model: nn.Module, *, buffers: bool) -> dict[str, Any]:
    """Return the state dict of `model` as it is now, in copies; tied tensors stay tied.

    Frozen parameters, which may be most of the memory, are the model's own.
    """
    left_out = set() if buffers else buffer_names(model)
    still = {place_of(member.local()) for member in binding.frozen}
    state: dict[str, Any] = {}
    copies: dict[Any, Tensor] = {}
    for name, value in canonical_state(model).items():
        first = binding.aliases.get(name)
        if name in left_out:
            continue
        if not isinstance(value, Tensor) or place_of(local_of(value)) in still:
            state[name] = value
        elif first in state:
            state[name] = state[first]
        else:
            place = place_of(value)
            if place not in copies:
                copies[place] = value.clone()
            state[name] = copies[place]
    return state


@torch.no_grad()
def copy_into(model: nn.Module, state: Mapping[str, Any], *, buffers: bool) -> None:
    """Copy `state` into `model` by canonical name."""
    own = canonical_state(model)
    left_out = set() if buffers else buffer_names(model)
    targets = {n: t for n, t in own.items() if isinstance(t, Tensor) and n not in left_out}
    source = {n: t for n, t in state.items() if isinstance(t, Tensor)}
    wrong = [name for name in targets if name not in source]
    wrong += [name for name in source if name not in targets]
    wrong += [n for n in targets if n in source and targets[n].shape != source[n].shape]
    if wrong:
        raise InputError("model", f"does not fit: {listed(wrong)}", "the same names and shapes")
    for name, target in targets.items():
        target.copy_(source[name] if is_sharded(target) else _whole(source[name]))


def write(state: Mapping[str, Any], path: str | Path, facts: Mapping[str, Any]) -> None:
    """Write `state` as safetensors; of tied tensors one is kept, as ``save_model`` does."""
    from safetensors.torch import save_file

    kept: dict[int, str] = {}
    tensors, tied = {}, {}
    for name, value in state.items():
        if not isinstance(value, Tensor):
            continue
        if (first := kept.setdefault(id(value), name)) != name:
            tied[name] = first
        else:
            tensors[name] = _whole(value).contiguous()
    metadata = {
        "format": "pt",
        "surefoot": json.dumps(facts, default=lambda number: number.item()),
        **tied,
    }
    with replacing(path) as part:
        save_file(tensors, part, metadata=metadata)


def _whole(value: Any) -> Tensor:
    return value.full_tensor() if is_sharded(value) else value


def buffer_names(model: nn.Module) -> set[str]:
    """Return the canonical names of the buffers of `model`."""
    names = canonical_names(model)
    modules = model.named_modules(remove_duplicate=False)
    return {
        f"{names[path]}.{key}".lstrip(".") for path, module in modules for key in module._buffers
    }
