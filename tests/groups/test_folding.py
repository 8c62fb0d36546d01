"""Bar D4: a folded network computes what the eval-mode network computes, with fewer units."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import fx, nn
from torch.nn.utils import prune

from surefoot.ground.errors import InputError
from surefoot.groups import FairDropout, attach, fold, tied
from surefoot.groups.attachment import fair_layers

TABULAR = torch.randn(9, 6, generator=torch.Generator().manual_seed(1))
IMAGES = torch.randn(9, 3, 12, 12, generator=torch.Generator().manual_seed(1))
SIGNAL = torch.randn(9, 3, 30, generator=torch.Generator().manual_seed(1))
TOKENS = torch.randn(9, 5, 6, generator=torch.Generator().manual_seed(1))


def trained(model):
    """Give norms statistics and scales of their own, as training does."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                values = torch.randn(buffer.shape, generator=generator)
                buffer.copy_(values.exp() if "var" in name else values)
    return model


def check(model, x, *, scales=0):
    """Compare in float64, where only rounding is left, and return the folded network."""
    model, x, was_training = model.double(), x.double(), model.training
    folded = fold(model)
    assert model.training == was_training
    with torch.no_grad():
        expected, found = model.eval()(x), folded(x)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    assert not fair_layers(folded)
    assert not folded.training
    multiplications = [n for n in folded.graph.nodes if "mul" in n.name]
    assert len(multiplications) == scales
    kinds = {type(m).__module__.split(".")[0] for m in folded.modules() if m is not folded}
    assert kinds <= {"torch"}
    return folded


def linear(*between, width=20, inputs=6):
    return trained(nn.Sequential(nn.Linear(inputs, width), *between, nn.Linear(width, 3)))


def conv(*between, consumer=None, width=20):
    return trained(nn.Sequential(nn.Conv2d(3, width, 3), *between, consumer or nn.Conv2d(20, 4, 3)))


def fair(width=20, **options):
    return FairDropout(width, **options)


def test_an_mlp_written_into_and_attached():
    written = check(linear(nn.ReLU(), fair(), nn.Dropout(0.3)), TABULAR)
    assert written.get_submodule("0").out_features == 4
    assert written.get_submodule("4").in_features * 4 <= 20
    model = linear(nn.ReLU())
    attach(model, {"1": {"num_features": 20}})
    attached = check(model, TABULAR)
    assert attached.get_submodule("2").in_features == 4
    assert len(fair_layers(model)) == 1
    assert model[2].in_features == 20


def convolutional():
    return nn.Sequential(
        nn.Conv2d(3, 20, 3), nn.BatchNorm2d(20), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(20 * 25, 3),
    )  # fmt: skip


@pytest.mark.parametrize("place", ["0", "1", "2", "3"])
def test_bar_d4_in_float32(place):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = convolutional()
    model(IMAGES)  # gives the norm statistics
    attach(model, {place: {"num_features": 20}})
    folded = fold(model)
    assert (folded(IMAGES) - model.eval()(IMAGES)).abs().max() <= 1e-5
    assert folded.get_submodule("5").in_features * 4 <= model[5].in_features


@pytest.mark.parametrize("place", ["0", "1", "2", "3"])
def test_conv_bn_pool_flatten_attached_anywhere(place):
    model = trained(convolutional())
    attach(model, {place: {"num_features": 20}})
    folded = check(model, IMAGES)
    assert folded.get_submodule("0").out_channels == 4
    assert folded.get_submodule("1").num_features == 4
    assert folded.get_submodule("5").in_features == 4 * 25


def test_attached_behind_a_container():
    model = trained(nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 20, 3), nn.BatchNorm2d(20), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(20, 3),
    ))  # fmt: skip
    attach(model, {"0": {}})
    assert check(model, IMAGES).get_submodule("3").in_features == 4


@pytest.mark.parametrize(
    ("between", "consumer"),
    [
        ([nn.LeakyReLU(0.2)], None),
        ([nn.PReLU(20)], None),
        ([nn.PReLU()], None),
        ([nn.Dropout2d(0.5), nn.Identity(), nn.AvgPool2d(3, padding=1)], nn.Conv2d(20, 4, 3)),
        ([nn.MaxPool2d(3, padding=1)], nn.Conv2d(20, 4, 3, padding=1)),
        ([nn.BatchNorm2d(20)], None),
        ([nn.BatchNorm2d(20), nn.PReLU(20), nn.MaxPool2d(3, padding=1)], nn.Conv2d(20, 4, 3)),
        ([nn.BatchNorm2d(20), nn.GELU(), nn.AvgPool2d(3)], nn.Conv2d(20, 4, 1, bias=False)),
        ([nn.AdaptiveAvgPool2d(2), nn.Flatten()], nn.Linear(80, 4)),
        ([nn.BatchNorm2d(20), nn.ReLU(), nn.Flatten()], nn.Linear(2000, 4)),
        ([], nn.Conv2d(20, 4, 3, padding="valid", bias=False)),
    ],
)
@pytest.mark.parametrize("before", [[], [nn.BatchNorm2d(20), nn.GELU()]])
def test_chains_whose_scale_goes_into_the_next_weights(before, between, consumer):
    check(conv(*before, fair(), *between, consumer=consumer), IMAGES)


