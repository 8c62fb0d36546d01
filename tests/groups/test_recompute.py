"""Activation checkpointing runs the forward again in backward: with the ids of the first time."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from surefoot.ground.errors import InputError
from surefoot.groups import FairDropout, attach, tied
from surefoot.groups.recompute import Recomputation

H = 16
IDS = torch.arange(12).split(4)


class Block(nn.Module):
    """A LayerNorm in front of the layer: every row of its input has mean zero."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.linear, self.norm, self.fair = nn.Linear(H, H), nn.LayerNorm(H), inside

    def forward(self, x):
        return x + self.fair(self.norm(self.linear(x))).tanh()


class Net(nn.Module):
    def __init__(self, *, written: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(FairDropout(H, key=str(i)) if written else nn.Identity()) for i in range(2)
        )
        self.reentrant: bool | None = None  # None: no checkpointing

    def forward(self, x):
        for block in self.blocks:
            if self.reentrant is None:
                x = block(x)
            else:
                x = checkpoint(block, x, use_reentrant=self.reentrant)
        return x


@pytest.fixture(params=["written", "attached"])
def net(request):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Net(written=request.param == "written")
    if request.param == "attached":
        attach(net, {f"blocks.{i}.fair": {"num_features": H} for i in range(2)})
    return net


def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(len(ids), H, generator=generator, requires_grad=True) for ids in IDS]


def gradients(net, backward, reentrant):
    net = copy.deepcopy(net)
    net.reentrant = reentrant
    backward(net)
    return [parameter.grad for parameter in net.parameters()]


def outside(net):
    for ids, x in zip(IDS, batches(), strict=True):
        with tied(net, ids):
            loss = net(x).square().mean()
        loss.backward()


def inside(net):
    for ids, x in zip(IDS, batches(), strict=True):
        with tied(net, ids):
            net(x).square().mean().backward()


def after_several_forwards(net):
    loss = torch.zeros(())
    for ids, x in zip(IDS, batches(), strict=True):
        with tied(net, ids):
            loss = loss + net(x).square().mean()
    loss.backward()


def inside_the_next_batch(net):
    losses = []
    for ids, x in zip(IDS, batches(), strict=True):
        with tied(net, ids):
            losses.append(net(x).square().mean())
            if len(losses) == len(IDS):
                sum(losses).backward()


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "non-reentrant"])
@pytest.mark.parametrize(
    "backward", [outside, inside, after_several_forwards, inside_the_next_batch]
)
def test_gradients_are_those_without_checkpointing(net, backward, reentrant):
    expected = gradients(net, backward, None)
    found = gradients(net, backward, reentrant)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "non-reentrant"])
def test_a_row_without_memory_stays_without(reentrant):
    def backward(net):
        with tied(net, torch.tensor([0, -1, 2, -1])):
            loss = net(batches()[0]).square().mean()
        with tied(net, IDS[1]):
            (loss + net(batches()[1]).square().mean()).backward()

    net = Net(written=True)
    expected = gradients(net, backward, None)
    for a, b in zip(gradients(net, backward, reentrant), expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "non-reentrant"])
def test_a_forward_without_ids_is_recomputed_without_ids(reentrant):
    def backward(net):
        for block in net.blocks:
            block.fair.on_missing = "drop"
        loss = net(batches()[0]).square().mean()
        with tied(net, IDS[1]):
            (loss + net(batches()[1]).square().mean()).backward()

    net = Net(written=True)
    expected = gradients(net, backward, None)
    for a, b in zip(gradients(net, backward, reentrant), expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("reentrant", [True, False, None])
def test_a_later_forward_never_gets_the_ids_of_an_earlier_one(reentrant):
    net, x = Net(written=True), batches()[0]
    net.reentrant = reentrant
    with tied(net, IDS[0]):
        net(x).sum().backward()
    with pytest.raises(InputError, match="example ids of FairDropout '0': found None"):
        net(x)


def test_ordinary_training_remembers_nothing():
    net = Net(written=True)
    inside(net)
    assert not net.blocks[0].fair._recomputation._calls


def test_only_what_was_seen_is_found_again():
    memory = Recomputation()
    x, y = torch.randn(2, 4, H, generator=torch.Generator().manual_seed(0))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)  # as behind a LayerNorm
    assert memory.ids_of(x) is None
    with torch.no_grad():
        memory.remember(x, IDS[0])
        memory.remember(y, IDS[1])
        memory.remember(y[:3], IDS[1][:3])
    assert memory.ids_of(x) is IDS[0]
    assert memory.ids_of(y + 1e-6 * x.abs()) is IDS[1]  # rounding of another kernel
    assert memory.ids_of(x + 0.1) is None
    assert memory.ids_of(x[:2]) is None


def test_an_empty_batch_is_found_again():
    memory = Recomputation()
    with torch.no_grad():
        memory.remember(torch.ones(0, H), IDS[0][:0])
    assert len(memory.ids_of(torch.ones(0, H))) == 0
