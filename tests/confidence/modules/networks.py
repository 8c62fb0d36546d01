"""Networks and rows for them, for the tests of the room."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surefoot.confidence.modules.chained_sgd import ChainedSGD

MSE = nn.MSELoss(reduction="none")
CROSS = nn.CrossEntropyLoss(reduction="none")
BINARY = nn.BCEWithLogitsLoss(reduction="none")


def mlp(outputs: int = 3, *, seed: int = 0) -> nn.Sequential:
    """Return 4 inputs, 8 features, some outputs."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, outputs))


class Headed(nn.Module):
    """A module that is no sequence; counts how often its body is run."""

    def __init__(self, *, squeezes: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 1 if squeezes else 3)
        self.squeezes, self.runs = squeezes, 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        z = self.head(torch.tanh(self.body(x)))
        return z.squeeze(-1) if self.squeezes else z


def classes(n: int, model: nn.Module, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return inputs, and classes drawn from what the model says."""
    torch.manual_seed(seed)
    with torch.no_grad():
        X = torch.randn(n, 4, dtype=next(model.parameters()).dtype)
        return X, torch.distributions.Categorical(logits=model(X)).sample()


def fed(chained: ChainedSGD, data: tuple[Tensor, Tensor], first: int = 0) -> ChainedSGD:
    """Step through the rows from `first` on."""
    size = chained.options.batch_size
    for start in range(first, len(data[0]), size):
        part = slice(start, start + size)
        chained.step((data[0][part], data[1][part]))
    return chained


def warmed(model: nn.Module, data: tuple[Tensor, Tensor], **options) -> ChainedSGD:
    """Return chains that know their pilot."""
    loss_fn = options.pop("loss_fn", CROSS)
    chained = ChainedSGD(model, loss_fn, **{"n_chains": 5} | options)
    chained.warm_up((data[0][:200], data[1][:200]))
    return chained