@pytest.mark.parametrize(
    "activation",
    [nn.GELU(), nn.Sigmoid(), nn.Softplus(), nn.ELU(), nn.Hardtanh(0.1, 2.0), nn.ReLU6(),
     nn.BatchNorm1d(20, affine=False)],
)  # fmt: skip
def test_curved_activations_leave_one_multiplication(activation):
    check(linear(fair(), activation), TABULAR, scales=1)
    check(linear(fair(rescale="none"), activation), TABULAR, scales=0)


class Functional(nn.Module):
    """Functions and methods on the way, two consumers, ids as an argument."""

    def __init__(self):
        super().__init__()
        self.conv, self.fair = nn.Conv2d(3, 20, 3), fair()
        self.norm_a, self.norm_b = nn.BatchNorm2d(20), nn.BatchNorm2d(20)
        self.a, self.b, self.c = nn.Conv2d(20, 4, 3), nn.Linear(20, 4), nn.Linear(500, 4)

    def forward(self, x, ids=None):
        x = self.fair(F.relu(self.conv(x)), ids)
        a = self.a(torch.tanh(self.norm_a(x))).mean((2, 3))
        b = self.b(F.gelu(self.norm_b(x)).mean(dim=[-1, -2]))
        c = self.c(torch.flatten(F.max_pool2d(x, 2).relu(), 1))
        return a + b + c


def test_every_branch_has_its_own_constants():
    model = trained(Functional())
    folded = check(model, IMAGES)
    x = IMAGES.double()
    assert torch.equal(folded(x, torch.arange(9)), folded(x))
    for name in ("a", "b", "c"):
        assert folded.get_submodule(name).weight.shape[1] in (4, 100)


class GlobalPool(nn.Module):
    def __init__(self, keepdim):
        super().__init__()
        self.conv, self.fair, self.keepdim = nn.Conv1d(3, 20, 3), fair(), keepdim
        self.last = nn.Conv1d(20, 3, 1) if keepdim else nn.Linear(20, 3)

    def forward(self, x):
        return self.last(torch.mean(self.fair(self.conv(x)), dim=2, keepdim=self.keepdim))


@pytest.mark.parametrize("keepdim", [True, False])
def test_global_average_pooling(keepdim):
    check(trained(GlobalPool(keepdim)), SIGNAL)


def test_tokens():
    model = linear(nn.GELU(), nn.Dropout(0.1))
    attach(model, {"0": {}})
    with pytest.raises(AssertionError, match="assert 1 == 0"):  # GELU stands behind the layer
        check(model, TOKENS)
    model = linear(nn.GELU(), nn.Dropout(0.1))
    attach(model, {"2": {"num_features": 20, "feature_dim": -1}})
    assert check(model, TOKENS).get_submodule("3").in_features == 4


def test_several_layers_and_identities():
    model = trained(nn.Sequential(
        nn.Linear(6, 20), fair(p_gen=1.0), nn.ReLU(), fair(key="a"), nn.Linear(20, 30), nn.Tanh(),
        fair(30, key="b", p_gen=0.5, p_mem=0.0), nn.Linear(30, 2),
    ))  # fmt: skip
    folded = check(model, TABULAR)
    assert folded.get_submodule("4").weight.shape == (15, 4)


def test_p_gen_1_folds_to_the_same_network():
    model = linear(fair(p_gen=1.0))
    assert torch.equal(fold(model)(TABULAR), model.eval()(TABULAR))


def test_a_shared_activation_is_no_obstacle():
    relu = nn.ReLU()
    model = trained(nn.Sequential(
        nn.Linear(6, 20), relu, fair(), nn.Linear(20, 8), relu, nn.Linear(8, 2)
    ))  # fmt: skip
    check(model, TABULAR)


def test_what_is_left_can_be_exported():
    model = conv(nn.ReLU(), fair(), nn.BatchNorm2d(20), nn.Flatten(), consumer=nn.Linear(2000, 2))
    folded = fold(model)
    exported = torch.export.export(folded, (IMAGES,)).module()
    torch.testing.assert_close(exported(IMAGES), folded(IMAGES))


def test_a_folded_network_can_be_trained_on():
    folded = fold(linear(nn.ReLU(), fair())).train()
    folded(TABULAR).sum().backward()
    assert all(parameter.grad is not None for parameter in folded.parameters())


