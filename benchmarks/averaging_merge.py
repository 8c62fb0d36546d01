"""How much memory and time does averaging checkpoints on disk take, against three usual ways?

Every method runs in a process of its own. Its peak of resident memory counts from what the
interpreter holds after the imports; its time is CPU time from there on.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from common import Report, cpu_time, one_thread
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from surefoot.averaging.merge import merge_checkpoints

FILES = 8
LAYERS, ROWS, COLUMNS = 14, 1024, 1464  # 84 MB of float32 a file
REPEATS = 3
COUNTER = "steps"  # an integer tensor


def ours(paths: Sequence[str], out: str) -> None:
    merge_checkpoints(paths, out)


def load_all(paths: Sequence[str], out: str) -> None:
    """Load everything, stack in float64, take the mean."""
    states = [load_file(path) for path in paths]
    mean = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(newest.dtype)
        if newest.is_floating_point()
        else newest
        for name, newest in states[-1].items()
    }
    save_file(mean, out)


def file_by_file(paths: Sequence[str], out: str) -> None:
    """Add up one file after the other in float32."""
    mean: dict[str, torch.Tensor] = {}
    for path in paths:
        for name, values in load_file(path).items():
            if not values.is_floating_point():
                mean[name] = values
            elif name in mean:
                mean[name].add_(values, alpha=1 / len(paths))
            else:
                mean[name] = values.mul_(1 / len(paths))
    save_file(mean, out)


def tensor_by_tensor(paths: Sequence[str], out: str) -> None:
    """Open all files, add up one tensor after the other in float64."""
    files = [safe_open(path, "pt") for path in paths]
    mean = {}
    for name in files[-1].keys():  # noqa: SIM118 - it is not a dict
        newest = files[-1].get_tensor(name)
        if not newest.is_floating_point():
            mean[name] = newest
            continue
        total = files[0].get_tensor(name).double().mul_(1 / len(files))
        for file in files[1:]:
            total += file.get_tensor(name).double().mul_(1 / len(files))
        mean[name] = total.to(newest.dtype)
    save_file(mean, out)


METHODS: dict[str, Callable[[Sequence[str], str], None]] = {
    method.__name__: method for method in (ours, load_all, file_by_file, tensor_by_tensor)
}


def resident(field: str) -> int:
    """Return a field of /proc/self/status in bytes: VmHWM (the peak) or VmRSS (now)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def child(name: str, folder: Path) -> None:
    """Run one method and print its cost as JSON."""
    one_thread()
    torch.zeros(8).double().mul_(2).sum()  # what torch sets up at its first operation
    base, start = resident("VmRSS"), cpu_time()
    METHODS[name]([str(path) for path in checkpoints(folder)], str(folder / f"{name}.safetensors"))
    print(json.dumps({"seconds": cpu_time() - start, "bytes": resident("VmHWM") - base}))


def checkpoints(folder: Path) -> list[Path]:
    return [folder / f"step_{j}.safetensors" for j in range(FILES)]


def write_checkpoints(folder: Path) -> int:
    """Write random checkpoints; return the bytes of one."""
    generator = torch.Generator().manual_seed(0)
    for j, path in enumerate(checkpoints(folder)):
        layers = {
            f"layer.{i}": torch.randn(ROWS, COLUMNS, generator=generator) for i in range(LAYERS)
        }
        save_file(layers | {COUNTER: torch.tensor(j)}, path)
    return path.stat().st_size


def measure(name: str, folder: Path) -> dict[str, float]:
    run = subprocess.run(
        [sys.executable, __file__, name, str(folder)], capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)


def same_bits(folder: Path, one: str, other: str) -> bool:
    states = [load_file(folder / f"{name}.safetensors") for name in (one, other)]
    return all(
        torch.equal(
            values.reshape(-1).view(torch.uint8), states[1][name].reshape(-1).view(torch.uint8)
        )
        for name, values in states[0].items()
    )


def main() -> None:
    report = Report(f"averaging: checkpoints on disk (least of {REPEATS}, in turns, one thread)")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        size = write_checkpoints(folder)
        report.say(f"  {FILES} files of {size / 1e6:.0f} MB, one integer tensor in each")
        costs: dict[str, list[dict[str, float]]] = {name: [] for name in METHODS}
        for _ in range(REPEATS):
            for name in METHODS:
                costs[name].append(measure(name, folder))
        equal = same_bits(folder, "ours", "tensor_by_tensor")
    seconds = {name: min(cost["seconds"] for cost in costs[name]) for name in METHODS}
    # The largest, not the least: a peak that is reached once has to be paid for.
    peaks = {name: max(cost["bytes"] for cost in costs[name]) / 1e6 for name in METHODS}
    labels = {
        "ours": "merge_checkpoints",
        "load_all": "load all, stack in float64",
        "file_by_file": "file by file, float32",
        "tensor_by_tensor": "safe_open by tensor, float64",
    }
    for name, label in labels.items():
        at_most = 48 if name == "ours" else None
        report.add(
            f"peak memory above the interpreter's: {label}", peaks[name], "MB", at_most=at_most
        )
    for name, label in labels.items():
        report.add(f"CPU time: {label}", seconds[name], "s")
    report.add("CPU time: ours / load all", seconds["ours"] / seconds["load_all"], at_most=0.6)
    for name in ("file_by_file", "tensor_by_tensor"):
        report.add(f"CPU time: ours / {labels[name]}", seconds["ours"] / seconds[name])
    report.add("agrees bit for bit with safe_open in float64", float(equal), "", at_least=1)
    report.skipped.append("mergekit")
    report.say("  mergekit (linear merges of whole models) is not among the bench's peers")
    report.close()


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in METHODS:
        child(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
