import copy
import json
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from surefoot.ground.errors import InputError
from surefoot.groups import FairDropout
from surefoot.groups.layer import check_ids

ALLOCATIONS = ("fixed", "bernoulli", "one")
IDS = torch.tensor([3, 0, 2**40, 2**63 - 1])


def activation(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


# The split and the three modes


@pytest.mark.parametrize(
    ("width", "p_gen", "generalizing"), [(10, 0.2, 2), (100, 0.29, 29), (10, 0.01, 1), (7, 1.0, 7)]
)
def test_split(width, p_gen, generalizing):
    layer = FairDropout(width, p_gen)
    assert layer.num_generalizing == generalizing
    assert layer.num_memorizing == width - generalizing


@pytest.mark.parametrize(("allocation", "active"), [("fixed", 4), ("one", 1), ("bernoulli", None)])
def test_training_keeps_the_generalising_units_and_the_examples_own(allocation, active):
    layer, x = FairDropout(10, allocation=allocation), activation(4, 10)
    out, mask = layer(x, IDS), layer.mask(IDS)
    assert torch.equal(out[:, :2], x[:, :2])
    assert torch.equal(out[:, 2:], x[:, 2:] * mask)
    if active is not None:
        assert mask.sum(1).tolist() == [active] * 4


def test_evaluation_modes():
    layer, x = FairDropout(10, p_mem=0.25).eval(), activation(4, 10)
    dropped = layer(x)
    assert torch.equal(dropped, torch.cat([x[:, :2] * 2.0, torch.zeros(4, 8)], 1))  # (2 + 2) / 2
    layer.memory = "keep"
    assert torch.equal(layer(x), torch.cat([x[:, :2], x[:, 2:] * 0.25], 1))
    layer.memory = "own"
    assert torch.equal(layer(x, IDS), layer.train()(x, IDS))


@pytest.mark.parametrize(
    ("rescale", "allocation", "scale"),
    [
        ("active", "fixed", (2 + 3) / 2),
        ("active", "bernoulli", (2 + 0.4 * 8) / 2),
        ("active", "one", (2 + 1) / 2),
        ("reference", "fixed", (0.2 + 0.4) / 0.2),
        ("none", "fixed", 1.0),
    ],
)
def test_scale(rescale, allocation, scale):
    layer = FairDropout(10, 0.2, 0.4, rescale=rescale, allocation=allocation).eval()
    x = activation(3, 10, dtype=torch.float64)
    assert layer.scale == pytest.approx(scale, rel=1e-15)
    assert torch.equal(layer(x)[:, :2], x[:, :2] * scale)


def test_active_units_add_up_to_the_same_sum_in_training_and_inference():
    layer, ones = FairDropout(50, 0.3, 0.5), torch.ones(200, 50)
    assert layer(ones, torch.arange(200)).sum() == pytest.approx(layer.eval()(ones).sum().item())


def test_unknown_rows_are_computed_as_at_inference():
    layer, x = FairDropout(10), activation(4, 10)
    ids = torch.tensor([3, -1, 5, -1])
    out = layer(x, ids)
    assert torch.equal(out[::2], layer(x[::2], ids[::2]))
    missing = FairDropout(10, on_missing="drop")(x)
    evaluated = layer.eval()(x)
    assert torch.equal(out[1::2], evaluated[1::2])
    assert torch.equal(missing, evaluated)


# Bar D5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_without_memory_the_layer_is_the_identity_bit_for_bit(dtype):
    layer, x = FairDropout(16, p_gen=1.0), activation(4, 16, dtype=dtype)
    for memory in ("drop", "keep", "own"):
        layer.memory = memory
        assert torch.equal(layer.train()(x), x)
        assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_with_p_mem_0_the_network_equals_one_without_memory_units(allocation):
    # Whole numbers, so that the order in which a matrix product sums can't matter.
    first, last = nn.Linear(6, 10).double(), nn.Linear(10, 3).double()
    small_first, small_last = nn.Linear(6, 2).double(), nn.Linear(2, 3).double()
    with torch.no_grad():
        for parameter in (*first.parameters(), *last.parameters()):
            parameter.copy_(activation(*parameter.shape, seed=parameter.numel()).mul(8).round())
        for small, large in ((small_first, first), (small_last, last)):
            rows, columns = small.weight.shape
            small.weight.copy_(large.weight[:rows, :columns])
            small.bias.copy_(large.bias[:rows])
    layer = FairDropout(10, p_gen=0.2, p_mem=0.0, allocation=allocation)
    x = activation(4, 6).mul(8).round().double()
    expected = small_last(small_first(x).relu())
    assert torch.equal(last(layer(first(x).relu(), IDS)), expected)
    layer.eval()
    assert torch.equal(last(layer(first(x).relu())), expected)


# Shapes, formats, gradients


@pytest.mark.parametrize(
    ("shape", "feature_dim"),
    [
        ((4, 10), 1), ((4, 10), -1), ((4, 10, 3), 1), ((4, 10, 3, 5), 1), ((4, 10, 2, 3, 5), 1),
        ((4, 6, 10), -1), ((4, 6, 10), 2), ((4, 2, 3, 10), -1), ((0, 10), 1), ((1, 10, 1, 1), 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("training", [True, False])
def test_shapes(shape, feature_dim, training):
    layer = FairDropout(10, feature_dim=feature_dim).train(training)
    x, ids = activation(*shape), IDS[: shape[0]]
    out = layer(x, ids)
    assert out.shape == x.shape
    by_rows = FairDropout(10).train(training)
    moved = x.movedim(feature_dim, -1)
    for b, i in enumerate(ids):
        rows = moved[b].reshape(-1, 10)
        expected = by_rows(rows, i.repeat(len(rows)))
        assert torch.equal(out.movedim(feature_dim, -1)[b].reshape(-1, 10), expected)


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("training", [True, False])
def test_memory_format_is_kept(memory_format, training):
    x = activation(4, 10, 3, 5).to(memory_format=memory_format)
    out = FairDropout(10).train(training)(x, IDS)
    assert out.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mode", ["train", "drop", "keep"])
def test_dtype_is_kept_and_does_not_change_the_mask(dtype, mode):
    layer, x = FairDropout(64), torch.ones(4, 64)
    if mode != "train":
        layer.eval().memory = mode
    out = layer(x.to(dtype), IDS)
    assert out.dtype == dtype
    assert torch.equal(out != 0, layer(x, IDS) != 0)


def test_autocast():
    layer, linear = FairDropout(64), nn.Linear(8, 64)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = linear(activation(4, 8))
        out = layer(hidden, IDS)
    assert hidden.dtype == out.dtype == torch.bfloat16
    assert torch.equal(out[:, 12:] != 0, layer.mask(IDS) & (hidden[:, 12:] != 0))


@pytest.mark.parametrize("mode", ["train", "drop", "keep", "own"])
def test_the_input_is_never_changed(mode):
    layer, x = FairDropout(10), activation(4, 10)
    if mode != "train":
        layer.eval().memory = mode
    before, version = x.clone(), x._version
    out = layer(x, IDS)
    assert torch.equal(x, before)
    assert x._version == version
    assert out.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("mode", ["train", "drop", "keep", "own"])
def test_gradients(mode):
    layer = FairDropout(5, p_gen=0.4)
    if mode != "train":
        layer.eval().memory = mode
    x = activation(4, 5, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: layer(z, IDS), x)
    (gradient,) = torch.autograd.grad(layer(x, IDS).sum(), x)
    assert torch.equal(gradient != 0, layer(torch.ones_like(x), IDS) != 0)


# Bar D3: a mask belongs to its example


@settings(deadline=None, max_examples=50)
@given(
    ids=st.lists(st.integers(-1, 2**63 - 1), min_size=1, max_size=20),
    order=st.randoms(use_true_random=False),
    allocation=st.sampled_from(ALLOCATIONS),
)
def test_order_and_split_of_the_batch_do_not_matter(ids, order, allocation):
    layer = FairDropout(24, allocation=allocation, key="stage")
    places = list(range(len(ids)))
    order.shuffle(places)
    whole = layer.mask(torch.tensor(ids))
    assert torch.equal(layer.mask(torch.tensor(ids)[places]), whole[places])
    assert torch.equal(torch.cat([layer.mask(torch.tensor([i])) for i in ids]), whole)


@pytest.mark.parametrize("allocation", ALLOCATIONS)
@pytest.mark.parametrize("p_mem", [0.0, 0.3, 1.0])
def test_the_table_holds_the_hashed_masks(allocation, p_mem):
    options = {"p_gen": 0.25, "p_mem": p_mem, "allocation": allocation, "seed": 4}
    hashed, table = FairDropout(27, **options), FairDropout(27, n_examples=40_000, **options)
    ids = torch.arange(-1, 40_000)
    assert torch.equal(table.mask(ids), hashed.mask(ids))


def test_memory_of_a_million_examples():
    """Bar C4; the table is linear in its rows."""
    assert FairDropout(1024, n_examples=1000)._table.nbytes * 1000 <= 110 * 2**20
    hashed = FairDropout(1024)
    assert hashed._table is None
    assert not list(hashed.parameters()) + list(hashed.buffers())


def test_a_table_is_not_broadcast_by_data_parallel_training():
    assert not list(FairDropout(8, n_examples=100).buffers())


@pytest.mark.parametrize("other", [{"seed": 1}, {"key": "layer3"}, {"key": 1}, {"key": "1"}])
def test_seeds_and_keys_give_unrelated_masks(other):
    ids = torch.arange(2000)
    a, b = FairDropout(100).mask(ids), FairDropout(100, **other).mask(ids)
    assert (a == b).double().mean() == pytest.approx(0.5, abs=0.01)


def test_masks_are_those_of_a_fresh_process():
    code = (
        "import torch; from surefoot.groups import FairDropout;"
        "layer = FairDropout(40, key='layer3', seed=7);"
        "print(layer.mask(torch.tensor([3, 0, 2**40, 2**63 - 1])).int().tolist())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = FairDropout(40, key="layer3", seed=7).mask(IDS).int().tolist()
    assert json.loads(run.stdout) == here


def test_masks_of_this_version():
    """A change here changes the masks of every saved model."""
    layer = FairDropout(12, key="layer3", seed=7)
    rows = layer.mask(torch.tensor([0, 12345])).int().tolist()
    assert ["".join(map(str, row)) for row in rows] == ["0110111000", "1101011000"]


def test_global_generators_are_untouched():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    python_state = random.getstate()
    for n_examples in (None, 100):
        layer = FairDropout(10, n_examples=n_examples)
        layer(activation(4, 10), torch.arange(4))
        layer.eval()(activation(4, 10))
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert random.getstate() == python_state


# Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_features": 0}, "num_features: found 0"),
        ({"num_features": True}, "num_features: found True"),
        ({"num_features": 8.0}, r"num_features: found 8\.0"),
        ({"p_gen": 0}, r"p_gen: found 0; allowed: a number in \(0, 1\]"),
        ({"p_gen": 1.01}, r"p_gen: found 1\.01"),
        ({"p_gen": float("nan")}, "p_gen: found nan"),
        ({"p_gen": True}, "p_gen: found True"),
        ({"p_gen": "0.2"}, "p_gen: found '0.2'"),
        ({"p_mem": -0.1}, r"p_mem: found -0\.1; allowed: a number in \[0, 1\]"),
        ({"p_mem": float("nan")}, "p_mem: found nan"),
        ({"p_mem": False}, "p_mem: found False"),
        ({"num_features": 1}, "generalising units: found all 1 units at p_gen = 0.2"),
        ({"allocation": "fix"}, "allocation: found 'fix'.*did you mean 'fixed'"),
        ({"memory": "dropped"}, "memory: found 'dropped'.*did you mean 'drop'"),
        ({"rescale": None}, "rescale: found None"),
        ({"on_missing": "ignore"}, "on_missing: found 'ignore'"),
        ({"n_examples": 0}, "n_examples: found 0"),
        ({"feature_dim": 0}, "feature_dim: found 0"),
        ({"feature_dim": True}, "feature_dim: found True"),
        ({"seed": 1.5}, r"seed: found 1\.5"),
        ({"key": None}, "stream name: found None"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(InputError, match=message):
        FairDropout(**{"num_features": 10, **options})


def test_numpy_numbers_are_numbers():
    layer = FairDropout(np.int64(10), np.float32(0.5), np.float64(0.5), seed=np.int64(3))
    assert torch.equal(layer.mask(IDS), FairDropout(10, 0.5, 0.5, seed=3).mask(IDS))
    assert json.loads(bytes(layer.get_extra_state().tolist()))["seed"] == 3


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (torch.arange(3), "found 3 ids; allowed: one for each of the 4 rows"),
        (torch.arange(4.0), r"found dtype torch\.float32; allowed: integers"),
        (torch.ones(4, dtype=torch.bool), r"found dtype torch\.bool"),
        (torch.arange(4)[:, None], r"found shape \(4, 1\)"),
        (torch.tensor(3), r"found shape \(\)"),
        (torch.tensor([0, 1, -2, 3]), "example ids: found -2; allowed: −1 "),
        (np.array([0, 1, 2, 2**63], dtype=np.uint64), "example ids: found 9223372036854775808"),
        (np.array([0, 1, 2, 2**64 - 1], dtype=np.uint64), "found 18446744073709551615"),
        ([0, 1, 2, 2**70], "example ids: found .*1180591620717411303424"),
        (["a", "b", "c", "d"], "example ids: found .*'a'.*; allowed: integers"),
        (np.arange(4.0), r"found dtype torch\.float64"),
    ],
)
def test_bad_ids(ids, message):
    with pytest.raises(InputError, match=message):
        FairDropout(10)(activation(4, 10), ids)


def test_ids_outside_the_table():
    layer = FairDropout(10, n_examples=100)
    layer(activation(2, 10), torch.tensor([-1, 99]))
    with pytest.raises(InputError, match=r"found 100; allowed: −1 \(no memory\) or 0 … 99"):
        layer(activation(2, 10), torch.tensor([99, 100]))


def test_missing_ids():
    layer = FairDropout(10, key="layer3")
    with pytest.raises(InputError, match="example ids of FairDropout 'layer3': found None.*tied"):
        layer(activation(4, 10))
    layer.eval()(activation(4, 10))
    layer.memory = "own"
    with pytest.raises(InputError, match="example ids of FairDropout 'layer3'"):
        layer(activation(4, 10))


@pytest.mark.parametrize(
    ("x", "feature_dim", "message"),
    [
        (torch.ones(4, 9), 1, "found 9 units along axis 1; allowed: num_features = 10"),
        (torch.ones(10), 1, r"found shape \(10,\)"),
        (torch.ones(4, 10), 2, r"found shape \(4, 10\); allowed: .* axis 2"),
        (torch.ones(10, 4), -2, r"found shape \(10, 4\); allowed: .* axis -2"),  # the batch axis
        (torch.ones(4, 10, dtype=torch.int64), 1, r"dtype torch\.int64; allowed: floating point"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_bad_activations(x, feature_dim, message, training):
    layer = FairDropout(10, feature_dim=feature_dim).train(training)
    with pytest.raises(InputError, match=f"input of FairDropout: .*{message}"):
        layer(x, torch.arange(len(x)))


def read_only(ids):
    ids = np.array(ids)
    ids.setflags(write=False)
    return ids


@pytest.mark.parametrize(
    "ids",
    [
        [5, 6, 5, 5], (5, 6, 5, 5), np.array([5, 6, 5, 5], dtype=np.uint8), read_only([5, 6, 5, 5]),
        np.array([5, 5, 6, 5])[::-1], np.array([5, 6, 5, 5], dtype=np.uint64),
        torch.tensor([5, 6, 5, 5], dtype=torch.int32), [torch.tensor(i) for i in (5, 6, 5, 5)],
    ],
)  # fmt: skip
def test_ids_of_any_integer_kind_and_duplicates(ids):
    assert torch.equal(check_ids(ids), torch.tensor([5, 6, 5, 5]))
    out = FairDropout(10)(torch.ones(4, 10), ids)
    assert torch.equal(out[0], out[2])
    assert not torch.equal(out[0], out[1])


# Saving


def network(**options):
    return nn.Sequential(nn.Linear(4, 10), FairDropout(10, **options), nn.Linear(10, 2))


def test_resuming_from_a_state_dict_gives_the_same_training_forward(tmp_path):
    from safetensors.torch import load_file, save_file

    saved, resumed = network(seed=3, key="hidden"), network(seed=3, key="hidden")
    save_file(saved.state_dict(), tmp_path / "model.safetensors")
    resumed.load_state_dict(load_file(tmp_path / "model.safetensors"), strict=True)
    x = activation(4, 4)
    for model in (saved, resumed):
        model[1].ids = IDS
    assert torch.equal(resumed(x), saved(x))


def test_weights_of_other_masks_are_refused():
    state = network(seed=3, key="hidden", p_mem=0.25).state_dict()
    with pytest.raises(InputError, match=r"'layer'.*p_mem = 0.25.*seed = 3.*key = 'hidden'; allow"):
        network(seed=4, key="layer").load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"Missing key.*1\._extra_state"):
        network().load_state_dict({k: v for k, v in state.items() if "extra" not in k})


def test_a_copy_has_the_same_masks_and_no_announced_ids():
    layer = FairDropout(20, seed=5, key="hidden", n_examples=100)
    layer.ids = torch.arange(4)
    twin = copy.deepcopy(layer)
    assert twin.ids is None
    assert layer.ids is not None
    assert torch.equal(twin.mask(torch.arange(100)), layer.mask(torch.arange(100)))


def test_repr_names_the_split():
    expected = "10 = 2 generalising + 8 memorising, p_mem=0.5, fixed, memory='drop', key='hidden'"
    assert expected in repr(FairDropout(10, key="hidden"))