# What can't be exact is refused


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.fair, self.last = nn.Linear(6, 6), fair(6), nn.Linear(6, 2)

    def forward(self, x):
        return self.last(x + self.fair(self.first(x)))


class Twice(nn.Module):
    def __init__(self, shared):
        super().__init__()
        self.first, self.fair, self.last = nn.Linear(6, 6), fair(6), nn.Linear(6, 6)
        self.shared = shared

    def forward(self, x):
        x = self.fair(self.first(self.first(x) if self.shared == "first" else x))
        return self.last(self.last(x) if self.shared == "last" else x)


class Tapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.fair, self.last = nn.Linear(6, 20), fair(), nn.Linear(20, 2)

    def forward(self, x):
        x = self.first(x)
        return self.last(self.fair(x)), x


class DataDependent(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = linear(fair())

    def forward(self, x):
        return self.net(x) if x.sum() > 0 else x


def norm_before_padding():
    return conv(fair(), nn.BatchNorm2d(20), consumer=nn.Conv2d(20, 4, 3, padding=1))


def norm_before_padded_pool():
    return conv(fair(), nn.BatchNorm2d(20), nn.AvgPool2d(3, padding=1))


def weight_normed():
    model = linear(fair())
    nn.utils.parametrizations.weight_norm(model[0])
    return model


def pruned():
    model = linear(fair())
    with torch.no_grad():
        prune.l1_unstructured(model[0], "weight", 0.5)
    return model


def grouped():
    return conv(fair(), consumer=nn.Conv2d(20, 20, 3, groups=20))


def kept_memory():
    return linear(fair(memory="keep"))


def conv_without_flatten():
    model = trained(nn.Sequential(nn.Conv1d(3, 20, 11), fair(), nn.Linear(20, 2)))
    assert model.eval()(SIGNAL).shape == (9, 20, 2)  # it runs, along the positions
    return model


def tokens_flattened():
    return trained(nn.Sequential(
        nn.Linear(6, 20), fair(feature_dim=-1), nn.Flatten(), nn.Linear(100, 2)
    ))  # fmt: skip


def positions_as_units():
    return trained(nn.Sequential(nn.Conv1d(3, 20, 11), fair(feature_dim=-1), nn.Conv1d(20, 2, 1)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Residual, r"units at 'fair': found they meet add; allowed: only activations"),
        (Tapped, r"they meet first \(Linear\), which feeds several modules"),
        (lambda: Twice("first"), r"they meet first \(Linear\), which is called more than"),
        (lambda: Twice("last"), r"they meet last \(Linear\), which is called more than"),
        (lambda: linear(fair(), nn.LayerNorm(20)), r"they meet 2 \(LayerNorm\)"),
        (lambda: linear(fair(), nn.Softmax(1)), r"they meet 2 \(Softmax\)"),
        (lambda: linear(fair(), nn.MaxPool1d(1)), r"they meet 2 \(MaxPool1d\)"),
        (lambda: linear(fair(), nn.PReLU(5)), r"they meet 2 \(PReLU\)"),
        (lambda: nn.Sequential(nn.Linear(6, 20), fair()), "they meet the model's output"),
        (lambda: nn.Sequential(fair(6), nn.Linear(6, 2)), "they meet the model's input before"),
        (lambda: linear(fair(), fair(key="b")), r"they meet 2 \(FairDropout\)"),
        (grouped, r"they meet 2 \(Conv2d\), a grouped convolution"),
        (weight_normed, r"they meet the model's input before any Linear"),
        (pruned, r"they meet 0 \(Linear\), whose weight is computed"),
        (norm_before_padding, "fold into Conv2d: found padding behind a BatchNorm"),
        (norm_before_padded_pool, r"fold: found 3 \(AvgPool2d\) behind a BatchNorm"),
        (kept_memory, "memory of 1: found 'keep'; allowed: 'drop'"),
        (conv_without_flatten, r"they meet 2 \(Linear\) along another axis"),
        (tokens_flattened, r"they meet 3 \(Linear\) along another axis"),
        (positions_as_units, "1: found 20 units along axis -1; allowed: the 20 that '0' makes"),
        (lambda: linear(fair(), nn.BatchNorm1d(20, track_running_stats=False)), "no running stat"),
        (DataDependent, "model: found DataDependent: .*; allowed: a model that torch.fx can trace"),
        (lambda: linear(nn.ReLU()), "model: found 'Sequential'; allowed: one with a FairDropout"),
    ],
)
def test_refusals(make, message):
    model = make()
    with pytest.raises(InputError, match=message):
        fold(model)


def test_the_graph_is_an_ordinary_module():
    folded = fold(linear(fair()))
    assert isinstance(folded, fx.GraphModule)
    assert list(folded.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_training_and_folding_agree_after_steps():
    model = linear(nn.ReLU(), fair())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(5):
        with tied(model, torch.arange(9)):
            loss = model(TABULAR).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    check(model, TABULAR)
