import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import surefoot
from surefoot.ground.fitting import PooledMoments, evaluating, keyed_torch
from surefoot.ground.streams import stream

CHANNELS = 3


def pooled(*batches):
    moments = PooledMoments(torch.empty(CHANNELS))
    for batch in batches:
        moments.add(torch.as_tensor(batch))
    return moments


def rows(n, seed=0, mean=0.0):
    return torch.as_tensor(stream(seed, "rows").normal(mean, 2.0, (n, CHANNELS, 4)))


def assert_moments_of(moments, x):
    values = x.double().transpose(0, 1).flatten(1)
    assert moments.count == values.shape[1]
    torch.testing.assert_close(moments.mean, values.mean(1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(moments.variance, values.var(1), rtol=1e-9, atol=1e-12)


def test_nothing_else_in_the_ground_imports_it():
    ground = Path(surefoot.__file__).parent / "ground"
    users = [p.name for p in ground.rglob("*.py") if "ground.fitting" in p.read_text("utf-8")]
    assert users == []


# --- random numbers and modes ------------------------------------------------------------------


def test_keyed_numbers_depend_on_seed_and_purpose_alone():
    def draw(seed, purpose):
        with keyed_torch(seed, purpose):
            return torch.rand(4).tolist()

    first = draw(0, "training")
    torch.rand(3)
    assert draw(0, "training") == first
    assert draw(1, "training") != first != draw(0, "initial weights")


def test_the_global_generator_goes_on_as_if_nothing_had_happened():
    before = torch.get_rng_state()
    with pytest.raises(KeyError, match="stopped"), keyed_torch(0, "training"):
        torch.rand(5)
        raise KeyError("stopped")
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluating_gives_back_the_mode_of_every_module():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.BatchNorm1d(1).eval(), nn.Dropout()))
    modes = [module.training for module in model.modules()]
    with pytest.raises(KeyError, match="stopped"), evaluating(model):
        assert not any(module.training for module in model.modules())
        raise KeyError("stopped")
    assert [module.training for module in model.modules()] == modes
    assert True in modes
    assert False in modes


# --- pooled moments ----------------------------------------------------------------------------


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 6), min_size=1, max_size=5), mean=st.floats(-1e4, 1e4))
def test_batches_are_pooled_value_by_value(sizes, mean):
    x = rows(sum(sizes) + 1, mean=mean)
    assert_moments_of(pooled(*x.split([*sizes, 1])), x)


def test_far_from_zero_the_squares_do_not_cancel():
    x = rows(200, mean=1e8)
    torch.testing.assert_close(
        pooled(*x.split(20)).variance, x.transpose(0, 1).flatten(1).var(1), rtol=1e-7, atol=0
    )


def test_half_precision_is_summed_in_double():
    x = torch.full((70_000, CHANNELS), 3.0, dtype=torch.float16)
    x[0] = 4.0
    assert_moments_of(pooled(*x.split(1000)), x)


def test_nothing_was_added():
    for moments in (pooled(), pooled(rows(0))):
        assert moments.count == 0
        assert moments.mean.tolist() == [0.0] * CHANNELS
        moments.merge(pooled(rows(3)))
        assert_moments_of(moments, rows(3))


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    means=st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4),
)
def test_merged_parts_are_the_whole(sizes, means):
    parts = [rows(n, seed, mean) for seed, (n, mean) in enumerate(zip(sizes, means, strict=False))]
    whole = pooled()
    for part in [*parts, rows(1, 9)]:
        whole.merge(pooled(*part.split(2)))
    whole.add(rows(2, 10))  # and go on
    assert_moments_of(whole, torch.cat([*parts, rows(1, 9), rows(2, 10)]))


def test_merging_leaves_the_other_alone():
    other = pooled(rows(3))
    pooled(rows(2, 1)).merge(other)
    assert_moments_of(other, rows(3))


def test_alone_there_is_nothing_to_gather():
    moments = pooled(rows(3))
    assert moments.gathered() is moments


RANK = """
import os, sys
import numpy as np, torch
from surefoot.ground.fitting import PooledMoments
rank, port, file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
torch.distributed.init_process_group("gloo", rank=rank, world_size=3)
moments = PooledMoments(torch.empty(3))
if rank != 1:  # one process has nothing
    for batch in torch.from_numpy(np.load(file)).tensor_split(2)[rank // 2].split(4):
        moments.add(batch)
found = moments.gathered()
torch.distributed.destroy_process_group()
np.savez(f"{file}.{rank}", found.count, found.mean, found.variance)
os._exit(0)  # gloo's threads may abort an orderly exit
"""


def test_every_process_gathers_the_same_bits(tmp_path):
    file = tmp_path / "rows.npy"
    np.save(file, rows(11))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    ranks = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", RANK, str(rank), port, file],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for rank in range(3)
    ]
    try:
        assert [process.wait(60) for process in ranks] == [0, 0, 0]
    finally:
        for process in ranks:
            process.kill()
    found = [[*np.load(f"{file}.{rank}.npz").values()] for rank in range(3)]
    for rank in found[1:]:
        assert all((a == b).all() for a, b in zip(rank, found[0], strict=True))
    values = rows(11).transpose(0, 1).flatten(1)
    assert found[0][0] == 44
    np.testing.assert_allclose(found[0][1], values.mean(1), rtol=1e-12)
    np.testing.assert_allclose(found[0][2], values.var(1), rtol=1e-12)
