"""Stopping and going on gives the same bits as not stopping, through files without pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.confidence.modules.networks import CROSS, classes, fed, mlp, warmed
from torch import nn

from surefoot.confidence.bias import half_sample_drift
from surefoot.confidence.modules.chained_sgd import ChainedSGD
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 0.1, "burn_in": 3},
        {"precondition": "diag", "multiplier": "poisson", "params": "all"},
        {"multiplier": [0.0, 2.0], "randomness": "same", "seed": 9},
        {"randomness": "different", "dtype": torch.float64},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["safetensors", "npz", "pt"])
def test_resuming_gives_the_same_bits(options: dict[str, Any], kind: str, tmp_path: Path) -> None:
    model = mlp()
    if "randomness" in options:
        model = nn.Sequential(*model[:2], nn.Dropout(0.3), model[2])
    data, path = classes(790, mlp()), tmp_path / f"run.{kind}"
    whole = fed(warmed(model, data, **options), data)
    first = fed(warmed(model, data, **options), (data[0][:416], data[1][:416]))
    state = first.state_dict()
    if kind == "safetensors":
        save_file(state, path)
        state = load_file(path)
    elif kind == "npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in state.items()})
        with np.load(path, allow_pickle=False) as stored:
            state = {name: torch.from_numpy(array) for name, array in stored.items()}
    else:
        torch.save(state, path)
        read = torch.load  # weights only: no pickle of anything but tensors
        state = read(path, weights_only=True)
    torch.manual_seed(5)
    resumed = ChainedSGD(model, CROSS, 5, **options)
    resumed.load_state_dict(state)
    fed(resumed, data, 416)
    a, b = whole.averages(), resumed.averages()
    np.testing.assert_array_equal(b.chains, a.chains)
    np.testing.assert_array_equal(b.estimate, a.estimate)
    assert whole.chains is not None
    assert resumed.chains is not None
    counts = [(c.n_rows, c.n_steps, c.first_averaged) for c in (whole.chains, resumed.chains)]
    assert counts[0] == counts[1] == (790, 25, 1 + options.get("burn_in", 0))
    drifts = [
        half_sample_drift(c.path, c.pilot, averages)
        for c, averages in ((whole.chains, a), (resumed.chains, b))
    ]
    assert drifts[0] == drifts[1]
    assert torch.equal(whole.predict(data[0]).upper, resumed.predict(data[0]).upper)


def test_a_state_is_a_copy() -> None:
    data = classes(320, mlp())
    chained = fed(warmed(mlp(), data), data)
    state = chained.state_dict()
    before = {name: tensor.clone() for name, tensor in state.items()}
    other = ChainedSGD(mlp(), CROSS, 5)
    other.load_state_dict(state)
    fed(chained, data)
    fed(other, data)
    for name, tensor in before.items():
        torch.testing.assert_close(state[name], tensor, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_chains": 6}, "found n_chains 5; allowed: n_chains 6, as here"),
        ({"seed": 1}, "found seed 0; allowed: seed 1, as here"),
        ({"batch_size": 16}, "batch_size 32"),
        ({"schedule": StepSchedule(c0=2)}, r"found c0 1.0; allowed: c0 2"),
        ({"params": "all"}, "parameters"),
        ({"dtype": torch.float64}, "dtype torch.float32"),
        ({"multiplier": "poisson"}, "another multiplier"),
        ({"alpha": 0.1}, "another ridge"),
    ],
)
def test_the_state_of_another_run_is_refused(options: dict[str, Any], message: str) -> None:
    data = classes(320, mlp())
    state = warmed(mlp(), data).state_dict()
    other = ChainedSGD(mlp(), CROSS, **{"n_chains": 5} | options)
    with pytest.raises(InputError, match=message):
        other.load_state_dict(state)
    assert other.chains is None


def test_what_is_no_state_is_refused() -> None:
    chained = warmed(mlp(), classes(320, mlp()))
    for state in ({}, {"settings": torch.tensor([1, 2], dtype=torch.uint8)}, mlp().state_dict()):
        with pytest.raises(InputError, match=r"what state_dict\(\) gives"):
            chained.load_state_dict(state)
    state = chained.state_dict()
    text = bytes(state["settings"].tolist()).replace(b"chains-1", b"chains-0")
    state["settings"] = torch.tensor(list(text), dtype=torch.uint8)
    with pytest.raises(InputError, match="the format surefoot-torch-chains-1"):
        chained.load_state_dict(state)
