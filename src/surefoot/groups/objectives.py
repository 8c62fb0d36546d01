"""What one training step minimises: the only thing in which most methods differ."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy


class Objective(Protocol):
    """Loss of a batch from its logits (B, C), labels (B,) and row numbers (B,)."""

    def __call__(self, logits: Tensor, y: Tensor, rows: Tensor) -> Tensor:
        """Return a scalar."""
        ...


class WeightedCrossEntropy:
    """Σᵢ wᵢ·CE(zᵢ, yᵢ) / B with weights of mean 1 over the training rows."""

    def __init__(self, weights: NDArray | None = None) -> None:
        self.weights: Tensor | None = None
        if weights is not None:
            normalized = np.asarray(weights, dtype=np.float64) / np.mean(weights)
            self.weights = torch.as_tensor(normalized, dtype=torch.float32)

    def __call__(self, logits: Tensor, y: Tensor, rows: Tensor) -> Tensor:
        """Return the weighted mean cross-entropy of the batch."""
        if self.weights is None:
            return cross_entropy(logits, y)
        return (self.weights[rows] * cross_entropy(logits, y, reduction="none")).mean()


class GroupDRO:
    """Σ_g q_g·L_g, where the weight q_g of a group grows with its loss: q_g ∝ q_g·exp(η·L_g).

    Source: Sagawa et al., "Distributionally Robust Neural Networks for Group Shifts", ICLR 2020,
    algorithm 1. A group that is absent from a batch has loss 0 there, as in their code.

    Parameters
    ----------
    groups : ndarray of shape (n,), codes 0 … n_groups − 1
    step_size : float
        η.
    weights : ndarray of shape (n,), optional
        Sample weights inside a group.
    """

    def __init__(
        self, groups: NDArray, n_groups: int, step_size: float, weights: NDArray | None
    ) -> None:
        self.groups = torch.as_tensor(groups)
        self.step_size = step_size
        self.q = torch.full((n_groups,), 1.0 / n_groups)
        sample_weight = np.ones(len(groups)) if weights is None else weights
        self.weights = torch.as_tensor(sample_weight, dtype=torch.float32)

    def __call__(self, logits: Tensor, y: Tensor, rows: Tensor) -> Tensor:
        """Update q from this batch and return the re-weighted loss."""
        losses = cross_entropy(logits, y, reduction="none")
        groups, weights = self.groups[rows], self.weights[rows]
        total = torch.zeros(len(self.q)).index_add(0, groups, losses * weights)
        mass = torch.zeros(len(self.q)).index_add(0, groups, weights)
        group_losses = total / mass.clamp(min=1e-12)
        self.q = self.q * torch.exp(self.step_size * group_losses.detach())
        self.q = self.q / self.q.sum()
        return (self.q * group_losses).sum()


def balanced_weights(cells: NDArray) -> NDArray:
    """Return weights (n,) that give every cell (class or group) the same total."""
    _, codes, counts = np.unique(cells, return_inverse=True, return_counts=True)
    return len(cells) / (len(counts) * counts[codes])
