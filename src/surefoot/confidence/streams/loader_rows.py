"""In which order a torch DataLoader gives its rows."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, Literal

from torch.utils.data import (
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from surefoot.ground.errors import InputError

Order = Literal["given", "random", "unknown"]


def order_of(loader: Any) -> Order:
    """Return whether rows come as they are stored, in random order, or nobody knows.

    Raises
    ------
    InputError
        If it is no DataLoader, or its sampler draws rows with replacement.
    """
    if not isinstance(loader, DataLoader):
        raise InputError("loader", type(loader).__name__, "a torch DataLoader")
    if isinstance(loader.dataset, IterableDataset):
        return "unknown"
    # A batch sampler of one's own hides what it draws from.
    sampler = getattr(loader.batch_sampler or loader, "sampler", None)
    repeats = isinstance(sampler, RandomSampler) and sampler.replacement
    if repeats or isinstance(sampler, WeightedRandomSampler):
        found = f"{type(sampler).__name__} with replacement"
        allowed = "a sampler that gives each row once: a repeated row would count as a new one"
        raise InputError("loader", found, allowed)
    if isinstance(sampler, SequentialSampler):
        return "given"
    shuffles = isinstance(sampler, DistributedSampler) and sampler.shuffle
    if shuffles or isinstance(sampler, RandomSampler | SubsetRandomSampler):
        return "random"
    return "unknown"


def rows_of(loader: DataLoader[Any]) -> int | None:
    """Return how many rows an iteration gives, if that is known beforehand."""
    sampler = getattr(loader.batch_sampler, "sampler", None)
    if isinstance(loader.dataset, IterableDataset) or not isinstance(sampler, Sized):
        return None
    n, size = len(sampler), loader.batch_size or 1
    return n - n % size if loader.drop_last else n
