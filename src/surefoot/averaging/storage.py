"""The state of averages, as plain values and tensors, and as a safetensors file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from surefoot.averaging.schemes import Running, Scheme
from surefoot.averaging.swap import Swap
from surefoot.ground.errors import InputError
from surefoot.ground.files import replacing

FORMAT = 1
_KEY = "surefoot.averages"


def state_of(
    schemes: Mapping[str, Scheme], running: Mapping[str, Running], swap: Swap | None
) -> dict[str, Any]:
    """Return the state of each average: its scheme, plain numbers and copies of its tensors."""
    averages = {}
    for name, average in running.items():
        tensors = {
            part: swap.averaged()
            if swap is not None and swap.exchanged and flat is swap.average
            else flat.named()
            for part, flat in average.buffers.items()
        }
        scheme = schemes[name].to_dict()
        averages[name] = {"scheme": scheme, "numbers": average.numbers(), "tensors": tensors}
    return averages


@contextmanager
def undamaged() -> Iterator[None]:
    """Say it of a state if its parts are not what they should be."""
    try:
        yield
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        found = f"damaged: {type(error).__name__} {error}"
        raise InputError("state", found, "what state_dict() has returned") from error


def check_state(state: Any, schemes: Mapping[str, Scheme]) -> Mapping[str, Any]:
    """Return the averages of a state after comparing them with the schemes in use."""
    if not isinstance(state, Mapping) or state.get("format") != FORMAT:
        found = state.get("format", "none") if isinstance(state, Mapping) else type(state).__name__
        raise InputError("state", f"format {found}", f"format {FORMAT} of WeightAverager")
    averages = state["averages"]
    if set(averages) != set(schemes):
        raise InputError("state", f"averages {sorted(averages)}", f"averages {sorted(schemes)}")
    for name, scheme in schemes.items():
        if dict(averages[name]["scheme"]) != scheme.to_dict():
            found = _difference(averages[name]["scheme"], scheme.to_dict())
            raise InputError(f"state of {name!r}", found, "the scheme it was written with")
    return averages


def write(state: Mapping[str, Any], path: str | Path) -> None:
    """Write a state as one safetensors file: tensors, and the rest as JSON in its header."""
    from safetensors.torch import save_file

    tensors = {
        f"{name}/{part}/{tensor}": value.contiguous()
        for name, average in state["averages"].items()
        for part, named in average["tensors"].items()
        for tensor, value in named.items()
    }
    averages = {
        name: {"scheme": average["scheme"], "numbers": average["numbers"]}
        for name, average in state["averages"].items()
    }
    header = {_KEY: json.dumps({**state, "averages": averages})}
    with replacing(path) as part:
        save_file(tensors, part, metadata=header)


def read(path: str | Path) -> dict[str, Any]:
    """Read a state written by `write`."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise InputError("path", str(path), "a file written by WeightAverager.save")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError("path", str(path), f"a whole safetensors file ({error})") from error
    if _KEY not in metadata:
        raise InputError("path", str(path), "a file written by WeightAverager.save")
    state = json.loads(metadata[_KEY])
    for average in state["averages"].values():
        average["tensors"] = {}
    for key, tensor in tensors.items():
        name, part, rest = key.split("/", 2)
        state["averages"][name]["tensors"].setdefault(part, {})[rest] = tensor
    return state


def _difference(found: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    keys = sorted({*found, *own})
    unequal = [key for key in keys if found.get(key) != own.get(key)]
    return ", ".join(f"{key} {found.get(key)!r} instead of {own.get(key)!r}" for key in unequal)
