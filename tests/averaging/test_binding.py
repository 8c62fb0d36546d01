"""Names, ties, wrappers: every parameter is matched, or an error says which is not."""

from __future__ import annotations

import threading

import pytest
import torch
from safetensors.torch import load_model
from tests.averaging.networks import live_vector, mlp
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    apply_activation_checkpointing,
)
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.checkpoint import checkpoint

from surefoot.averaging import EMA, LAWA, Tail, WeightAverager
from surefoot.ground.errors import InputError


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.body = nn.Linear(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(checkpoint(self.body, self.embedding(x), use_reentrant=False))


def names(model: object, **options: object) -> list[str]:
    averager = WeightAverager(model, {"t": Tail()}, **options)
    averager.update()
    return sorted(averager.state_dict()["averages"]["t"]["tensors"]["mean"])


PLAIN = ["0.bias", "0.weight", "1.bias", "1.running_mean", "1.running_var", "1.weight",
         "3.bias", "3.weight"]  # fmt: skip


def compiled_inside() -> nn.Module:
    model = mlp()
    model[0] = torch.compile(model[0], backend="eager")
    return model


@pytest.mark.parametrize(
    "wrap",
    [
        lambda: mlp(),
        lambda: torch.compile(mlp(), backend="eager"),
        lambda: nn.DataParallel(mlp()),
        lambda: torch.compile(nn.DataParallel(mlp()), backend="eager"),
        lambda: nn.DataParallel(torch.compile(mlp(), backend="eager")),
        compiled_inside,
    ],
)
def test_wrappers_do_not_show_in_names(wrap: object) -> None:
    assert names(wrap()) == PLAIN


def test_a_submodule_really_called_module_keeps_its_name() -> None:
    model = nn.ModuleDict({"module": nn.Linear(2, 2)})
    assert names(model) == ["module.bias", "module.weight"]
    state = WeightAverager(model, {"t": LAWA(1)})
    state.update()
    assert set(state.averaged_state_dict("t")) == {"module.bias", "module.weight"}


def test_named_tensors_lose_their_wrappers_too() -> None:
    wrapped = torch.compile(nn.DataParallel(nn.Linear(2, 2)), backend="eager")
    assert names(wrapped.named_parameters()) == ["bias", "weight"]
    assert names(dict(nn.Linear(2, 2).named_parameters())) == ["bias", "weight"]


def test_averages_of_a_wrapped_model_go_on_with_the_bare_one() -> None:
    model = mlp()
    before = WeightAverager(torch.compile(model, backend="eager"), {"e": EMA(0.9)})
    before.update()
    after = WeightAverager(model, {"e": EMA(0.9)})
    after.load_state_dict(before.state_dict())
    assert after.pushes("e") == 1


def test_tied_weights_are_held_once_and_exported_under_both_names(tmp_path) -> None:
    model = Tied()
    averager = WeightAverager(model, {"t": Tail()})
    assert averager._binding.names == ["embedding.weight", "body.weight", "body.bias"]
    for _ in range(3):
        with torch.no_grad():
            model.head.weight.add_(1)
        averager.update()
    before = live_vector(model)
    state = averager.averaged_state_dict("t")
    assert state["head.weight"] is state["embedding.weight"]
    torch.testing.assert_close(state["head.weight"], model.head.weight - 1)
    assert torch.equal(live_vector(model), before)
    averager.export("t", tmp_path / "t.safetensors")
    fresh = Tied()
    load_model(fresh, tmp_path / "t.safetensors")
    assert torch.equal(fresh.head.weight, state["head.weight"])
    other = Tied()
    averager.copy_to(other, "t")
    assert other.head.weight is other.embedding.weight
    assert torch.equal(other.head.weight, state["head.weight"])


def test_weights_tied_by_memory_are_held_once() -> None:
    model = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)})
    model["b"].weight.data = model["a"].weight.data
    averager = WeightAverager(model, {"t": Tail()})
    assert averager._binding.aliases == {"b.weight": "a.weight"}


def test_weights_that_share_part_of_their_memory_are_refused() -> None:
    shared = torch.zeros(10)
    with pytest.raises(InputError, match="'a' and 'b' share part of their memory"):
        WeightAverager({"a": shared[:6], "b": shared[4:]}, {"t": Tail()})
    WeightAverager({"a": shared[:5], "b": shared[5:]}, {"t": Tail()})


def test_a_half_frozen_model() -> None:
    model = mlp()
    model[0].requires_grad_(False)
    assert "0.weight" not in names(model)
    assert "0.weight" in names(model, only_trainable=False)
    averager = WeightAverager(model, {"t": Tail()})
    averager.update()
    assert torch.equal(averager.averaged_state_dict("t")["0.weight"], model[0].weight)
    model[0].requires_grad_(True)
    with pytest.raises(InputError, match=r"unfrozen since: 0\.weight, 0\.bias"):
        averager.update()


def test_parametrizations_and_integer_and_constant_buffers() -> None:
    model = nn.Sequential(weight_norm(nn.Linear(3, 3)), nn.Linear(3, 1))
    model.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
    model.register_buffer("count", torch.tensor(5))
    averager = WeightAverager(model, {"t": Tail()})
    averager.update()
    averager.update()
    assert "0.parametrizations.weight.original0" in averager._binding.names
    state = averager.averaged_state_dict("t")
    assert torch.equal(state["mask"], model.mask)
    assert state["count"] == 5


