from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from surefoot.surrogates.simulation import process_group

# Starts a child in the background, writes down who they are, and waits.
NEST = "sleep 30 & echo $$ $! > pids.part; mv pids.part pids; wait"


def run(folder: Path, script: str, timeout: float | None = None) -> int:
    streams = {"stdout": folder / "out", "stderr": folder / "errors"}
    return process_group.run(["sh", "-c", script], folder=folder, timeout=timeout, **streams)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition: Callable[[], Any], within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_exit_code_streams_and_folder(tmp_path: Path) -> None:
    assert run(tmp_path, "echo said; echo cried >&2; cat; pwd; exit 3") == 3
    assert (tmp_path / "out").read_text() == f"said\n{tmp_path}\n"
    assert (tmp_path / "errors").read_text() == "cried\n"
    assert run(tmp_path, "kill -9 $$") == -9


def test_a_missing_program_is_an_os_error(tmp_path: Path) -> None:
    streams = {"stdout": tmp_path / "out", "stderr": tmp_path / "errors"}
    with pytest.raises(FileNotFoundError, match="no-such-solver"):
        process_group.run(["no-such-solver"], folder=tmp_path, timeout=None, **streams)


def test_nothing_is_left_after_a_time_out(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"took more than 0\.3 s"):
        run(tmp_path, NEST, timeout=0.3)
    assert time.monotonic() - began < 5
    assert not any(alive(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_what_runs_in_the_background_ends_with_the_program(tmp_path: Path) -> None:
    assert run(tmp_path, "sleep 30 & echo $! > pids") == 0
    pid = int((tmp_path / "pids").read_text())
    assert eventually(lambda: not alive(pid))


def test_nothing_outlives_a_killed_caller(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from surefoot.surrogates.simulation import process_group\n"
        "folder = Path(sys.argv[1])\n"
        "process_group.run(['sh', '-c', sys.argv[2]], folder=folder, timeout=None,\n"
        "    stdout=folder / 'out', stderr=folder / 'errors')\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path), NEST]) as caller:
        assert eventually((tmp_path / "pids").exists)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(alive(pid) for pid in pids)
        os.kill(caller.pid, signal.SIGKILL)
        caller.wait()
        assert eventually(lambda: not any(map(alive, pids)))
