"""A training that is killed while an average is in the model goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

SCRIPT = """
import os, sys, time
from pathlib import Path
import torch
from surefoot.averaging import EMA, LAWA, SegmentMeans, Tail, TwoTailed, WeightAverager

folder, pause = Path(sys.argv[1]), float(sys.argv[2])
torch.manual_seed(0)
model = torch.nn.Sequential(
    torch.nn.Linear(4, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Linear(16, 1)
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
schemes = {"ema": EMA(0.95), "lawa": LAWA(5, every=7), "tail": Tail(start=20),
           "segments": SegmentMeans(3, base=4), "auto": TwoTailed()}
averager = WeightAverager(model, schemes).attach(optimizer)
if (folder / "checkpoint.pt").exists():
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    averager.load_state_dict(state["averages"])

def loss_of(network):
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(-1))
    network.eval()
    with torch.no_grad():
        loss = (network(x) - x.sum(1, keepdim=True)).square().mean()
    network.train()
    return float(loss)

for step in range(averager.steps, 150):
    x = torch.randn(32, 4, generator=torch.Generator().manual_seed(step))
    optimizer.zero_grad()
    (model(x) - x.sum(1, keepdim=True) - x.prod(1, keepdim=True)).square().mean().backward()
    optimizer.step()
    if averager.steps % 10 == 0:
        averager.judge("auto", loss_of)
        with averager.applied("ema", quiet=True):  # validation; a framework saves meanwhile
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                     "averages": averager.state_dict()}
            torch.save(state, folder / "checkpoint.part")
            os.replace(folder / "checkpoint.part", folder / "checkpoint.pt")
            print(averager.steps, flush=True)
            time.sleep(pause)
averager.save(folder / "averages.safetensors")
averager.export("segments", folder / "merged.safetensors", horizon=60)
"""


def start(folder: Path, pause: float) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    arguments = [sys.executable, "-c", SCRIPT, str(folder), str(pause)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.slow
def test_killed_twice_while_an_average_was_in_the_model(tmp_path: Path) -> None:
    whole = start(tmp_path / "whole", 0)
    whole.communicate(timeout=120)
    assert whole.returncode == 0
    for step in ("30", "90"):
        broken = start(tmp_path / "broken", 0.3)
        assert broken.stdout is not None
        for line in broken.stdout:
            if line.strip() == step:  # now it sleeps with the average in the model
                broken.send_signal(signal.SIGKILL)
                break
        broken.wait(timeout=60)
        broken.stdout.close()
        assert broken.returncode == -signal.SIGKILL
    last = start(tmp_path / "broken", 0)
    last.communicate(timeout=120)
    assert last.returncode == 0
    for name in ("averages.safetensors", "merged.safetensors"):
        ours, theirs = (load_file(tmp_path / run / name) for run in ("whole", "broken"))
        assert ours.keys() == theirs.keys()
        assert all(ours[key].equal(theirs[key]) for key in ours), name
    assert (tmp_path / "whole" / "averages.safetensors").read_bytes() == (
        tmp_path / "broken" / "averages.safetensors"
    ).read_bytes()