class Undeepcopyable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.lock, self.function = threading.Lock(), lambda x: x
        self.cache = self.layer.weight * 2  # no leaf: deepcopy refuses it

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def test_a_module_that_cannot_be_copied_is_averaged() -> None:
    model = Undeepcopyable()
    averager = WeightAverager(model, {"e": EMA(0.5), "l": LAWA(2)})
    averager.update()
    with averager.applied("l"):
        model(torch.ones(1, 3))
    with pytest.raises(TypeError, match="pickle"):
        torch.optim.swa_utils.AveragedModel(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: setattr(m[3], "weight", nn.Parameter(torch.zeros(2, 8))), "replaced.*3.weight"),
        (lambda m: m[0].double(), r"0\.weight: .*float64.*was.*float32"),
        (lambda m: m.double(), r"replaced tensors: 1\.running_mean.*before it is bound"),
        (lambda m: m.to("meta"), "replaced|meta"),
        (lambda m: setattr(m[3].weight, "data", torch.zeros(2, 9)), r"3\.weight"),
        (lambda m: m.load_state_dict(mlp(1).state_dict(), assign=True), "replaced tensors"),
        (lambda m: m.__setitem__(3, nn.Linear(8, 2)), r"replaced tensors: 3\.weight, 3\.bias"),
        (lambda m: m.append(nn.Linear(2, 2)), r"new: 4\.weight, 4\.bias"),
        (lambda m: m.pop(3), r"gone: 3\.weight, 3\.bias"),
        (lambda m: weight_norm(m[3]), r"gone: 3\.weight; new: 3\.parametrizations"),
    ],
)  # fmt: skip
def test_what_changes_under_the_averages_is_named(change: object, message: str) -> None:
    model = mlp()
    averager = WeightAverager(model, {"e": EMA(0.9)})
    averager.update()
    change(model)
    with pytest.raises(InputError, match=message):
        averager.update()
    assert averager.steps == 1


def test_the_same_tensors_in_other_modules_are_followed() -> None:
    model = mlp()
    averager = WeightAverager(model, {"t": Tail(), "l": LAWA(1)})
    averager.update()
    nn.SyncBatchNorm.convert_sync_batchnorm(model)  # makes another module of the same tensors
    apply_activation_checkpointing(model, check_fn=lambda module: isinstance(module, nn.Linear))
    model.append(nn.ReLU())
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.fill_(2)
    averager.update()
    assert averager.pushes("t") == 2
    last = averager.averaged_state_dict("l")
    assert list(last) == list(mlp().state_dict())
    assert bool((last["3.weight"] == 2).all())
    with averager.applied("t", quiet=True):
        assert bool((dict(model.state_dict())["1.running_mean"] == 0).all())


def test_new_data_in_the_same_parameter_is_followed() -> None:
    model = mlp()
    averager = WeightAverager(model, {"l": LAWA(1)})
    model[0].weight.data = torch.full((8, 3), 4.0)
    averager.update()
    assert bool((averager.averaged_state_dict("l")["0.weight"] == 4).all())


def test_rebinding_goes_on_with_replaced_tensors() -> None:
    model = mlp()
    averager = WeightAverager(model, {"t": Tail()})
    averager.update()
    model.load_state_dict(mlp(1).state_dict(), assign=True)
    model.requires_grad_(True)
    averager.rebind(model)
    averager.update()
    wanted = (mlp(0)[0].weight + mlp(1)[0].weight) / 2
    torch.testing.assert_close(averager.averaged_state_dict("t")["0.weight"], wanted.detach())
    with pytest.raises(InputError, match="another set of tensors"):
        averager.rebind(nn.Linear(2, 2))
    averager.update()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: nn.ReLU(), "nothing to average"),
        (lambda: nn.Linear(2, 2).requires_grad_(False), "nothing to average"),
        (lambda: nn.Linear(2, 2, device="meta"), "meta device"),
        (lambda: nn.LazyLinear(2), "run a first batch"),
        (lambda: {"w": torch.zeros(2, 2).to_sparse()}, "layout torch.sparse_coo"),
        (lambda: {"w": torch.zeros(2, dtype=torch.int64)}, "nothing to average"),
        (lambda: {"w": 3}, "'w': int"),
        (lambda: [1, 2], "named_parameters"),
        (lambda: [("w", torch.zeros(1)), ("w", torch.zeros(1))], "a name given twice"),
        (lambda: 7, "found 'int'"),
    ],
)
def test_what_cannot_be_averaged_is_refused(model: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        WeightAverager(model(), {"t": Tail()})


@pytest.mark.parametrize(
    ("averages", "message"),
    [
        ({}, "schemes by name"),
        (None, "schemes by name"),
        ({"a/b": Tail()}, "without a slash"),
        ({"": Tail()}, "without a slash"),
        ({"a": 0.999}, "average 'a': found 0.999"),
        ({"a": EMA}, "the class EMA"),
    ],
)
def test_bad_averages_are_refused(averages: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        WeightAverager(mlp(), averages)


def test_a_copy_has_to_fit() -> None:
    averager = WeightAverager(mlp(), {"t": Tail()})
    averager.update()
    other = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    before = live_vector(other)
    with pytest.raises(InputError, match=r"does not fit: 3\.weight, 3\.bias"):
        averager.copy_to(other, "t")
    assert torch.equal(live_vector(other), before)
    with pytest.raises(InputError, match="did you mean 't'"):
        averager.copy_to(other, "tt")
