"""Models of separate rows as one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.base import clone

from surefoot.confidence.multipliers import as_multiplier
from surefoot.ground.errors import InputError

if TYPE_CHECKING:
    from surefoot.confidence.estimator import SGDInference

Model = TypeVar("Model", bound="SGDInference")

_LEARNED_FROM_ROWS = ("n_features_in_", "feature_names_in_", "classes_")


def merged(a: Model, b: Model) -> Model:
    """Return the model of the rows of both; see `SGDInference.merge`."""
    for model in (a, b):
        model._fitted()
    if type(a) is not type(b):
        raise InputError("merge", type(b).__name__, type(a).__name__)
    others = b.get_params(deep=False)
    for name, value in a.get_params(deep=False).items():
        if name != "random_state" and not _alike(name, value, others[name]):
            raise InputError(f"merge, {name}", others[name], f"{value!r}, as in the other model")
    model = clone(a)
    for name in _LEARNED_FROM_ROWS:
        here, there = getattr(a, name, None), getattr(b, name, None)
        if not _alike(name, here, there):
            raise InputError(f"merge, {name}", there, f"{here}, as in the other model")
        if here is not None:
            setattr(model, name, here)
    model._seed = a._seed
    model._adopt(a._shard.merged(b._shard), warned=a._warned | b._warned)
    return model


def _alike(name: str, value: Any, other: Any) -> bool:
    if name == "multiplier":
        value, other = as_multiplier(value).support, as_multiplier(other).support
    return np.array_equal(value, other)
