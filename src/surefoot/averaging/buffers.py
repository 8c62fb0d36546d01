"""Flat buffers: one allocation for each device and dtype, with a view for each tensor.

What averages do among themselves (sum a window, merge segments) runs over few long vectors; only
what touches the model goes tensor by tensor, fused by ``torch._foreach_*``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from surefoot.ground.errors import InputError

_ALIGNMENT = 64  # bytes, a cache line


@dataclass(frozen=True)
class _Slot:
    bucket: int
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Layout:
    """Where each of a list of tensors lies in flat buffers.

    Parameters
    ----------
    names : sequence of str
    tensors : sequence of Tensor
        Give shapes, memory order and devices.
    dtypes : sequence of torch.dtype
        Of the buffers, one for each tensor.
    device : torch.device, optional
        Of all buffers; by default that of each tensor.
    """

    def __init__(
        self,
        names: Sequence[str],
        tensors: Sequence[Tensor],
        dtypes: Sequence[torch.dtype],
        device: torch.device | None = None,
    ) -> None:
        self.names = list(names)
        self._kinds: list[tuple[torch.device, torch.dtype]] = []
        self._sizes: list[int] = []
        self._slots: list[_Slot] = []
        for tensor, dtype in zip(tensors, dtypes, strict=True):
            kind = (device or tensor.device, dtype)
            if kind not in self._kinds:
                self._kinds.append(kind)
                self._sizes.append(0)
            bucket = self._kinds.index(kind)
            slot = _Slot(bucket, self._sizes[bucket], tuple(tensor.shape), memory_order(tensor))
            self._slots.append(slot)
            step = _ALIGNMENT // kind[1].itemsize
            self._sizes[bucket] += math.ceil(tensor.numel() / step) * step

    @torch.inference_mode(False)  # what is born in that mode can't be written to after it
    def empty(self, *, pin_memory: bool = False) -> Flat:
        """Return zeroed buffers."""
        flats = [
            torch.zeros(size, dtype=dtype, device=device, pin_memory=pin_memory)
            for size, (device, dtype) in zip(self._sizes, self._kinds, strict=True)
        ]
        views = [
            flats[slot.bucket].as_strided(slot.shape, slot.stride, slot.offset)
            for slot in self._slots
        ]
        return Flat(self.names, flats, views)

    @property
    def nbytes(self) -> int:
        """Bytes of one set of buffers."""
        kinds = zip(self._sizes, self._kinds, strict=True)
        return sum(size * dtype.itemsize for size, (_, dtype) in kinds)


class Flat:
    """One value for each tensor of a layout: long vectors, and views of them by tensor."""

    def __init__(self, names: list[str], flats: list[Tensor], views: list[Tensor]) -> None:
        self.names, self.flats, self.views = names, flats, views

    def named(self) -> dict[str, Tensor]:
        """Return copies of the views by name."""
        return {n: v.clone() for n, v in zip(self.names, self.views, strict=True)}

    def load(self, named: Mapping[str, Tensor], where: str) -> None:
        """Copy contents in; names, shapes and dtypes have to be these."""
        known = dict(zip(self.names, self.views, strict=True))
        faults = {
            "missing": [name for name in known if name not in named],
            "not in the model": [name for name in named if name not in known],
            "of another form": [
                f"{name} {_form(named[name])} for {_form(view)}"
                for name, view in known.items()
                if name in named and _form(named[name]) != _form(view)
            ],
        }
        if any(faults.values()):
            found = "; ".join(f"{kind}: {listed(names)}" for kind, names in faults.items() if names)
            raise InputError(where, found, "the tensors of this model")
        for name, view in known.items():
            view.copy_(named[name])


def average_dtype(tensor: Tensor, dtype: torch.dtype | None) -> torch.dtype:
    """Return what `tensor` is averaged in if `dtype` is asked for, None leaving the choice."""
    allowed = (torch.float32, torch.float64, torch.bfloat16)
    if dtype is not None and dtype not in allowed:
        raise InputError("dtype", dtype, "float32, float64 or bfloat16, or None")
    if tensor.is_complex():
        return tensor.dtype
    if dtype is not None:
        return dtype
    return tensor.dtype if tensor.dtype.itemsize >= 4 else torch.float32


def place_of(device: torch.device | str) -> torch.device:
    """Return a device with its number: "cuda" is the current one."""
    place = torch.device(device)
    return place if place.type == "cpu" else torch.empty(0, device=place).device


def is_dense(tensor: Tensor) -> bool:
    """Return whether the elements fill their memory without gaps, in whatever order."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def memory_order(tensor: Tensor) -> tuple[int, ...]:
    """Return strides that keep the memory order of a dense tensor (channels last, …)."""
    if is_dense(tensor):
        return tensor.stride()
    return torch.empty(tensor.shape, device="meta").stride()


def memory_of(tensor: Tensor) -> Tensor:
    """Return a dense tensor as the vector of its memory."""
    return tensor.as_strided((tensor.numel(),), (1,))


def listed(names: Sequence[str], shown: int = 5) -> str:
    """Return the first few names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _form(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
