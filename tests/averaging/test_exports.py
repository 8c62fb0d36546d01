"""What leaves the averager is what the model's state dict would be with the average in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, load_model
from tests.averaging.networks import live_vector, mlp, train
from torch import nn

from surefoot.averaging import EMA, LAWA, SegmentMeans, Tail, WeightAverager
from surefoot.ground.errors import InputError


def walk(model: nn.Module, update: Callable[[], None]) -> None:
    for _ in range(4):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        update()


@pytest.mark.parametrize("where", ["root", "leaf"])
def test_names_that_the_model_gives_by_hooks_of_its_own(where: str) -> None:
    model = nn.Sequential(nn.Linear(2, 2))

    def rename(_: nn.Module, state: dict[str, Any], prefix: str, __: object) -> None:
        for name in list(state):
            state[f"{prefix}net.{name.removeprefix(prefix)}"] = state.pop(name)

    (model if where == "root" else model[0])._register_state_dict_hook(rename)
    averager = WeightAverager(model, {"t": Tail()})
    walk(model, averager.update)
    exported = averager.averaged_state_dict("t")
    raw = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with averager.applied("t", quiet=True):
        served = {id(tensor): tensor.clone() for tensor in model.parameters()}
        inside = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    pairs = zip(exported.values(), served.values(), strict=True)
    assert all(torch.equal(left, right) for left, right in pairs)
    assert exported.keys() == inside.keys() == raw.keys()
    assert all(torch.equal(inside[name], raw[name]) for name in raw)


@pytest.mark.parametrize("name", ["e", "l", "s"])
def test_the_average_that_is_served_can_be_exported_from_inside(tmp_path: Path, name: str) -> None:
    model = mlp()
    averager = WeightAverager(model, {"e": EMA(0.9), "l": LAWA(3), "s": SegmentMeans()})
    train(model, 8, averager.update)
    options = {"horizon": 4} if name == "s" else {}
    wanted = averager.averaged_state_dict(name, **options)
    with averager.applied(name, **options):
        averager.export(name, tmp_path / "inside.safetensors", **options)
        averager.copy_to(other := mlp(1), name, **options)
        with pytest.raises(InputError, match="another average in the model"):
            averager.averaged_state_dict("e" if name == "l" else "l")
    found = load_file(tmp_path / "inside.safetensors")
    assert all(torch.equal(found[key], tensor) for key, tensor in wanted.items())
    assert all(torch.equal(other.state_dict()[key], tensor) for key, tensor in wanted.items())


def test_statistics_re_estimated_for_the_block_are_exported_from_inside() -> None:
    model = mlp()
    averager = WeightAverager(model, {"e": EMA(0.9)}, buffers="recalibrate")
    train(model, 8, averager.update)
    batches = [torch.randn(64, 3) + 3]
    with averager.applied("e", recalibrate=batches):
        estimated = live_vector(model)
        inside = averager.averaged_state_dict("e")
    averager.copy_to(other := mlp(1), "e")
    assert not torch.equal(other[1].running_mean, inside["1.running_mean"])
    other.load_state_dict(inside)
    assert torch.equal(live_vector(other), estimated)


def test_an_empty_average_is_not_exported_from_inside_either() -> None:
    averager = WeightAverager(mlp(), {"e": EMA(0.9)})
    with pytest.warns(RuntimeWarning, match="empty"), averager.applied("e"):
        with pytest.raises(InputError, match="no iterate yet"):
            averager.averaged_state_dict("e")


def test_an_export_is_a_copy_but_for_frozen_parameters() -> None:
    model = mlp()
    model[0].requires_grad_(False)
    averager = WeightAverager(model, {"e": EMA(0.9)}, buffers="copy")
    averager.update()
    state = averager.averaged_state_dict("e")
    before = {name: tensor.clone() for name, tensor in state.items()}
    train(model, 3)
    assert all(torch.equal(state[name], tensor) for name, tensor in before.items())
    assert state["0.weight"].data_ptr() == model[0].weight.data_ptr()
    assert int(model[1].num_batches_tracked) == 3


class Masked(nn.Module):
    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.body = nn.Linear(2, 2)
        self.register_buffer("mask", mask)


def test_buffers_that_layers_share_can_be_exported(tmp_path: Path) -> None:
    def make(mask: torch.Tensor) -> nn.Module:
        return nn.Sequential(Masked(mask), Masked(mask))

    model = make(torch.arange(4.0))
    averager = WeightAverager(model, {"t": Tail()})
    averager.update()
    averager.export("t", tmp_path / "t.safetensors")
    assert "1.mask" not in load_file(tmp_path / "t.safetensors")  # tied to the first
    load_model(fresh := make(torch.zeros(4)), tmp_path / "t.safetensors")
    assert torch.equal(fresh[1].mask, model[1].mask)


def test_horizons_of_numpy_are_written_down(tmp_path: Path) -> None:
    averager = WeightAverager(model := mlp(), {"s": SegmentMeans()})
    train(model, 8, averager.update)
    for horizon in (np.int64(4), np.float32(0.5)):
        averager.export("s", tmp_path / "s.safetensors", horizon=horizon)
    wanted = averager.averaged_state_dict("s", horizon=4)
    assert torch.equal(load_file(tmp_path / "s.safetensors")["0.weight"], wanted["0.weight"])
