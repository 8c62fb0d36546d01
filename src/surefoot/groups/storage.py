"""Save and load fitted classifiers: safetensors for arrays, JSON for the rest, never pickle."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.files import replacing, write_json
from surefoot.groups import classifier, rivals
from surefoot.groups.attachment import attach, fair_layers
from surefoot.groups.estimator import GroupClassifier, Network

FORMAT = 1
_ARRAYS = ("center_", "scale_", "logit_shift_", "class_offsets_")
WEIGHTS, SETTINGS = "model.safetensors", "model.json"
METHODS: dict[str, type[GroupClassifier]] = {
    "fairdropout": classifier.FairDropoutClassifier,
    "erm": rivals.ERMClassifier,
    "dropout": rivals.DropoutClassifier,
    "class-balanced": rivals.ClassBalancedClassifier,
    "jtt": rivals.JTTClassifier,
    "group-reweighted": rivals.GroupReweightedClassifier,
    "groupdro": rivals.GroupDROClassifier,
}


def save(model: GroupClassifier, folder: str | Path, **extra: Any) -> Path:
    """Write a fitted classifier to `folder`.

    Parameters
    ----------
    model : GroupClassifier
        Fitted. A network of your own is stored by its weights; `load` needs the callable again.
    folder : path
        Gets ``model.safetensors`` and ``model.json``.
    **extra : JSON values
        Kept beside the model, e.g. the encoder of a table.
    """
    from safetensors.torch import save_file

    names = {cls: name for name, cls in METHODS.items()}
    if type(model) not in names:
        raise InputError("model", type(model).__name__, ", ".join(c.__name__ for c in names))
    folder = Path(folder)
    network = model.network_
    tensors = {f"network.{k}": v.contiguous() for k, v in network.state_dict().items()}
    for name in _ARRAYS:
        tensors[name] = torch.as_tensor(getattr(model, name))
    params = model.get_params(deep=False)
    params["network"] = None if model.network is None else "given by the user"
    params["random_state"] = model.random_state if isinstance(model.random_state, int) else None
    settings = {
        "format": FORMAT,
        "method": names[type(model)],
        "params": params,
        "classes": model.classes_,
        "class_type": str(model.classes_.dtype),
        "input_shape": model.input_shape_,
        "temperature": model.temperature_,
        "group_names": model.group_names_,
        "placement": getattr(model, "placement_", None),
        "history": model.history_,
        "layers": [layer.settings() for layer in fair_layers(network)],
        "extra": extra,
    }
    with replacing(folder / WEIGHTS) as part:
        save_file(tensors, part)
    write_json(folder / SETTINGS, settings)
    return folder


def load(folder: str | Path, *, network: Network | None = None) -> tuple[GroupClassifier, dict]:
    """Read what `save` wrote.

    Parameters
    ----------
    folder : path
    network : callable, optional
        The one the model was built with, if it was not the default network.

    Returns
    -------
    model : GroupClassifier
        Ready to predict.
    extra : dict
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    if not (folder / SETTINGS).is_file() or not (folder / WEIGHTS).is_file():
        raise InputError("model", str(folder), f"a folder with {SETTINGS} and {WEIGHTS}")
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS)
    except (ValueError, SafetensorError) as error:
        raise InputError("model", f"{folder}: {error}", "files written by surefoot") from error
    if settings.get("format") != FORMAT:
        raise InputError("model format", settings.get("format"), f"{FORMAT}; update surefoot")
    cls = METHODS[one_of("method", settings["method"], METHODS)]
    params = settings["params"]
    if params["network"] is not None and network is None:
        raise InputError("network", None, "the callable this model was built with")
    allowed = inspect.signature(cls).parameters
    model = cls(**{k: _tupled(v) for k, v in params.items() if k in allowed} | {"network": network})

    model.classes_ = np.array(settings["classes"]).astype(settings["class_type"])
    model.input_shape_ = tuple(settings["input_shape"])
    model.n_features_in_ = model.input_shape_[0]
    model.temperature_, model.history_ = settings["temperature"], settings["history"]
    names = settings["group_names"]
    model.group_names_ = None if names is None else np.array(names)
    for name in _ARRAYS:
        setattr(model, name, tensors.pop(name).numpy())
    if len(model.classes_) == 2:
        difference = model.class_offsets_[1] - model.class_offsets_[0]
        model.decision_threshold_ = float(1 / (1 + np.exp(difference)))
    model.network_ = model._new_network(0)
    if settings["placement"] is not None:
        (layer,) = settings["layers"]
        options = {k: v for k, v in layer.items() if k not in ("format", "key")}
        attach(model.network_, {settings["placement"]: options})
        model.placement_ = settings["placement"]
    weights = {k.removeprefix("network."): v for k, v in tensors.items()}
    model.network_.load_state_dict(weights)
    model.network_.eval()
    return model, settings["extra"]


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
