"""Runs that are killed, interrupted, doubled or spread out all end in the same table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from surefoot.ground.ledger import Ledger
from surefoot.ground.work import Cell, run

CELLS = Path(__file__).parents[1] / "ground"
PURPOSE = "resume journey"
COUNT = 24

# What a person would write around the public functions. SIGINT as in a terminal, whatever the
# tests themselves run under.
SCRIPT = """
import json, signal, sys
from pathlib import Path
from surefoot.ground.errors import SurefootError
from surefoot.ground.ledger import Ledger
from surefoot.ground.work import Cell, run

def main(folder, log, executor, count, pause):
    cells = [
        Cell(f"ridge {n}", "cells:ridge",
             {"rows": 40, "penalty": 0.5, "log": log, "pause_s": float(pause)}, seed=n)
        for n in range(int(count))
    ]
    with Ledger(Path(folder) / "ledger.db", purpose="resume journey") as ledger:
        records = run(cells, ledger, executor=executor, resume_command="surefoot run")
    table = {record.name: record.result for record in records}
    sys.stdout.write(json.dumps(table, sort_keys=True))

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main(*sys.argv[1:])
    except SurefootError as error:
        sys.stderr.write(f"{error}\\n")
        sys.exit(error.exit_code)
"""


class Journey:
    """A folder in which the script runs, and the log of what was computed there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.log, self.script = folder, folder / "log", folder / "drive.py"
        self.script.write_text(SCRIPT)

    def start(self, executor: str = "local:2", pause: float = 0.05) -> subprocess.Popen[str]:
        command = [
            str(self.script),
            str(self.folder),
            str(self.log),
            executor,
            str(COUNT),
            str(pause),
        ]
        return subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(CELLS), *sys.path])},
        )

    def table(self, executor: str = "local:2", pause: float = 0.05) -> str:
        with self.start(executor, pause) as process:
            out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return out

    def computed(self) -> list[int]:
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []

    def kept(self) -> set[int]:
        with Ledger(self.folder / "ledger.db", purpose=PURPOSE) as ledger:
            assert ledger.verify() == []
            return {record.identity.seed for record in ledger.records()}


def eventually(condition: Callable[[], bool], within_s: float = 20) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def living(group: int) -> list[int]:
    """Processes of the group that have not ended; zombies have."""
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
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    journey = Journey(tmp_path_factory.mktemp("undisturbed"))
    table = journey.table("local:1", pause=0)
    assert sorted(journey.computed()) == list(range(COUNT))
    assert len(json.loads(table)) == COUNT
    return table


@pytest.mark.parametrize("executor", ["local:2", "serial"])
def test_a_killed_driver_loses_only_what_was_in_flight(
    tmp_path: Path, undisturbed: str, executor: str
) -> None:
    journey = Journey(tmp_path)
    with journey.start(executor) as driver:
        assert eventually(lambda: len(journey.computed()) >= 8)
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
    assert eventually(lambda: not living(driver.pid)), "no worker outlives its driver"
    before, kept = journey.computed(), journey.kept()
    assert 0 < len(kept) < COUNT
    assert len(set(before) - kept) <= 4, "at most the window was lost"

    assert journey.table(executor) == undisturbed
    again = journey.computed()[len(before) :]
    assert sorted(again) == sorted(set(range(COUNT)) - kept), "nothing finished is computed again"


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(
    tmp_path: Path, undisturbed: str
) -> None:
    journey = Journey(tmp_path)
    with journey.start() as driver:
        assert eventually(lambda: len(journey.computed()) >= 5)
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does: to the workers, too
        began = time.monotonic()
        out, errors = driver.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert driver.returncode == 130
    assert out == ""
    kept = journey.kept()
    assert errors.splitlines() == [
        f"stopped: {len(kept)} of {COUNT} cells are finished and kept; to go on: surefoot run"
    ]
    assert eventually(lambda: not living(driver.pid))
    before = journey.computed()
    assert journey.table() == undisturbed
    assert sorted(journey.computed()[len(before) :]) == sorted(set(range(COUNT)) - kept)


def test_a_second_ctrl_c_kills_at_once(tmp_path: Path) -> None:
    journey = Journey(tmp_path)
    with journey.start("serial", pause=30) as driver:
        assert eventually(lambda: (tmp_path / "ledger.db-wal").exists())
        time.sleep(1.5)  # the cell is asleep by now
        driver.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired, match="timed out"):
            driver.wait(timeout=1)
        driver.send_signal(signal.SIGINT)
        driver.communicate(timeout=10)
    assert driver.returncode == -signal.SIGINT


def test_two_drivers_share_the_work(tmp_path: Path, undisturbed: str) -> None:
    journey = Journey(tmp_path)
    # Slow enough that both are at work, however late the second one comes.
    with journey.start("local:1", 0.2) as one, journey.start("local:1", 0.2) as other:
        tables = [one.communicate(timeout=60)[0], other.communicate(timeout=60)[0]]
    assert tables == [undisturbed, undisturbed]
    assert sorted(journey.computed()) == list(range(COUNT)), "nothing is computed twice"


def test_the_work_of_a_killed_driver_is_taken_over_by_a_waiting_one(
    tmp_path: Path, undisturbed: str
) -> None:
    journey = Journey(tmp_path)
    with journey.start("local:2") as one:
        assert eventually(lambda: len(journey.computed()) >= 3)
        with journey.start("local:1") as other:
            assert eventually(lambda: len(journey.computed()) >= 10)
            one.send_signal(signal.SIGKILL)
            one.communicate()
            assert other.communicate(timeout=60)[0] == undisturbed
    assert len(journey.computed()) <= COUNT + 4


def test_a_dask_cluster_that_loses_a_worker_gives_the_same_table(
    tmp_path: Path, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.syspath_prepend(CELLS)
    log = tmp_path / "log"
    params = {"rows": 40, "penalty": 0.5, "log": str(log), "pause_s": 0.1}
    cells = [Cell(f"ridge {n}", "cells:ridge", params, seed=n) for n in range(COUNT)]
    killed: list[int] = []

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:

        def kill_one() -> None:
            if eventually(lambda: log.exists() and len(log.read_text().split()) >= 4):
                killed.append(cluster.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)

        killer = threading.Thread(target=kill_one)
        killer.start()
        with Ledger(tmp_path / "ledger.db", purpose=PURPOSE) as ledger:
            executor = cluster.scheduler_address.replace("tcp://", "dask://")
            records = run(cells, ledger, executor=executor, progress=False)
        killer.join()
    assert killed
    assert json.dumps({r.name: r.result for r in records}, sort_keys=True) == undisturbed
