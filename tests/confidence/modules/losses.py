"""Losses of a linear predictor written in torch, for the tests of the room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Batch = tuple[Tensor, Tensor]


def squared(theta: Tensor, batch: Batch) -> Tensor:
    return (batch[0] @ theta - batch[1]) ** 2 / 2


def log_loss(theta: Tensor, batch: Batch) -> Tensor:
    return functional.binary_cross_entropy_with_logits(batch[0] @ theta, batch[1], reduction="none")


def poisson(theta: Tensor, batch: Batch) -> Tensor:
    return functional.poisson_nll_loss(batch[0] @ theta, batch[1], reduction="none")


def expectile(theta: Tensor, batch: Batch) -> Tensor:
    """Asymmetric squares: the 0.8 expectile."""
    r = batch[1] - batch[0] @ theta
    return torch.where(r > 0, 0.8, 0.2) * r**2


LOSSES: dict[str, Callable[[Tensor, Any], Tensor]] = {
    "squared": squared, "log_loss": log_loss, "poisson": poisson, "expectile": expectile,
}  # fmt: skip


def tensors(X: NDArray, y: NDArray, part: slice = slice(None)) -> Batch:
    return torch.tensor(X[part]), torch.tensor(y[part])


def feed(chains: Any, X: NDArray, y: NDArray, batch_size: int, **options: Any) -> None:
    """Step through the rows, batch by batch."""
    for start in range(0, len(y), batch_size):
        part = slice(start, start + batch_size)
        chains.step(tensors(X, y, part), **{k: v[part] for k, v in options.items()})
