import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from surefoot.ground.errors import InputError
from surefoot.groups import FairDropout, IndexedDataset, attach, recalibrate_batchnorm, tied
from surefoot.groups.attachment import fair_layers
from surefoot.groups.norms import BatchNormWarning

ROWS = torch.randn(64, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 3 + 5
# Sorted rows: averages of batch statistics would miss the variance between batches.
SORTED = ROWS[ROWS.mean((1, 2, 3)).argsort()]


class Net(nn.Module):
    """A norm before the layer and two after it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0, self.norm0 = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.conv1, self.norm1 = nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)
        self.norm2, self.head = nn.BatchNorm1d(8), nn.Linear(8, 2)

    def forward(self, x):
        x = self.norm0(self.conv0(x)).relu()
        x = self.norm1(self.conv1(x)).relu()
        return self.head(self.norm2(x.mean((2, 3))))


def net(place="norm0"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Net()
    attach(model, {place: {}})
    return model


def statistics(model):
    return {name: buffer.clone() for name, buffer in model.named_buffers() if "running" in name}


def closed_form(model):
    """The statistics of both norms behind the layer, layer by layer over all rows at once."""
    with torch.no_grad():
        x = model.conv1(model.eval().norm0(model.conv0(ROWS)).relu()).double()
        first = x.mean((0, 2, 3)), x.var((0, 2, 3))
        z = (x - first[0][:, None, None]) / (first[1] + 1e-5).sqrt()[:, None, None]
        z = z.relu().mean((2, 3))
        return *first, z.mean(0), z.var(0)


@pytest.mark.parametrize("rows", [ROWS, SORTED], ids=["shuffled", "sorted"])
@pytest.mark.parametrize("batch_size", [64, 24, 7])
def test_statistics_are_those_of_all_rows_with_the_memory_off(rows, batch_size):
    model = net()
    before = statistics(model)
    expected = closed_form(model.train())
    assert recalibrate_batchnorm(model, rows.split(batch_size)) == ["norm1", "norm2"]
    found = statistics(model)
    for name, value in zip(
        ("norm1.running_mean", "norm1.running_var", "norm2.running_mean", "norm2.running_var"),
        expected,
        strict=True,
    ):
        torch.testing.assert_close(found[name], value.float(), rtol=1e-5, atol=1e-5)
    assert torch.equal(found["norm0.running_mean"], before["norm0.running_mean"])


def test_large_offsets_do_not_cancel():
    model = nn.Sequential(FairDropout(2, 0.5, rescale="none"), nn.BatchNorm1d(2))
    rows = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0)) + 1e4
    recalibrate_batchnorm(model, rows.split(100))
    assert model[1].running_var[0] == pytest.approx(rows[:, 0].double().var().item(), rel=1e-5)


def test_modes_and_memory_come_back():
    model = net()
    model.norm0.eval()
    modes = {name: module.training for name, module in model.named_modules()}
    with pytest.raises(RuntimeError, match="padded input size"):
        recalibrate_batchnorm(model, [torch.ones(2, 3, 6, 6), torch.ones(2, 3, 1, 1)])
    recalibrate_batchnorm(model, [ROWS])
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert not any(m._forward_pre_hooks for m in model.modules())


def dictionaries(model, batch):
    return model(**batch)


class Keywords(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = net()

    def forward(self, *, pixels):
        return self.net(pixels)


@pytest.mark.parametrize(
    "batches",
    [
        [ROWS[:40], ROWS[40:]],
        DataLoader(TensorDataset(ROWS, torch.arange(64)), batch_size=40),
        DataLoader(IndexedDataset(TensorDataset(ROWS, torch.arange(64))), batch_size=40),
    ],
    ids=["tensors", "tuples", "indexed"],
)
def test_kinds_of_batches(batches):
    model, expected = net(), net()
    recalibrate_batchnorm(expected, [ROWS])
    recalibrate_batchnorm(model, batches)
    for name, value in statistics(model).items():
        torch.testing.assert_close(value, statistics(expected)[name])


def test_dictionaries_and_a_forward_of_ones_own():
    model, own, expected = Keywords(), net(), net()
    records = [{"pixels": x} for x in ROWS]
    loader = DataLoader(IndexedDataset(records), batch_size=40)
    recalibrate_batchnorm(expected, [ROWS])
    assert recalibrate_batchnorm(model, loader) == ["net.norm1", "net.norm2"]
    recalibrate_batchnorm(own, loader, forward=lambda net, batch: net(batch["pixels"]))
    for name, value in statistics(expected).items():
        torch.testing.assert_close(statistics(own)[name], value)
        torch.testing.assert_close(statistics(model)[f"net.{name}"], value)


def test_norms_without_statistics_need_nothing():
    model = nn.Sequential(FairDropout(4), nn.BatchNorm1d(4, track_running_stats=False))
    assert recalibrate_batchnorm(model, [torch.ones(3, 4)]) == []


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        (iter([ROWS]), "batches: found an iterator; allowed: something that can be run again"),
        ([], "batches: found 'nothing'; allowed: at least one batch"),
        ([torch.ones(1, 4)], "batches: found 1 values for a BatchNorm; allowed: at least two"),
    ],
)
def test_bad_batches(batches, message):
    model = nn.Sequential(FairDropout(4), nn.BatchNorm1d(4))
    with pytest.raises(InputError, match=message):
        recalibrate_batchnorm(model, batches)


def test_a_model_without_layers():
    with pytest.raises(InputError, match="allowed: one with a FairDropout layer"):
        recalibrate_batchnorm(nn.BatchNorm1d(4), [torch.ones(3, 4)])


# The warning at the first training step


def step(model):
    with tied(model, torch.arange(64)):
        model(ROWS)


def test_a_norm_that_learns_behind_the_layer_is_warned_of_once():
    model = net()
    with pytest.warns(BatchNormWarning, match="'norm1', 'norm2'. Its statistics") as caught:
        step(model)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    step(model)
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert not any(layer._forward_hooks for layer in fair_layers(model))


def frozen():
    model = net()
    model.norm1.eval(), model.norm2.eval()
    return model


def last():
    return net("norm2")


def evaluated():
    return net().eval()


@pytest.mark.parametrize("make", [frozen, last, evaluated])
def test_no_warning_where_nothing_is_learned_behind_the_layer(make):
    model = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(model)
        step(model)


def test_an_evaluation_first_does_not_use_up_the_warning():
    model = evaluated()
    step(model)
    model.train()
    with pytest.warns(BatchNormWarning, match="'norm1'"):
        step(model)


def test_a_failing_step_shows_its_own_error():
    model = net()
    with pytest.raises(InputError, match="found 3 ids"), tied(model, [1, 2, 3]):
        model(ROWS)
    assert not any(module._forward_pre_hooks for module in model.modules())
    with pytest.warns(BatchNormWarning, match="'norm1'"):
        step(model)
