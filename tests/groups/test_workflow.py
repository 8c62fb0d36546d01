from __future__ import annotations

import json
from pathlib import Path

import pytest

from surefoot import InputError
from surefoot.ground.datasets import load
from surefoot.groups.workflow import audit_table, fit_table


@pytest.fixture(scope="module")
def adult(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adult")
    frame = load("adult").frame.drop(columns="split")
    frame[:6000].to_csv(folder / "adult.csv", index=False)
    frame[6000:9000].to_parquet(folder / "later.parquet")
    return folder


def test_fit_then_audit(adult: Path, tmp_path: Path) -> None:
    fitted = fit_table(
        adult / "adult.csv", target="income", groups=["sex"], drop=["fnlwgt"],
        params={"epochs": 4}, out=tmp_path / "model",
    )  # fmt: skip
    written = {p.name for p in (tmp_path / "model").iterdir()}
    assert written == {"model.safetensors", "model.json", "report.json", "index.html"}
    assert len(fitted.report.table) == 4
    assert len(fitted.report.y) == pytest.approx(1200, abs=3)
    extra = json.loads((tmp_path / "model" / "model.json").read_text())["extra"]
    assert "sex" not in extra["encoder"]["categories"]
    assert "fnlwgt" not in extra["encoder"]["numeric"]

    audited = audit_table(tmp_path / "model", adult / "later.parquet", out=tmp_path / "audit")
    assert len(audited.report.y) == 3000
    assert audited.report.accuracy > 0.7
    by_race = audit_table(
        tmp_path / "model", adult / "later.parquet", groups=["race"], out=tmp_path / "race"
    )
    assert len(by_race.report.table) > 4


def test_audit_of_other_tables_is_refused(adult: Path, tmp_path: Path) -> None:
    fit_table(
        adult / "adult.csv", target="income", groups=["sex"], method="erm",
        params={"epochs": 1}, out=tmp_path / "model",
    )  # fmt: skip
    frame = load("adult").frame[:50]
    frame.drop(columns="age").to_csv(tmp_path / "no-age.csv", index=False)
    with pytest.raises(InputError, match="no column 'age'"):
        audit_table(tmp_path / "model", tmp_path / "no-age.csv", out=tmp_path / "a")
    frame.assign(income="lots").to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(InputError, match="lots"):
        audit_table(tmp_path / "model", tmp_path / "labels.csv", out=tmp_path / "a")
    with pytest.raises(InputError, match="a folder with model.json"):
        audit_table(tmp_path / "nowhere", tmp_path / "labels.csv", out=tmp_path / "a")


def test_one_class_is_refused(adult: Path, tmp_path: Path) -> None:
    frame = load("adult").frame[:200].assign(income="same")
    frame.to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(InputError, match="at least two classes"):
        fit_table(tmp_path / "one.csv", target="income", groups=["sex"], out=tmp_path / "m")
