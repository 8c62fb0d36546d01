"""Two processes hold the averages that one process would hold, whole (DDP) or in shards (FSDP2)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.averaging import ranks

from surefoot.averaging import WeightAverager
from surefoot.ground.errors import InputError

WORLD = 2
Found = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def ddp(tmp_path_factory) -> tuple[Path, list[Found]]:
    return launch("ddp", tmp_path_factory.mktemp("ddp"))


@pytest.fixture(scope="module")
def fsdp(tmp_path_factory) -> tuple[Path, list[Found]]:
    if not hasattr(torch.distributed.fsdp, "fully_shard"):
        pytest.skip("fully_shard is there from torch 2.6")
    return launch("fsdp", tmp_path_factory.mktemp("fsdp"))


@pytest.fixture(params=["ddp", "fsdp"])
def launched(request) -> tuple[Path, list[Found]]:
    """What was done in two processes, in both ways."""
    return request.getfixturevalue(request.param)


def launch(mode: str, folder: Path) -> tuple[Path, list[Found]]:
    """Run two ranks; return the folder of the files they wrote, and what each of them found."""
    command = [sys.executable, "-W", "error", ranks.__file__, mode]
    processes = [
        subprocess.Popen(
            [*command, str(rank), str(WORLD), folder],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for rank in range(WORLD)
    ]
    try:
        errors = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * WORLD, "\n".join(errors)
    found = [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(WORLD)]
    return folder, found


@pytest.fixture(scope="module")
def single(tmp_path_factory) -> Found:
    """The same run in this process, on whole batches."""
    with torch.random.fork_rng():
        return ranks.both(lambda model: model, 0, 1, tmp_path_factory.mktemp("single"))


def part(found: Found, path: str) -> Found:
    prefix = f"/{path}/"
    chosen = {key.removeprefix(prefix): v for key, v in found.items() if key.startswith(prefix)}
    assert chosen
    return chosen


def assert_close(found: Found, wanted: Found, tolerance: float = 0.0) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=tolerance, atol=tolerance)


def bare(found: Found) -> Found:
    return {name.removeprefix("module."): value for name, value in found.items()}


def test_names_are_those_of_the_bare_model(launched) -> None:
    assert all(bool(found["/names"]) for found in launched[1])


def test_averages_are_those_of_one_process_on_the_joint_batch(launched, single) -> None:
    _, (first, second) = launched
    assert_close(part(first, "averages"), part(second, "averages"))
    assert_close(part(first, "averages"), part(single, "averages"), 1e-5)
    # The comparison could fail: averages differ from one another by more than that.
    averages = part(single, "averages")
    assert (averages["ema/4.weight"] - averages["lawa/4.weight"]).abs().max() > 1e-3


def test_the_average_is_what_runs_in_forward(launched, single) -> None:
    _, (first, second) = launched
    outputs, expected = part(first, "outputs"), part(single, "outputs")
    assert_close(outputs, part(second, "outputs"))
    assert_close(outputs, expected, 1e-5)
    assert torch.equal(outputs["raw"], outputs["raw again"])
    for name in ranks.AVERAGES:
        assert (outputs[name] - outputs["raw"]).abs().max() > 1e-4
        # What ran is what would be exported.
        model = ranks.network()
        values = part(first, f"averages/{name}")
        model.load_state_dict(values)
        with torch.no_grad():
            torch.testing.assert_close(model(ranks.PROBE), outputs[name], rtol=1e-6, atol=1e-6)


def test_exports_and_copies_are_whole(launched, single) -> None:
    folder, (first, second) = launched
    for name in ("ema", "hist"):
        assert_close(load_file(folder / f"{name}.safetensors"), part(first, f"averages/{name}"))
    for found in (first, second):
        assert_close(part(found, "copied"), part(first, "averages/ema"))


def test_checkpoints_from_inside_hold_raw_weights(launched, single) -> None:
    for found in launched[1]:
        assert_close(part(found, "raw inside"), part(found, "raw"))
        assert_close(part(found, "state inside"), part(found, "state"))
    raw = bare(part(launched[1][0], "raw"))
    assert_close(raw, part(single, "raw"), 1e-5)
    assert (raw["4.weight"] - part(single, "averages/ema")["4.weight"]).abs().max() > 1e-4


def test_resuming_and_serving_change_no_bit(launched, single) -> None:
    _, (first, second) = launched
    for found in (first, second, single):
        assert_close(part(found, "resumed"), part(found, "served"))


def test_each_process_averages_its_own_shards(fsdp) -> None:
    _, (first, second) = fsdp
    # Weights of 5, 3 and 1 rows, and biases: uneven, and empty for the second process at the end.
    assert first["/sizes"].tolist() == [9, 3, 10, 2, 3, 1]
    assert second["/sizes"].tolist() == [6, 2, 5, 1, 0, 0]
    assert bool(first["/sharded"])
    assert bool(second["/sharded"])
    for found in (first, second):
        held = part(found, "state/averages/ema/tensors/mean")
        assert [value.numel() for value in held.values()] == found["/sizes"].tolist()


def test_recalibration_combines_the_batches_of_all_processes(ddp) -> None:
    with torch.random.fork_rng():
        alone = ranks.norms(0, 1)
    first, second = (part(found, "norms") for found in ddp[1])
    assert_close(first, second)
    assert_close(first, part({f"/alone{path}": v for path, v in alone.items()}, "alone"), 1e-5)
    mean = first["inside/1.running_mean"]
    assert (mean - first["after/1.running_mean"]).abs().max() > 1e-3


def test_processes_of_ddp_hold_the_same_state(ddp) -> None:
    folder, (first, second) = ddp
    for path in ("state", "resumed", "served"):
        assert_close(part(first, path), part(second, path))
    averager = WeightAverager(ranks.network(), ranks.AVERAGES)
    averager.load(folder / "averages1.safetensors")  # goes on in one process
    assert averager.steps == ranks.STEPS


def test_the_shards_of_one_process_are_not_taken_for_the_whole(fsdp) -> None:
    averager = WeightAverager(ranks.network(), ranks.AVERAGES)
    with pytest.raises(InputError, match=r"0\.weight \(2, 3\) float32 for \(5, 3\) float32"):
        averager.load(fsdp[0] / "averages1.safetensors")
