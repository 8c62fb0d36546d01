"""An engine as plain arrays, and back: save and resume without pickle."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.losses import loss_from_dict
from surefoot.confidence.multipliers import Multiplier, Table, as_multiplier
from surefoot.confidence.pilot import Pilot
from surefoot.confidence.rows import as_rows
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError

Arrays = dict[str, NDArray[Any]]

_FORMAT = "surefoot-chains-1"
_SETTINGS = (
    "n_chains", "batch_size", "burn_in", "block_length", "first_chain", "seed", "dtype",
    "compiled",
)  # fmt: skip
_COUNTERS = (
    "n_rows", "n_steps", "first_averaged", "rows_outside", "_epoch_rows", "_averaged",
)  # fmt: skip


def state_of(engine: ChainEngine) -> Arrays:
    """Return the state of an engine; see `ChainEngine.state`."""
    settings = {
        "format": _FORMAT,
        "loss": engine.loss.to_dict(),
        "schedule": dataclasses.asdict(engine.schedule),
        "multiplier": engine.multiplier.name,
        "companions": list(engine.companions),
        "settings": {name: getattr(engine, name) for name in _SETTINGS},
        "counters": {name: getattr(engine, name) for name in _COUNTERS},
        "path": {"length": engine.path.length, "steps": engine.path.steps},
    }
    groups: dict[str, Mapping[str, NDArray[Any]]] = {
        "pilot": engine.pilot.to_arrays(),
        "pending": vars(engine._pending),
        **{f"companion.{name}": c.arrays for name, c in engine.companions.items()},
    }
    state = {
        "settings": np.array(json.dumps(settings)),
        "multiplier": engine.multiplier.support[0],
        "ridge": engine.ridge.copy(),
        "phi": engine._chains.phi.copy(),
        "sums": engine._sums.copy(),
        "path.sums": np.array(engine.path.sums).reshape(-1, engine.pilot.d),
        "path.start": engine.path.start.copy(),
    }
    for group, arrays in groups.items():
        state |= {f"{group}.{name}": np.array(array) for name, array in arrays.items()}
    return state


def engine_from(state: Mapping[str, NDArray[Any]]) -> ChainEngine:
    """Return the engine whose state this is; see `ChainEngine.from_state`."""
    settings = _settings(state)
    try:
        return _engine(state, settings)
    except (KeyError, TypeError) as error:
        raise InputError("state", sorted(state), "the arrays of ChainEngine.state") from error


def _engine(state: Mapping[str, NDArray[Any]], settings: dict[str, Any]) -> ChainEngine:
    pilot, options = Pilot.from_arrays(_group(state, "pilot")), settings["settings"]
    # Before an engine takes as much memory as it is told to.
    _check_shape("phi", state["phi"], (pilot.d, options["n_chains"] + 1))
    engine = ChainEngine(
        loss_from_dict(settings["loss"]),
        pilot,
        schedule=StepSchedule(**settings["schedule"]),
        multiplier=_multiplier(settings["multiplier"], state["multiplier"]),
        ridge=state["ridge"],
        companions=settings["companions"],
        **options,
    )
    for name in _COUNTERS:
        setattr(engine, name, settings["counters"][name])
    _fill("phi", engine._chains.phi, state)
    _fill("sums", engine._sums, state)
    X, y, ids, weight = (state[f"pending.{name}"] for name in ("X", "y", "ids", "sample_weight"))
    engine._pending = as_rows(X, y, ids, weight, pilot.d, 0)
    engine.path.begin(np.array(state["path.start"]))
    engine.path.length, engine.path.steps = settings["path"]["length"], settings["path"]["steps"]
    engine.path.sums = list(np.array(state["path.sums"]))
    for name, companion in engine.companions.items():
        for key, array in companion.arrays.items():
            _fill(f"companion.{name}.{key}", array, state)
    return engine


def _fill(name: str, array: NDArray[Any], state: Mapping[str, NDArray[Any]]) -> None:
    _check_shape(name, state[name], array.shape)
    array[...] = state[name]


def _check_shape(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise InputError(f"state, {name}", f"shape {array.shape}", f"{shape}")


def _settings(state: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads(str(state["settings"]))
        written_by = settings["format"]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise InputError("state", sorted(state), "the arrays of ChainEngine.state") from error
    if written_by != _FORMAT:
        raise InputError("state", written_by, f"the format {_FORMAT}")
    return settings


def _multiplier(name: str, values: NDArray[Any]) -> Multiplier:
    return Table(name, np.array(values)) if name == "custom" else as_multiplier(name)


def _group(state: Mapping[str, NDArray[Any]], group: str) -> Arrays:
    prefix = f"{group}."
    return {k.removeprefix(prefix): np.array(state[k]) for k in state if k.startswith(prefix)}
