"""Tables as users hand them to a regressor: checked, named, replicates settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _get_feature_names,
    check_array,
    check_consistent_length,
    validate_data,
)

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.finite import all_finite

if TYPE_CHECKING:
    from surefoot.surrogates.regressor import SurrogateRegressor

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_FEWEST = 5


def learn(model: SurrogateRegressor, X: Any, y: Any) -> tuple[Any, Floats]:
    """Check a table to be fitted; return it with the responses in columns.

    Sets what `check` compares with: the space or the names of the columns, the shape of y.
    """
    from surefoot.surrogates.simulation.space import Space

    model._space, model._fixed = model.space, {}
    if model._space is None and _has_words(X):
        model._fixed = _single_values(X)
        model._space = Space.from_table(X.drop(columns=list(model._fixed)))
    X = check(model, X, reset=True)
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    outputs = _get_feature_names(y)
    Y = check_array(y, ensure_2d=False, dtype=np.float64, ensure_all_finite=False, input_name="y")
    check_consistent_length(X, Y)
    all_finite("y", Y)
    model._single = Y.ndim == 1
    Y = Y.reshape(len(Y), -1)
    model.output_names_ = [f"y{j}" for j in range(Y.shape[1])] if outputs is None else list(outputs)
    return X, Y


def check(model: SurrogateRegressor, X: Any, *, reset: bool = False) -> Any:
    """Check a table and return what `UnitCube.encode` takes: a frame or an array."""
    if model._space is not None:
        if reset:
            _check_feature_names(model, X, reset=True)
        if not hasattr(X, "columns"):
            _check_n_features(model, X, reset=reset)
        frame = model._space.check(_without_fixed(model._fixed, X))
        model.n_features_in_ = len(model._space.names) + len(model._fixed)
        return frame
    array = validate_data(
        model, X, reset=reset, dtype=np.float64, ensure_all_finite=False,
        ensure_min_samples=1 if reset else 0,
    )  # fmt: skip
    return all_finite("X", array)


def names(model: SurrogateRegressor) -> tuple[str, ...]:
    """Return the names of the columns, ``x0`` … where they have none."""
    given = getattr(model, "feature_names_in_", None)
    return tuple(f"x{j}" for j in range(model.n_features_in_)) if given is None else tuple(given)


def refuse_too_few(count: int) -> None:
    """Refuse tables from which nothing can be cross-validated."""
    if count < _FEWEST:
        raise InputError("X", f"n_samples={count}", f"at least {_FEWEST} different rows")


def settle_replicates(
    Z: Floats, Y: Floats, groups: Ints, noise: str, dropped: list[str]
) -> tuple[Floats, Floats, Ints, bool, list[str]]:
    """Merge rows that repeat a run exactly, unless repeated runs differ.

    Parameters
    ----------
    Z : ndarray of shape (n, d)
    Y : ndarray of shape (n, p)
    groups : ndarray of int of shape (n,)
        Equal inputs have equal numbers.
    noise : {"auto", "none", "free"}
    dropped : list of str
        Columns that are constant.

    Returns
    -------
    Z, Y, groups
        Of the rows that are kept.
    conflict : bool
        Whether equal inputs have different responses.
    remarks : list of str
    """
    remarks = [f"column {name} is constant and was left out" for name in dropped]
    pair = _conflict(groups, Y)
    if pair is not None:
        if noise == "none":
            found = f"rows {pair[0]} and {pair[1]}: equal inputs, different responses"
            raise InputError("y", found, "one response an input; or noise='free'")
        remarks.append(f"equal inputs have different responses (rows {pair[0]} and {pair[1]})")
        return Z, Y, groups, True, remarks
    if noise == "free":
        return Z, Y, groups, True, remarks
    _, first = np.unique(groups, return_index=True)
    rows = np.sort(first)
    if len(rows) < len(Z):
        remarks.append(f"{len(Z) - len(rows)} rows repeat another exactly and were merged")
    return Z[rows], Y[rows], groups[rows], False, remarks


def _conflict(groups: Ints, Y: Floats) -> tuple[int, int] | None:
    """Return two rows with equal inputs and different responses, if there are any."""
    first: dict[int, int] = {}
    for row, group in enumerate(groups.tolist()):
        one = first.setdefault(group, row)
        if not np.array_equal(Y[one], Y[row]):
            return one, row
    return None


def _single_values(X: Any) -> dict[str, Any]:
    """Return the value of every column of a frame that has only one: no range spans it."""
    single = [name for name in X.columns if X[name].nunique() == 1 and X[name].notna().all()]
    return {name: X[name].to_numpy()[:1].tolist()[0] for name in single}


def _without_fixed(fixed: dict[str, Any], X: Any) -> Any:
    """Return a frame without its `fixed` columns, which must have the values of the fit."""
    for name, value in fixed.items() if hasattr(X, "columns") else ():
        one_of("columns", name, X.columns)
        if (other := (X[name] != value).to_numpy()).any():
            where = f"row {int(other.argmax())}, column {name!r}"
            raise InputError(
                where, X[name].to_numpy()[other].tolist()[0], f"{value!r}, as in the fit"
            )
    return X.drop(columns=list(fixed)) if hasattr(X, "columns") else X


def _has_words(X: Any) -> bool:
    if not hasattr(X, "columns"):
        return False
    from pandas.api.types import is_numeric_dtype

    return not all(is_numeric_dtype(X[name]) for name in X.columns)
