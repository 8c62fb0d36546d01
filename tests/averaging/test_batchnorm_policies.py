"""What happens to running statistics when an average is served."""

from __future__ import annotations

import pytest
import torch
from tests.averaging.networks import mlp, train

from surefoot.averaging import EMA, Tail, WeightAverager
from surefoot.ground.errors import InputError


def averaged(policy: str) -> tuple[WeightAverager, list[torch.Tensor]]:
    model = mlp()
    averager = WeightAverager(model, {"t": Tail(), "e": EMA(0.5)}, buffers=policy)
    means: list[torch.Tensor] = []

    def after() -> None:
        averager.update()
        means.append(model[1].running_mean.clone())

    train(model, 10, after)
    return averager, means


def test_statistics_are_averaged_like_weights() -> None:
    averager, means = averaged("average")
    counter = averager.model[1].num_batches_tracked.clone()
    with averager.applied("t"):
        torch.testing.assert_close(averager.model[1].running_mean, torch.stack(means).mean(0))
        assert averager.model[1].num_batches_tracked == counter
    assert torch.equal(averager.model[1].running_mean, means[-1])


@pytest.mark.parametrize("policy", ["copy", "ignore"])
def test_statistics_of_the_last_iterate_can_be_used(policy: str) -> None:
    averager, means = averaged(policy)
    if policy == "ignore":
        with pytest.warns(RuntimeWarning, match="many points of accuracy"):
            with averager.applied("t"):
                pass
    with averager.applied("t"):
        assert torch.equal(averager.model[1].running_mean, means[-1])
    exported = averager.averaged_state_dict("t")
    assert ("1.running_mean" in exported) == (policy == "copy")
    assert "1.weight" in exported


@pytest.mark.parametrize("policy", ["average", "copy", "recalibrate"])
def test_statistics_are_re_estimated_for_the_block_only(policy: str) -> None:
    averager, means = averaged(policy)
    held = averager.state_dict()
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(9))
    with averager.applied("t", recalibrate=[x[:32], x[32:]]):
        norm, first = averager.model[1], averager.model[0]
        torch.testing.assert_close(norm.running_mean, first(x).mean(0))
        torch.testing.assert_close(norm.running_var, first(x).var(0))
        inside = averager.state_dict()
    assert torch.equal(averager.model[1].running_mean, means[-1])
    for a, b in ((inside, held), (averager.state_dict(), held)):
        for name in ("t", "e"):
            ours, theirs = (s["averages"][name]["tensors"]["mean"] for s in (a, b))
            assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.filterwarnings("ignore:state_dict")
def test_a_checkpoint_while_statistics_are_re_estimated_has_the_raw_ones() -> None:
    for policy in ("average", "copy"):
        averager, means = averaged(policy)
        with averager.applied("t", recalibrate=[torch.randn(32, 3)]):
            assert torch.equal(averager.model.state_dict()["1.running_mean"], means[-1]), policy


def test_a_failing_batch_leaves_no_trace() -> None:
    averager, means = averaged("average")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        with averager.applied("t", recalibrate=[torch.randn(8, 3), torch.randn(8, 4)]):
            pass
    assert torch.equal(averager.model[1].running_mean, means[-1])
    averager.update()


def test_recalibration_has_to_be_given_batches() -> None:
    averager, _ = averaged("recalibrate")
    with pytest.raises(InputError, match="recalibrate: found None"):
        with averager.applied("t"):
            pass
    with pytest.raises(InputError, match="did you mean 'average'"):
        averaged("averaged")
