"""Surrogates on the command line: a program that takes its time, fails, is killed and audited."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.browser import open_page

from surefoot.surrogates.project import Project
from surefoot.surrogates.project_template import write_template

# A program as a person would write it. It adds a line to a file when it starts.
SOLVER = """
import json, math, os, sys, time
params = json.load(open(sys.argv[1]))
place = os.path.join(os.path.dirname(__file__), "log")
log = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(log, b"started\\n")
time.sleep(0.05)
if params["r"] * params["w"] > 0.6:
    sys.exit("diverged: the mesh is too wide")
with open(sys.argv[2], "w") as file:
    json.dump({"flow": math.sin(3 * params["r"]) + params["w"] ** 2}, file)
"""
SPACE = """
[space.r]
low = 0.0
high = 1.0
unit = "m"
[space.w]
low = 0.0
high = 1.0
"""
TASKS = """
[[tasks]]
kind = "optimum"
output = "flow"
[[tasks]]
kind = "exceedance"
output = "flow"
threshold = 1.2
"""
PILOT, RUNS, WORKERS = 8, 30, 2


def surefoot(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "surefoot", "surrogates", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def done(*arguments: str, cwd: Path) -> str:
    """Run a command that has to succeed, and return what it printed."""
    finished = surefoot(*arguments, cwd=cwd)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def refused(*arguments: str, cwd: Path) -> str:
    """Run a command whose input is wrong, and return the one line that says so."""
    finished = surefoot(*arguments, cwd=cwd)
    assert finished.returncode == 2, finished.stderr
    assert finished.stderr.startswith("surefoot: ")
    assert finished.stderr.count("\n") == 1
    return finished.stderr


COMMAND = "{python} -S -E solver.py {params.json} {out.json}"


def begin(folder: Path, *, n: int = RUNS) -> Path:
    """Write the program and its project file, as ``init`` and then a person would."""
    (folder / "solver.py").write_text(SOLVER)
    path = folder / "surrogate.toml"
    if not path.exists():
        write_template(path, command=COMMAND, outputs=["flow"])
    text = path.read_text()
    asked = '[space.x]\nkind = "real"\nlow = 0.0\nhigh = 1.0\n'
    for old, new in {
        asked: SPACE,
        "n = 20\n": f"n = {n}\n",
        '# reason = "" ': 'reason = "The response is expected to be smooth." ',
        '# candidates = ["default"] ': 'warps = "identity"\ncandidates = ["gp-se", "pce"] ',
        '# purpose = ""': 'purpose = "Find the least flow."',
        "# runs_needed = 100000": "runs_needed = 50000",
        '# licence = ""': 'licence = { not_applicable = "nothing is published" }',
    }.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text + TASKS)
    return path


def started(folder: Path) -> int:
    log = folder / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def eventually(folder: Path, count: int) -> bool:
    deadline = time.monotonic() + 120
    while started(folder) < count and time.monotonic() < deadline:
        time.sleep(0.005)
    return started(folder) >= count


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project from its first pilot run to its card, killed on the way."""
    folder = tmp_path_factory.mktemp("project")
    done("init", "--command", COMMAND, "--outputs", "flow", cwd=folder)
    begin(folder)
    need = json.loads(done("need", "--json", cwd=folder))
    assert need["verdict"] == "warranted"
    assert need["task_runs"] == 50_000
    assert 0.05 < need["run_s"] < 2
    assert started(folder) == PILOT

    driver = subprocess.Popen(
        [sys.executable, "-P", "-m", "surefoot", "surrogates", "run", "--executor", "local:2"],
        cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert eventually(folder, PILOT + random.randint(1, RUNS - 8))
    driver.kill()
    driver.wait()
    status = json.loads(done("status", "--json", cwd=folder))
    assert status["counts"]["missing"] > 0, "killed too late to show anything"

    done("run", "--executor", f"local:{WORKERS}", cwd=folder)
    in_flight = 2 * WORKERS
    assert PILOT + RUNS <= started(folder) <= PILOT + RUNS + in_flight
    done("compare", cwd=folder)
    done("extend", "--to", str(PILOT + RUNS + 4), cwd=folder)
    done("card", cwd=folder)
    return folder


@pytest.fixture
def project(finished: Path) -> Path:
    return finished


def test_killed_and_taken_up_again_it_ends_in_the_table_of_an_undisturbed_run(
    project: Path, tmp_path: Path
) -> None:
    begin(tmp_path)
    done("need", "--executor", "serial", cwd=tmp_path)
    before = json.loads(done("run", "--executor", "serial", "--json", cwd=tmp_path))
    done("extend", "--to", str(PILOT + RUNS + 4), "--executor", "serial", cwd=tmp_path)
    assert before["counts"]["missing"] == 0
    assert before["counts"]["failed"] > 0
    assert before["reasons"] == {"exit 1": before["counts"]["failed"]}
    tables = [
        Project.load(folder / "surrogate.toml").study().runs().drop(columns=["wall_s", "cpu_s"])
        for folder in (project, tmp_path)
    ]
    pd.testing.assert_frame_equal(*tables)
    assert set(tables[0]["design"]) == {"lhs-maximin", "adaptive-alc"}


def test_run_again_runs_nothing(project: Path) -> None:
    before = started(project)
    assert "ok" in done("run", cwd=project)
    assert "nothing to do" in done("extend", "--to", "20", cwd=project)
    assert started(project) == before


def test_a_comparison_is_printed_and_shown(project: Path) -> None:
    told = done("compare", "--out", "again", cwd=project)
    assert "flow: corrected NRMSE" in told
    assert "mixture: " in told
    assert "min of flow: " in told
    assert "; simulated " in told, "the optimum was run"
    assert "P(flow > 1.2" in told
    assert "runs to halve it" in told
    with open_page(project / "again/compare.html", width=1100) as page:
        assert page.locator("h1").inner_text() == "Can this surrogate stand in for the simulator?"
        text = page.locator("main").inner_text()
        assert "Candidates for flow" in text
        assert "surefoot surrogates compare --out again" in text
    with open_page(project / "again/compare.html", width=360) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_card_says_what_was_declared_and_what_a_reviewer_asks(project: Path) -> None:
    card = json.loads((project / "surrogate/card.json").read_text())
    assert card["need"]["purpose"]["value"] == "Find the least flow."
    assert card["data"]["licence"]["reason"] == "nothing is published"
    assert card["data"]["design_reason"]["value"].count("expected to be smooth") == 1
    tasks = [row["task"] for row in card["evaluation"]["tasks"]["value"]]
    assert tasks == ["Optimum", "Exceedance"]
    findings = json.loads(done("lint", "surrogate/card.json", "--json", cwd=project))
    assert "no-out-of-scope" in [each["rule"] for each in findings]
    strict = surefoot("lint", "surrogate/card.json", "--at-least", "warning", cwd=project)
    assert strict.returncode == 3
    for width in (1100, 360):
        with open_page(project / "surrogate/card.html", width=width) as page:
            assert "Find the least flow." in page.locator("main").inner_text()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert {path.name for path in (project / "surrogate").iterdir()} == {
        "model.npz", "leaderboard.csv", "compare.html", "card.json", "card.md", "card.html",
        "card.tex",
    }  # fmt: skip


def test_an_audit_holds_until_somebody_changes_a_number(project: Path) -> None:
    held = done("verify", "surrogate/card.json", "--rerun", "2", cwd=project)
    assert held.startswith("nothing moved")
    assert "2 runs repeated" in held
    card = json.loads((project / "surrogate/card.json").read_text())
    scores = card["evaluation"]["scores"]["value"]
    better = next(row for row in scores if row["metric"] == "nrmse")
    better["estimate"] /= 2
    (project / "better.json").write_text(json.dumps(card))
    model = "surrogate/model.npz"
    moved = surefoot("verify", "better.json", "--model", model, "--json", cwd=project)
    assert moved.returncode == 3
    assert moved.stderr == "surefoot: better.json does not hold: 2 values moved\n"
    fields = [each["field"] for each in json.loads(moved.stdout)["moved"]]
    assert fields == ["id", "evaluation.scores.flow nrmse.estimate"]
    assert "(−50 %)" in done("diff", "surrogate/card.json", "better.json", cwd=project)


def test_predictions_and_what_they_are_refused_for(project: Path) -> None:
    (project / "new.csv").write_text("w,r\n0.5,0.2\n4,0.1\n")
    done("predict", "surrogate/model.npz", "new.csv", "--out", "new.parquet", cwd=project)
    found = pd.read_parquet(project / "new.parquet")
    assert found["flow_low"][0] <= found["flow_mean"][0] <= found["flow_high"][0]
    assert found["flow_mean"][0] == pytest.approx(0.8146, abs=0.01)
    assert found["in_domain"].tolist() == [True, False]
    (project / "bare.csv").write_text("0.5,0.2\n4,0.1\n")
    assert "a header" in refused("predict", "surrogate/model.npz", "bare.csv", cwd=project)


def test_an_exported_surrogate_predicts_without_us(project: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    done("export", "surrogate/model.npz", "--onnx", "model.onnx", cwd=project)
    session = runtime.InferenceSession(str(project / "model.onnx"))
    names = [each.name for each in session.get_inputs()]
    assert names == ["r", "w"]
    mean, *_ = session.run(None, {"r": np.array([0.2]), "w": np.array([0.5])})
    assert mean[0] == pytest.approx(0.8146, abs=0.01)


def test_jobs_for_a_batch_system(tmp_path: Path) -> None:
    begin(tmp_path, n=6)
    assert "6 jobs to submit" in done("design", "--emit", "jobs", cwd=tmp_path)
    jobs = sorted(path for path in (tmp_path / "jobs").iterdir() if path.is_dir())
    for job in jobs[:4]:
        subprocess.run([job / "run.sh"], check=False)
    first = json.loads(done("collect", "jobs", "--json", cwd=tmp_path))
    assert sum(first["recorded"].values()) == 4
    assert first["missing"] == ["run-00004", "run-00005"]
    for job in jobs[4:]:
        subprocess.run([job / "run.sh"], check=False)
    assert "without a result: 0" in done("collect", "jobs", cwd=tmp_path)
    before = started(tmp_path)
    done("run", cwd=tmp_path)
    assert started(tmp_path) == before == 6, "what was collected is not run again"


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    begin(tmp_path)
    driver = subprocess.Popen(
        [sys.executable, "-P", "-m", "surefoot", "surrogates", "run", "--executor", "local:2"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert eventually(tmp_path, 5)
    os.killpg(driver.pid, signal.SIGINT)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert said.endswith("to go on: surefoot surrogates run --executor local:2\n")
    assert "Traceback" not in said


def test_a_function_beside_the_project_runs_in_workers(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/pump.py").write_text("def lift(x):\n    return {'head': x**2}\n")
    (tmp_path / "deep/pump.toml").write_text(
        '[simulator]\nfunction = "pump:lift"\noutputs = ["head"]\n'
        '[space.x]\nlow = 0\nhigh = 1\n[design]\nkind = "sobol"\nn = 4\n'
    )
    arguments = ["-p", "deep/pump.toml", "--executor", "local:2"]
    assert done("run", *arguments, cwd=tmp_path).startswith("4 runs: 4 ok")
    assert (tmp_path / "deep/study").is_dir()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("[design]", "[desing]"), "table key: found 'desing'"),
        (('kind = "lhs-maximin"', 'knd = "lhs"'), "[design] key: found 'knd'"),
        (('["{python}", "-S", "-E", "solver.py", ', '["slover", '), "command: found 'slover'"),
        (('outputs = ["flow"]', 'outputs = "flow"'), "[simulator] outputs: found 'flow'"),
    ],
)
def test_wrong_projects_are_one_line(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path = begin(tmp_path)
    assert change[0] in path.read_text()
    path.write_text(path.read_text().replace(*change))
    assert says in refused("run", cwd=tmp_path)
    assert started(tmp_path) == 0


def test_wrong_files_are_one_line(tmp_path: Path) -> None:
    assert "surrogates init" in refused("run", cwd=tmp_path)
    (tmp_path / "runs.csv").write_text("1,2\n3,4\n")
    table = ["init", "--from-table", "runs.csv", "--outputs", "y"]
    assert "a header" in refused(*table, cwd=tmp_path)
    (tmp_path / "runs.csv").write_text("x,mesh,y\n" + "0.1,a,1\n0.2,b,2\n" * 5)
    done(*table, cwd=tmp_path)
    (tmp_path / "runs.csv").write_text("x,mesh,y\n" + "0.1,a,1\n0.2,c,2\n" * 5)
    assert "row 1, column 'mesh': found 'c'" in refused("status", cwd=tmp_path)
    (tmp_path / "card.json").write_text('{"schema": "smrs-card/2.0"}')
    assert "a newer Surefoot" in refused("lint", "card.json", cwd=tmp_path)
