"""Whole commands as a user types them, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from tests.browser import open_page

from surefoot.ground.datasets import load

BENCH = ["groups", "bench", "--methods", "erm,fairdropout", "--tasks", "celeba", "--untuned"]


def surefoot(*arguments: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "surefoot", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr
    return done


def _start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "surefoot", *arguments],
        cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def _finished(ledger: Path) -> int:
    if not ledger.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT count(*) FROM attempt").fetchone()[0]
    except sqlite3.OperationalError:  # not created yet
        return 0
    finally:
        if "connection" in locals():
            connection.close()


def _wait_for(ledger: Path, cells: int) -> None:
    deadline = time.monotonic() + 120
    while _finished(ledger) < cells:
        assert time.monotonic() < deadline, "no cell finished in two minutes"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    surefoot(*BENCH, "--seeds", "4", "--out", "out", "--executor", "local:1", cwd=folder)
    return folder / "out"


def test_kill_9_in_the_middle_and_run_again(undisturbed: Path, tmp_path: Path) -> None:
    arguments = [*BENCH, "--seeds", "4", "--out", "out", "--executor", "local:2"]
    driver = _start(*arguments, cwd=tmp_path)
    try:
        _wait_for(tmp_path / "out" / "ledger.sqlite", 2)
    finally:
        driver.kill()
        driver.communicate()
    kept = _finished(tmp_path / "out" / "ledger.sqlite")
    assert 2 <= kept < 8

    surefoot(*arguments, cwd=tmp_path)
    timings = pd.read_parquet(tmp_path / "out" / "timings.parquet")
    assert len(timings) == 8
    assert (timings["attempt"] == 1).all(), "a finished cell was computed twice"
    # One worker, or two and a kill: the same bytes.
    assert (tmp_path / "out" / "results.parquet").read_bytes() == (
        undisturbed / "results.parquet"
    ).read_bytes()


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path: Path) -> None:
    arguments = [*BENCH, "--seeds", "6", "--out", "out"]
    driver = _start(*arguments, cwd=tmp_path)
    _wait_for(tmp_path / "out" / "ledger.sqlite", 1)
    driver.send_signal(signal.SIGINT)
    _, error = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert "surefoot groups bench" in error
    assert "Traceback" not in error
    assert 1 <= _finished(tmp_path / "out" / "ledger.sqlite") < 12


def test_a_second_run_computes_nothing(undisturbed: Path) -> None:
    before = _finished(undisturbed / "ledger.sqlite")
    arguments = [*BENCH, "--seeds", "4", "--out", "out", "--executor", "local:1"]
    surefoot(*arguments, cwd=undisturbed.parent)
    assert _finished(undisturbed / "ledger.sqlite") == before


def test_another_command_in_the_same_folder_is_refused(undisturbed: Path) -> None:
    out = undisturbed.parent / "groups"
    out.symlink_to(undisturbed)
    done = surefoot("run", "groups", "--out", ".", cwd=undisturbed.parent, check=False)
    out.unlink()
    assert done.returncode == 2
    assert "groups bench" in done.stderr


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_clear_line(full_disk: Path) -> None:
    (full_disk / "ballast").write_bytes(b"x" * 40_000)
    done = surefoot(
        *BENCH, "--seeds", "1", "--out", str(full_disk / "o"), cwd=full_disk, check=False
    )
    assert done.returncode == 4
    lines = [line for line in done.stderr.splitlines() if line.startswith("surefoot:")]
    assert len(lines) == 1
    assert "full" in lines[0]
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = surefoot(*BENCH, "--seeds", "1", "--out", "file/out", cwd=tmp_path, check=False)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr


def test_fit_audit_and_their_pages(tmp_path: Path) -> None:
    frame = load("adult").frame.drop(columns="split")
    frame[:3000].to_csv(tmp_path / "adult.csv", index=False)
    done = surefoot(
        "groups", "fit", "adult.csv", "-t", "income", "-g", "sex", "--drop", "fnlwgt",
        "--epochs", "3", "--json", cwd=tmp_path,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["worst_group_interval"][0] <= report["worst_group_accuracy"]
    assert len(report["groups"]) == 4
    done = surefoot("groups", "audit", "model", "adult.csv", "-g", "race", cwd=tmp_path)
    assert "worst group" in done.stdout


@pytest.mark.browser
def test_the_page_of_a_bench_opens_without_a_request(undisturbed: Path) -> None:
    with open_page(undisturbed / "index.html", width=360) as page:
        assert page.locator("h1").inner_text() == "Does it work for the minority groups too?"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.browser
def test_the_page_of_a_fit_opens_without_a_request(tmp_path: Path) -> None:
    frame = load("adult").frame.drop(columns="split")[:1500]
    # A name that would be markup if it were trusted.
    frame.assign(sex=frame["sex"] + "<img src=x onerror=alert(1)>").to_csv(
        tmp_path / "adult.csv", index=False
    )
    surefoot(
        "groups", "fit", "adult.csv", "-t", "income", "-g", "sex", "--epochs", "1", cwd=tmp_path
    )
    with open_page(tmp_path / "model" / "index.html") as page:
        assert page.locator("table").count() >= 1
        assert "<img" in page.locator("main").inner_text()
