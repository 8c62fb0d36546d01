"""Weights and intercept of fitted linear classifiers, scalers before them undone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from surefoot.ground.errors import InputError

Floats = NDArray[np.float64]
_SCALERS = "StandardScaler, MinMaxScaler, MaxAbsScaler or RobustScaler"


def linear_parts(estimator: Any, accept: Any = None) -> tuple[Floats, float, list[str] | None]:
    """Return weights (n,), intercept and names of a fitted linear classifier of two classes.

    Parameters
    ----------
    estimator : object
        With ``coef_`` and ``intercept_``, or a pipeline of scalers that ends in one.
    accept : label, optional
        The class whose members are accepted; the second by default.

    Raises
    ------
    InputError
        No linear classifier, more than two classes, another step than a scaler, an unknown class.
    """
    steps = (
        [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    )
    *before, last = [step for step in steps if step not in (None, "passthrough")]
    check_is_fitted(last)
    if not hasattr(last, "coef_") or not hasattr(last, "intercept_"):
        raise InputError("rule", type(last).__name__, "a linear classifier, with coef_, intercept_")
    weights = np.asarray(last.coef_, dtype=float)
    if weights.ndim == 2 and len(weights) > 1:
        raise InputError("rule", f"{len(weights)} rows of coef_", "a classifier of two classes")
    weights, intercept = weights.reshape(-1), float(np.ravel(last.intercept_)[0])
    for scaler in reversed(before):
        center, scale = _scaling(scaler, len(weights))
        weights = weights / scale
        intercept -= float(weights @ center)
    if accept is not None:
        classes = list(getattr(last, "classes_", [0, 1]))
        if accept not in classes:
            raise InputError("accept", accept, f"one of the classes {classes}")
        if accept == classes[0]:
            weights, intercept = -weights, -intercept
    named = getattr([*before, last][0], "feature_names_in_", None)
    return weights, intercept, None if named is None else [str(name) for name in named]


def _scaling(scaler: Any, n: int) -> tuple[Floats, Floats]:
    """Return center and scale: the scaler gives ``(x − center) / scale``."""
    check_is_fitted(scaler)
    zeros, ones = np.zeros(n), np.ones(n)
    if isinstance(scaler, StandardScaler):
        center, scale = scaler.mean_ if scaler.with_mean else None, scaler.scale_
    elif isinstance(scaler, RobustScaler):
        center, scale = scaler.center_, scaler.scale_
    elif isinstance(scaler, MaxAbsScaler):
        center, scale = None, scaler.scale_
    elif isinstance(scaler, MinMaxScaler):
        scale = 1 / scaler.scale_
        center = -scaler.min_ * scale
    else:
        raise InputError("rule", type(scaler).__name__, f"before a linear classifier: {_SCALERS}")
    return (zeros if center is None else center), (ones if scale is None else scale)
