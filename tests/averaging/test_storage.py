"""Stop anywhere, go on, and every average has the same bits."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.averaging.networks import live_vector, mlp, train
from tests.averaging.test_swap import assert_same

from surefoot.averaging import (
    EMA,
    LAWA,
    PowerEMA,
    SegmentMeans,
    Tail,
    TwoTailed,
    WeightAverager,
)
from surefoot.averaging.buffers import Layout
from surefoot.ground.errors import InputError

ALL = {
    "ema": EMA(0.9, warmup="power"),
    "lawa": LAWA(4, every=3),
    "tail": Tail(start=5),
    "power": PowerEMA(0.1),
    "segments": SegmentMeans(2, base=3),
    "auto": TwoTailed(),
}


def make(seed: int, dtype: torch.dtype | None) -> tuple[torch.nn.Module, WeightAverager]:
    model = mlp(seed)
    return model, WeightAverager(model, ALL, dtype=dtype)


def optimizer_of(model: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=0.01)


def step_and_judge(averager: WeightAverager) -> None:
    averager.update()
    if averager.steps % 7 == 0:
        averager.judge("auto", lambda model: float(live_vector(model).square().sum()))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.sampled_from([None, torch.float64, torch.bfloat16]), st.booleans())
def test_stopping_anywhere_changes_no_bit(
    stop: int, dtype: torch.dtype | None, swapped: bool
) -> None:
    model, averager = make(0, dtype)
    train(model, 40, lambda: step_and_judge(averager), optimizer=optimizer_of(model))

    first, before = make(0, dtype)
    optimizer = optimizer_of(first)
    train(first, stop, lambda: step_and_judge(before), optimizer=optimizer)
    file = io.BytesIO()
    if swapped and before.pushes("ema"):  # as when a framework saves during validation
        with before.applied("ema", quiet=True):
            checkpoint = [first.state_dict(), optimizer.state_dict(), before.state_dict()]
    else:
        checkpoint = [first.state_dict(), optimizer.state_dict(), before.state_dict()]
    torch.save(checkpoint, file)
    file.seek(0)

    second, after = make(1, dtype)
    weights, moments, averages = torch.load(file, weights_only=True)
    second.load_state_dict(weights)
    resumed = optimizer_of(second)
    resumed.load_state_dict(moments)
    after.load_state_dict(averages)
    train(second, 40 - stop, lambda: step_and_judge(after), first=stop, optimizer=resumed)
    assert torch.equal(live_vector(second), live_vector(model))
    assert_same(after.state_dict(), averager.state_dict())


def test_a_file_holds_it_all(tmp_path: Path) -> None:
    model, averager = make(0, None)
    train(model, 23, lambda: step_and_judge(averager))
    averager.save(tmp_path / "averages.safetensors")
    _, other = make(1, None)
    other.load(tmp_path / "averages.safetensors")
    assert_same(other.state_dict(), averager.state_dict())
    _, empty = make(1, None)
    empty.save(tmp_path / "empty.safetensors")
    other.load(tmp_path / "empty.safetensors")
    assert other.steps == 0


def test_an_update_that_ends_in_the_middle_leaves_a_state_that_can_be_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, averager = make(0, None)
    train(model, 11, averager.update)

    def full(self: Layout, **_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Layout, "empty", full)
        with pytest.raises(MemoryError):
            averager.update()  # no memory for a copy more
    assert averager.steps == 12
    _, other = make(0, None)
    other.load_state_dict(averager.state_dict())
    train(model, 9, lambda: (averager.update(), other.update()))
    assert (other.pushes("lawa"), other.pushes("segments")) == (6, 20)


def test_a_state_is_a_copy() -> None:
    model, averager = make(0, None)
    train(model, 10, averager.update)
    state = averager.state_dict()
    kept = state["averages"]["ema"]["tensors"]["mean"]["0.weight"].clone()
    train(model, 10, averager.update)
    assert torch.equal(state["averages"]["ema"]["tensors"]["mean"]["0.weight"], kept)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s.update(format=9), "format 9"),
        (lambda s: s["averages"].pop("ema"), "averages"),
        (lambda s: s["averages"]["ema"]["scheme"].update(decay=0.5), "decay 0.5 instead of 0.9"),
        (
            lambda s: s["averages"]["ema"]["tensors"]["mean"].pop("0.weight"),
            r"state of 'ema': found missing: 0\.weight",
        ),
        (
            lambda s: s["averages"]["lawa"]["tensors"]["1"].update(extra=torch.zeros(1)),
            "'lawa', copy 1: found not in the model: extra",
        ),
        (
            lambda s: s["averages"]["tail"]["tensors"]["mean"].update({"0.bias": torch.zeros(9)}),
            r"of another form: 0\.bias \(9,\) float32 for \(8,\) float32",
        ),
        (lambda s: s["averages"]["segments"]["numbers"].update(pushes=7), "7 in all"),
        (lambda s: s["averages"]["segments"]["tensors"].pop("0"), "segment 0: found missing"),
        (lambda s: s.pop("steps"), "damaged: KeyError 'steps'"),
        (lambda s: s["averages"]["ema"].pop("numbers"), "damaged: KeyError 'numbers'"),
        (lambda s: s["averages"]["lawa"]["numbers"].update(pushes="many"), "damaged: ValueError"),
        (lambda s: s["averages"].update(tail=3), "damaged: TypeError"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_whole(damage: object, message: str) -> None:
    model, averager = make(0, None)
    train(model, 20, averager.update)
    state = averager.state_dict()
    damage(state)
    _, other = make(1, None)
    other.update()
    held = other.state_dict()
    with pytest.raises(InputError, match=message):
        other.load_state_dict(state)
    assert_same(other.state_dict(), held)


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    _, averager = make(0, None)
    with pytest.raises(InputError, match="a file written by WeightAverager"):
        averager.load(tmp_path / "nothing.safetensors")
    (tmp_path / "text.safetensors").write_text("not a file of tensors")
    with pytest.raises(InputError, match="a whole safetensors file"):
        averager.load(tmp_path / "text.safetensors")
    averager.update()
    averager.export("ema", tmp_path / "export.safetensors")
    with pytest.raises(InputError, match="a file written by WeightAverager"):
        averager.load(tmp_path / "export.safetensors")
    with pytest.raises(InputError, match="found 'format none'|format"):
        averager.load_state_dict([])
