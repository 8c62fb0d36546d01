"""What a dataset is once loaded: a table or named arrays, with a fingerprint of the values.

The fingerprint depends on the values alone: not on the file format, the platform or the version
of pandas. Ledger identities use it to name the data that a result rests on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from surefoot.ground.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Table:
    """A dataset of rows and named columns.

    Parameters
    ----------
    name : str
        The dataset.
    frame : DataFrame
        Its rows.
    target : str
        The column that is usually predicted.
    source : str
        Where the data came from: "packaged" or a folder.

    Attributes
    ----------
    fingerprint : str
        SHA-256 of column names and values, taken at construction.
    """

    name: str
    frame: pd.DataFrame = field(repr=False)
    target: str
    source: str
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", _of_frame(self.frame))


@dataclass(frozen=True, eq=False)
class Arrays:
    """A dataset of named arrays.

    Parameters
    ----------
    name : str
        The dataset.
    arrays : dict of str to ndarray
        Its content.
    source : str
        Where the data came from: "packaged" or a folder.

    Attributes
    ----------
    fingerprint : str
        SHA-256 of names, types, shapes and values, taken at construction.
    """

    name: str
    arrays: dict[str, np.ndarray] = field(repr=False)
    source: str
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", _of_arrays(self.arrays))


def _of_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    import numpy as np

    total = hashlib.sha256(b"surefoot-arrays-1")
    for name in sorted(arrays):
        values = np.asarray(arrays[name])
        if values.dtype.hasobject:
            raise InputError(f"array {name!r}", "Python objects", "numbers, truth values or text")
        values = values.astype(values.dtype.newbyteorder("<"), copy=False)
        _add(total, [name, values.dtype.str, values.shape], values)
    return total.hexdigest()


def _of_frame(frame: pd.DataFrame) -> str:
    total = hashlib.sha256(b"surefoot-table-1")
    for name in frame.columns:
        kind, values, words = _canonical(frame[name], f"column {name!r}")
        _add(total, [str(name), kind, len(frame), words], values)
    return total.hexdigest()


def _canonical(column: pd.Series, where: str) -> tuple[str, np.ndarray, list[str]]:
    """Return the kind of `column`, its values as fixed-width numbers and, for text, its words."""
    import numpy as np
    import pandas as pd

    kinds = pd.api.types
    if kinds.is_bool_dtype(column):
        return "truth", column.to_numpy("u1"), []
    if kinds.is_integer_dtype(column):
        return "integer", column.to_numpy("<i8"), []
    if kinds.is_float_dtype(column):
        values = column.to_numpy("<f8") + 0.0  # -0.0 becomes 0.0
        return "number", np.where(np.isnan(values), np.nan, values), []
    if kinds.is_datetime64_dtype(column):
        return "time", column.to_numpy("<M8[us]").view("<i8"), []
    # Words in order of first appearance, and for each row the index of its word; missing is -1.
    codes, words = pd.factorize(column)
    if not all(isinstance(word, str) for word in words):
        raise InputError(where, column.dtype, "numbers, truth values, times or text")
    return "text", codes.astype("<i8"), list(words)


def _add(total: Any, description: list[Any], values: np.ndarray) -> None:
    # The length keeps the description apart from the bytes that follow it.
    text = json.dumps(description).encode()
    total.update(len(text).to_bytes(8, "little") + text)
    total.update(values.tobytes())
