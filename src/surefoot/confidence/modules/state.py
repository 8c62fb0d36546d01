"""Chains as plain tensors, and back: for safetensors, npz or `torch.save`, without pickle."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surefoot.confidence.modules.batches import TorchLoss
from surefoot.confidence.modules.chains import ChainOptions, TorchChains
from surefoot.confidence.modules.pilot import TorchPilot
from surefoot.confidence.multipliers import as_multiplier
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError

State = Mapping[str, Tensor]

_FORMAT = "surefoot-torch-chains-1"
_OPTIONS = ("n_chains", "batch_size", "burn_in", "randomness", "seed")
_COUNTERS = (
    "n_rows", "n_steps", "first_averaged", "_epoch_steps", "_epoch_rows", "_averaged",
)  # fmt: skip


def state_of(chains: TorchChains, parameters: str) -> dict[str, Tensor]:
    """Return the state of chains as tensors on the CPU.

    Parameters
    ----------
    chains : TorchChains
    parameters : str
        Says which parameters they are of.
    """
    path = chains.path
    settings = {
        "format": _FORMAT,
        "kept": _kept(chains.options, parameters, chains.phi.dtype),
        "schedule": dataclasses.asdict(chains.schedule),
        "counters": {name: getattr(chains, name) for name in _COUNTERS},
        "path": {"length": path.length, "steps": path.steps},
    }
    arrays = {
        "multiplier": _support(chains.options),
        "ridge": chains.ridge,
        "path.sums": np.array(path.sums).reshape(-1, chains.pilot.d),
        "path.start": path.start,
        **{f"pilot.{name}": array for name, array in chains.pilot.to_arrays().items()},
    }
    return {
        "settings": torch.frombuffer(bytearray(json.dumps(settings), "utf-8"), dtype=torch.uint8),
        "phi": chains.phi.cpu().clone(),
        "sums": chains._sums.cpu().clone(),
        **{name: torch.tensor(array) for name, array in arrays.items()},
    }


def chains_from(
    state: State,
    loss: TorchLoss,
    parameters: str,
    options: ChainOptions,
    ridge: np.ndarray,
    like: Tensor,
) -> TorchChains:
    """Return the chains whose state this is.

    Parameters
    ----------
    state : mapping of str to Tensor
        From `state_of`.
    loss : callable
    parameters : str
        As they were written with.
    options : ChainOptions
    ridge : ndarray of shape (d,)
    like : Tensor
        Has the device and precision of the chains.

    Raises
    ------
    InputError
        If it is no such state, or not that of chains with these options.
    """
    settings = _settings(state)
    for name, here in _kept(options, parameters, like.dtype).items():
        if (there := settings["kept"].get(name)) != here:
            raise InputError("state", f"{name} {there}", f"{name} {here}, as here")
    for name, array in (("multiplier", _support(options)), ("ridge", ridge)):
        if not np.array_equal(state[name].numpy(), array):
            raise InputError("state", f"another {name}", "that of these chains")
    pilot: dict[str, Any] = {
        name.removeprefix("pilot."): tensor.numpy().copy() if tensor.ndim else tensor.item()
        for name, tensor in state.items()
        if name.startswith("pilot.")
    }
    options = dataclasses.replace(options, schedule=StepSchedule(**settings["schedule"]))
    chains = TorchChains(
        loss,
        TorchPilot(**pilot),
        options,
        ridge=ridge,
        dtype=like.dtype,
        device=like.device,
    )
    for name, value in settings["counters"].items():
        setattr(chains, name, value)
    chains.phi.copy_(state["phi"])
    chains._sums.copy_(state["sums"])
    chains.path.begin(state["path.start"].numpy().copy())
    chains.path.length, chains.path.steps = settings["path"]["length"], settings["path"]["steps"]
    chains.path.sums = list(state["path.sums"].numpy().copy())
    return chains


def _kept(options: ChainOptions, parameters: str, dtype: torch.dtype) -> dict[str, Any]:
    """Return what has to stay the same for a run to go on."""
    kept = {name: getattr(options, name) for name in _OPTIONS}
    steps = {"c0": options.schedule.c0, "gamma": options.schedule.gamma}
    return kept | steps | {"parameters": parameters, "dtype": str(dtype)}


def _support(options: ChainOptions) -> np.ndarray:
    return as_multiplier(options.multiplier).support[0]


def _settings(state: State) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads(bytes(state["settings"].tolist()))
        written_by = settings["format"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("state", sorted(state), "what state_dict() gives") from error
    if written_by != _FORMAT:
        raise InputError("state", written_by, f"the format {_FORMAT}")
    return settings
