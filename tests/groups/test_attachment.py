import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn

from surefoot.ground.errors import InputError
from surefoot.ground.fitting import evaluating
from surefoot.groups import FairDropout, attach, tied
from surefoot.groups.attachment import detach, fair_layers, memory_mode

IDS = torch.tensor([4, 9, 2])
X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


def mlp():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = OrderedDict(
            linear1=nn.Linear(4, 20), relu1=nn.ReLU(), linear2=nn.Linear(20, 20), relu2=nn.ReLU(),
            head=nn.Linear(20, 2),
        )  # fmt: skip
        return nn.Sequential(layers)


def test_an_attached_layer_does_what_a_written_one_does():
    model, twin = mlp(), mlp()
    written = nn.Sequential(*twin[:2], FairDropout(20, key="relu1"), *twin[2:])
    names, state = dict(model.named_parameters()), list(model.state_dict())
    handle = attach(model, {"relu1": {"num_features": 20}})
    assert repr(handle.layers["relu1"]) == repr(written[2])
    assert list(dict(model.named_parameters())) == list(names)
    assert list(model.state_dict()) == state
    with tied(model, IDS), tied(written, IDS):
        assert torch.equal(model(X), written(X))
    model.eval(), written.eval()
    assert torch.equal(model(X), written(X))


def test_train_and_eval_reach_the_layer():
    model, plain = mlp(), mlp().eval()
    layer = attach(model, {"relu1": {"num_features": 20}}).layers["relu1"]
    model.eval()
    model(X)
    assert not layer.training
    model.train()
    with pytest.raises(InputError, match="example ids of FairDropout 'relu1'"):
        model(X)
    with memory_mode(model.eval(), "keep"):
        kept = model(X)
    with memory_mode(model, "own"), tied(model, IDS):
        own = model(X)
    assert layer.memory == "drop"
    outputs = [model(X), kept, own, plain(X)]
    assert all(not torch.equal(a, b) for i, a in enumerate(outputs) for b in outputs[:i])


@pytest.mark.parametrize(
    ("module", "shape", "width", "axis"),
    [
        (nn.Linear(4, 20), (3, 4), 20, -1),
        (nn.Linear(4, 20), (3, 20, 4), 20, -1),  # as many tokens as units
        (nn.Conv1d(4, 20, 1), (3, 4, 6), 20, 1),
        (nn.Conv2d(4, 20, 1), (3, 4, 6, 6), 20, 1),
        (nn.BatchNorm2d(4), (3, 4, 6, 6), 4, 1),
        (nn.GroupNorm(2, 4), (3, 4, 6, 6), 4, 1),
        (nn.LayerNorm(4), (3, 7, 4), 4, -1),
        (nn.RMSNorm(4), (3, 4, 4), 4, -1),
        (nn.Sequential(nn.Linear(4, 20), nn.GELU(), nn.Dropout(0.0)), (3, 20, 4), 20, -1),
        (nn.Sequential(nn.Conv1d(4, 20, 1), nn.ReLU()), (3, 4, 20), 20, 1),
    ],
)
def test_units_of_standard_modules_are_found(module, shape, width, axis):
    model = nn.Sequential(module)
    layer = attach(model, {"0": {}}).layers["0"]
    assert (layer.num_features, layer.feature_dim) == (width, axis)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    expected = FairDropout(width, feature_dim=axis, key="0")(module.forward(x), IDS)
    if any(isinstance(part, nn.BatchNorm2d) for part in model.modules()):
        model.eval(), layer.train()
        return
    with tied(model, IDS):
        assert torch.equal(model(x), expected)


def test_tuple_outputs():
    model = nn.Sequential(OrderedDict(lstm=nn.LSTM(4, 20, batch_first=True)))
    options = {"num_features": 20, "feature_dim": -1}
    plain = model(X[:, None])
    layer = attach(model, {"lstm": options}).layers["lstm"]
    with tied(model, IDS):
        output, (hidden, cell) = model(X[:, None])
    assert torch.equal(output, layer(plain[0], IDS))
    assert torch.equal(hidden, plain[1][0])
    assert torch.equal(cell, plain[1][1])


def test_other_outputs_are_refused():
    class Both(nn.Module):
        def forward(self, x):
            return {"x": x}

    model = nn.Sequential(Both())
    attach(model, {"0": {"num_features": 4}})
    with pytest.raises(InputError, match="module '0': found output of type dict"), tied(model, IDS):
        model(X)


def test_a_finished_layer_may_stand_for_options():
    model, layer = mlp(), FairDropout(20, key="mine")
    assert attach(model, {"linear1": layer}).layers["linear1"] is layer
    with tied(model, IDS):
        assert torch.equal(model[0](X), layer(model[0].forward(X), IDS))


def test_layers_of_one_model_have_masks_of_their_own():
    model = mlp()
    layers = attach(model, {"linear1": {}, "linear2": {}}).layers
    assert not torch.equal(layers["linear1"].mask(IDS), layers["linear2"].mask(IDS))
    assert fair_layers(model) == [layers["linear1"], layers["linear2"]]


def test_a_users_hook_sees_the_masked_output():
    model, seen = mlp(), []
    model.relu1.register_forward_hook(lambda module, args, output: seen.append(output))
    layer = attach(model, {"relu1": {"num_features": 20}}).layers["relu1"]
    with tied(model, IDS):
        model(X)
    assert torch.equal(seen[0], layer(model[0](X).relu(), IDS))


# Removing


