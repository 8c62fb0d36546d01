"""Stable ids for examples: indices of a dataset, or hashes of a stream's keys."""

from __future__ import annotations

import hashlib
from collections.abc import Sized
from typing import Any, cast

from torch.utils.data import Dataset

from surefoot.ground.errors import InputError


class IndexedDataset(Dataset[tuple[int, Any]]):
    """A dataset that also yields the index of each item: ``(index, item)``.

    Dictionary items keep their form and gain the index under `key`, the convention of Hugging Face
    collators.

    Parameters
    ----------
    dataset : map-style Dataset
    key : str, default "example_id"

    Examples
    --------
    >>> IndexedDataset(["a", "b"])[1]
    (1, 'b')
    >>> IndexedDataset([{"text": "a"}])[0]
    {'text': 'a', 'example_id': 0}
    """

    def __init__(self, dataset: Any, key: str = "example_id") -> None:
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            found = type(dataset).__name__
            raise InputError(
                "dataset", found, "one with length and indices; for streams: stable_id"
            )
        self.dataset, self.key = dataset, key

    def __len__(self) -> int:
        return len(cast("Sized", self.dataset))

    def __getitem__(self, index: int) -> Any:
        item = self.dataset[index]
        if isinstance(item, dict):
            return item | {self.key: index}
        return index, item


def stable_id(key: str | bytes) -> int:
    """Return an id in [0, 2^63) that depends only on `key`: a file name, URL or sample key.

    The same on every machine and Python version. Among n keys two share an id with probability
    about n² / 2^64: 5e-8 for a million.

    Examples
    --------
    >>> stable_id("shard-0004/000123.jpg")
    8387414273352326442
    """
    if isinstance(key, str):
        key = key.encode()
    if not isinstance(key, bytes):
        raise InputError("key", key, "text or bytes")
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little") >> 1
