"""Features are matched by name, never silently by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.ground.errors import InputError


def columns_of(X: Any, names: Sequence[str], where: str = "X") -> NDArray[np.float64]:
    """Return the columns `names` of a table as floats, shape (N, len(names)).

    Raises
    ------
    InputError
        `X` is no DataFrame, lacks a column, or holds what is not a finite number; the message
        names the column and the row.
    """
    if not isinstance(X, pd.DataFrame):
        allowed = f"a DataFrame with the columns {', '.join(names)}: they are matched by name"
        raise InputError(where, type(X).__name__, allowed)
    if X.columns.nlevels > 1:
        raise InputError(f"{where}.columns", f"{X.columns.nlevels} levels", "one name a column")
    missing = [name for name in names if name not in X.columns]
    if missing:
        have = ", ".join(map(str, X.columns))
        raise InputError(f"{where}.columns", have, f"also {', '.join(missing)}")
    doubled = [name for name in names if list(X.columns).count(name) > 1]
    if doubled:
        raise InputError(f"{where}.columns", doubled, "each feature once")
    columns = []
    for name in names:
        try:
            if X[name].dtype.kind in "mMc":  # a date would be taken for a number of nanoseconds
                raise TypeError
            values = X[name].to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError):
            raise InputError(f"{where}[{name!r}]", X[name].dtype, "a column of numbers") from None
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            row = X.index[bad[0]]
            raise InputError(
                f"{where}[{name!r}], row {row}", float(values[bad[0]]), "a finite number"
            )
        columns.append(values)
    return np.column_stack(columns) if columns else np.zeros((len(X), 0))
