from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from surefoot import InputError
from surefoot.ground.errors import ForeignLedgerError
from surefoot.ground.study import Settings, Study, run_study
from surefoot.ground.verdicts import Check
from surefoot.ground.work import Cell

HERE = "tests.ground.test_study"


def cell(*, seed: int, task: str, method: str, config: dict | None = None) -> dict:
    """Something to run: fails for one method."""
    if method == "broken":
        raise RuntimeError("as asked")
    return {"accuracy": {"a": 0.8, "b": 0.6}[method] + seed / 1000, "nothing": float("nan")}


def _study(methods: tuple[str, ...] = ("a", "b")) -> Study:
    def cells(scale: str, seeds: tuple[int, ...]) -> list[Cell]:
        return [
            Cell(f"{m}/{s}", f"{HERE}:cell", {"task": "t", "method": m, "config": {"x": 0.5}}, s)
            for m in methods
            for s in seeds
        ]

    check = Check("leads", "a leads b", "t", "accuracy", "a", 0.1, "b")
    return Study(
        room="toy",
        title="Toy",
        question="Does a lead?",
        claim="a leads.",
        source="here",
        seeds={"quick": 2, "full": 4},
        cells=cells,
        checks=lambda _: [check],
        sections=lambda _: [],
        lead=lambda results: f"{len(results.table)} values.",
    )


def _settings(out: Path, **options: object) -> Settings:
    return Settings(out=out, executor="serial", **options)  # type: ignore[arg-type]


def test_the_folder_holds_everything(tmp_path: Path) -> None:
    results = run_study(_study(), _settings(tmp_path, command="surefoot run toy"), progress=False)
    table = pd.read_parquet(tmp_path / "results.parquet")
    pd.testing.assert_frame_equal(table, results.table)
    assert set(table["variant"]) == {"x=0.5"}
    assert len(table) == 2 * 2 * 2
    summary = json.loads((tmp_path / "study.json").read_text())
    assert summary["verdicts"][0]["outcome"] == "holds"
    assert summary["settings"] == {"scale": "quick", "seeds": None}
    assert summary["seeds"] == [0, 1]
    page = (tmp_path / "index.html").read_text()
    assert "Does a lead?" in page
    assert "surefoot run toy" in page


def test_more_seeds_add_to_what_is_there(tmp_path: Path) -> None:
    run_study(_study(), _settings(tmp_path), progress=False)
    more = run_study(_study(), _settings(tmp_path, seeds=3), progress=False)
    attempts = pd.read_parquet(tmp_path / "timings.parquet")["attempt"]
    assert len(more.records) == 6
    assert (attempts == 1).all()


def test_a_failed_cell_is_shown_and_makes_the_verdict_unknown(tmp_path: Path) -> None:
    study = _study(("a", "broken"))
    study = replace(study, checks=lambda _: [Check("c", "s", "t", "accuracy", "a", 0, "broken")])
    results = run_study(study, _settings(tmp_path), progress=False)
    assert len(results.failed) == 2
    assert results.findings[0].outcome == "unknown"
    assert "as asked" in (tmp_path / "index.html").read_text()


def test_a_folder_of_another_study_is_refused(tmp_path: Path) -> None:
    run_study(_study(), _settings(tmp_path), progress=False)
    with pytest.raises(ForeignLedgerError, match="study toy"):
        run_study(replace(_study(), room="other"), _settings(tmp_path), progress=False)


@pytest.mark.parametrize(
    ("options", "words"), [({"scale": "huge"}, "scale"), ({"seeds": 0}, "seeds")]
)
def test_bad_settings(tmp_path: Path, options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        run_study(_study(), _settings(tmp_path, **options), progress=False)