def test_detaching():
    model = mlp()
    plain = model(X)
    first = attach(model, {"relu1": {"num_features": 20}})
    attach(model, {"relu2": {"num_features": 20}})
    first.remove()
    assert [layer.key for layer in fair_layers(model)] == ["relu2"]
    assert detach(model) == 1
    assert detach(model) == 0
    first.remove()
    assert torch.equal(model(X), plain)


def test_a_handle_is_a_context():
    model = mlp()
    with attach(model, {"relu1": {"num_features": 20}}) as handle:
        assert fair_layers(model) == list(handle.layers.values())
    assert fair_layers(model) == []


def test_copies_are_independent_and_have_the_same_masks():
    model = mlp()
    attach(model, {"relu1": {"num_features": 20, "seed": 5}})
    average = torch.optim.swa_utils.AveragedModel(model)
    with tied(model, IDS):
        expected, twin = model(X), copy.deepcopy(model)
        with pytest.raises(InputError, match="example ids of FairDropout 'relu1'"):
            twin(X)
    for other in (average, twin):
        with tied(other, IDS):
            assert torch.equal(other(X), expected)
    assert detach(average) == 1
    assert len(fair_layers(model)) == len(fair_layers(twin)) == 1


# tied


def test_ids_are_restored_after_nesting_and_errors():
    model = mlp()
    layer = attach(model, {"relu1": {"num_features": 20}}).layers["relu1"]
    with tied(model, IDS):
        model(X)
        with tied(model, [1, 2]):
            assert layer.ids.tolist() == [1, 2]
            model(X[:2])
        with pytest.raises(RuntimeError, match="the step failed"), tied(model, [7]):
            raise RuntimeError("the step failed")
        assert torch.equal(layer.ids, IDS)
    assert layer.ids is None


def test_a_module_used_twice_has_the_same_mask_both_times():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared = nn.Linear(20, 20)

        def forward(self, x):
            return self.shared(x), self.shared(x)

    model = Twice()
    attach(model, {"shared": {}})
    with tied(model, IDS):
        first, second = model(torch.ones(3, 20))
    assert torch.equal(first, second)


def test_a_block_in_which_no_layer_runs_is_warned_of():
    model = mlp()
    attach(model, {"relu1": {"num_features": 20}})
    with pytest.warns(RuntimeWarning, match="no FairDropout layer ran inside `tied`") as caught:
        with tied(model, IDS):
            model.head(torch.ones(3, 20))
    assert caught[0].filename == __file__
    with pytest.raises(RuntimeError, match="the step failed"), tied(model, IDS):
        raise RuntimeError("the step failed")


def test_numpy_ids_and_wrong_ids():
    model = mlp()
    attach(model, {"relu1": {"num_features": 20}})
    with tied(model, IDS):
        expected = model(X)
    with tied(model, IDS.numpy()):
        assert torch.equal(model(X), expected)
    with pytest.raises(InputError, match=r"dtype torch\.float64"), tied(model, [0.5]):
        pass
    with tied(model, IDS[:2]), pytest.raises(InputError, match="found 2 ids.*each of the 3 rows"):
        model(X)


def test_a_model_without_layers():
    with pytest.raises(
        InputError, match="found 'Sequential'; allowed: one with a FairDropout layer"
    ):
        with tied(mlp(), IDS):
            pass


def test_data_parallel_is_refused():
    model = nn.DataParallel(mlp())
    with pytest.raises(InputError, match=r"found 'nn\.DataParallel'; allowed: Distributed"):
        attach(model, {"module.relu1": {"num_features": 20}})
    attach(model.module, {"relu1": {"num_features": 20}})
    with pytest.raises(InputError, match=r"found \'nn\.DataParallel\'"), tied(model, IDS):
        pass


@pytest.mark.parametrize("fast", [True, False])
def test_fast_paths_of_transformers_do_not_skip_the_layer(fast):
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1, enable_nested_tensor=False
    )
    x = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(fast)
    try:
        with torch.no_grad():
            plain = encoder.eval()(x)
            attach(encoder, {"layers.0.linear1": {}})
            assert not torch.allclose(encoder(x), plain)
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


# Bad places


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"relu3": {}}, "module: found 'relu3'.*did you mean 'relu2'"),
        ({"relu1": {}}, "module 'relu1': found unknown width; allowed: num_features"),
        ({"linear1": {"p_men": 0.5}}, "option for 'linear1': found 'p_men'.*did you mean 'p_mem'"),
        ({"linear1": {"key": "a"}}, "option for 'linear1': found 'key'"),
        ({"linear1": {"p_mem": 2}}, "p_mem: found 2"),
        ({"linear1": {"expand": 4, "p_gen": 0.5}}, "found p_gen or num_features beside expand"),
        ({"linear1": {"expand": -1}}, "expand: found -1; allowed: a positive number"),
        ({"linear1": {"expand": 4, "p_mem": 2}}, "p_mem: found 2"),
        ({"linear1": {"expand": 4}, "head": {"expand": 4}}, "units at 'head': found they meet the"),
    ],
)
def test_a_bad_place_leaves_the_model_as_it_was(places, message):
    model = mlp()
    with pytest.raises(InputError, match=message):
        attach(model, {"linear2": {}, **places})
    assert fair_layers(model) == []
    assert repr(model) == repr(mlp())


def test_one_layer_a_place():
    model = mlp()
    attach(model, {"linear1": {}})
    with pytest.raises(InputError, match="module 'linear1': found already attached"):
        attach(model, {"linear1": {}})


def test_evaluating_gives_every_module_its_own_mode_back():
    model = mlp()
    model.linear1.eval()
    with pytest.raises(KeyError, match="stopped"), evaluating(model):
        assert not model.head.training
        raise KeyError("stopped")
    assert model.head.training
    assert not model.linear1.training
