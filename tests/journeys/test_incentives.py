"""Incentives on the command line: an owner's first hour, and a run that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.browser import open_page
from tests.incentives.example_project import example


def surefoot(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "surefoot", "incentives", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def done(*arguments: str, cwd: Path) -> str:
    """Run a command that has to succeed, and return what it printed."""
    finished = surefoot(*arguments, cwd=cwd)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def refused(*arguments: str, cwd: Path, code: int = 2) -> str:
    """Run a command that can't be done, and return the one line that says why."""
    finished = surefoot(*arguments, cwd=cwd)
    assert finished.returncode == code, finished.stderr
    assert finished.stderr.startswith("surefoot: ")
    assert finished.stderr.count("\n") == 1
    return finished.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    example(folder)
    return folder


def test_from_a_table_to_a_report(project: Path) -> None:
    first = done("init", "own.toml", "--from-table", "diabetes.csv", cwd=project)
    assert "then: surefoot incentives audit own.toml" in first
    asked = refused("audit", "own.toml", cwd=project)
    assert "[desirable]: found 'nothing'; allowed: some of the nodes" in asked
    path = project / "own.toml"
    text = path.read_text()
    assert '# bmi = "less"' in text
    path.write_text(
        text.replace('# bmi = "less"', 'bmi = "less"').replace("accept = 1", "accept = 0")
    )
    told = done("audit", "own.toml", "--out", "own", cwd=project)
    assert told.splitlines()[-1] == "page: own/audit.html"

    told = done("report", cwd=project)
    assert told.splitlines()[0].startswith("442 people: ")
    for width in (1100, 360):
        with open_page(project / "incentives/report.html", width=width) as page:
            heading = page.locator("h1").inner_text()
            assert heading.replace("\n", " ") == (
                "What will people do to pass, and is it what we want?"
            )
            assert "surefoot incentives report" in page.locator("main").inner_text()
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_better_rule_is_designed_and_taken(project: Path) -> None:
    told = done("design", "--beta", "0.7", "--out", "better", cwd=project).splitlines()
    *_, command = told
    words = command.removeprefix("next: surefoot incentives ").split()
    audited = json.loads(done(*words, "--json", cwd=project))
    before = json.loads(done("audit", "--json", cwd=project))
    assert audited["shares"]["effort"] > before["shares"]["effort"] + 0.3
    assert audited["accuracy"]["before"] > before["accuracy"]["before"] - 0.05


def test_what_can_not_be_done_is_one_line(project: Path, tmp_path: Path) -> None:
    example(tmp_path, {"beta = 0.6": 'beta = 0.9\nforbidden = ["bmi"]'})
    assert "can't be reached" in refused("design", cwd=tmp_path, code=3)
    assert "did you mean 'rule'" in refused("audit", "--know", "rul", cwd=project)
    assert "surefoot incentives init" in refused("audit", "no.toml", cwd=project)
    assert "a place where there is none" in refused("init", "incentives.toml", cwd=project)


MANY = 400_000


@pytest.mark.slow
def test_killed_while_it_responds_it_leaves_nothing_half(project: Path) -> None:
    people = pd.read_csv(project / "diabetes.csv")
    people.sample(MANY, replace=True, random_state=0).to_parquet(project / "many.parquet")
    command = ["respond", "--table", "many.parquet", "--out", "many", "--chunk", "2000"]
    driver = subprocess.Popen(
        [sys.executable, "-P", "-m", "surefoot", "incentives", *command],
        cwd=project, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    begun = False
    while driver.poll() is None and not begun and time.monotonic() < deadline:
        begun = any(part.stat().st_size > 100_000 for part in (project / "many").glob(".*.part"))
        time.sleep(0.005)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert begun, "killed too late to show anything"
    assert not (project / "many/response.parquet").exists()

    told = done(*command, cwd=project)
    assert told.startswith(f"{MANY:,} people: ")
    found = pd.read_parquet(project / "many/response.parquet")
    assert np.array_equal(found["row"], np.arange(MANY))
    assert not found.isna().any().any()
