"""One rank of tests/averaging/test_distributed.py: ``python ranks.py MODE RANK WORLD FOLDER``."""

from __future__ import annotations

import copy
import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
from torch import Tensor, nn

from surefoot.averaging import EMA, LAWA, PowerEMA, SegmentMeans, TwoTailed, WeightAverager
from surefoot.averaging.binding import is_sharded

ROWS, STEPS = 8, 6
AVERAGES = {
    "ema": EMA(0.8),
    "lawa": LAWA(3),
    "power": PowerEMA(0.1),
    "hist": SegmentMeans(2),
    "auto": TwoTailed(),
}
SERVED = {name: {"horizon": 4} if name == "hist" else {} for name in AVERAGES}


def network(seed: int = 0) -> nn.Sequential:
    """A network whose tensors don't divide by two; the last bias has one element."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 1))


def batch(step: int, rank: int = 0, world: int = 1) -> Tensor:
    """The part of a rank in the batch of a step."""
    rows = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(step))
    return rows.chunk(world)[rank]


PROBE = torch.randn(4, 3, generator=torch.Generator().manual_seed(99))


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=0.01)


def train(model, optimizer, steps, rank=0, world=1, after=lambda: None) -> None:
    for step in steps:
        optimizer.zero_grad()
        model(batch(step, rank, world)).square().mean().backward()
        optimizer.step()
        after()


def flat(state: dict[str, object], prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a nested state by path."""
    found: dict[str, Tensor] = {}
    for key, value in state.items():
        path = f"{prefix}/{key}"
        if isinstance(value, dict):
            found |= flat(value, path)
        elif isinstance(value, Tensor):
            found[path] = value.detach().clone()
    return found


def averaged(averager: WeightAverager) -> dict[str, Tensor]:
    """Every average, whole."""
    return {
        f"{name}/{key}": whole(value).clone()
        for name in AVERAGES
        for key, value in averager.averaged_state_dict(name, **SERVED[name]).items()
    }


def whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if is_sharded(tensor) else tensor


def outputs(model: nn.Module, averager: WeightAverager) -> dict[str, Tensor]:
    """What the model says with its raw weights, with each average, and raw again."""
    found = {}
    with torch.no_grad():
        found["raw"] = model(PROBE)
        for name in AVERAGES:
            with averager.applied(name, **SERVED[name]):
                found[name] = model(PROBE)
        found["raw again"] = model(PROBE)
    return found


def both(wrap, rank: int, world: int, folder: Path) -> dict[str, Tensor]:
    """Train, serve, export, stop and resume; what is compared afterwards, by path."""
    model = wrap(network())
    optimizer = adam(model)
    averager = WeightAverager(model, AVERAGES).attach(optimizer)
    train(model, optimizer, range(STEPS), rank, world)
    found: dict[str, object] = {
        "names": torch.tensor(averager._binding.names == list(network().state_dict())),
        "averages": averaged(averager),
        "state": averager.state_dict(),
        "outputs": outputs(model, averager),
    }
    averager.export("ema", folder / "ema.safetensors")
    averager.export("hist", folder / "hist.safetensors", horizon=4)
    bare = network(seed=1)
    averager.copy_to(bare, "ema")
    found["copied"] = dict(bare.state_dict())

    # A checkpoint from inside: raw weights, and the averages as they are outside.
    with averager.applied("lawa", quiet=True):
        inside = {"model": model.state_dict(), "averages": averager.state_dict()}
    found["state inside"] = inside["averages"]
    found["raw inside"] = {name: whole(value) for name, value in inside["model"].items()}
    found["raw"] = {name: whole(value).clone() for name, value in model.state_dict().items()}

    again = wrap(network(seed=1))
    again.load_state_dict(inside["model"])
    resumed = adam(again)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    second = WeightAverager(again, AVERAGES).attach(resumed)
    second.save(folder / f"empty{rank}.safetensors")
    averager.save(folder / f"averages{rank}.safetensors")
    second.load(folder / f"averages{rank}.safetensors")
    train(again, resumed, range(STEPS, 2 * STEPS), rank, world)

    # The one that goes on serves each average after each of its steps.
    train(model, optimizer, range(STEPS, 2 * STEPS), rank, world, lambda: outputs(model, averager))
    found["resumed"] = {"state": second.state_dict(), "raw": local(again)}
    found["served"] = {"state": averager.state_dict(), "raw": local(model)}
    return flat(found)


def local(model: nn.Module) -> dict[str, Tensor]:
    """The parameters, or this rank's shards of them."""
    found = model.state_dict()
    return {name: v.to_local() if is_sharded(v) else v for name, v in found.items()}


def ddp(rank: int, world: int, folder: Path) -> dict[str, Tensor]:
    found = both(nn.parallel.DistributedDataParallel, rank, world, folder)
    return found | {f"/norms{path}": value for path, value in norms(rank, world).items()}


def norms(rank: int, world: int) -> dict[str, Tensor]:
    """Statistics re-estimated from batches of which each rank has other ones."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    wrapped = nn.parallel.DistributedDataParallel(model) if world > 1 else model
    averager = WeightAverager(wrapped, {"lawa": LAWA(2)}, buffers="recalibrate")
    averager.update()
    own = [batch(step, rank, world) for step in range(3)]
    with averager.applied("lawa", recalibrate=own):
        inside = {name: b.clone() for name, b in model.named_buffers()}
    return flat({"inside": inside, "after": dict(model.named_buffers())})


def shard(model: nn.Sequential) -> nn.Module:
    """Shard the first layers by themselves; the root keeps the last one gathered after forward."""
    from torch.distributed.fsdp import fully_shard  # from torch 2.6

    fully_shard(model[0])
    fully_shard(model[2])
    return fully_shard(model)


def fsdp(rank: int, world: int, folder: Path) -> dict[str, Tensor]:
    found = both(shard, rank, world, folder)
    model = shard(network())
    averager = WeightAverager(model, AVERAGES)
    if rank == 0:  # would wait for the other rank if anything were exchanged
        averager.update()
        averager.state_dict()
    sizes = [p.to_local().numel() for p in model.parameters()]
    state = model.state_dict()
    sharded = all(is_sharded(value) for value in state.values())
    return found | {"/sizes": torch.tensor(sizes), "/sharded": torch.tensor(sharded)}


def main(mode: str, rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'rendezvous'}", rank=rank, world_size=world,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    try:
        found = {"ddp": ddp, "fsdp": fsdp}[mode](rank, world, folder)
    finally:
        torch.distributed.destroy_process_group()
    torch.save(found, folder / f"rank{rank}.pt")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    # Gloo's threads may abort an interpreter that goes down in good order.
    os._exit(0)
