"""Fitted models as files, and back: predictions, intervals and training go on bit for bit."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from surefoot.confidence.averages import Averages
from surefoot.confidence.bias import ChainTails, TransientBias
from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.health import RunHealth
from surefoot.confidence.multipliers import Table, as_multiplier
from surefoot.confidence.rows import Rows
from surefoot.confidence.shards import Shard
from surefoot.ground.saved import Arrays, PathName, group, grouped, read, write

if TYPE_CHECKING:
    from surefoot.confidence.estimator import SGDInference

Model = TypeVar("Model", bound="SGDInference")

_PLAIN = ("n_features_in_", "_seed", "_n_rows")
_LISTED = ("feature_names_in_", "classes_")


def save(model: SGDInference, path: PathName) -> None:
    """Write `model`; see `SGDInference.save`."""
    if getattr(model, "_waiting", None) is None:
        model._fitted()
    learned: dict[str, Any] = {name: getattr(model, name) for name in _PLAIN}
    for name in _LISTED:
        if (values := getattr(model, name, None)) is not None:
            learned[name] = [values.dtype.str, values.tolist()]
    params, arrays = _resolved(model)
    settings = {"params": params, "learned": learned, "warned": sorted(model._warned)}
    if model._waiting is not None:
        arrays |= grouped("waiting", vars(model._waiting))
    if model._engine is not None:
        arrays |= grouped("engine", model._engine.state())
    if hasattr(model, "result_"):
        settings["shard"], of_shard = _plain(model._shard)
        arrays |= grouped("shard", of_shard)
    write(path, type(model).__name__, settings, arrays)


def load(kind: type[Model], path: PathName) -> Model:
    """Return the model that was written; see `SGDInference.load`."""
    with read(path, kind.__name__) as (settings, arrays):
        params: dict[str, Any] = settings["params"]
        if "multiplier" in arrays:
            params["multiplier"] = Table("custom", arrays["multiplier"])
        model = kind(**params | {"companions": tuple(params["companions"])})
        model._forget()
        learned: dict[str, Any] = settings["learned"]
        for name in _PLAIN:
            setattr(model, name, learned[name])
        for name in _LISTED:
            if name in learned:
                dtype, values = learned[name]
                setattr(model, name, np.array(values, dtype=dtype))
        model._warned = set(settings["warned"])
        if waiting := group(arrays, "waiting"):
            model._waiting = Rows(**waiting)
        if engine := group(arrays, "engine"):
            model._engine = ChainEngine.from_state(engine)
        if "shard" in settings:
            model._publish(_shard(settings["shard"], group(arrays, "shard")), judged=False)
    return model


def _resolved(model: SGDInference) -> tuple[dict[str, Any], Arrays]:
    """Return parameters in JSON's types, and the values of a multiplier that has no name."""
    law = as_multiplier(model.multiplier)
    arrays = {"multiplier": law.support[0]} if law.name == "custom" else {}
    params = model.get_params(deep=False)
    return params | {"multiplier": law.name, "random_state": model._seed}, arrays


def _plain(shard: Shard) -> tuple[dict[str, Any], Arrays]:
    health = asdict(shard.health)
    arrays = {
        "estimate": shard.averages.estimate,
        "chains": shard.averages.chains,
        "between": shard.between,
        "bias": health["bias"].pop("bias"),
        **grouped("companions", shard.companions),
    }
    return {"n_rows": shard.averages.n_rows, "n_seen": shard.n_seen, "health": health}, arrays


def _shard(settings: dict[str, Any], arrays: Arrays) -> Shard:
    health = settings["health"]
    health["bias"] = TransientBias(arrays["bias"], **health["bias"])
    health["tails"] = ChainTails(**health["tails"])
    health["constant"] = tuple(health["constant"])
    averages = Averages(settings["n_rows"], arrays["estimate"], arrays["chains"])
    companions = group(arrays, "companions")
    return Shard(averages, settings["n_seen"], RunHealth(**health), companions, arrays["between"])
