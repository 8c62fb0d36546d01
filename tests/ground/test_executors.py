from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from surefoot.ground import executors
from surefoot.ground.errors import InputError, MissingExtraError
from surefoot.ground.executors import LocalPool, cores, open_executor


def gone(pid: int, within_s: float = 10) -> bool:
    """Whether the process ends in time; a zombie has ended."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 7}, raising=False)
    assert cores() == 3


def test_serial_runs_in_this_process_one_at_a_time() -> None:
    with open_executor("serial") as (executor, window):
        assert window == 1
        assert executor.submit(os.getpid).result() == os.getpid()
        assert isinstance(executor.submit(math.sqrt, -1).exception(), ValueError)


def test_local_runs_in_fresh_processes() -> None:
    with open_executor("local:1") as (executor, window):
        assert window == 1
        assert executor.submit(os.getpid).result() != os.getpid()
        loaded = executor.submit(eval, "'numpy' in __import__('sys').modules").result()
        assert not loaded, "numeric libraries must find the thread limits when first imported"


def test_local_takes_all_usable_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 5)
    with open_executor("local") as (_, window):
        assert window == 5


def test_a_given_executor_is_used_and_left_open() -> None:
    with ThreadPoolExecutor(1) as mine:
        with open_executor(mine) as (executor, _):
            assert executor is mine
        assert mine.submit(math.sqrt, 4).result() == 2


@pytest.mark.parametrize(
    "spec", ["lokal", "local:0", "local:-1", "local:2x", "dask://host", "dask:host:1", "slurm", ""]
)
def test_another_spec_is_refused(spec: str) -> None:
    with (
        pytest.raises(InputError, match=r"executor: found '.*'; allowed: 'local', 'local:N'"),
        open_executor(spec),
    ):
        pass


def test_dask_without_dask_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'surefoot\[dask\]'"),
        open_executor("dask://127.0.0.1:8786"),
    ):
        pass


def test_a_dask_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_DASK_ANSWERS_S", 0.5)
    with (
        pytest.raises(InputError, match="the address of a running Dask scheduler"),
        open_executor("dask://127.0.0.1:9"),
    ):
        pass


def test_the_pool_outlives_its_workers() -> None:
    with LocalPool(1) as pool:
        assert pool.submit(math.sqrt, 4).result() == 2
        dying = pool.submit(os._exit, 1)
        assert isinstance(dying.exception(), BrokenExecutor)
        assert pool.submit(math.sqrt, 9).result() == 3


def test_a_pool_whose_body_fails_ends_at_once() -> None:
    began = time.monotonic()

    def body(pool: LocalPool) -> None:
        pids.append(pool.submit(os.getpid).result())
        futures.extend(pool.submit(time.sleep, 60) for _ in range(6))
        raise KeyError("body")

    pids: list[int] = []
    futures: list[Future[None]] = []
    with pytest.raises(KeyError, match="body"), LocalPool(1) as pool:
        body(pool)
    assert time.monotonic() - began < 20
    assert gone(pids[0])
    assert all(future.done() for future in futures)


def test_workers_end_with_a_driver_that_is_killed() -> None:
    script = (
        "import os, time\n"
        "from surefoot.ground.executors import LocalPool\n"
        "if __name__ == '__main__':\n"
        "    pool = LocalPool(1)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    pool.submit(time.sleep, 60)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        worker = int(driver.stdout.readline())
        assert not gone(worker, within_s=0.2)
        driver.send_signal(signal.SIGKILL)
    assert gone(worker)
