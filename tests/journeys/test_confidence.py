"""Confidence on the command line: fit a table, check coverage, die on the way, go on."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.browser import open_page

ROWS = 12_000


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wages in Parquet: two numbers, a column of words, a 0/1 outcome, and months in order."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "school": rng.normal(12, 3, ROWS),
        "age": rng.uniform(20, 60, ROWS),
        "region": rng.choice(["east", "north", "south"], ROWS),
        "month": np.sort(rng.integers(1, 13, ROWS)),
    })  # fmt: skip
    wage = 2 * frame["school"] + 0.1 * frame["age"] + 3 * (frame["region"] == "north")
    frame["wage"] = wage + rng.normal(0, 5, ROWS) + frame["month"]
    frame["owner"] = np.where(rng.random(ROWS) < 1 / (1 + np.exp(3 - wage / 10)), "yes", "no")
    path = tmp_path_factory.mktemp("tables") / "wages.parquet"
    frame.to_parquet(path, row_group_size=1000)
    return path


def _run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "surefoot", "confidence", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_fit_says_how_sure_and_writes_it_down(table: Path, tmp_path: Path) -> None:
    done = _run(
        "fit", str(table), "--target", "wage", "--drop", "owner", "-c", "region", "--out", "fit",
        "--companions", "plugin", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "region[north]" in done.stdout
    assert {p.name for p in (tmp_path / "fit").iterdir()} == {
        "model.npz", "coefficients.csv", "result.json", "index.html",
    }  # fmt: skip
    result = json.loads((tmp_path / "fit/result.json").read_text())
    north = result["coefficients"]["region[north]"]
    assert north["lower"] < 3 < north["upper"]
    assert north["all lower"] < north["lower"]
    assert result["remarks"] == []
    # The model goes on where the command stopped.
    from surefoot.confidence import SGDInferenceRegressor

    model = SGDInferenceRegressor.load(tmp_path / "fit/model.npz")
    assert model.conf_int().loc["school", "lower"] == pytest.approx(
        result["coefficients"]["school"]["lower"]
    )
    with open_page(tmp_path / "fit/index.html", width=1100) as page:
        assert page.locator("h1").inner_text() == "How sure are these coefficients?"
        assert page.locator("text=region[north]").count() > 0
        assert "all looked at together" in page.locator("main").inner_text()
    with open_page(tmp_path / "fit/index.html", width=360) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_same_command_gives_the_same_bytes(table: Path, tmp_path: Path) -> None:
    for out in ("a", "b"):
        arguments = ["--target", "wage", "--features", "school,age", "--chains", "60"]
        assert _run("fit", str(table), *arguments, "--out", out, cwd=tmp_path).returncode == 0
    first, second = ((tmp_path / out / "coefficients.csv").read_bytes() for out in ("a", "b"))
    assert first == second


def test_classes_of_words(table: Path, tmp_path: Path) -> None:
    done = _run(
        "fit", str(table), "--target", "owner", "--loss", "logistic", "--features", "school,age",
        "--json", "--level", ".9", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["confidence_level"] == 0.9
    school = found["coefficients"]["school"]
    assert school["lower"] < 0.2 < school["upper"]


def test_a_table_in_order_of_time_is_refused_or_told(table: Path, tmp_path: Path) -> None:
    # The first rows are all of January: the run explodes where later months begin.
    arguments = ["--target", "wage", "--no-shuffle"]
    months = _run("fit", str(table), *arguments, "--features", "school,month", cwd=tmp_path)
    assert months.returncode == 3
    assert "rows in random order" in months.stderr
    assert not (tmp_path / "fit").exists()
    # Without the month nothing explodes, and the wages that rise along the file are noticed.
    plain = _run("fit", str(table), *arguments, "--features", "school,age", cwd=tmp_path)
    assert plain.returncode == 0
    assert "note: the rows are not in random order: 'y'" in plain.stderr
    frame = pd.read_csv(tmp_path / "fit/coefficients.csv")
    assert np.isfinite(frame[["estimate", "lower", "upper"]]).all(axis=None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--target", "wages"], "did you mean 'wage'"),
        (["--target", "wage"], "region"),
        (["--target", "wage", "--features", "school", "--loss", "logistik"], "logistic"),
        (["--target", "wage", "--features", "school", "--level", "95"], "level"),
        (["--target", "wage", "--features", "school", "--chains", "1"], "n_chains"),
        (["--target", "wage", "--features", "school", "--loss", "logistic"], "classes"),
        (["--target", "wage", "--features", "school", "--companions", "magic"], "companions"),
        (["--target", "wage", "--features", "school", "--quantile", ".9"], "with loss 'quantile'"),
    ],
    ids=lambda v: " ".join(v)[-30:] if isinstance(v, list) else v,
)
def test_bad_requests_are_one_line(
    table: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = _run("fit", str(table), *arguments, "--out", "fit", cwd=tmp_path)
    assert done.returncode == 2
    # Before it there may be a line on how large the run will be.
    assert len(done.stderr.strip().splitlines()) <= 2
    assert says in done.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "fit").exists()


def test_a_place_that_cannot_be_written_is_said_before_training(
    table: Path, tmp_path: Path
) -> None:
    (tmp_path / "fit").write_text("a file")
    arguments = ["--target", "wage", "--features", "school", "--out", "fit"]
    done = _run("fit", str(table), *arguments, cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr == "surefoot: cannot write fit: fit is a file\n"


def test_coverage_of_a_model_takes_no_options_of_a_table(tmp_path: Path) -> None:
    done = _run("coverage", "--loss", "quantile", cwd=tmp_path)
    assert done.returncode == 2
    assert "--loss without a table" in done.stderr


COVERAGE = [
    "coverage", "--rows", "2000", "--repetitions", "40", "--chains", "60", "--executor", "local:1",
    "--out", "cov",
]  # fmt: skip


def test_coverage_goes_on_after_kill_9(tmp_path: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, "-P", "-m", "surefoot", "confidence", *COVERAGE],
        cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    ledger = tmp_path / "cov/ledger.sqlite"
    deadline = time.monotonic() + 120
    while _finished(ledger) < 2 and time.monotonic() < deadline and started.poll() is None:
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    before = _finished(ledger)
    assert 2 <= before < 10, "killed too late to show anything"
    again = _run(*COVERAGE, "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    rows = {row["method"]: row for row in json.loads(again.stdout)["methods"]}
    share, low, high = rows["perturbed copies"]["coverage"]
    assert low <= share <= high
    assert 0.85 < share <= 1
    # What had finished was not done again.
    assert len(_attempts(ledger)) == len(set(_attempts(ledger))) == 10
    with open_page(tmp_path / "cov/index.html", width=1100) as page:
        assert "refit" in page.locator("main").inner_text()


def test_a_table_as_population_and_a_bar_that_is_missed(table: Path, tmp_path: Path) -> None:
    done = _run(
        "coverage", str(table), "--target", "wage", "--features", "school,age", "--rows", "1000",
        "--repetitions", "10", "--chains", "40", "--level", ".2", "--at-least", ".65",
        "--out", "cov", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3
    assert "page: cov/index.html" in done.stderr
    assert (tmp_path / "cov/index.html").is_file()


def _finished(ledger: Path) -> int:
    return len(_attempts(ledger)) if ledger.exists() else 0


def _attempts(ledger: Path) -> list[str]:
    """Return the names of the cells that ended well, once for each time they did."""
    try:
        with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as found:
            query = "SELECT name FROM attempt JOIN work USING (key) WHERE status = 'ok'"
            return [name for (name,) in found.execute(query)]
    except sqlite3.OperationalError:  # being made
        return []
