"""Stable ids for examples: indices of a dataset, or hashes of a stream's keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sized
from typing import Any, cast

from torch.utils.data import Dataset

from surefoot.ground.errors import InputError

ID_KEY = "example_id"


class IndexedDataset(Dataset[tuple[int, Any]]):
    """A dataset that also yields the index of each item: ``(index, item)``.

    Dictionary items keep their form and gain the index under `key`, the convention of Hugging Face
    collators. Wrap before you split or sub-sample, so that an example keeps its id whatever part of
    the data is trained on.

    Parameters
    ----------
    dataset : map-style Dataset
    key : str, default "example_id"
        Items that have this key already are refused.

    Examples
    --------
    >>> IndexedDataset(["a", "b"])[1]
    (1, 'b')
    >>> IndexedDataset([{"text": "a"}])[0]
    {'text': 'a', 'example_id': 0}
    """

    def __init__(self, dataset: Any, key: str = ID_KEY) -> None:
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            allowed = "one with length and indices; for streams: stable_id"
            raise InputError("dataset", type(dataset).__name__, allowed)
        self.dataset, self.key = dataset, key

    def __len__(self) -> int:
        return len(cast("Sized", self.dataset))

    def __getitem__(self, index: int) -> Any:
        if index < 0:  # −1 means "no id"
            index += len(self)
        item = self.dataset[index]
        if not isinstance(item, Mapping):
            return index, item
        if self.key in item:
            raise InputError(f"item {index}", f"its own {self.key!r}", "another key for the index")
        return {**item, self.key: index}


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
