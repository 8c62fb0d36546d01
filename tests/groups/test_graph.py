import pytest
import torch
from torch import nn

from surefoot.ground.errors import InputError
from surefoot.groups.graph import UnitGraph


def chain():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Sequential(nn.BatchNorm2d(8), nn.ReLU()), nn.Flatten(),
        nn.Linear(32, 4),
    )  # fmt: skip


@pytest.mark.parametrize("place", ["0", "1", "1.0", "1.1", "2"])
def test_a_route_is_the_same_from_anywhere_on_it(place):
    route = UnitGraph(chain()).route_from(place)
    assert str(route.producer.target) == "0"
    assert [str(node.target) for node in route.passed] == ["1.0", "1.1", "2"]
    assert [str(branch.consumer.target) for branch in route.branches] == ["3"]


class Forked(nn.Module):
    def __init__(self):
        super().__init__()
        self.make, self.act = nn.Linear(4, 8), nn.Tanh()
        self.left, self.right = nn.Linear(8, 2), nn.Linear(8, 2)

    def forward(self, x):
        x = self.act(self.make(x))
        return self.left(x) + self.right(x.relu())


def test_branches():
    units = UnitGraph(Forked())
    left, right = units.route_from("act").branches
    assert [str(left.consumer.target), str(right.consumer.target)] == ["left", "right"]
    assert left.steps == ()
    assert [units.kind(node) for node in right.steps] == ["relu"]
    with pytest.raises(InputError, match=r"units at 'left': found they meet add"):
        units.route_from("left")


class Method(nn.Module):
    def __init__(self, call, width):
        super().__init__()
        self.conv, self.last, self.call = nn.Conv2d(3, 8, 3), nn.Linear(width, 2), call

    def forward(self, x):
        return self.last(self.call(self.conv(x)))


@pytest.mark.parametrize(
    ("call", "width", "fits"),
    [
        (lambda x: x.flatten(1), 32, True),
        (lambda x: torch.flatten(x, start_dim=1, end_dim=-1), 32, True),
        (lambda x: x.flatten(2), 4, False),
        (lambda x: torch.flatten(x), 256, False),
        (lambda x: x.mean((2, 3)), 8, True),
        (lambda x: torch.mean(x, dim=[-2, -1]), 8, True),
        (lambda x: x.mean(3), 8, False),
        (lambda x: x.mean((1, 2)), 8, False),
        (lambda x: x.mean(), 8, False),
        (lambda x: x.relu().contiguous().flatten(1), 32, True),
        (lambda x: x.transpose(1, 2).flatten(1), 32, False),
        (lambda x: (x + 1).flatten(1), 32, False),
    ],
)
def test_methods_and_functions(call, width, fits):
    units = UnitGraph(Method(call, width))
    if fits:
        assert len(units.route_from("conv").branches) == 1
    else:
        with pytest.raises(InputError, match="units at 'conv': found they meet"):
            units.route_from("conv")


class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.last = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.last(self.linear(x) if len(x) > 3 else x)


def test_models_that_cannot_be_traced():
    with pytest.raises(InputError, match="model: found Hooked: .*allowed: a model that torch.fx"):
        UnitGraph(Hooked())
