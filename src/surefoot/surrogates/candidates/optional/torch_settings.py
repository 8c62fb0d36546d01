"""Torch as the candidates use it: one thread, a seed of their own, and as it was afterwards."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from surefoot.ground.errors import need


@contextmanager
def quiet_torch(seed: int) -> Iterator[None]:
    """Run on one thread with that seed, warnings aside; threads and generator are then reset."""
    torch = need("torch", "peers")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
