"""What averages compute: move towards the weights, combine buffers, exchange contents in place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.averaging.buffers import Flat, memory_of
from surefoot.ground.streams import subseed

CHUNK = 1 << 17  # elements: two pieces of float32 fit a core's cache
_WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32}


@torch.no_grad()
def copy_(average: Flat, theta: list[Tensor]) -> None:
    """Set `average` to the weights, one piece for each tensor."""
    foreach_copy_(average.views, theta)


@torch.no_grad()
def lerp_(average: Flat, theta: Sequence[Tensor], weight: float, key: int) -> None:
    """Move `average` towards the weights by the share `weight`.

    Averages may be wider than the weights they average. In bfloat16 the last bits of the result
    are rounded at random, keyed by `key`: rounding to nearest would lose every step smaller than
    half a unit in the last place, and with it the average.
    """
    _lerp(average.views, theta, weight, key)


@torch.no_grad()
def merge_(average: Flat, other: Flat, weight: float, key: int) -> None:
    """Move `average` towards `other`, of the same layout, by the share `weight`."""
    _lerp(average.flats, other.flats, weight, key)


@torch.no_grad()
def combine_(out: Flat, coefficients: Sequence[float] | NDArray, flats: Sequence[Flat]) -> None:
    """Set `out` to Σ coefficient × buffers, summed in float64 one chunk at a time."""
    used = [(float(c), flat) for c, flat in zip(coefficients, flats, strict=True) if c != 0]
    for bucket, target in enumerate(out.flats):
        wide = torch.promote_types(target.dtype, torch.float64)
        for start in range(0, len(target), CHUNK):
            chunk = slice(start, start + CHUNK)
            total = torch.zeros_like(target[chunk], dtype=wide)
            for c, flat in used:
                total.add_(flat.flats[bucket][chunk].to(wide), alpha=c)
            target[chunk] = total.to(target.dtype)


@torch.no_grad()
def exchange_(live: Sequence[Tensor], held: Sequence[Tensor]) -> None:
    """Exchange the contents of dense tensors bit by bit, without memory of its own.

    Three exclusive ors exchange two words; a piece of both stays in the cache meanwhile.
    """
    for left, right in zip(map(_bits_of, live), map(_bits_of, held), strict=True):
        for a, b in zip(_pieces(left), _pieces(right), strict=True):
            a.bitwise_xor_(b)
            b.bitwise_xor_(a)
            a.bitwise_xor_(b)


@torch.no_grad()
def are_finite(tensors: Sequence[Tensor]) -> bool:
    """Return whether no element is infinite or NaN; one reduction over each tensor."""
    # A sum is finite only if every term is; one that is not may have overflowed: look closer.
    return all(bool(t.sum().isfinite()) or bool(t.isfinite().all()) for t in tensors)


def foreach_lerp_(averages: list[Tensor], targets: list[Tensor], weight: float) -> None:
    """Move each tensor towards its target by the share `weight`, in one call if torch has it."""
    if hasattr(torch, "_foreach_lerp_"):
        torch._foreach_lerp_(averages, targets, weight)
    else:
        for average, target in zip(averages, targets, strict=True):
            average.lerp_(target, weight)


def foreach_copy_(targets: list[Tensor], sources: list[Tensor]) -> None:
    """Copy each source into its target, across dtypes and devices, in one call if torch has it."""
    if hasattr(torch, "_foreach_copy_"):
        torch._foreach_copy_(targets, sources)
    else:
        for target, source in zip(targets, sources, strict=True):
            target.copy_(source)


def _bits_of(tensor: Tensor) -> Tensor:
    return memory_of(tensor).view(_WORDS.get(tensor.element_size(), torch.int64))


def _pieces(vector: Tensor) -> Sequence[Tensor]:
    """Return what fits a core's cache; accelerators take all at once."""
    if vector.device.type != "cpu" or len(vector) <= CHUNK:
        return (vector,)
    return vector.split(CHUNK)


def _lerp(averages: Sequence[Tensor], targets: Sequence[Tensor], weight: float, key: int) -> None:
    same: tuple[list[Tensor], list[Tensor]] = ([], [])
    for i, (average, target) in enumerate(zip(averages, targets, strict=True)):
        if average.dtype == torch.bfloat16:
            _lerp_bfloat16(average, target, weight, subseed(key, i))
        elif average.dtype == target.dtype:
            same[0].append(average)
            same[1].append(target)
        else:
            average.lerp_(target.to(average.dtype), weight)
    if same[0]:
        foreach_lerp_(*same, weight)


def _lerp_bfloat16(average: Tensor, target: Tensor, weight: float, seed: int) -> None:
    generator = torch.Generator(average.device).manual_seed(seed)
    if target.stride() != average.stride():
        target = torch.empty_like(average, dtype=target.dtype).copy_(target)
    mine, other = memory_of(average), memory_of(target)
    for start in range(0, len(mine), CHUNK):
        chunk = slice(start, start + CHUNK)
        moved = mine[chunk].float().lerp_(other[chunk].float(), weight)
        mine[chunk] = rounded_at_random(moved, generator)


def rounded_at_random(values: Tensor, generator: torch.Generator) -> Tensor:
    """Round float32 `values` to bfloat16, up or down with chances that keep the mean."""
    bits = values.view(torch.int32)
    noise = torch.empty_like(bits).random_(0, 1 << 16, generator=generator)
    # bfloat16 lacks the low 16 bits; noise added to them carries into the bits that stay.
    rounded = ((bits + noise) & -(1 << 16)).view(torch.float32)
    return torch.where(values.isfinite(), rounded, values).bfloat16()
