"""A warning names the line that caused it."""

from __future__ import annotations

import linecache

import pytest
import torch
from tests.averaging.networks import mlp
from torch import nn

from surefoot.averaging import EMA, WeightAverager


def line_of(warning: object) -> str:
    return linecache.getline(warning.filename, warning.lineno).strip()


def test_warnings_point_at_the_caller() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    averager = WeightAverager(model, {"e": EMA(0.9), "late": EMA(0.9, start=50)}, total_steps=1)
    averager.update()
    with pytest.warns(RuntimeWarning, match="beyond") as caught:
        averager.update()
    assert line_of(caught[0]) == "averager.update()"
    with pytest.warns(RuntimeWarning, match="empty") as caught:
        with averager.applied("late"):
            pass
    assert line_of(caught[0]) == 'with averager.applied("late"):'
    for asked in (lambda: model.state_dict(), lambda: model[0][0].state_dict()):
        with averager.applied("e"), pytest.warns(RuntimeWarning, match="raw weights") as caught:
            asked()
        assert line_of(caught[0]).startswith("for asked in")
    fresh = WeightAverager(model, {"e": EMA(0.9)}, total_steps=1).attach(optimizer)
    fresh.update()
    with pytest.warns(RuntimeWarning, match="beyond") as caught:
        optimizer.step()
    assert line_of(caught[0]) == "optimizer.step()"


def test_what_is_said_once_is_said_of_one_averager() -> None:
    for _ in range(2):
        averager = WeightAverager(mlp(), {"e": EMA(0.9)}, buffers="ignore")
        averager.update()
        with pytest.warns(RuntimeWarning, match="running statistics"):
            with averager.applied("e"):
                pass
