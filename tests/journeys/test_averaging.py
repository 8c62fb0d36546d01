"""Averaging on disk as a user types it: train, merge, search, interrupt, go on."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from tests.browser import open_page
from torch import nn

from surefoot.ground.ledger import Ledger

CHECKPOINTS = 12
SEARCH = ["averaging", "search", "run", "--evaluate", "judge:losses", "--out", "out"]

# Loss of held-out digits, one an image. Every evaluation leaves a line in the log.
JUDGE = """
import os, sys, time
import numpy as np
from safetensors.numpy import load_file

def losses(path):
    weights, data = load_file(path), np.load("held_out.npz")
    logits = data["X"] @ weights["weight"].T + weights["bias"]
    logits -= logits.max(axis=1, keepdims=True)
    chances = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    time.sleep(float(os.environ.get("PAUSE", 0)))
    print("judged", path)
    with open("log", "a") as log:
        log.write("judged\\n")
    return -chances[np.arange(len(logits)), data["y"]]

def words(path):
    return "good"

def fails(path):
    raise ZeroDivisionError("division by zero")

if __name__ == "__main__":
    print(losses(sys.argv[1]).mean())
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoints of a run at a constant learning rate, and their judge."""
    home = tmp_path_factory.mktemp("trained")
    images, labels = load_digits(return_X_y=True)
    X, y = torch.from_numpy(images / 16).float(), torch.from_numpy(labels)
    torch.manual_seed(0)
    model = nn.Linear(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    (home / "run").mkdir()
    for step in range(1, CHECKPOINTS + 1):
        for _ in range(20):
            rows = torch.randint(1200, (8,))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
            optimizer.step()
        save_file(model.state_dict(), home / "run" / f"step_{20 * step}.safetensors")
    np.savez(home / "held_out.npz", X=X[1200:].numpy(), y=labels[1200:])
    (home / "judge.py").write_text(JUDGE)
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "home"))


def _start(*arguments: str, cwd: Path, pause: float = 0) -> subprocess.Popen[str]:
    # -P: as for the installed command, the working directory is not on Python's path by itself.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "surefoot", *arguments], cwd=cwd, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"PAUSE": str(pause)},
    )  # fmt: skip


def surefoot(*arguments: str, cwd: Path, exit_code: int = 0) -> tuple[str, str]:
    with _start(*arguments, cwd=cwd) as process:
        out, error = process.communicate(timeout=300)
    assert process.returncode == exit_code, error
    assert "Traceback" not in error
    return out, error


def evaluations(home: Path) -> int:
    log = home / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def kept(home: Path) -> int:
    with sqlite3.connect(f"file:{home}/out/ledger.sqlite?mode=ro", uri=True) as connection:
        count = connection.execute("SELECT count(*) FROM attempt WHERE status = 'ok'").fetchone()[0]
    connection.close()
    return count


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def living(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


@pytest.fixture(scope="module")
def undisturbed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Path(shutil.copytree(trained, tmp_path_factory.mktemp("undisturbed") / "home"))
    out, error = surefoot(*SEARCH, cwd=home)
    assert "page: out/index.html" in out
    assert "judged" not in out, "what the evaluation prints is not the answer"
    assert "judged" in error
    return home


def test_merge_makes_a_better_model(home: Path) -> None:
    out, _ = surefoot(
        "averaging", "merge", "run", "--last", "8", "-o", "mean.safetensors", cwd=home
    )
    assert "650 parameters averaged: mean.safetensors" in out
    judge = [sys.executable, "judge.py"]
    newest, mean = (
        float(subprocess.check_output([*judge, path], cwd=home, text=True).split()[-1])
        for path in (f"run/step_{20 * CHECKPOINTS}.safetensors", "mean.safetensors")
    )
    assert mean < 0.9 * newest


def test_search_finds_a_window_and_its_weights_keep_the_promise(undisturbed: Path) -> None:
    found = json.loads((undisturbed / "out" / "search.json").read_text())
    assert found["chosen"] > 2
    assert found["difference"]["high"] < 0
    assert found["command"] == shlex.join(["surefoot", *SEARCH])
    assert evaluations(undisturbed) == len(found["curve"]) >= 8
    chosen = subprocess.check_output(
        [sys.executable, "judge.py", str(undisturbed / found["merged"])], cwd=undisturbed, text=True
    )
    value = next(row["value"] for row in found["curve"] if row["window"] == found["chosen"])
    assert float(chosen.split()[-1]) == pytest.approx(value, rel=1e-6)


def test_a_second_search_evaluates_nothing(undisturbed: Path) -> None:
    before = evaluations(undisturbed)
    written = (undisturbed / "out" / "search.json").read_bytes()
    out, _ = surefoot(*SEARCH, cwd=undisturbed)
    assert "checkpoints; 0." in out
    assert evaluations(undisturbed) == before
    assert (undisturbed / "out" / "search.json").read_bytes() == written


def test_kill_9_in_the_middle_and_search_again(undisturbed: Path, home: Path) -> None:
    with _start(*SEARCH, cwd=home, pause=0.3) as driver:
        eventually(lambda: evaluations(home) >= 3)
        driver.kill()
        driver.communicate()
    eventually(lambda: not living(driver.pid))
    before, finished = evaluations(home), kept(home)
    cells = len(json.loads((undisturbed / "out" / "search.json").read_text())["curve"])
    assert 0 < finished < cells
    assert list((home / "out" / ".candidates").iterdir()), "killed while one was evaluated"

    surefoot(*SEARCH, cwd=home)
    assert evaluations(home) - before == cells - finished, "nothing finished is evaluated again"
    for name in ("search.json", "chosen.safetensors"):
        assert (home / "out" / name).read_bytes() == (undisturbed / "out" / name).read_bytes()
    assert {path.name for path in (home / "out").iterdir()} == {
        path.name for path in (undisturbed / "out").iterdir()
    }


def test_ctrl_c_ends_the_evaluation_too_and_says_how_to_go_on(home: Path) -> None:
    command = f"{shlex.quote(sys.executable)} judge.py {{path}}"
    arguments = ["averaging", "search", "run", "--evaluate", command, "--out", "out"]
    with _start(*arguments, "--executor", "local:1", cwd=home, pause=0.5) as driver:
        eventually(lambda: evaluations(home) >= 2)
        os.killpg(driver.pid, signal.SIGINT)
        _, error = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert "cells are finished and kept; to go on: surefoot averaging search run" in error
    assert "Traceback" not in error
    eventually(lambda: not living(driver.pid))
    assert not (home / "out" / ".candidates").exists()
    found = json.loads(surefoot(*arguments, "--json", cwd=home)[0])
    assert found["rule"] == "best (no standard errors)"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "reason"),
    [
        (["nowhere", "--evaluate", "judge:losses"], 2, "nowhere: found no such folder"),
        (["one", "--evaluate", "judge:losses"], 2, "one: found a single checkpoint"),
        (["pickles", "--evaluate", "judge:losses"], 2, "a pickle, which can run code"),
        (["run", "--evaluate", "python judge.py"], 2, "a command with {path} in it"),
        (["run", "--evaluate", "jugde:losses"], 2, "a module; 'jugde' is not there"),
        (["run", "--evaluate", "judge:loss"], 2, "a function; judge has no 'loss'"),
        (["run", "--evaluate", "judge:losses", "--profile", "cosin"], 2, "did you mean 'cosine'"),
        (["run", "--evaluate", "judge:losses", "--out", "other"], 2, "a ledger for 'study groups'"),
        (["run", "--evaluate", "judge:words"], 3, "window of 1, uniform: evaluate: found 'good'"),
        (["run", "--evaluate", "judge:fails"], 3, "ZeroDivisionError: division by zero"),
        (["run", "--evaluate", "sh -c 'echo out of memory >&2; exit 9' {path}"], 3,
         "window of 1, uniform: the command ended with exit code 9: out of memory"),
    ],
    ids=lambda value: shlex.join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(
    home: Path, arguments: Sequence[str], exit_code: int, reason: str
) -> None:
    (home / "one").mkdir()
    shutil.copy(home / "run" / "step_20.safetensors", home / "one")
    (home / "pickles").mkdir()
    (home / "pickles" / "step_1.pt").touch()
    Ledger(home / "other" / "ledger.sqlite", purpose="study groups").close()
    executor = ["--executor", "serial"]
    out, error = surefoot(
        "averaging", "search", *arguments, *executor, cwd=home, exit_code=exit_code
    )
    assert out == ""
    lines = [line for line in error.splitlines() if not line.startswith("cells:")]
    assert len(lines) == 1, error
    assert lines[0].startswith("surefoot: ")
    assert reason in lines[0]


@pytest.mark.browser
def test_the_page_opens_without_a_request(undisturbed: Path) -> None:
    with open_page(undisturbed / "out" / "index.html", width=360) as page:
        heading = page.locator("h1").inner_text()
        assert heading == "How many of the latest checkpoints should be averaged?"
        assert page.locator("svg.figure").count() >= 2
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
