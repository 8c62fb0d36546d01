"""A study of a real program, killed at any moment and taken up again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.surrogates.simulation import simulators

from surefoot.ground.ledger import Ledger
from surefoot.surrogates.simulation import store
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.study import Study

ROOT = Path(__file__).parents[3]
RUNS = 40
WORKERS = 2
WINDOW = 2 * WORKERS  # what the local executor keeps in flight

# What a person would write.
SCRIPT = """
import sys
from pathlib import Path
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.space import Real, Space
from surefoot.surrogates.simulation.study import Study

def main(folder, solver, runs):
    space = Space(x0=Real(0, 1), x1=Real(0, 1))
    argv = ["{python}", "-S", "-E", solver, "{params.json}", "{out.json}"]
    study = Study(Simulator.from_command(argv, space, ["flow"]), store=Path(folder) / "study")
    study.run(Design("lhs", int(runs), seed=1), executor="local:2", progress=False)
    table = study.runs().drop(columns=["wall_s", "cpu_s"])
    table.to_csv(sys.stdout, index=False)

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


def start(folder: Path, runs: int = RUNS) -> subprocess.Popen[str]:
    script = folder / "drive.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, script, folder, folder / "solver.py", str(runs)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )


def table(folder: Path) -> str:
    with start(folder) as driver:
        out, _ = driver.communicate(timeout=60)
    assert driver.returncode == 0
    return out


def started(folder: Path) -> int:
    log = folder / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def solvers(folder: Path) -> list[str]:
    """Return the command lines of the programs that are running."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().decode().replace("\0", " ")
        except OSError:
            continue
        if f"{folder}/solver.py params.json" in line:
            found.append(line)
    return found


def eventually(condition: Callable[[], bool], within_s: float = 20) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return False


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("undisturbed")
    path = simulators.write_solver(folder)
    argv = ["{python}", "-S", "-E", str(path), "{params.json}", "{out.json}"]
    study = Study(Simulator.from_command(argv, simulators.SQUARE, ["flow"]), folder / "study")
    study.run(Design("lhs", RUNS, seed=1), "serial", progress=False)
    found = study.runs().drop(columns=["wall_s", "cpu_s"])
    statuses = found["status"].value_counts()
    assert statuses["ok"] + statuses["failed"] == RUNS
    assert statuses["failed"] > 2
    return found.to_csv(index=False)


@pytest.mark.parametrize("after", [1, 23])
def test_a_killed_study_goes_on_and_ends_in_the_same_table(
    tmp_path: Path, undisturbed: str, after: int
) -> None:
    simulators.write_solver(tmp_path, pause=0.02)
    with start(tmp_path) as driver:
        assert eventually(lambda: started(tmp_path) >= after)
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
    assert eventually(lambda: not solvers(tmp_path), within_s=5), "no program outlives its study"
    with Ledger(tmp_path / "study" / "ledger.sqlite", purpose=store.PURPOSE) as ledger:
        assert ledger.verify() == []
    before = started(tmp_path)
    assert before < RUNS

    simulators.write_solver(tmp_path, pause=0.02)
    assert table(tmp_path) == undisturbed
    assert started(tmp_path) <= RUNS + WINDOW, "only what was in flight is run again"


def test_programs_that_hang_die_with_the_study(tmp_path: Path) -> None:
    simulators.write_solver(tmp_path, pause=60)
    with start(tmp_path, runs=4) as driver:
        assert eventually(lambda: len(solvers(tmp_path)) == WORKERS)
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
    assert eventually(lambda: not solvers(tmp_path), within_s=5)


def test_ctrl_c_ends_programs_and_keeps_what_had_finished(tmp_path: Path) -> None:
    simulators.write_solver(tmp_path, pause=0.05)
    with start(tmp_path) as driver:
        assert eventually(lambda: started(tmp_path) >= 6)
        driver.send_signal(signal.SIGINT)
        driver.communicate(timeout=20)
    assert driver.returncode == 1  # the exception, as nobody caught it
    assert eventually(lambda: not solvers(tmp_path), within_s=5)
    with Ledger(tmp_path / "study" / "ledger.sqlite", purpose=store.PURPOSE) as ledger:
        runs = [record for record in ledger.records() if record.name.startswith("design 0, row")]
    assert 2 <= len(runs) < RUNS
