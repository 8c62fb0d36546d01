"""Cell functions for the tests of the work runner: small, but the real thing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from surefoot.ground.errors import DataUnavailableError, InputError
from surefoot.ground.progress import progress
from surefoot.ground.streams import stream
from surefoot.ground.work import Output


def ridge(*, rows: int, penalty: float, seed: int, log: str = "", pause_s: float = 0.0) -> dict:
    """Fit ridge regression to made data; add a line to `log` when the fit is done."""
    if penalty < 0:
        raise InputError("penalty", penalty, "zero or more")
    random = stream(seed, "ridge")
    X = random.normal(size=(rows, 20))
    truth = random.normal(size=20)
    y = X @ truth + random.normal(size=rows)
    weights = np.linalg.solve(X.T @ X + penalty * np.eye(20), X.T @ y)
    time.sleep(pause_s)
    if log:
        note(log, f"{seed}")
    return {"error": float(np.square(weights - truth).mean()), "norm": float(weights @ weights)}


def deadly(*, rows: int, seed: int, log: str, marker: str) -> dict:
    """Kill its own process with SIGKILL while the file `marker` is there; take the file away."""
    note(log, f"start {seed}")
    if Path(marker).exists():
        Path(marker).unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return ridge(rows=rows, penalty=1.0, seed=seed)


def poisonous(*, seed: int) -> dict:
    """Kill its process every time."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def failing(*, seed: int, marker: str) -> dict:
    """Raise while the file `marker` is there."""
    if Path(marker).exists():
        msg = "the file is there"
        raise RuntimeError(msg)
    return {"seed": seed}


def homeless(*, seed: int) -> dict:
    """Ask for data that is not on this machine."""
    raise DataUnavailableError("data", "waterbirds", "surefoot data fetch waterbirds")


def quitting(*, seed: int) -> dict:
    """Leave as a script would."""
    raise SystemExit(3)


def sleepy(*, seconds: float, seed: int) -> dict:
    """Sleep, and hold on to it if an Exception disturbs."""
    try:
        time.sleep(seconds)
    except Exception:
        time.sleep(seconds)
    return {"slept": seconds}


def listed(*, seed: int) -> list[int]:
    """Return something that is not a mapping."""
    return [seed]


def unstorable(*, seed: int) -> dict:
    """Return something that is not JSON."""
    return {"a set": {seed}}


def extremes(*, seed: int) -> dict:
    """Return numpy values, NaN and infinity."""
    return {
        "nan": float("nan"),
        "inf": np.float64("inf"),
        "count": np.int64(3),
        "row": np.array([0.5, np.nan]),
    }


def spectrum(*, size: int, seed: int) -> Output:
    """Return the eigenvalues of a random symmetric matrix as an array."""
    A = stream(seed, "spectrum").normal(size=(size, size))
    values = np.linalg.eigvalsh(A + A.T)
    return Output({"largest": float(values[-1])}, {"eigenvalues": values, "file": np.arange(3)})


def objects(*, seed: int) -> Output:
    """Return an array of Python objects, which only pickle could keep."""
    return Output({}, {"things": np.array([{}, None], dtype=object)})


def threads(*, seed: int) -> dict:
    """Tell how many threads the numeric libraries may use, and what shows of a progress bar."""
    from threadpoolctl import threadpool_info

    with progress("inside", total=1) as step:
        step()
    np.ones((4, 4)) @ np.ones((4, 4))
    return {
        "pools": sorted(pool["num_threads"] for pool in threadpool_info()),
        "variables": [os.environ.get("OMP_NUM_THREADS"), os.environ.get("MKL_NUM_THREADS")],
        "interrupt_ignored": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "interrupt_masked": signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []),
        "pid": os.getpid(),
    }


def torch_threads(*, seed: int) -> dict:
    """Tell how many threads torch uses inside a cell."""
    import torch

    return {"threads": torch.get_num_threads()}


def note(log: str, line: str) -> None:
    """Append one whole line; concurrent writers do not mix."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)
