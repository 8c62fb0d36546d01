"""The weighted mean of checkpoints, a chunk of a tensor at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from surefoot.averaging.checkpoints import Checkpoint, name_of
from surefoot.averaging.safetensors_stream import Files, Spec
from surefoot.ground.errors import InputError

AVERAGED: Mapping[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
}
COPIED = frozenset({"BOOL", "I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64"})
_DIFFERENCES_SHOWN = 5
_WIDTH = 8  # bytes of a float64


def require_alike(checkpoints: Sequence[Checkpoint]) -> None:
    """Refuse tensors that have no average, and checkpoints that differ in more than values.

    Raises
    ------
    InputError
        It lists the first differences and counts the others.
    """
    newest = checkpoints[-1]
    dtypes = {name: place.entry.dtype for name, place in newest.tensors.items()}
    for name, dtype in dtypes.items():
        if dtype not in AVERAGED and dtype not in COPIED:
            found = f"{dtype}, which has no average"
            raise InputError(f"{name!r} in {newest.path}", found, ", ".join(AVERAGED))
    if not any(dtype in AVERAGED for dtype in dtypes.values()):
        raise InputError(str(newest.path), "nothing to average", "a checkpoint with float tensors")
    differences = []
    for other in checkpoints[:-1]:
        for name in [*dtypes, *(name for name in other.tensors if name not in dtypes)]:
            old, new = _described(other, name), _described(newest, name)
            if old != new:
                where = f"in {name_of(other.path)}, {new} in {name_of(newest.path)}"
                differences.append(f"{name!r} is {old} {where}")
    if differences:
        listed = "; ".join(differences[:_DIFFERENCES_SHOWN])
        more = len(differences) - _DIFFERENCES_SHOWN
        raise InputError(
            "checkpoints",
            f"{len(differences)} differences",
            f"the same names, shapes and dtypes in all, but {listed}"
            + (f"; and {more} more" if more > 0 else ""),
        )


class ChunkedMean:
    """Weighted mean of checkpoints with the same tensors.

    It holds two float64 chunks and one of the files' dtype, whatever the number and size of the
    checkpoints. Products and sums are rounded one by one in the order of the checkpoints, so the
    result does not depend on the size of the chunks.

    Parameters
    ----------
    checkpoints : sequence of Checkpoint
        Oldest first.
    weights : sequence of float
        One per checkpoint.
    files : Files
        What the checkpoints are read through.
    chunk_bytes : int
        Size of a float64 chunk.
    """

    def __init__(
        self,
        checkpoints: Sequence[Checkpoint],
        weights: Sequence[float],
        files: Files,
        chunk_bytes: int,
    ) -> None:
        self.checkpoints, self.weights, self.files = checkpoints, weights, files
        self.elements = chunk_bytes // _WIDTH
        self._bytes = bytearray(self.elements * _WIDTH)  # read into, and written from
        self._mean = torch.empty(self.elements, dtype=torch.float64)
        self._term = torch.empty(self.elements, dtype=torch.float64)

    def pieces(self, spec: Spec) -> Iterator[memoryview]:
        """Yield the bytes of a tensor's mean in order; each piece is good until the next.

        Integers and booleans are those of the newest checkpoint.

        Raises
        ------
        InputError
            If a value is not finite, unless it is an infinity that all checkpoints share, as in an
            attention mask; or if the mean is too large for the tensor's dtype.
        """
        copied = spec.dtype in COPIED
        width = 1 if copied else AVERAGED[spec.dtype].itemsize
        total = spec.nbytes // width
        step = self.elements * _WIDTH if copied else self.elements
        for start in range(0, total, step):
            count = min(step, total - start)
            view = memoryview(self._bytes)[: count * width]
            read = partial(self._read, spec.name, start * width, view)
            if copied:
                read(self.checkpoints[-1])
            else:
                self._average(spec, count, read)
            yield view

    def _read(self, name: str, begin: int, view: memoryview, checkpoint: Checkpoint) -> None:
        """Fill `view` with bytes of a tensor."""
        path, entry = checkpoint.tensors[name]
        self.files.read_into(view, path, entry.offset + begin)

    def _average(self, spec: Spec, count: int, read: Callable[[Checkpoint], None]) -> None:
        dtype = AVERAGED[spec.dtype]
        values = torch.frombuffer(self._bytes, dtype=dtype, count=count)
        mean, term = self._mean[:count], self._term[:count]
        for j, (checkpoint, weight) in enumerate(zip(self.checkpoints, self.weights, strict=True)):
            read(checkpoint)
            if j == 0:
                mean.copy_(values).mul_(weight)
            else:
                # Not add_ with alpha: it may fuse the two roundings, or not, by position.
                mean.add_(term.copy_(values).mul_(weight))
        if not _fits(mean, dtype):
            self._settle(spec, mean, values, read)
        values.copy_(mean)

    def _settle(
        self, spec: Spec, mean: Tensor, values: Tensor, read: Callable[[Checkpoint], None]
    ) -> None:
        """Put back the infinities that all checkpoints share; raise for whatever else is wrong."""
        newest = self.checkpoints[-1]
        read(newest)
        latest = values.to(torch.float64)
        for checkpoint in self.checkpoints:
            read(checkpoint)
            current = values.to(torch.float64)
            odd = (current != latest) & ~(current.isfinite() & latest.isfinite())
            if odd.any():
                first = int(odd.nonzero()[0])
                if current[first].isfinite():
                    checkpoint, current = newest, latest
                raise InputError(
                    f"{spec.name!r} in {checkpoint.tensors[spec.name].path}",
                    float(current[first]),
                    "finite numbers, or an infinity that all checkpoints share",
                )
        shared = latest.isinf()
        mean[shared] = latest[shared]
        if not _fits(mean[~shared], values.dtype):
            found = f"an average beyond the range of {spec.dtype}"
            raise InputError(repr(spec.name), found, "weights that keep it within")


def _described(checkpoint: Checkpoint, name: str) -> str:
    if name not in checkpoint.tensors:
        return "absent"
    entry = checkpoint.tensors[name].entry
    return f"{entry.dtype} {list(entry.shape)}"


def _fits(mean: Tensor, dtype: torch.dtype) -> bool:
    """Return whether all of `mean` is finite in `dtype`; one pass, and NaN fails it."""
    if not len(mean):
        return True
    info = torch.finfo(dtype)
    limit = info.max * (1 + info.eps / 4)  # what still rounds to the largest number
    lowest, highest = torch.aminmax(mean)
    return -limit <= lowest.item() and highest.item() <= limit
