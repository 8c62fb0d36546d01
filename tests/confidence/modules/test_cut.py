"""Which parameters can be chosen, which modules are refused, and where a module is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.confidence.modules.networks import CROSS, MSE, Headed, classes, fed, mlp, warmed
from torch import Tensor, nn

from surefoot.confidence.modules.chained_sgd import ChainedSGD
from surefoot.confidence.modules.module_rules import chosen_parameters, is_linear_head
from surefoot.ground.errors import InputError


@pytest.mark.parametrize(
    ("params", "names", "linear_head"),
    [
        ("last", ["2.weight", "2.bias"], True),
        ("all", ["0.weight", "0.bias", "2.weight", "2.bias"], False),
        (["2.*"], ["2.weight", "2.bias"], True),
        (["2.bias"], ["2.bias"], True),
        ("2.bias", ["2.bias"], True),
        (["*.bias", "0.*"], ["0.weight", "0.bias", "2.bias"], False),
    ],
)
def test_parameters_are_chosen_in_the_order_of_the_model(
    params: Any, names: list[str], linear_head: bool
) -> None:
    model = mlp()
    chosen = chosen_parameters(model, params)
    assert list(chosen) == names
    assert all(p is model.get_parameter(name) for name, p in chosen.items())
    assert is_linear_head(model, names) == linear_head


def test_a_lone_layer_is_its_own_head() -> None:
    layer = nn.Linear(4, 3)
    assert list(chosen_parameters(layer, "last")) == ["weight", "bias"]
    assert is_linear_head(layer, ["weight", "bias"])
    chained = fed(warmed(layer, classes(64, mlp())), classes(64, mlp()))
    assert set(chained.averaged_state_dict()) == {"weight", "bias"}


def frozen() -> nn.Module:
    model = mlp()
    model[2].requires_grad_(False)
    return model


def tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    return model


def whole_numbers() -> nn.Module:
    model = mlp()
    model.counts = nn.Parameter(torch.zeros(3, dtype=torch.int64), requires_grad=False)
    return model


@pytest.mark.parametrize(
    ("model", "params", "message"),
    [
        (mlp(), ["3.weight"], r"params: found '3.weight'; allowed: 'last', 'all', or .*2\.weight"),
        (mlp(), [], "params: found 'nothing'"),
        (nn.ReLU(), "last", "model: found 'ReLU'; allowed: a module with parameters"),
        (frozen(), "last", r"'2.weight': found 'requires_grad=False'; allowed: .*requires_grad_"),
        (frozen(), "all", "'2.weight'"),
        (tied(), "last", "'1.weight': found the same parameter as 0.weight; allowed: .*untie"),
        (whole_numbers(), ["counts"], "'counts': found 'torch.int64'; allowed: real floating"),
        (nn.Sequential(nn.LazyLinear(3)), "last", "'0.weight': found no shape yet.*call it once"),
    ],
)
def test_parameters_that_chains_cannot_have(model: nn.Module, params: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ChainedSGD(model, CROSS, params=params)


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm1d(8), nn.InstanceNorm1d(8, track_running_stats=True)], ids=repr
)
def test_running_statistics_are_refused_in_training_mode(norm: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(4, 8), norm, nn.Linear(8, 3))
    with pytest.raises(
        InputError, match=r"module '1': found \w+ with statistics of the batch.*eval\(\)"
    ):
        ChainedSGD(model, CROSS)
    norm.eval()
    ChainedSGD(model, CROSS)
    model[1] = nn.BatchNorm1d(8, track_running_stats=False).eval()
    with pytest.raises(InputError, match="BatchNorm1d with statistics of the batch"):
        ChainedSGD(model, CROSS)


@pytest.mark.parametrize(
    "module",
    [nn.LSTM(4, 4, 2, dropout=0.1), nn.MultiheadAttention(4, 2, dropout=0.1), nn.Dropout1d(0.1)],
    ids=lambda module: type(module).__name__,
)
def test_modules_with_dropout_inside_are_refused_in_training_mode(module: nn.Module) -> None:
    model = nn.ModuleDict({"inner": module, "head": nn.Linear(4, 3)})
    with pytest.raises(InputError, match="module 'inner': found .* in training mode"):
        ChainedSGD(model, CROSS)
    ChainedSGD(model, CROSS, randomness="same")
    ChainedSGD(model.eval(), CROSS)


def test_a_module_that_changes_its_buffers_is_found_out_and_put_right() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))
            self.head = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            self.seen += len(x)
            return self.head(x)

    model = Counting()
    chained = ChainedSGD(model, CROSS)
    with pytest.raises(InputError, match="buffer 'seen': found changed by a forward pass"):
        chained.warm_up(classes(64, mlp()))
    assert model.seen == 0


def test_dropout_written_as_a_function_is_refused_too() -> None:
    class Functional(Headed):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(nn.functional.dropout(torch.tanh(self.body(x)), 0.5)) + 0

    with pytest.raises(
        InputError, match="random numbers drawn in a forward pass; allowed: .*'same'"
    ):
        ChainedSGD(Functional(), CROSS).warm_up(classes(200, mlp()))
    data = classes(320, mlp())
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        same = fed(warmed(Functional(), data, randomness="same"), data)
        found.append(same.averages().chains)
    np.testing.assert_array_equal(*found)


class Swapped(nn.Module):
    """Registers the layer last that runs first."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = nn.Linear(8, 3), nn.Linear(4, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.body(x)))


