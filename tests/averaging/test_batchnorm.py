"""Also one rank of its own test across processes: ``python test_batchnorm.py RANK PORT OUT``."""

import os
import socket
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, TensorDataset

from surefoot.averaging.batchnorm import recalibrate, tracked_norms
from surefoot.ground.errors import InputError

ROWS = torch.randn(64, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 3 + 5
# Sorted rows: averages of batch statistics would miss the variance between batches.
SORTED = ROWS[ROWS.mean((1, 2, 3)).argsort()]


def net(*extra):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), *extra,
            nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2),
        )  # fmt: skip


def statistics(model):
    return {name: buffer.clone() for name, buffer in model.named_buffers()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


# --- which norms -------------------------------------------------------------------------------


def test_tracked_norms_are_those_with_statistics():
    class Own(nn.Module):
        def __init__(self, track):
            super().__init__()
            self.track_running_stats = track
            self.register_buffer("running_mean", torch.zeros(2))
            self.register_buffer("running_var", torch.ones(2))

    model = nn.ModuleDict(
        {
            "batch": nn.BatchNorm1d(2),
            "sync": nn.SyncBatchNorm(2),
            "instance": nn.InstanceNorm2d(2, track_running_stats=True),
            "own": Own(True),
            "frozen": Own(False),
            "untracked": nn.BatchNorm1d(2, track_running_stats=False),
            "plain": nn.InstanceNorm2d(2),
            "layer": nn.LayerNorm(2),
        }
    )
    model["again"] = model["batch"]
    norms = tracked_norms(model)
    assert list(norms) == ["batch", "sync", "instance", "own"]
    assert all(norms[name] is model[name] for name in norms)
    assert list(tracked_norms(nn.BatchNorm1d(2))) == [""]


# --- what the statistics are -------------------------------------------------------------------


def test_one_batch_gives_what_torch_gives():
    model, peer = net(), net()
    update_bn([ROWS], peer)
    assert recalibrate(model, [ROWS]) == ["1", "4"]
    expected = {name: b for name, b in statistics(peer).items() if "running" in name}
    for name, value in expected.items():
        torch.testing.assert_close(model.get_buffer(name), value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [ROWS, SORTED], ids=["shuffled", "sorted"])
@settings(deadline=None)
@given(cuts=st.sets(st.integers(2, 62), max_size=6), momentum=st.sampled_from([None, 0.01, 0.9]))
def test_the_first_norm_gets_the_moments_of_all_values(rows, cuts, momentum):
    edges = [0, *sorted(cuts), 64]
    sizes = [b - a for a, b in pairwise(edges)]
    model = net()
    model[1].momentum = momentum
    recalibrate(model, rows.split(sizes))
    with torch.no_grad():
        values = model[0](rows).double().transpose(0, 1).flatten(1)
    torch.testing.assert_close(model[1].running_mean, values.mean(1).float())
    torch.testing.assert_close(model[1].running_var, values.var(1).float())
    assert model[1].momentum == momentum


def test_the_variance_between_batches_counts():
    model, peer = net(), net()
    batches = SORTED.split(8)
    recalibrate(model, batches)
    update_bn(batches, peer)
    with torch.no_grad():
        whole = model[0](SORTED).transpose(0, 1).flatten(1).var(1)
    ours, theirs = (m[1].running_var.div(whole).sub(1).abs().max().item() for m in (model, peer))
    assert ours < 1e-5
    assert theirs > 0.02


def test_dropout_stays_off():
    model, peer = net(nn.Dropout(0.5)), net(nn.Dropout(0.5))
    plain = net(nn.Identity())
    update_bn([ROWS], peer)
    recalibrate(model, [ROWS])
    recalibrate(plain, [ROWS])
    assert_same(statistics(model), statistics(plain))
    # Dropped units vary more: with dropout on, the statistics would be of another network.
    assert (peer[5].running_var > 1.2 * model[5].running_var).all()


def test_a_norm_used_twice_pools_both_uses():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def forward(self, a, b):
            return self.norm(a), self.norm(input=b)

    a, b = torch.randn(20, 2), torch.randn(30, 2) + 4
    model = Twice()
    recalibrate(model, [{"a": a, "b": b}])
    both = torch.cat([a, b])
    torch.testing.assert_close(model.norm.running_mean, both.mean(0))
    torch.testing.assert_close(model.norm.running_var, both.var(0))


@pytest.mark.parametrize("affine", [True, False])
def test_instance_norm_averages_the_statistics_of_examples_as_training_does(affine):
    def norm():
        return nn.InstanceNorm2d(3, affine=affine, track_running_stats=True, momentum=1.0)

    model, peer = norm(), norm()
    peer(ROWS)
    recalibrate(model, SORTED.split(9))
    torch.testing.assert_close(model.running_mean, peer.running_mean)
    torch.testing.assert_close(model.running_var, peer.running_var)
    # A single example without a batch axis is one example.
    alone = norm()
    recalibrate(alone, [*ROWS])
    torch.testing.assert_close(alone.running_var, peer.running_var)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_statistics_in_half_precision(dtype):
    norm = nn.BatchNorm2d(3).to(dtype)
    rows = ROWS.to(dtype)
    recalibrate(norm, rows.split(4))
    values = rows.double().transpose(0, 1).flatten(1)
    assert norm.running_mean.dtype == dtype
    assert torch.equal(norm.running_mean, values.mean(1).to(dtype))
    assert torch.equal(norm.running_var, values.var(1).to(dtype))


def test_sync_batch_norm_in_one_process():
    norm, peer = nn.SyncBatchNorm(3), nn.BatchNorm2d(3)
    recalibrate(norm, ROWS.split(16))
    recalibrate(peer, ROWS.split(16))
    assert_same(statistics(norm), statistics(peer))


# --- what stays as it was ----------------------------------------------------------------------


def modes(model):
    return [module.training for module in model.modules()]


def trained():
    model = net(nn.Dropout())
    model(ROWS)
    model[1].eval()
    return model


def test_everything_but_the_statistics_stays():
    model = trained()
    before, had = statistics(model), modes(model)
    pointers = {name: buffer.data_ptr() for name, buffer in model.named_buffers()}
    recalibrate(model, ROWS.split(16))
    after = statistics(model)
    assert modes(model) == had
    assert {name: b.data_ptr() for name, b in model.named_buffers()} == pointers
    assert not any(module._forward_pre_hooks for module in model.modules())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "running" in name}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failing_pass_leaves_no_trace(error):
    def batches():
        yield ROWS
        raise error("stopped")

    model = trained()
    before, had = statistics(model), modes(model)
    with pytest.raises(error, match="stopped"):
        recalibrate(model, batches())
    assert_same(statistics(model), before)
    assert modes(model) == had
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_the_random_numbers_of_training_go_on():
    loader = DataLoader(TensorDataset(ROWS), batch_size=16, shuffle=True)
    before = torch.get_rng_state()
    recalibrate(net(nn.Dropout()), loader)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_norm_that_does_not_run_keeps_what_it_has():
    model = net()
    before = statistics(model)
    ran = recalibrate(model, [ROWS], forward=lambda net, x: net[:3](x))
    assert ran == ["1"]
    assert torch.equal(model[4].running_var, before["4.running_var"])
    assert not torch.equal(model[1].running_var, before["1.running_var"])


