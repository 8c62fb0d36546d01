"""Simulators for the tests: small, but called as real ones are."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import numpy as np

from surefoot.surrogates.simulation.space import Real, Space

SQUARE = Space(x0=Real(0, 1), x1=Real(0, 1))
# A program as a person would write it: fails where x0·x1 is large, and takes its time.
SOLVER = """
import json, os, sys, time
params = json.load(open(sys.argv[1]))
log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(log, (json.dumps(params) + "\\n").encode())
time.sleep({pause})
if params["x0"] * params["x1"] > {limit}:
    sys.exit(f"diverged: x0 x1 = {{params['x0'] * params['x1']:.3f}}")
with open(sys.argv[2], "w") as file:
    json.dump({{"flow": params["x0"] + params["x1"] ** 2, "iterations": 7}}, file)
"""


def write_solver(folder: Path, *, pause: float = 0.0, limit: float = 0.6) -> Path:
    """Write the program into `folder`; it adds a line to ``log`` there when it starts."""
    path = folder / "solver.py"
    path.write_text(SOLVER.format(log=str(folder / "log"), pause=pause, limit=limit))
    return path


def flow(x0: float, x1: float) -> float:
    """Return the response of the program above."""
    return x0 + x1**2


def both(x0: float, x1: float) -> dict[str, float]:
    """Return two outputs by name."""
    return {"difference": x0 - x1, "sum": x0 + x1}


def slow(x0: float, x1: float) -> float:
    """Take 20 ms."""
    time.sleep(0.02)
    return x0 + x1**2


def asleep(x0: float, x1: float) -> float:
    """Never come back in time."""
    time.sleep(30)
    return x0


def profile(x0: float, x1: float) -> np.ndarray:
    """Return a field, with one point more where x0 is above 0.9."""
    return x0 + x1 * np.linspace(0, 1, 6 if x0 > 0.9 else 5)


def picky(x0: float, x1: float) -> float:
    """Fail in several ways, by the value of x0."""
    if x0 > 0.8:
        return float("nan")
    if x0 > 0.6:
        raise ZeroDivisionError("the mesh is flat")
    return x0 / x1


def noisy(x0: float, x1: float, seed: int) -> float:
    """Add noise that the seed determines."""
    return x0 + x1 + 0.1 * random.Random(seed).gauss(0, 1)


def dying(x0: float, x1: float) -> float:
    """Kill its worker where x0 is above 0.5."""
    if x0 > 0.5:
        os.kill(os.getpid(), 9)
    return x0
