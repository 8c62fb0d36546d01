import pytest
import torch
from torch import nn

from surefoot.ground.errors import InputError
from surefoot.groups import attach, fold, tied
from surefoot.groups.expansion import expand_units

IMAGES = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))
IDS = torch.arange(6)


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def cnn():
    model = nn.Sequential(
        nn.Conv2d(3, 10, 3, padding=1), nn.BatchNorm2d(10), nn.PReLU(10), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(160, 12), nn.ReLU(), nn.Linear(12, 2, bias=False),
    )  # fmt: skip
    with torch.no_grad():
        model(IMAGES * 2 + 1)  # statistics of its own
    return model


@pytest.mark.parametrize("place", ["0", "1", "2", "3", "5", "6"])
def test_the_function_is_unchanged_until_training_goes_on(place):
    model = cnn().eval()
    pretrained = {name: value.clone() for name, value in model.state_dict().items()}
    expected = model(IMAGES)
    kept = 10 if place < "4" else 12
    layer = attach(model, {place: {"expand": 30}}).layers[place]
    assert (layer.num_generalizing, layer.num_memorizing) == (kept, 30)
    torch.testing.assert_close(model(IMAGES), expected, rtol=1e-5, atol=1e-6)
    for module in model.modules():
        module.training = not isinstance(module, nn.BatchNorm2d)
    with tied(model, IDS):
        torch.testing.assert_close(model(IMAGES), expected, rtol=1e-5, atol=1e-6)
    for name, value in model.state_dict().items():
        corner = value[tuple(slice(n) for n in pretrained[name].shape)]
        assert torch.equal(corner, pretrained[name]), name


@pytest.mark.parametrize("place", ["2", "5"])
def test_fresh_units_learn(place):
    model = cnn()
    attach(model, {place: {"expand": 30, "p_mem": 0.5}})
    producer, consumer, kept = (
        (model[0], model[5], 10) if place == "2" else (model[5], model[7], 12)
    )
    model[1].eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    old_inputs = kept * (16 if place == "2" else 1)
    before = producer.weight.clone()
    for _ in range(2):  # the first step moves the zero columns, the second what feeds them
        optimizer.zero_grad()
        with tied(model, IDS):
            model(IMAGES).square().sum().backward()
        optimizer.step()
    assert (producer.weight[kept:] != before[kept:]).any()
    assert consumer.weight[:, old_inputs:].any()
    torch.testing.assert_close(fold(model)(IMAGES), model.eval()(IMAGES), rtol=1e-4, atol=1e-5)
    folded = fold(model)
    assert folded.get_submodule("5").in_features == 160
    assert folded.get_submodule("5").out_features == 12


def test_a_scale_can_be_asked_for():
    model = cnn()
    layers = attach(model, {"5": {"expand": 4}, "0": {"expand": 5, "rescale": "active"}}).layers
    assert layers["5"].rescale == "none"
    assert layers["0"].rescale == "active"
    assert model[5].weight.shape == (16, 15 * 16)


def test_dtype_grad_and_device_of_the_producer_are_kept():
    model = nn.Sequential(nn.Conv1d(3, 4, 3, bias=False), nn.Conv1d(4, 2, 1)).double()
    model[0].weight.requires_grad_(False)
    assert expand_units(model, "0", 2) == 4
    assert model[0].weight.dtype == model[1].weight.dtype == torch.float64
    assert not model[0].weight.requires_grad
    assert model[1].weight.requires_grad
    assert (model[0].out_channels, model[1].in_channels, model[0].bias) == (6, 6, None)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.last(x + self.first(x))


def grouped():
    return nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 2, 1))


def normed():
    return nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))


@pytest.mark.parametrize(
    ("make", "place", "units", "message"),
    [
        (cnn, "5", 0, "expand: found 0; allowed: a positive number of units"),
        (cnn, "5", True, "expand: found True"),
        (cnn, "5", 1.5, r"expand: found 1\.5"),
        (cnn, "7", 4, "units at '7': found they meet the model's output"),
        (cnn, "9", 4, "module '9': found 0 calls in a forward; allowed: exactly one"),
        (Residual, "first", 4, "units at 'first': found they meet add"),
        (grouped, "0", 4, "a grouped convolution"),
        (normed, "0", 4, "LayerNorm"),
    ],
)
def test_refusals_leave_the_model_as_it_was(make, place, units, message):
    model = make()
    before = {name: value.shape for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=message):
        expand_units(model, place, units)
    assert {name: value.shape for name, value in model.state_dict().items()} == before


def test_other_attached_layers_do_not_stand_in_the_way():
    model = cnn()
    attach(model, {"6": {"num_features": 12}})
    attach(model, {"0": {"expand": 4}})
    with tied(model.eval(), IDS):
        model(IMAGES)
