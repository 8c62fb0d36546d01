"""Two-tailed averaging: the short tail takes over once it is as good."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from surefoot.averaging import EMA, TwoTailed, WeightAverager
from surefoot.ground.errors import InputError


def follow(losses: list[tuple[float, float] | None]) -> list[tuple[bool, int]]:
    """Judge after each step with fixed losses (long, short); None: don't judge."""
    parameter = torch.zeros(1)
    averager = WeightAverager({"w": parameter}, {"a": TwoTailed()})
    running = averager._running["a"]
    seen = []
    for pair in losses:
        averager.update()
        seen.append((pair is not None and running.judge(*pair), running.long))
    return seen


def test_the_short_tail_takes_over_once_it_is_as_good() -> None:
    seen = follow([None, (0, 0), None, (1, 2), (1, 1), None])
    # The first judgement only parts the two; the short one then begins at step 3.
    assert seen == [(False, 1), (False, 2), (False, 3), (False, 4), (True, 3), (False, 4)]


def test_the_horizon_grows_where_noise_is_all_there_is_and_stays_short_on_the_way() -> None:
    rng = np.random.default_rng(0)
    model = torch.nn.Linear(1, 1, bias=False)
    averager = WeightAverager(model, {"a": TwoTailed()})
    lengths = []
    for step in range(1, 2001):
        # From far away to a noisy standstill at zero.
        position = max(0.0, 10 - 0.02 * step) + 0.3 * rng.normal()
        with torch.no_grad():
            model.weight.fill_(position)
        averager.update()
        if step % 20 == 0:
            averager.judge("a", lambda m: float(m.weight.detach().square().sum()))
            lengths.append(averager._running["a"].long)
    assert max(lengths[5:24]) <= 60  # on the way: step 500
    assert lengths[-1] >= 600
    with averager.applied("a"):
        assert abs(float(model.weight.detach())) < 0.1


def test_its_weights_are_those_of_the_long_tail() -> None:
    parameter = torch.zeros(1)
    averager = WeightAverager({"w": parameter}, {"a": TwoTailed()})
    for step in range(6):
        parameter.fill_(step)
        averager.update()
        if step in (1, 3):
            averager._running["a"].judge(1.0, 0.0)
    np.testing.assert_allclose(averager.weights("a"), [0, 0, 0.25, 0.25, 0.25, 0.25])
    with averager.applied("a"):
        assert float(parameter) == pytest.approx(3.5)


def test_judging_needs_two_tails_a_model_and_a_loss() -> None:
    averager = WeightAverager(torch.nn.Linear(1, 1), {"a": TwoTailed(), "e": EMA(0.9)})
    averager.update()
    with pytest.raises(InputError, match="a TwoTailed average"):
        averager.judge("e", lambda m: 0.0)
    assert not averager.judge("a", lambda m: pytest.fail("nothing to compare yet"))
    averager.update()
    with pytest.raises(InputError, match="two NaN losses"):
        averager.judge("a", lambda m: float("nan"))
    unbound = WeightAverager({"w": torch.zeros(1)}, {"a": TwoTailed()})
    unbound.update()
    unbound.judge("a", lambda m: 0.0)
    unbound.update()
    with pytest.raises(InputError, match="made from a module"):
        unbound.judge("a", lambda m: 0.0)