def test_the_last_layer_is_the_one_that_runs_last() -> None:
    data = classes(320, mlp())
    with pytest.raises(
        InputError,
        match=r"'last', by its place in the model 'body', while 'head' runs last.*\['head\.\*'\]",
    ):
        ChainedSGD(Swapped(), CROSS).warm_up(data)
    chained = warmed(Swapped(), data, params=["body.*"])
    assert chained.chains is not None
    assert not chained.chains.pilot.convex


class Unused(Headed):
    """Has a layer that it never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(8, 3)


class Twice(nn.Module):
    """Runs its head twice."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.head(x))


@pytest.mark.parametrize(
    ("model", "params", "cut"),
    [
        (mlp(), "last", True),
        (mlp(), ["2.bias"], True),
        (mlp(), "all", False),
        (mlp(), ["0.bias"], False),
        (nn.Sequential(*mlp(), nn.Identity()), "last", True),
        (nn.Sequential(nn.Tanh(), mlp(), nn.Linear(3, 3)), ["1.*", "2.*"], True),
        (Headed(), "last", True),
        (Headed(), ["head.weight"], True),
        (Headed(), ["body.*"], False),
        (Headed(), "all", False),
        (Twice(), "last", False),
        (Unused(), ["unused.*"], False),
    ],
)
def test_where_a_module_is_cut(model: nn.Module, params: Any, cut: bool) -> None:
    torch.manual_seed(0)
    X = torch.randn(6, 4)
    chained = ChainedSGD(model, MSE, params=params)
    network = chained._network
    network.trace(X)
    features = network.features(X)
    assert (network._rest is not model) == cut
    assert (features[0][0] is not X) == cut
    # Wherever it is cut, it is the same function of its parameters.
    torch.testing.assert_close(network.output(network.start, features), model(X))
    moved = network.start + 0.1 * torch.randn_like(network.start)
    state = model.state_dict()
    output = network.output(moved, features)
    model.load_state_dict(state | network.split(moved))
    torch.testing.assert_close(output, model(X))


def test_a_body_that_vmap_does_not_know_is_run_outside_of_it() -> None:
    class Deciding(Headed):
        def forward(self, x: Tensor) -> Tensor:
            x = x if x.mean().item() > 0 else -x
            return super().forward(x)

    data = classes(64, mlp())
    assert fed(warmed(Deciding(), data), data).averages().finite.all()
