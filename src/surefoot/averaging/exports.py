"""Averages as ordinary state dicts, copies and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.averaging.binding import Binding, canonical_state, is_sharded
from surefoot.averaging.buffers import listed
from surefoot.ground.errors import InputError
from surefoot.ground.files import replacing


def complete(binding: Binding, values: Mapping[str, Tensor], *, buffers: bool) -> dict[str, Tensor]:
    """Return the model's state dict with `values` in the place of what is averaged."""
    if binding.model is None:
        return dict(values)
    left_out = set() if buffers else buffer_names(binding.model)
    state = {}
    for name, value in canonical_state(binding.model).items():
        kept = binding.aliases.get(name, name)
        if name not in left_out:
            state[name] = values.get(kept, value)
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


def write(
    state: Mapping[str, Any], aliases: Mapping[str, str], path: str | Path, facts: Any
) -> None:
    """Write `state` as safetensors; of tied tensors one is kept, as ``save_model`` does."""
    from safetensors.torch import save_file

    tensors = {
        name: _whole(value).contiguous()
        for name, value in state.items()
        if isinstance(value, Tensor) and name not in aliases
    }
    metadata = {"format": "pt", "surefoot": json.dumps(facts), **aliases}
    with replacing(path) as part:
        save_file(tensors, part, metadata=metadata)


def _whole(value: Any) -> Tensor:
    return value.full_tensor() if is_sharded(value) else value


def buffer_names(model: nn.Module) -> set[str]:
    """Return the canonical names of the buffers in the state dict of `model`."""
    parameters = {id(p) for p in model.parameters()}
    live = model.state_dict(keep_vars=True)
    names = zip(canonical_state(model), live.values(), strict=True)
    return {name for name, value in names if id(value) not in parameters}
