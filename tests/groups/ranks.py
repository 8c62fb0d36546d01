"""One rank of tests/groups/test_distributed.py: ``python ranks.py MODE RANK WORLD PORT OUT``."""

import os
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler

from surefoot.groups import FairDropout, IndexedDataset, attach, tied

ROWS, WIDTH = 32, 40


def dataset():
    rows = torch.randn(ROWS, 6, generator=torch.Generator().manual_seed(1))
    return IndexedDataset(rows)


def network():
    """Return a network with one layer written into it, with a table, and one attached."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, WIDTH), nn.ReLU(), FairDropout(WIDTH, key="first", n_examples=ROWS),
        nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 2),
    )  # fmt: skip
    attach(model, {"4": {"num_features": WIDTH, "seed": 3}})
    return model


def masks(rank, world):
    """Masks of the ids this rank is given, in the order it is given them."""
    sampler = DistributedSampler(dataset(), num_replicas=world, rank=rank, seed=world)
    ids = torch.tensor(list(sampler))
    return {"ids": ids, "masks": FairDropout(WIDTH, key="first").mask(ids)}


def gradients(rank, world, port):
    """Gradients of one DistributedDataParallel step over this rank's part of the data."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=world)
    try:
        model = nn.parallel.DistributedDataParallel(network())
        sampler = DistributedSampler(dataset(), seed=5)
        ((ids, x),) = DataLoader(dataset(), batch_size=ROWS // world, sampler=sampler)
        with tied(model, ids):
            loss = model(x).square().mean()
        loss.backward()
        return {name: p.grad for name, p in model.module.named_parameters()} | {"ids": ids}
    finally:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    mode, rank, world, port, out = sys.argv[1:]
    torch.set_num_threads(1)
    arguments = int(rank), int(world)
    found = masks(*arguments) if mode == "masks" else gradients(*arguments, port)
    np.savez(out, **{name: value.numpy() for name, value in found.items()})
    # Gloo's threads may abort an interpreter that goes down in good order.
    os._exit(0)
