"""Train on Fashion-MNIST at a constant rate, then choose the horizon on validation images."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from surefoot.averaging import HorizonSearch, SegmentMeans, WeightAverager
from surefoot.ground.datasets import load

data = load("fashion-mnist-mini").arrays
kinds = torch.from_numpy(data["train_labels"]).unique()
images = {s: torch.from_numpy(data[f"{s}_images"]).float() / 255 for s in ("train", "test")}
labels = {s: torch.searchsorted(kinds, torch.from_numpy(data[f"{s}_labels"])) for s in images}
order = torch.randperm(36_000, generator=torch.Generator().manual_seed(0))
train, validation = order[3000:], order[:3000]

torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(196, 128), nn.ReLU(), nn.Linear(128, len(kinds)))
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
averager = WeightAverager(model, {"segments": SegmentMeans(base=4)}).attach(optimizer)

for _ in range(1200):
    rows = train[torch.randint(0, len(train), (64,))]
    loss = cross_entropy(model(images["train"][rows]), labels["train"][rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.no_grad()
def losses(model: nn.Module) -> torch.Tensor:
    """Return the loss of each validation image."""
    logits = model(images["train"][validation])
    return cross_entropy(logits, labels["train"][validation], reduction="none")


@torch.no_grad()
def accuracy() -> float:
    """Return the share of test images that are right."""
    return float((model(images["test"]).argmax(1) == labels["test"]).float().mean())


curve = HorizonSearch(averager, losses).run()
print(curve.sentence)
print(f"test accuracy, last iterate: {accuracy():.4f}")
with averager.applied("segments", horizon=curve.chosen):
    print(f"test accuracy, searched:     {accuracy():.4f}")
