"""Updates follow the optimizer's steps, and only those that were made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.averaging.networks import live_vector, mlp, train
from torch import nn

from surefoot.averaging import EMA, LAWA, Tail, WeightAverager
from surefoot.ground.errors import InputError


def test_attached_is_the_same_as_by_hand() -> None:
    by_hand, attached = mlp(), mlp()
    one = WeightAverager(by_hand, {"e": EMA(0.9), "l": LAWA(3)})
    optimizer = torch.optim.SGD(attached.parameters(), lr=0.1)
    two = WeightAverager(attached, {"e": EMA(0.9), "l": LAWA(3)}).attach(optimizer)
    train(by_hand, 20, one.update)
    train(attached, 20, optimizer=optimizer)
    assert two.steps == 20
    for name in ("e", "l"):
        left, right = one.averaged_state_dict(name), two.averaged_state_dict(name)
        # Statistics are those at the update: the optimizer's step comes after the forward.
        assert all(torch.equal(left[key], right[key]) for key in left)
    two.detach()
    train(attached, 1, optimizer=optimizer)
    assert two.steps == 20


def test_steps_are_counted_not_batches() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    averager = WeightAverager(model, {"t": Tail()}).attach(optimizer)
    for batch in range(12):
        model(torch.ones(4, 3)).sum().backward()
        if batch % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
    assert averager.steps == 3


@pytest.mark.parametrize("fused", [False, True])
def test_steps_that_a_scaler_leaves_out_are_not_counted(fused: bool) -> None:
    model = nn.Linear(3, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, fused=fused)
    averager = WeightAverager(model, {"l": LAWA(1)}).attach(optimizer)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for step in range(6):
        optimizer.zero_grad()
        loss = model(torch.ones(2, 3)).square().mean()
        scaler.scale(loss * (float("inf") if step in (1, 4) else 1)).backward()
        before = live_vector(model)
        scaler.step(optimizer)
        assert torch.equal(live_vector(model), before) == (step in (1, 4))
        scaler.update()
    assert averager.steps == 4


def test_a_closure_is_one_step() -> None:
    model = nn.Linear(3, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)
    averager = WeightAverager(model, {"t": Tail()}).attach(optimizer)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(torch.ones(2, 3)).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert averager.steps == 1


def test_wrapped_optimizers_are_found() -> None:
    class Wrapper:
        def __init__(self, optimizer: torch.optim.Optimizer) -> None:
            self.optimizer = optimizer

    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    averager = WeightAverager(model, {"t": Tail()}).attach(Wrapper(Wrapper(optimizer)))
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert averager.steps == 1


def test_the_wrong_optimizer_is_refused() -> None:
    averager = WeightAverager(nn.Linear(3, 1), {"t": Tail()})
    with pytest.raises(InputError, match="none of the averaged parameters"):
        averager.attach(torch.optim.SGD(nn.Linear(3, 1).parameters(), lr=0.1))
    with pytest.raises(InputError, match="a torch optimizer"):
        averager.attach(nn.Linear(3, 1))
    model = nn.Linear(3, 1)
    averager = WeightAverager(model, {"t": Tail()})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    averager.attach(optimizer)
    with pytest.raises(InputError, match="attached already"):
        averager.attach(optimizer)


def test_steps_may_be_numbered_by_the_caller_and_have_to_grow() -> None:
    averager = WeightAverager(nn.Linear(2, 1), {"l": LAWA(9, every=10)})
    for step in (5, 10, 17, 20):
        averager.update(step)
    assert (averager.steps, averager.pushes("l")) == (20, 2)
    for step in (20, 3, True, 1.5):
        with pytest.raises(InputError, match="step: found"):
            averager.update(step)
    averager.update()
    assert averager.steps == 21


def test_what_is_due_among_steps_left_out_is_due_at_the_next() -> None:
    averager = WeightAverager(nn.Linear(2, 1), {"l": LAWA(99, every=4), "t": Tail(start=10)})
    for step in range(1, 41, 3):  # 4, 10, 13, 16, 22, 25, 28, …: the first from each multiple of 4
        averager.update(step)
    assert (averager.pushes("l"), averager.pushes("t")) == (10, 10)


def test_steps_numbered_by_numpy_are_steps(tmp_path: Path) -> None:
    averager = WeightAverager(nn.Linear(2, 1), {"t": Tail()}, total_steps=np.int64(9))
    averager.update(np.int64(3))
    averager.save(tmp_path / "averages.safetensors")
    assert (averager.steps, averager.pushes("t")) == (3, 1)


def test_going_on_beyond_the_plan_is_said_once() -> None:
    averager = WeightAverager(nn.Linear(2, 1), {"l": LAWA(2, every=0.5)}, total_steps=4)
    for _ in range(4):
        averager.update()
    with pytest.warns(RuntimeWarning, match="beyond total_steps=4") as caught:
        averager.update()
    averager.update()
    assert len(caught) == 1
    assert averager.pushes("l") == 3
    for total in (0, 2.5, True):
        with pytest.raises(InputError, match="total_steps"):
            WeightAverager(nn.Linear(2, 1), {"l": LAWA(2)}, total_steps=total)
