"""What rooms that train torch networks share.

This is the one module of the ground that needs torch, so nothing else in the ground imports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn

from surefoot.ground.streams import subseed


@contextmanager
def keyed_torch(seed: int, purpose: str) -> Iterator[None]:
    """Lend torch's CPU generator the stream of `seed` and `purpose`, then put its state back.

    Initialisers and ordinary dropout know only the global generator.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(subseed(seed, purpose))
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Run in ``eval()``, then give every module the mode it had; some may be frozen."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


class PooledMoments:
    """Mean and variance of every channel, over all values of all batches, in float64.

    Batches are pooled value by value, so their sizes and their order do not matter, other than
    with averages of batch statistics.

    Parameters
    ----------
    like : Tensor of shape (C,)
        Gives the number of channels and the device, as ``norm.running_mean`` does.

    Attributes
    ----------
    count : int
        Values a channel so far.

    Examples
    --------
    >>> moments = PooledMoments(torch.empty(1))
    >>> moments.add(torch.tensor([[1.0], [2.0]]))
    >>> moments.add(torch.tensor([[6.0]]))
    >>> moments.count, moments.mean.item(), moments.variance.item()
    (3, 3.0, 7.0)

    Notes
    -----
    Chan, Golub and LeVeque, "Algorithms for computing the sample variance: analysis and
    recommendations", The American Statistician 1983.
    """

    def __init__(self, like: Tensor) -> None:
        self.count = 0
        self._centre = torch.zeros_like(like, dtype=torch.float64)
        # Sums of the values less the centre and of their squares.
        self._total = torch.zeros_like(self._centre)
        self._squares = torch.zeros_like(self._centre)

    @property
    def mean(self) -> Tensor:
        """Mean of each channel, shape (C,), float64; zeros where nothing was added."""
        return self._total / max(self.count, 1) + self._centre

    @property
    def variance(self) -> Tensor:
        """Unbiased variance of each channel, shape (C,), float64; needs two values a channel."""
        offset = self._total / self.count
        biased = (self._squares / self.count - offset.square()).clamp(min=0)
        return biased * self.count / (self.count - 1)

    def add(self, values: Tensor) -> None:
        """Add a batch of shape (B, C, …), of any floating type."""
        rows = values.detach().double().transpose(0, 1).flatten(1)
        if rows.numel() == 0:
            return
        if self.count == 0:  # squares about a typical value, so that they do not cancel
            self._centre = rows.mean(1)
        centred = rows - self._centre[:, None]
        self.count += centred.shape[1]
        self._total.add_(centred.sum(1))
        self._squares.add_(centred.square().sum(1))

    def merge(self, other: PooledMoments) -> None:
        """Add the values that `other` has pooled."""
        self._merge(other.count, other.mean, other._deviations())

    def gathered(self) -> PooledMoments:
        """Return the moments over all processes of `torch.distributed`, pooled in rank order.

        Every process must call it, one without values too, and every process gets the same bits.
        Without a process group these are the moments themselves.
        """
        if not (distributed.is_available() and distributed.is_initialized()):
            return self
        # Counts are exact in float64 up to 2^53.
        count = self._centre.new_tensor([self.count])
        own = torch.cat([count, self.mean, self._deviations()])
        parts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, own)
        pooled = PooledMoments(self._centre)
        for part in parts:
            mean, deviations = part[1:].chunk(2)
            pooled._merge(int(part[0]), mean, deviations)
        return pooled

    def _deviations(self) -> Tensor:
        """Return the sum of squares about the mean."""
        return (self._squares - self._total.square() / max(self.count, 1)).clamp(min=0)

    def _merge(self, count: int, mean: Tensor, deviations: Tensor) -> None:
        if count == 0:
            return
        pooled, step = self.count + count, mean - self.mean
        between = step.square() * (self.count * count / pooled)
        self._squares = self._deviations() + deviations + between
        self._centre = self.mean + step * (count / pooled)
        self._total = torch.zeros_like(self._centre)
        self.count = pooled