# --- batches -----------------------------------------------------------------------------------


class Keywords(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net()

    def forward(self, *, pixels):
        return self.net(pixels)


@pytest.mark.parametrize(
    ("make", "batches", "forward"),
    [
        (net, iter(ROWS.split(16)), None),
        (net, [(x, None) for x in ROWS.split(16)], None),
        (net, DataLoader(TensorDataset(ROWS, torch.arange(64)), batch_size=16), None),
        (Keywords, [{"pixels": x} for x in ROWS.split(16)], None),
        (net, [{"x": {"y": x}} for x in ROWS.split(16)], lambda m, batch: m(batch["x"]["y"])),
    ],
    ids=["iterator", "tuples", "loader", "mappings", "own"],
)
def test_kinds_of_batches(make, batches, forward):
    expected, model = net(), make()
    recalibrate(expected, ROWS.split(16))
    recalibrate(model, batches, forward=forward)
    assert_same(statistics(getattr(model, "net", model)), statistics(expected))


def test_no_more_batches_than_asked_for():
    model, expected = net(), net()
    batches = iter(ROWS.split(16))
    recalibrate(model, batches, max_batches=2)
    recalibrate(expected, ROWS[:32].split(16))
    assert_same(statistics(model), statistics(expected))
    assert len(list(batches)) == 2


def test_a_model_without_norms_leaves_its_batches_alone():
    batches = iter([ROWS])
    assert recalibrate(nn.Linear(2, 2), batches) == []
    assert next(batches) is ROWS


def test_code_compiled_before_is_not_used():
    model, expected = net(), net()
    compiled = torch.compile(model, backend="eager").eval()
    for index in (1, 4):
        model[index].train()
    with torch.no_grad():
        compiled(ROWS)  # compiled in the very modes and for the very shape of the recalibration
    assert recalibrate(compiled, [ROWS]) == ["_orig_mod.1", "_orig_mod.4"]
    recalibrate(expected, [ROWS])
    assert torch.equal(model[4].running_var, expected[4].running_var)


@pytest.mark.parametrize(
    ("model", "batches", "message"),
    [
        (net(), [], "batches: found none that ran a norm; allowed: at least one that does"),
        (nn.BatchNorm1d(3), [torch.ones(5, 3), torch.ones(1, 3)],
         r"batches, at the norm '': found an input of shape \(1, 3\); allowed: 2 values a channel"),
        (nn.InstanceNorm1d(3, track_running_stats=True), [torch.ones(5, 3, 1)],
         r"found an input of shape \(5, 3, 1\); allowed: 2 values"),
    ],
    ids=["none", "one row", "one place"],
)  # fmt: skip
def test_too_little_data(model, batches, message):
    before = statistics(model)
    with pytest.raises(InputError, match=message):
        recalibrate(model, batches)
    assert_same(statistics(model), before)


def test_batches_that_run_no_norm():
    with pytest.raises(InputError, match="none that ran a norm"):
        recalibrate(net(), [ROWS], forward=lambda model, x: x)


@pytest.mark.parametrize("count", [0, -1, 1.5])
def test_bad_max_batches(count):
    with pytest.raises(InputError, match="max_batches: found .* allowed: a whole number from 1"):
        recalibrate(net(), [ROWS], max_batches=count)


# --- several processes -------------------------------------------------------------------------


def one_rank(rank, port, out):
    """Recalibrate on this rank's part of the rows: the parts and their batches differ in size."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    try:
        model = nn.ModuleList([net(), nn.BatchNorm2d(3)])
        batches = SORTED[:24].split(7) if rank else SORTED[24:].split(20)
        # The second norm runs on rank 1 alone.
        forward = (lambda m, x: (m[0](x), m[1](x))) if rank else (lambda m, x: m[0](x))
        names = recalibrate(model, batches, forward=forward)
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()
    np.savez(out, names=names, **{name: b.numpy() for name, b in model.named_buffers()})


def test_two_processes_end_with_the_statistics_of_all_rows(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    files = [tmp_path / f"{rank}.npz" for rank in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", __file__, str(rank), port, file],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for rank, file in enumerate(files)
    ]
    try:
        errors = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)

    first, second = (dict(np.load(file)) for file in files)
    assert first["names"].tolist() == second["names"].tolist() == ["0.1", "0.4", "1"]
    assert all((first[name] == second[name]).all() for name in first)
    with torch.no_grad():
        values = net()[0](SORTED).transpose(0, 1).flatten(1)
    np.testing.assert_allclose(first["0.1.running_mean"], values.mean(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(first["0.1.running_var"], values.var(1), rtol=1e-5)
    part = SORTED[:24].transpose(0, 1).flatten(1)
    np.testing.assert_allclose(first["1.running_var"], part.var(1), rtol=1e-5)


if __name__ == "__main__":
    torch.set_num_threads(1)
    one_rank(int(sys.argv[1]), *sys.argv[2:])
    # Gloo's threads may abort an interpreter that goes down in good order.
    os._exit(0)
