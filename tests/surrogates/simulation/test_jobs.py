from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.surrogates.simulation import simulators
from tests.surrogates.simulation.simulators import SQUARE

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.study import Study

POINTS = Design.given({"x0": [0.1, 0.9, 0.3, 0.4], "x1": [0.5, 0.9, 0.2, 0.1]})


def simulator(folder: Path, **options: str) -> Simulator:
    path = simulators.write_solver(folder)
    argv = ["{python}", "-S", "-E", str(path), "{params.json}", "{out.json}"]
    return Simulator.from_command(argv, SQUARE, ["flow"], **options)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    planned = Study(simulator(tmp_path), tmp_path / "study")
    planned.plan(POINTS, progress=False)
    return planned


def submit(folder: Path) -> int:
    return subprocess.run([folder / "run.sh"], check=False, cwd="/").returncode


def test_there_and_back_is_as_if_run_here(study: Study, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    names = study.emit(jobs)
    assert names == [f"run-{row:05d}" for row in range(4)]
    assert json.loads((jobs / "run-00002" / "params.json").read_text()) == {"x0": 0.3, "x1": 0.2}
    assert [submit(jobs / name) for name in names] == [0, 1, 0, 0]
    collected = study.collect(jobs)
    assert collected.recorded == {"ok": 3, "failed": 1}
    assert collected.missing == ()

    here = Study(study.simulator, tmp_path / "here")
    expected = here.run(POINTS, "serial", progress=False)
    found = study.runs()
    for column in ("run", "x0", "x1", "flow", "status", "reason", "replicate", "design"):
        assert found[column].astype(str).tolist() == expected[column].astype(str).tolist()
    assert (found["wall_s"] > 0.001).all()
    assert found["cpu_s"][[0, 2, 3]].isna().all(), "nobody has measured it"
    before = len((tmp_path / "log").read_text().splitlines())
    study.run(POINTS, "serial", progress=False)
    assert len((tmp_path / "log").read_text().splitlines()) == before, "nothing is run again"


def test_collecting_again_records_only_what_is_new(study: Study, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    study.emit(jobs)
    assert study.collect(jobs).missing == tuple(f"run-{row:05d}" for row in range(4))
    submit(jobs / "run-00000")
    submit(jobs / "run-00001")
    first = study.collect(jobs)
    assert first.recorded == {"ok": 1, "failed": 1}
    assert first.missing == ("run-00002", "run-00003")
    assert study.collect(jobs).recorded == {}
    submit(jobs / "run-00003")
    assert study.collect(jobs).recorded == {"ok": 1}
    assert study.runs()["status"].tolist() == ["ok", "failed", "missing", "ok"]


def test_a_run_that_was_submitted_again_replaces_its_failure(study: Study, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    study.emit(jobs)
    run = jobs / "run-00001"
    submit(run)
    study.collect(jobs)
    (run / "exit.txt").write_text("0\n")
    (run / "out.json").write_text('{"flow": 1.71}')
    assert study.collect(jobs).recorded == {"ok": 1}
    assert study.runs()["flow"][1] == 1.71


def test_emitting_again_adds_only_what_is_missing(study: Study, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    study.emit(jobs)
    submit(jobs / "run-00000")
    study.collect(jobs)
    study.plan(Design.given({"x0": [0.5, 0.1], "x1": [0.5, 0.5]}), progress=False)
    assert study.emit(jobs) == ["run-00001", "run-00002", "run-00003", "run-00004"]
    assert study.emit(jobs) == ["run-00001", "run-00002", "run-00003", "run-00004"]
    assert (jobs / "run-00000" / "exit.txt").exists(), "what is there stays"


def test_what_a_folder_may_hold(study: Study, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    study.emit(jobs)
    (jobs / "run-00000" / "out.json").write_text('{"flow": 1.5}')  # started in another way
    (jobs / "run-00001" / "out.json").write_text('{"flow": 1.')  # still being written
    for name, text in {"run-00002": '{"flow": "much"}', "run-00003": '{"heat": 2}'}.items():
        (jobs / name / "out.json").write_text(text)
        (jobs / name / "exit.txt").write_text("0\n")
    collected = study.collect(jobs)
    assert collected.recorded == {"ok": 1, "invalid": 2}
    assert collected.missing == ("run-00001",)
    (jobs / "run-00001" / "exit.txt").write_text("killed\n")  # by a script of somebody's own
    assert study.collect(jobs).recorded == {"invalid": 1}
    assert study.runs()["reason"][1].startswith("exit.txt: found 'killed'; allowed: the exit code")
    table = study.runs()
    assert table["status"].tolist() == ["ok", "invalid", "invalid", "invalid"]
    assert table["reason"][2].startswith("output flow: found 'much'; allowed: a number")
    assert np.isnan(table["wall_s"][0])


def test_stochastic_runs_carry_their_seed(tmp_path: Path) -> None:
    argv = ["echo", "{seed}", "{x0}{x1}"]
    study = Study(
        Simulator.from_command(argv, SQUARE, ["flow"], stochastic=True), tmp_path / "study"
    )
    study.plan(Design("lhs", 1, replicates=2), progress=False)
    names = study.emit(tmp_path / "jobs")
    seeds = [
        json.loads((tmp_path / "jobs" / name / "params.json").read_text())["seed"] for name in names
    ]
    assert len(set(seeds)) == 2
    assert f"echo {seeds[1]} " in (tmp_path / "jobs" / names[1] / "run.sh").read_text()


def test_folders_of_another_version_are_refused(study: Study, tmp_path: Path) -> None:
    study.emit(tmp_path / "jobs")
    newer = Study(simulator(tmp_path, version="2"), tmp_path / "study")
    for act in (newer.emit, newer.collect):
        with pytest.raises(InputError, match="index.json, version: found '1'; allowed: 2"):
            act(tmp_path / "jobs")


def test_folders_of_another_store_are_refused(study: Study, tmp_path: Path) -> None:
    study.emit(tmp_path / "jobs")
    other = Study(study.simulator, tmp_path / "other")
    with pytest.raises(InputError, match="run-00000: found .*; allowed: a run of .*other"):
        other.collect(tmp_path / "jobs")


@pytest.mark.parametrize("content", ["[]", '{"runs": 3}', '{"runs": ["run-00000"]}', "{"])
def test_an_index_that_is_none_is_refused(study: Study, tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(InputError, match=r"found no readable index\.json"):
        study.collect(tmp_path)


def test_a_folder_without_an_index_is_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jobs: found no readable index.json; allowed: a folder"):
        study.collect(tmp_path / "jobs")


def test_a_function_can_not_be_submitted(tmp_path: Path) -> None:
    study = Study(
        Simulator.from_callable(f"{simulators.__name__}:flow", SQUARE, ["flow"]), tmp_path
    )
    with pytest.raises(InputError, match="simulator: found '.*:flow'; allowed: a command"):
        study.emit(tmp_path / "jobs")
