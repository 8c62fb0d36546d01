"""What a user's loss is given and gives: batches of any form, one loss a row, keyed randomness."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from surefoot.ground.errors import InputError
from surefoot.ground.streams import Name, subseed

TorchLoss = Callable[[Tensor, Any], Tensor]


def tensors_in(batch: Any) -> Iterator[Tensor]:
    """Yield the tensors of a batch, in order."""
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, Mapping):
        for part in batch.values():
            yield from tensors_in(part)
    elif isinstance(batch, tuple | list):
        for part in batch:
            yield from tensors_in(part)


def mapped(fn: Callable[[Tensor], Tensor], batch: Any) -> Any:
    """Return the batch with `fn` of each tensor; what is no tensor stays as it is."""
    if isinstance(batch, Tensor):
        return fn(batch)
    if isinstance(batch, Mapping):
        return {key: mapped(fn, part) for key, part in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(mapped(fn, part) for part in batch)
    return batch


def rows_in(batch: Any) -> int:
    """Return how many rows a batch has: the length of its first tensor."""
    first = next(tensors_in(batch), None)
    if first is None or first.ndim == 0 or len(first) == 0:
        found = type(batch).__name__ if first is None else f"a tensor of shape {tuple(first.shape)}"
        raise InputError("batch", found, "tensors whose first dimension counts the rows")
    return len(first)


def rows_of(batch: Any, part: slice) -> Any:
    """Return some rows of a batch, all tensors of which have a row a sample."""
    return mapped(lambda tensor: tensor[part], batch)


def in_precision(batch: Any, dtype: torch.dtype) -> Any:
    """Return the batch with its floating-point tensors in `dtype`."""
    return mapped(lambda part: part.to(dtype) if part.is_floating_point() else part, batch)


def per_row(losses: Tensor, b: int) -> Tensor:
    """Return the losses if they are one number a row.

    Raises
    ------
    InputError
        If they were summed or averaged, or have another shape than (b,).
    """
    if not isinstance(losses, Tensor) or losses.shape != (b,):
        found = f"shape {tuple(losses.shape)}" if isinstance(losses, Tensor) else losses
        allowed = f"one number a row, shape ({b},): reduction='none', outputs shaped as targets"
        raise InputError("loss", found, allowed)
    return losses


@contextmanager
def keyed(device: torch.device, seed: int, *names: Name) -> Iterator[None]:
    """Lend torch's generators the stream of `seed` and `names`, then put their states back."""
    key = subseed(seed, *names)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(key)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(key)
        yield


def random_state(device: torch.device) -> Tensor:
    """Return the state of the generator that a loss on this device draws from."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
