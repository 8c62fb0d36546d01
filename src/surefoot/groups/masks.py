"""Stateless example-tied masks: a hash of (key, example id, unit) decides which units are on.

Nothing is stored and nothing is drawn in sequence, so an example has the same mask on every rank,
device, dtype and epoch, in any order and after any restart. The global generator is never touched.

Source: splitmix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014). A row of the mask is the splitmix64 sequence that starts at the hashed example id;
each 64-bit word serves two units.
"""

from __future__ import annotations

import torch
from torch import Tensor

_GAMMA = 0x9E3779B97F4A7C15 - 2**64  # the odd golden-ratio increment, as a signed integer
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64


def bernoulli_mask(ids: Tensor, units: int, probability: float, key: int) -> Tensor:
    """Each unit is on with `probability`, independently. (B,) int64 -> (B, units) bool."""
    threshold = round(probability * 2**32) - 2**31
    if threshold == 2**31:  # does not fit a signed 32-bit number
        return torch.ones(len(ids), units, dtype=torch.bool, device=ids.device)
    return _lanes(ids, units, key) < threshold


def fixed_mask(ids: Tensor, units: int, count: int, key: int) -> Tensor:
    """Exactly `count` units are on, every set equally likely. (B,) int64 -> (B, units) bool."""
    if count == units:
        return torch.ones(len(ids), units, dtype=torch.bool, device=ids.device)
    if count == 0:
        return torch.zeros(len(ids), units, dtype=torch.bool, device=ids.device)
    if count == 1:
        start = (_hash_ids(ids, key) & 0x7FFFFFFFFFFFFFFF) % units
        return start[:, None] == torch.arange(units, device=ids.device)
    # The `count` smallest of `units` random numbers; the unit's index makes ties impossible.
    unit = torch.arange(units, device=ids.device)
    order = _lanes(ids, units, key).long() * units + unit
    last = order.topk(count, dim=1, largest=False, sorted=False).values.amax(1, keepdim=True)
    return order <= last


def pack_bits(mask: Tensor) -> Tensor:
    """Pack (N, M) bool into (N, ceil(M / 8)) uint8, least significant bit first."""
    padding = -mask.shape[1] % 8
    bits = torch.nn.functional.pad(mask.to(torch.uint8), (0, padding))
    weights = 2 ** torch.arange(8, device=mask.device, dtype=torch.uint8)
    return (bits.view(len(mask), -1, 8) * weights).sum(-1, dtype=torch.uint8)


def unpack_bits(packed: Tensor, units: int) -> Tensor:
    """Invert `pack_bits`: (B, ceil(units / 8)) uint8 -> (B, units) bool."""
    weights = 2 ** torch.arange(8, device=packed.device, dtype=torch.uint8)
    bits = packed[:, :, None].bitwise_and(weights).ne(0)
    return bits.view(len(packed), -1)[:, :units]


def _lanes(ids: Tensor, units: int, key: int) -> Tensor:
    """Return (B, units) int32, uniform over all 2^32 values."""
    word = torch.arange((units + 1) // 2, device=ids.device) * _GAMMA
    words = _mix(_hash_ids(ids, key)[:, None] + word)
    return words.view(torch.int32)[:, :units]


def _hash_ids(ids: Tensor, key: int) -> Tensor:
    return _mix(ids * _GAMMA + key)


def _mix(z: Tensor) -> Tensor:
    z = (z ^ _shift(z, 30)) * _MIX_1
    z = (z ^ _shift(z, 27)) * _MIX_2
    return z ^ _shift(z, 31)


def _shift(z: Tensor, bits: int) -> Tensor:
    # torch shifts int64 arithmetically; without this mask the copied sign bit would bias the hash.
    return (z >> bits) & ((1 << (64 - bits)) - 1)
