"""Small networks and runs that the tests of the room share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from surefoot.averaging.averager import WeightAverager


def mlp(seed: int = 0) -> nn.Sequential:
    """A network with a BatchNorm."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def train(
    model: nn.Module,
    steps: int,
    after: Callable[[], object] = lambda: None,
    *,
    first: int = 0,
    optimizer: torch.optim.Optimizer | None = None,
) -> list[Tensor]:
    """Train on keyed batches; return the weights and statistics after each step, in float64."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    trajectory = []
    for step in range(first, first + steps):
        batch = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        (model(batch) - 1).square().mean().backward()
        optimizer.step()
        after()
        trajectory.append(state_vector(model))
    return trajectory


def state_vector(model: nn.Module) -> Tensor:
    """Return all floating-point weights and buffers as one float64 vector."""
    tensors = [t for t in model.state_dict().values() if t.is_floating_point()]
    return torch.cat([t.detach().flatten().double() for t in tensors])


def live_vector(model: nn.Module) -> Tensor:
    """Return what is really in the model, also while ``state_dict()`` gives the raw weights."""
    tensors = [*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())]
    return torch.cat([t.detach().flatten().double() for t in tensors])


def served(averager: WeightAverager, name: str, **options: object) -> Tensor:
    """Return the average as it is served in the model."""
    with averager.applied(name, **options):
        return live_vector(averager.model)


def distance(found: Tensor, wanted: Tensor) -> float:
    """Return the relative error."""
    return float((found - wanted).norm() / wanted.norm())
