"""Tables as users hand them in: what is wrong with one is said by row and column."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.rows import Rows
from surefoot.ground.errors import InputError

Floats = NDArray[np.float64]

_ENCODE = "numbers; encode categories first, as scikit-learn's OneHotEncoder does"


def refuse_dates(where: str, values: Any) -> None:
    """Refuse dates and durations: which numbers they become depends on a unit nobody chose."""
    if getattr(getattr(values, "dtype", None), "kind", "") in ("m", "M"):
        allowed = "numbers; derive some, such as hour and weekday"
        raise InputError(where, str(values.dtype), allowed)


@contextmanager
def naming_words(X: Any) -> Iterator[None]:
    """Refuse dates, and turn the failure to make numbers of `X` into an error naming the column."""
    if hasattr(X, "columns"):
        for name in X.columns:
            refuse_dates(f"X, column {name}", X[name])
    else:
        refuse_dates("X", X)
    try:
        yield
    except (TypeError, ValueError) as error:
        # Objects in an array are left to scikit-learn, whose contract has words for them.
        objects = isinstance(error, TypeError) and hasattr(X, "columns")
        if not (objects or "could not convert" in str(error)):
            raise
        names = list(X.columns) if hasattr(X, "columns") else range(np.shape(X)[1])
        columns = (X[name] if hasattr(X, "columns") else np.asarray(X)[:, name] for name in names)
        for name, column in zip(names, columns, strict=True):
            if (word := _first_word(column)) is not None:
                raise InputError(f"X, column {name}", word, _ENCODE) from error
        raise


def as_floats(where: str, values: NDArray[Any]) -> Floats:
    """Return `values` as floats, or say which is none."""
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        allowed = "numbers; words are classes: SGDInferenceClassifier, --loss logistic"
        raise InputError(where, _first_word(values), allowed) from error


def arguments(rows: Rows) -> dict[str, Any]:
    """Return rows as the arguments of `ChainEngine.consume`."""
    return {"X": rows.X, "y": rows.y, "row_ids": rows.ids, "sample_weight": rows.sample_weight}


def _first_word(column: Any) -> Any:
    for value in np.asarray(column, dtype=object):
        try:
            float(value)
        except (TypeError, ValueError):
            return value
    return None
