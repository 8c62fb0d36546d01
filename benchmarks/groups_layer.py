"""What does a FairDropout layer cost, against ordinary dropout and the papers' research class?"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from common import Report, best_times, one_thread
from torch import Tensor, nn

from surefoot.groups.layer import FairDropout

ROWS, CHANNELS, SIDE = 128, 1024, 4
HIDDEN = 128
TRAINING_ROWS = 60_000
REPEATS = 30
ALLOCATIONS = ("fixed", "bernoulli", "one")


class ResearchMasks:
    """Masks made as the papers' research class makes them, re-created from a description.

    For each example of the batch the *global* generator is seeded with the example's index, a mask
    of channels is drawn, and written at full spatial size, in float32, into a table with a row for
    every training example. It is leaner than the class itself, of which only this is kept.
    """

    def __init__(self, examples: int, p_gen: float = 0.2, p_mem: float = 0.5) -> None:
        self.generalizing = int(p_gen * CHANNELS)
        self.probability = torch.full((CHANNELS,), p_mem)
        self.table = torch.zeros(examples, CHANNELS, SIDE, SIDE)

    def __call__(self, ids: Tensor) -> Tensor:
        """Return the masks of a batch: (B,) int64 -> (B, C, H, W)."""
        for example in ids.tolist():
            torch.manual_seed(example)
            units = torch.bernoulli(self.probability)
            units[: self.generalizing] = 1.0
            self.table[example] = units[:, None, None]
        return self.table[ids]


def forward_and_backward(layer: Callable[..., Tensor], x: Tensor, *ids: Tensor) -> None:
    leaf = x.detach().requires_grad_()
    layer(leaf, *ids).backward(x)


def cost(report: Report, x: Tensor, dropout: nn.Module, bars: bool) -> None:
    """Compare forward, and forward with backward, with ordinary dropout on the same input."""
    ids = torch.randint(0, TRAINING_ROWS, (len(x),), generator=torch.Generator().manual_seed(0))
    peer = type(dropout).__name__
    layers = {"table masks": FairDropout(x.shape[1], n_examples=TRAINING_ROWS)} | {
        f"hashed masks, {allocation}": FairDropout(x.shape[1], allocation=allocation)
        for allocation in ALLOCATIONS
    }
    tasks: dict[str, Callable[[], object]] = {peer: lambda: dropout(x)}
    tasks["both " + peer] = lambda: forward_and_backward(dropout, x)
    for name, layer in layers.items():
        tasks[name] = lambda layer=layer: layer(x, ids)
        tasks["both " + name] = lambda layer=layer: forward_and_backward(layer, x, ids)
    seconds = best_times(tasks, REPEATS)
    shape = "×".join(map(str, x.shape))
    report.say(f"  input {shape}: {peer} {seconds[peer] * 1e3:.2f} ms forward")
    for name in layers:
        bar, label = "C1" if name == "table masks" else "C2", f"{name} / {peer}"
        report.add(
            f"{bar} {label}, forward" if bars else f"{label}, forward",
            seconds[name] / seconds[peer],
            at_most=1.0 if bars else None,
        )
        both = seconds["both " + name] / seconds["both " + peer]
        report.add(f"{label}, forward + backward", both)


def mask_creation(report: Report) -> None:
    ids = torch.randperm(1024, generator=torch.Generator().manual_seed(0))[:ROWS]
    research = ResearchMasks(examples=1024)
    makers = {"table": FairDropout(CHANNELS, n_examples=TRAINING_ROWS)} | {
        f"hashed, {allocation}": FairDropout(CHANNELS, allocation=allocation)
        for allocation in ALLOCATIONS
    }
    tasks: dict[str, Callable[[], object]] = {"research": lambda: research(ids)}
    tasks |= {name: lambda layer=layer: layer.mask(ids) for name, layer in makers.items()}
    with torch.random.fork_rng(devices=[]):  # it seeds the global generator
        seconds = best_times(tasks, REPEATS)
    peer = seconds["research"]
    report.say(f"  masks of {ROWS} examples: research class re-created {peer * 1e3:.1f} ms")
    for name in makers:
        # The class draws units independently, so "bernoulli" is like for like.
        at_least = 50.0 if name in ("table", "hashed, bernoulli") else None
        report.add(
            f"C3 mask creation, research class / {name}", peer / seconds[name], at_least=at_least
        )


def memory(report: Report, examples: int = 1_000_000) -> None:
    start = time.perf_counter()
    table = FairDropout(CHANNELS, allocation="bernoulli", n_examples=examples)
    report.say(
        f"  {examples:,} examples × {CHANNELS} units, built in {time.perf_counter() - start:.0f} s"
    )
    hashed = FairDropout(CHANNELS)
    report.add("C4 memory, hashed masks", bytes_of(hashed), "B", at_most=0)
    packed = bytes_of(table)
    assert packed > 0, "the table is not among the layer's tensors"
    report.add("C4 memory, packed table", packed / 2**20, "MiB", at_most=110)
    dense = examples * CHANNELS * SIDE**2 * 4 / 2**20
    report.add("memory of the research class, by arithmetic", dense, "MiB")


def bytes_of(layer: nn.Module) -> int:
    """Return what a layer keeps in tensors: parameters, buffers and plain attributes."""
    held = [*layer.parameters(), *layer.buffers(), *vars(layer).values()]
    tensors = {id(t): t for t in held if isinstance(t, Tensor)}.values()
    return sum(t.numel() * t.element_size() for t in tensors)


def main() -> None:
    report = Report(f"groups: cost of the layer (minimum of {REPEATS}, one thread)")
    one_thread()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(ROWS, CHANNELS, SIDE, SIDE, generator=generator)
    cost(report, images, nn.Dropout2d(0.5), bars=True)
    cost(report, torch.randn(ROWS, HIDDEN, generator=generator), nn.Dropout(0.5), bars=False)
    mask_creation(report)
    memory(report)
    report.close()


if __name__ == "__main__":
    main()
