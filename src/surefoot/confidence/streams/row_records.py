"""Batches as records of a fixed size, for buffers and temporary files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.engine import Precision
from surefoot.confidence.streams.batches import Batch
from surefoot.ground.errors import InputError

Records = NDArray[np.void]


class RecordFormat:
    """How a stream's rows are written down.

    Parameters
    ----------
    like : Batch
        A batch of the stream; the type of its targets is that of all.
    precision : {"float64", "float32"}
        In which features are kept.

    Attributes
    ----------
    dtype : dtype
    """

    def __init__(self, like: Batch, precision: Precision) -> None:
        self._text = like.y.dtype.kind == "U"
        # Text is kept as a number: a table of targets has few different ones.
        self._codes: dict[str, int] = {}
        target = np.dtype(np.int32) if self._text else like.y.dtype
        p = like.X.shape[1]
        self.dtype = np.dtype([
            ("id", np.int64), ("weight", np.float64), ("y", target), ("X", precision, (p,)),
        ])  # fmt: skip

    def pack(self, batch: Batch) -> Records:
        """Return the rows of a batch as records.

        Raises
        ------
        InputError
            If they are not like those of the first batch.
        """
        records = np.empty(len(batch), self.dtype)
        records["id"], records["weight"] = batch.ids, batch.sample_weight
        if (batch.y.dtype.kind == "U") != self._text:
            raise InputError("y", str(batch.y.dtype), "numbers in all batches, or text in all")
        records["y"] = y = self._coded(batch.y) if self._text else batch.y
        with np.errstate(over="ignore"):
            records["X"] = batch.X
        for name, values in (("y", y), ("X", batch.X)):
            # All targets are alike in type as a rule, and then there is nothing to lose.
            if values.dtype != self.dtype[name].base and (records[name] != values).any():
                allowed = f"{self.dtype[name].base} as in the first batch: one type in all of them"
                raise InputError(name, f"{values.dtype} that would lose digits", allowed)
        return records

    def unpack(self, records: Records) -> Batch:
        """Return records as a batch."""
        y: NDArray[Any] = records["y"].copy()
        if self._text:
            y = np.array(list(self._codes))[y]
        X = records["X"].astype(np.float64)
        return Batch(X, y, records["id"].copy(), records["weight"].copy())

    def _coded(self, y: NDArray[np.str_]) -> NDArray[np.int32]:
        words, which = np.unique(y, return_inverse=True)
        codes = [self._codes.setdefault(str(word), len(self._codes)) for word in words]
        return np.array(codes, dtype=np.int32)[which]
