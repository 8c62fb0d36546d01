"""Batches of a stream of rows, and where in the user's data their rows stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows of a stream.

    Attributes
    ----------
    X : ndarray of float64, shape (b, p)
        Features, without a constant.
    y : ndarray of shape (b,)
        Targets: numbers, truth values or text.
    ids : ndarray of int64, shape (b,)
        Row numbers in the source, in whatever order the rows come: they decide the weights.
    sample_weight : ndarray of float64, shape (b,)
    """

    X: Floats
    y: NDArray[Any]
    ids: NDArray[np.int64]
    sample_weight: Floats

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Place:
    """Where rows come from, for messages.

    Parameters
    ----------
    source : str
        A file, a partition or a batch.
    first_row : int
        How many rows of it came before.
    """

    source: str
    first_row: int = 0

    def refuse_nonfinite(self, values: NDArray[Any], names: Sequence[str]) -> None:
        """Raise `InputError` at the first NaN or infinity of `values`, shape (b, len(names))."""
        if not (good := np.isfinite(values)).all():
            row, column = np.argwhere(~good)[0]
            self.refuse(int(row), names[column], values[row, column])

    def refuse_negative(self, weight: Floats, name: str) -> None:
        """Raise `InputError` at the first weight that is none."""
        self.refuse_nonfinite(weight[:, None], [name])
        if (weight < 0).any():
            row = int(np.argmax(weight < 0))
            raise InputError(self._cell(row, name), float(weight[row]), "weights from 0")

    def refuse(self, row: int, name: str, found: object) -> None:
        """Raise the `InputError` of a value that is not finite or not there."""
        missing = found is None or found != found
        kind = "a missing value" if missing else float(found)  # type: ignore[arg-type]
        raise InputError(self._cell(row, name), kind, "finite values; drop the row or impute")

    def _cell(self, row: int, name: str) -> str:
        return f"{self.source}, row {self.first_row + row:,}, column {name!r}"
