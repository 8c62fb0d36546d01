"""What does a step of 50 perturbed copies of a network cost, against a loop over 50 networks?

One thread, CPU time. Both sides take the same step: weighted gradients in the coordinates of the
same pilot, and running averages.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch
from common import Report, best_times, one_thread
from torch import Tensor, nn

from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.losses import LogLoss
from surefoot.confidence.modules.chained_sgd import ChainedSGD
from surefoot.confidence.multipliers import as_multiplier
from surefoot.confidence.pilot import fit_pilot

CHAINS, BATCH, STEPS, REPEATS = 50, 64, 20, 9
FEATURES, HIDDEN = 8, 32

Batch = tuple[Tensor, Tensor]


def rows(n: int, d: int = FEATURES) -> Batch:
    """Return inputs and targets."""
    torch.manual_seed(0)
    X = torch.randn(n, d)
    return X, X.sin().sum(1) + torch.randn(n)


def batches(data: Batch, steps: int = STEPS) -> list[Batch]:
    return [
        (data[0][s : s + BATCH], data[1][s : s + BATCH]) for s in range(0, steps * BATCH, BATCH)
    ]


def mlp() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1), nn.Flatten(0)
    )


def vmapped(model: nn.Module, data: Batch, **options: object) -> Callable[[], object]:
    """Return steps of `ChainedSGD` in the model's own coordinates, as a loop has them."""
    chained = ChainedSGD(
        model, nn.MSELoss(reduction="none"), CHAINS, batch_size=BATCH, **options  # type: ignore[arg-type]
    )  # fmt: skip
    chained.cold_start(50.0)
    seen = batches(data)

    def run() -> None:
        for batch in seen:
            chained.step(batch)

    return run


def looped(model: nn.Module, data: Batch) -> Callable[[], object]:
    """Return the same steps by a loop over copies of the model, and their averages."""
    models = [copy.deepcopy(model) for _ in range(CHAINS + 1)]
    sums = [[torch.zeros_like(p, dtype=torch.float64) for p in m.parameters()] for m in models]
    law, seen, loss = as_multiplier("mammen"), batches(data), nn.MSELoss(reduction="none")

    def run() -> None:
        for step, (X, y) in enumerate(seen):
            ids = torch.arange(step * BATCH, (step + 1) * BATCH).numpy()
            weights = torch.tensor(law.row_weights(0, ids, slice(0, CHAINS + 1)).T).float()
            weights[0] = 1
            for model, weight, total in zip(models, weights, sums, strict=True):
                model.zero_grad()
                (weight @ loss(model(X), y)).backward()
                with torch.no_grad():
                    for parameter, part in zip(model.parameters(), total, strict=True):
                        parameter -= 1e-5 * parameter.grad
                        part += parameter

    return run


def single(model: nn.Module, data: Batch) -> Callable[[], object]:
    """Return ordinary training steps of one model."""
    model = copy.deepcopy(model)
    optimizer, seen = torch.optim.SGD(model.parameters(), lr=1e-5), batches(data)
    loss = nn.MSELoss()

    def run() -> None:
        for X, y in seen:
            optimizer.zero_grad()
            loss(model(X), y).backward()
            optimizer.step()

    return run


def steps_of_a_network(report: Report) -> None:
    """Bar 7: all parameters of an MLP 8-32-1."""
    model, data = mlp(), rows(STEPS * BATCH)
    tasks = {"ours": vmapped(model, data, params="all", precondition=None)}
    tasks |= {"loop": looped(model, data), "one": single(model, data)}
    seconds = best_times(tasks, REPEATS, time.process_time)
    report.add(
        f"MLP 8-32-1, {CHAINS} chains, batch {BATCH}: ours",
        seconds["ours"] / STEPS * 1e3,
        "ms/step",
    )
    report.add("7 loop over 50 models / ours", seconds["loop"] / seconds["ours"], at_least=4)
    report.add("ours / one model without chains", seconds["ours"] / seconds["one"])


