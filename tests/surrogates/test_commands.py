"""The commands that need no simulator of their own, called in this process."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from tests.surrogates.card.examples import complete, declared, evidence
from typer.testing import CliRunner, Result

from surefoot.ground.errors import InputError, InterruptedRunError, UnmetError
from surefoot.ground.narration import narrated
from surefoot.surrogates.card.build import build_card
from surefoot.surrogates.commands import app
from surefoot.surrogates.compare_page import compare_page
from surefoot.surrogates.predictions import predict_table
from surefoot.surrogates.project import Project
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.simulation.space import Categorical, Real, Space
from surefoot.surrogates.workflow import compare

front = typer.Typer()
front.add_typer(app, name="surrogates")


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(front, ["surrogates", *map(str, arguments)])


def test_lint_exits_by_severity(tmp_path: Path) -> None:
    whole, lacking = tmp_path / "whole.json", tmp_path / "lacking.json"
    complete().save(whole)
    build_card(evidence(), declared(need__alternatives=None)).save(lacking)
    assert run("lint", whole, "--at-least", "info").exit_code == 0
    assert run("lint", lacking).exit_code == 0, "no error among the findings"
    strict = run("lint", lacking, "--at-least", "warning", "--json")
    assert isinstance(strict.exception, UnmetError)
    assert [each["rule"] for each in json.loads(strict.stdout)] == ["no-alternatives"]
    said = run("lint", lacking).stdout
    assert "warning: need.alternatives: No alternative to a surrogate was considered." in said
    unknown = run("lint", whole, "--at-least", "wrning")
    assert isinstance(unknown.exception, InputError)
    assert "did you mean 'warning'" in str(unknown.exception)


def test_diff_of_two_cards(tmp_path: Path) -> None:
    before, after = tmp_path / "a.json", tmp_path / "b.json"
    complete().save(before)
    build_card(evidence(data__n_runs=78), declared()).save(after)
    assert "data.n_runs: 77 → 78" in run("diff", before, after).stdout
    changes = json.loads(run("diff", before, after, "--json").stdout)
    assert [(one["field"], one["before"], one["after"]) for one in changes] == [
        ("data.n_runs", 77, 78)
    ]


def test_a_card_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(dict(complete().content) | {"schema": "smrs-card/2.0"}))
    for arguments in (["lint", path], ["diff", path, path]):
        done = run(*arguments)
        assert isinstance(done.exception, InputError)
        assert "a newer Surefoot reads newer cards" in str(done.exception)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two outputs of a number and a category."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.uniform(size=30), "mesh": rng.choice(["a", "b"], 30)})
    Y = pd.DataFrame({"flow": np.sin(3 * X["x"]) + (X["mesh"] == "b"), "heat": X["x"] ** 2})
    space = Space(x=Real(0, 1), mesh=Categorical(["a", "b"]))
    path = tmp_path_factory.mktemp("model") / "model.npz"
    SurrogateRegressor(["gp-se"], cv=5, space=space).fit(X, Y).save(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_predict_writes_the_table_with_its_predictions(
    model: Path, tmp_path: Path, suffix: str
) -> None:
    table, out = tmp_path / f"t{suffix}", tmp_path / f"p{suffix}"
    rows = pd.DataFrame({"name": ["i", "j"], "mesh": ["b", "a"], "x": [0.25, 3.0]})
    rows.to_csv(table, index=False) if suffix == ".csv" else rows.to_parquet(table)
    done = run("predict", model, table, "--out", out, "--level", "0.8")
    assert done.stdout.strip() == f"2 rows, 1 of them in the domain: {out}"
    found = pd.read_csv(out) if suffix == ".csv" else pd.read_parquet(out)
    pd.testing.assert_frame_equal(found[list(rows)], rows)
    assert found["in_domain"].tolist() == [True, False]
    X = rows[["x", "mesh"]]
    surrogate = SurrogateRegressor.load(model)
    mean, sd = surrogate.predict(X, return_std=True, on_extrapolation="ignore")
    low, high = surrogate.predict_interval(X, 0.8)
    for place, output in enumerate(("flow", "heat")):
        for what, values in {"mean": mean, "sd": sd, "low": low, "high": high}.items():
            np.testing.assert_allclose(found[f"{output}_{what}"], values[:, place], rtol=1e-12)
    assert abs(found["flow_mean"][0] - (np.sin(0.75) + 1)) < 0.01


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0.1,a\n0.2,b\n", "inputs: found 'x'"),
        ("1,2\n3,4\n", "a header; is the first row a run"),
        ("x,mash\n0.1,a\n", "inputs: found 'mesh'.*did you mean 'mash'"),
        ("x,mesh\n0.1,a\n0.2,c\n", "t.csv, row 1, column 'mesh': found 'c'; allowed: 'a', 'b'"),
        ("x,mesh\n0.1,a\n,b\n", "t.csv, row 1, column 'x': found nan"),
    ],
)
def test_tables_that_can_not_be_predicted(
    model: Path, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        predict_table(model, tmp_path / "t.csv", tmp_path / "p.csv")
    assert not (tmp_path / "p.csv").exists()


def test_predict_refuses_other_levels_and_suffixes(model: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,mesh\n0.1,a\n")
    with pytest.raises(InputError, match="level: found 95"):
        predict_table(model, tmp_path / "t.csv", tmp_path / "p.csv", 95)
    with pytest.raises(InputError, match="suffix of .*p.txt"):
        predict_table(model, tmp_path / "t.csv", tmp_path / "p.txt")
    done = run("predict", tmp_path / "t.csv", tmp_path / "t.csv")
    assert "allowed: a saved SurrogateRegressor" in str(done.exception)


def test_a_table_without_rows_is_predicted_too(model: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,mesh\n")
    assert len(predict_table(model, tmp_path / "t.csv", tmp_path / "p.csv")) == 0
    assert "heat_high" in (tmp_path / "p.csv").read_text()


def _table_project(folder: Path, compare: str = 'candidates = ["pce"]\ncv = 4') -> Path:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.uniform(size=16), "b": rng.uniform(size=16)})
    frame["flow"], frame["heat"] = frame["a"] + frame["b"] ** 2, frame["a"] * frame["b"]
    frame.loc[3, ["flow", "heat"]] = None
    frame.assign(pump=1).to_csv(folder / "runs.csv", index=False)
    path = folder / "surrogate.toml"
    done = run("init", "--from-table", folder / "runs.csv", "--outputs", "flow,heat")
    assert done.exit_code == 0, done.exception
    assert "note: column 'pump' has a single value" in done.stderr
    path.write_text(path.read_text().replace("random_state = 0", compare))
    return path


def test_finished_runs_are_weighed_and_compared(tmp_path: Path) -> None:
    _table_project(tmp_path)
    status = json.loads(run("status", "--json").stdout)
    assert status["counts"]["ok"] == 15
    assert status["designs"] == []
    assert json.loads(run("need", "--json").stdout)["verdict"] == "undecided"
    done = run("compare", "--out", "there")
    assert done.exit_code == 0, done.exception
    assert "flow: corrected NRMSE" in done.stdout
    assert "heat, out of fold" in done.stdout
    assert "heat: NRMSE at" in done.stdout
    assert {path.name for path in (tmp_path / "there").iterdir()} == {
        "model.npz", "leaderboard.csv", "compare.html",
    }  # fmt: skip
    board = pd.read_csv("there/leaderboard.csv", index_col=[0, 1])
    assert board.loc[("heat", "pce"), "nrmse"] < 1e-6


def test_a_comparison_in_json(tmp_path: Path) -> None:
    tasks = '\n[[tasks]]\nkind = "optimum"\noutput = "heat"\ndirection = "max"'
    path = _table_project(tmp_path)
    path.write_text(path.read_text() + tasks)
    found = json.loads(run("compare", "--json").stdout)
    assert found["runs"] == 15
    assert found["nrmse"]["heat"]["low"] <= found["nrmse"]["heat"]["estimate"]
    assert found["leaderboard"]["flow"][0]["candidate"] == "stack"
    assert sum(found["weights"]["heat"].values()) == pytest.approx(1)
    assert found["tasks"][0]["task"] == "Optimum"
    assert found["tasks"][0]["predicted"] == pytest.approx(1, abs=0.2)
    assert [curve["output"] for curve in found["cost_curve"]] == ["flow", "heat"]


def test_a_field_is_told_by_its_worst_places(tmp_path: Path) -> None:
    (tmp_path / "beside_three.py").write_text(
        "def f(a):\n    return [k + a ** (k % 7) * (k % 3) for k in range(30)]\n"
    )
    (tmp_path / "surrogate.toml").write_text(
        '[simulator]\nfunction = "beside_three:f"\noutputs = ["profile"]\n'
        '[space.a]\nlow = 0\nhigh = 1\n[design]\nkind = "lhs"\nn = 12\n'
        '[compare]\ncandidates = ["pce"]\n[[tasks]]\nkind = "optimum"\noutput = "profile[4]"\n'
    )
    assert run("run", "--executor", "serial").exit_code == 0
    done = run("compare")
    assert done.exit_code == 0, done.exception
    assert done.stdout.count(": NRMSE ") == 5 + 5
    assert "these are the worst of 30 outputs" in done.stdout
    assert "min of profile[4]: " in done.stdout
    (tmp_path / "t.csv").write_text(run("design").stdout)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = predict_table(tmp_path / "surrogate/model.npz", tmp_path / "t.csv", Path("p.csv"))
        again = predict_table(tmp_path / "surrogate/model.npz", Path("p.csv"), Path("q.csv"))
    assert len(found.columns) == 1 + 4 * 30 + 1
    assert list(again.columns) == list(found.columns)


def test_outputs_that_keep_a_law_have_errors_that_are_not_corrected(tmp_path: Path) -> None:
    path = _table_project(tmp_path, 'candidates = ["pce"]\nlinear_constraints = "preserve"')
    compared = compare(Project.load(path), tmp_path / "out", "made by hand")
    assert not compared.corrected
    assert str(compared).startswith("flow: NRMSE")
    assert list(compared.boards) == ["flow", "heat"]
    assert list(compared.to_dict()["nrmse"]) == ["flow", "heat"]
    assert "corrected" not in compare_page(compared, "runs.csv", "x").lead


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ('candidates = ["gp-s"]', r"\[compare\] candidate: found 'gp-s'.*did you mean 'gp-se'"),
        ('warps = "lgo"', r"\[compare\] warp: found 'lgo'"),
        ("cv = 99", r"\[compare\] folds: found 99"),
        ('noise = "some"', r"\[compare\] noise: found 'some'"),
    ],
)
def test_settings_that_are_no_settings_name_their_table(
    tmp_path: Path, settings: str, says: str
) -> None:
    _table_project(tmp_path, settings)
    with pytest.raises(InputError, match=says):
        raise run("compare").exception  # type: ignore[misc]
    assert not (tmp_path / "surrogate").exists()


def test_what_a_table_can_not_do(tmp_path: Path) -> None:
    path = _table_project(tmp_path)
    for command in (["run"], ["design"], ["design", "--emit", "jobs"]):
        done = run(*command)
        assert "no table [design]" in str(done.exception), command
    path.write_text(path.read_text() + '\n[design]\nkind = "lhs"\nn = 4')
    assert "a table of finished runs can't be run" in str(run("run").exception)


def test_nothing_to_compare_says_what_comes_first(tmp_path: Path) -> None:
    assert run("init", "--command", "cat {x}", "--outputs", "y").exit_code == 0
    for command in ("compare", "card"):
        done = run(command)
        assert isinstance(done.exception, UnmetError)
        assert "first: surefoot surrogates run" in str(done.exception)


def test_when_every_run_fails_the_first_reason_is_told(tmp_path: Path) -> None:
    assert run("init", "--command", "false {x}", "--outputs", "y").exit_code == 0
    for command in ("need", "run"):
        done = run(command, "--executor", "serial")
        assert isinstance(done.exception, UnmetError)
        assert "ended well; design 0, row 0: failed, exit 1" in str(done.exception)


def test_points_are_printed_and_nothing_is_run(tmp_path: Path) -> None:
    run("init", "--command", "echo {a} {b}", "--outputs", "y")
    lines = run("design").stdout.splitlines()
    assert lines[0] == "a,b"
    assert len(lines) == 21
    assert len(json.loads(run("design", "--json").stdout)) == 20
    assert not (tmp_path / "study").exists()


def test_a_warning_is_a_note_and_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with narrated("surefoot surrogates card", keeps=True):
        for _ in range(2):
            warnings.warn("doubtful", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "note: doubtful\n"


def test_ctrl_c_says_how_to_go_on() -> None:
    with pytest.raises(InterruptedRunError, match="to go on: surefoot surrogates card --out o"):
        with narrated("surefoot surrogates card --out o", keeps=True):
            raise KeyboardInterrupt
