"""What does an average cost per step, and what does serving it cost, against named peers?

Model, number of updates and decay are the same on both sides; peers and ours take turns.
"""

from __future__ import annotations

import importlib.util
import mmap
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch
from common import Report, best_times, one_thread
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from surefoot.averaging import EMA, LAWA, SegmentMeans, Tail, WeightAverager, arithmetic

DECAY = 0.999
REPEATS = 25
ROWS, LENGTH, WIDTH = 4, 128, 384


class ResNet(nn.Module):
    """Convolutions and BatchNorms of the sizes of a ResNet-18, 62 parameters."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, bias=False), nn.BatchNorm2d(64)]
        inputs = 64
        for width in (64, 128, 256, 512):
            for block in range(2):
                layers += [nn.Conv2d(inputs, width, 3, bias=False), nn.BatchNorm2d(width)]
                layers += [nn.Conv2d(width, width, 3, bias=False), nn.BatchNorm2d(width)]
                if block == 0 and inputs != width:
                    layers += [nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)]
                inputs = width
        self.layers = nn.ModuleList([*layers, nn.Linear(512, 1000)])


def transformer() -> nn.Module:
    """Return a transformer of 14 million parameters."""
    layer = nn.TransformerEncoderLayer(WIDTH, 6, 4 * WIDTH, batch_first=True)
    return nn.TransformerEncoder(layer, 8)


def timm_model_ema() -> ModuleType | None:
    """Return timm's module of averages alone: importing timm itself needs torchvision."""
    found = importlib.util.find_spec("timm")
    if found is None or found.submodule_search_locations is None:
        return None
    path = Path(found.submodule_search_locations[0]) / "utils" / "model_ema.py"
    spec = importlib.util.spec_from_file_location("timm_model_ema", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def peers_of(report: Report, model: nn.Module) -> dict[str, Callable[[], object]]:
    """Return one update of each peer that is installed."""
    multi = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
    default = AveragedModel(model)
    tasks: dict[str, Callable[[], object]] = {
        "torch AveragedModel, EMA, multi_avg_fn": lambda: multi.update_parameters(model),
        "torch AveragedModel, default": lambda: default.update_parameters(model),
    }
    if report.has("timm", "timm's ModelEmaV3") and (timm := timm_model_ema()) is not None:
        v3 = timm.ModelEmaV3(model, decay=DECAY, foreach=True)
        tasks["timm ModelEmaV3"] = lambda: v3.update(model)
    if report.has("ema_pytorch", "ema-pytorch"):
        import ema_pytorch

        ema = ema_pytorch.EMA(model, beta=DECAY, update_every=1, update_after_step=0)
        tasks["ema-pytorch"] = ema.update
    return tasks


def updates(report: Report, name: str, model: nn.Module) -> None:
    """Bars 1 and 2: one EMA update, nothing else."""
    averager = WeightAverager(model, {"ema": EMA(DECAY)}, buffers="copy")
    tasks = {"ours": averager.update, **peers_of(report, model)}
    seconds = best_times(tasks, REPEATS, time.process_time)
    size = sum(p.numel() for p in model.parameters()) / 1e6
    count = len(list(model.parameters()))
    report.say(
        f"  {name}: {size:.1f} M parameters in {count} tensors, ours {seconds['ours'] * 1e3:.2f} ms"
    )
    for peer in tasks:
        if peer != "ours":
            bar = 0.30 if peer.endswith("default") else 0.95
            label = f"{2 if bar < 0.5 else 1} {name}: ours / {peer}"
            report.add(label, seconds["ours"] / seconds[peer], at_most=bar)
    checked = WeightAverager(model, {"ema": EMA(DECAY)}, buffers="copy", nonfinite="skip")
    wary = best_times({"plain": averager.update, "wary": checked.update}, REPEATS)
    report.add(f"{name}: nonfinite='skip' / 'ignore'", wary["wary"] / wary["plain"])


def overhead(report: Report, model: nn.Module) -> None:
    """Bar 3: three averages, every fourth step, against forward and backward."""
    x = torch.randn(ROWS, LENGTH, WIDTH)
    every = 4
    schemes = {"ema": EMA(DECAY, every=every), "lawa": LAWA(10, every=every)}
    averager = WeightAverager(model, schemes | {"tail": Tail(every=every)}, buffers="copy")
    segments = WeightAverager(model, {"s": SegmentMeans(4, base=64)}, buffers="copy")

    def step() -> None:
        model.zero_grad()
        model(x).square().mean().backward()

    def four_updates() -> None:
        for _ in range(every):
            averager.update()

    for _ in range(12):  # the window is full, as it is in the long run
        four_updates()
    tasks = {"step": step, "three": four_updates, "segments": segments.update}
    seconds = best_times(tasks, 12, time.process_time)
    share = seconds["three"] / every / seconds["step"]
    report.add("3 EMA + LAWA(10) + tail, every 4: share of a step", 100 * share, "%", at_most=1.5)
    report.add("segment means, every step", 100 * seconds["segments"] / seconds["step"], "%")


def serving(report: Report, model: nn.Module) -> None:
    """Bar 15: into the model and out again, against clone, copy and restore."""
    averager = WeightAverager(model, {"ema": EMA(DECAY)}, buffers="copy")
    averager.update()
    averages = [p.detach().clone() for p in model.parameters()]

    def clone_in_fresh_memory(p: torch.Tensor) -> torch.Tensor:
        pages = mmap.mmap(-1, p.numel() * p.element_size())
        return torch.frombuffer(pages, dtype=p.dtype).view(p.shape).copy_(p)

    def usual(clone: Callable[[torch.Tensor], torch.Tensor] = torch.clone) -> None:
        with torch.no_grad():
            parameters = list(model.parameters())
            raw = [clone(p) for p in parameters]
            for p, average in zip(parameters, averages, strict=True):
                p.copy_(average)
            for p, kept in zip(parameters, raw, strict=True):
                p.copy_(kept)

    def ours() -> None:
        with averager.applied("ema"):
            pass

    def exchange_alone() -> None:
        live = [p.detach() for p in model.parameters()]
        for _ in range(2):
            arithmetic.exchange_(live, averages)

    tasks = {"usual": usual, "ours": ours, "exchange": exchange_alone}
    seconds = best_times(tasks, 12, time.process_time)
    report.say(f"  in and out: the usual way {seconds['usual'] * 1e3:.1f} ms")
    at = seconds["exchange"] / seconds["usual"]
    report.add("15 exchange in and out / clone, copy, restore", at, at_most=0.7)
    fresh = best_times(
        {"usual": lambda: usual(clone_in_fresh_memory), "exchange": exchange_alone}, 12
    )
    at = fresh["exchange"] / fresh["usual"]
    report.add("15 the same, where the clone's memory comes from the system", at, at_most=0.7)
    report.add("applied(), with its checks / the same", seconds["ours"] / seconds["usual"])
    report.add("15 memory beyond model and average: ours", 0, "MiB", at_most=2.0)
    copy = sum(p.numel() * p.element_size() for p in model.parameters()) / 2**20
    report.add("the same, clone, copy, restore", copy, "MiB")


def bfloat16(report: Report) -> None:
    """Bar 14: what is left of a shift after five time constants."""
    decay, shift = 0.999, 2.0**-6

    def left(dtype: torch.dtype | None) -> float:
        weights = torch.ones(4096, dtype=torch.bfloat16)
        ema = EMA(decay, warmup=None)
        averager = WeightAverager({"w": weights}, {"e": ema}, dtype=dtype)
        averager.update()
        weights.fill_(1 + shift)
        for _ in range(round(5 / (1 - decay))):
            averager.update()
        state = averager.state_dict()["averages"]["e"]["tensors"]["mean"]["w"]
        return float((1 + shift - state.double().mean()) / shift)

    def naive() -> float:
        average = torch.ones(4096, dtype=torch.bfloat16)
        target = average + shift
        for _ in range(round(5 / (1 - decay))):
            average.lerp_(target, 1 - decay)
        return float((1 + shift - average.double().mean()) / shift)

    report.add("14 left of a shift, float32 average", left(None), "", at_most=0.02)
    report.add("14 the same, bfloat16 average", left(torch.bfloat16), "", at_most=0.02)
    report.add("the same, bfloat16 rounded to nearest, as peers do", naive(), "")


def main() -> None:
    report = Report(f"averaging: cost of averages (minimum of {REPEATS}, CPU time, one thread)")
    one_thread()
    torch.manual_seed(0)
    sizes: dict[str, Callable[[], nn.Module]] = {"ResNet": ResNet, "transformer": transformer}
    for name, build in sizes.items():
        updates(report, name, build())
    model = transformer()
    overhead(report, model)
    serving(report, model)
    bfloat16(report)
    report.close()


if __name__ == "__main__":
    main()
