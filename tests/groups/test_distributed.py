"""Bar D3: masks belong to examples, whatever the number of processes."""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from surefoot.groups import FairDropout, tied

SCRIPT = Path(__file__).with_name("ranks.py")
spec = importlib.util.spec_from_file_location("ranks", SCRIPT)
ranks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ranks)


def launch(mode, world, folder):
    """Run `world` ranks at once; return what each of them saved."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    files = [folder / f"{mode}{rank}.npz" for rank in range(world)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", SCRIPT, mode, str(rank), str(world), port, file],
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
    assert [process.returncode for process in processes] == [0] * world, "\n".join(errors)
    return [dict(np.load(file)) for file in files]


def test_four_ranks_give_every_id_the_mask_it_has_in_one_process(tmp_path):
    alone = FairDropout(ranks.WIDTH, key="first").mask(torch.arange(ranks.ROWS)).numpy()
    found = launch("masks", 4, tmp_path)
    ids = np.concatenate([rank["ids"] for rank in found])
    assert sorted(ids) == list(range(ranks.ROWS))
    assert ids.tolist() != sorted(ids)
    assert (np.concatenate([rank["masks"] for rank in found]) == alone[ids]).all()


def test_two_ranks_average_to_the_gradients_of_the_joint_batch(tmp_path):
    found = launch("gradients", 2, tmp_path)
    ids = torch.cat([torch.from_numpy(rank.pop("ids")) for rank in found])
    assert sorted(ids.tolist()) == list(range(ranks.ROWS))

    with torch.random.fork_rng():
        model = ranks.network()
    x = torch.stack([ranks.dataset()[i][1] for i in ids.tolist()])
    with tied(model, ids):
        model(x).square().mean().backward()
    for name, parameter in model.named_parameters():
        for rank in found:
            np.testing.assert_allclose(rank[name], parameter.grad.numpy(), rtol=1e-5, atol=1e-7)

    model.zero_grad()
    with tied(model, ids.flip(0)):  # the comparison can tell masks apart
        model(x).square().mean().backward()
    weight = model[5].weight.grad.numpy()
    assert np.abs(found[0]["5.weight"] - weight).max() > 1e-3