class Headed(nn.Module):
    """A body and a head that `nn.Sequential` does not hold."""

    def __init__(self, body: nn.Module, width: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.head(self.body(x))


class Reshaped(Headed):
    """The same, with something after the head, so that it can't be cut before it."""

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return super().forward(x) + 0


def steps_of_a_head(report: Report, width: int = 512, depth: int = 8) -> None:
    """Compare with the head alone and the body run once a batch."""
    torch.manual_seed(0)
    layers = [m for _ in range(depth) for m in (nn.Linear(width, width), nn.ReLU())]
    body = nn.Sequential(*layers).eval()
    X, _ = rows(STEPS * BATCH, width)
    data = (X, torch.randint(10, (len(X),)))
    loss = nn.CrossEntropyLoss(reduction="none")
    kinds = {
        "nn.Sequential": nn.Sequential(*layers, nn.Linear(width, 10)),
        "other module": Headed(body, width),
        "other module, not cut": Reshaped(body, width),
    }
    tasks = {}
    for name, model in kinds.items():
        chained = ChainedSGD(model.eval(), loss, CHAINS, batch_size=BATCH, precondition="diag")
        chained.cold_start(50.0)
        tasks[name] = lambda c=chained: [c.step(batch) for batch in batches(data)]
    features = body(X).detach()
    alone = ChainedSGD(nn.Linear(width, 10), loss, CHAINS, batch_size=BATCH, precondition="diag")
    alone.cold_start(50.0)
    tasks["head alone"] = lambda: [alone.step(b) for b in batches((features, data[1]))]
    with torch.no_grad():
        seconds = best_times(
            tasks | {"body": lambda: [body(x) for x, _ in batches(data)]}, 3, time.process_time
        )
    once = seconds["body"] + seconds["head alone"]
    report.add(f"head of {width} × 10 alone", seconds["head alone"] / STEPS * 1e3, "ms/step")
    for name in kinds:
        report.add(
            f"{depth} layers of {width} before it, {name} / head + body", seconds[name] / once
        )


def against_the_linear_engine(report: Report, d: int = 20, n: int = 6400) -> None:
    """Time the same logistic chains by both engines: what generality costs."""
    X, y = rows(n, d)
    y = (y > 0).float()
    pilot = fit_pilot(X[:400].double().numpy(), y[:400].double().numpy(), LogLoss())
    wide, target = X.double().numpy(), y.double().numpy()
    chained = ChainedSGD(
        nn.Sequential(nn.Linear(d, 1), nn.Flatten(0)), nn.BCEWithLogitsLoss(reduction="none"),
        CHAINS, batch_size=BATCH,
    )  # fmt: skip
    chained.warm_up((X[:420], y[:420]))

    def ours() -> None:
        for batch in batches((X, y), n // BATCH):
            chained.step(batch)

    def linear() -> None:
        engine = ChainEngine(LogLoss(), pilot, n_chains=CHAINS, batch_size=BATCH)
        engine.consume(wide, target)

    seconds = best_times({"ours": ours, "linear": linear}, 3, time.process_time)
    report.add(f"logistic, d={d}: ChainedSGD", seconds["ours"] / n * 1e6, "µs/row")
    report.add(f"logistic, d={d}: ChainEngine", seconds["linear"] / n * 1e6, "µs/row")


def warm_ups(report: Report) -> None:
    """Time the pilot of a softmax head."""
    loss = nn.CrossEntropyLoss(reduction="none")
    for width in (32, 64):
        X, _ = rows(20 * (width * 10 + 10), width)
        data = (X, torch.randint(10, (len(X),)))

        def warm_up(data: Batch = data, width: int = width) -> None:
            ChainedSGD(nn.Linear(width, 10), loss, CHAINS).warm_up(data)

        seconds = best_times({"": warm_up}, 1, time.process_time)[""]
        report.add(f"warm-up of {width * 10 + 10} parameters on {len(X):,} rows", seconds, "s")


def main() -> None:
    report = Report(f"confidence: {CHAINS} chains on torch modules, batch {BATCH} (CPU time)")
    one_thread()
    steps_of_a_network(report)
    steps_of_a_head(report)
    against_the_linear_engine(report)
    warm_ups(report)
    report.close()


if __name__ == "__main__":
    main()
