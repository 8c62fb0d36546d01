"""What a project file may say, and how it is told that something in it is wrong."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from surefoot.ground.errors import InputError
from surefoot.surrogates.card.fields import FIELDS
from surefoot.surrogates.project import Project
from surefoot.surrogates.project_template import write_template
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.space import Categorical, Integer, Real, Space
from surefoot.surrogates.tasks.exceedance import Exceedance
from surefoot.surrogates.tasks.optimum import Optimum
from surefoot.surrogates.tasks.posterior import Posterior
from surefoot.surrogates.tasks.sobol import SobolIndices
from surefoot.surrogates.workflow import settled

PARTS = {
    "simulator": 'command = ["{python}", "solver.py", "{params.json}"]\noutputs = ["flow", "heat"]',
    "space.r": 'low = 100\nhigh = 5e4\nscale = "log"\nunit = "m"',
    "space.n": 'kind = "integer"\nlow = 1\nhigh = 9',
    "space.mesh": 'kind = "categorical"\nlevels = ["a", "b"]',
    "design": 'kind = "lhs"\nn = 30\nseed = 3\nreason = "smooth"',
    "compare": 'candidates = ["gp-se"]\ncv = 5\nrandom_state = 7',
    "card.need": 'purpose = "find the optimum"\nruns_needed = 5000',
}


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())


def project(folder: Path, *extra: str, **changes: str | None) -> Project:
    """Load the project of `PARTS` with some tables replaced, or left out by None."""
    parts = PARTS | {name.replace("__", "."): text for name, text in changes.items()}
    text = "\n".join(f"[{name}]\n{text}" for name, text in parts.items() if text is not None)
    (folder / "solver.py").write_text("print({})")
    (folder / "surrogate.toml").write_text("\n".join([text, *extra]))
    return Project.load(folder / "surrogate.toml")


def refused(folder: Path, *extra: str, **changes: str | None) -> str:
    with pytest.raises(InputError, match="surrogate.toml") as caught:
        project(folder, *extra, **changes)
    return str(caught.value).removeprefix(f"{folder}/")


def test_everything_a_project_says(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        '[[tasks]]\nkind = "optimum"\noutput = "flow"\ndirection = "max"',
        '[[tasks]]\nkind = "sobol"\noutput = "heat"\nn = 64',
        '[[tasks]]\nkind = "exceedance"\noutput = "flow"\nthreshold = 2',
        '[[tasks]]\nkind = "posterior"\noutput = "heat"\nobserved = 1.5\nnoise_sd = 0.1\n'
        'fixed = { mesh = "a" }',
    )
    assert found.simulator.space == Space(
        r=Real(100, 5e4, scale="log", unit="m"), n=Integer(1, 9), mesh=Categorical(["a", "b"])
    )
    assert found.simulator.outputs == ("flow", "heat")
    assert found.design_to_run() == Design("lhs", 30, seed=3, reason="smooth")
    assert found.settings == {"candidates": ["gp-se"], "cv": 5, "random_state": 7}
    assert found.tasks == (
        Optimum("flow", "max"),
        SobolIndices("heat", n=64),
        Exceedance("flow", 2),
        Posterior(1.5, 0.1, fixed={"mesh": "a"}, output="heat"),
    )
    assert found.declared["need"]["runs_needed"] == 5000
    assert found.study().folder == tmp_path / "study"


def test_paths_start_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path.parent)
    call: Any = project(tmp_path).simulator.call
    assert call.argv[1] == str(tmp_path / "solver.py")
    pd.DataFrame({"r": [1.0, 2, 3], "flow": [1.0, 4, 9]}).to_csv(tmp_path / "r.csv", index=False)
    (tmp_path / "t.toml").write_text('[simulator]\ntable = "r.csv"\noutputs = ["flow"]')
    loaded = Project.load(Path(tmp_path.name) / "t.toml")
    assert loaded.simulator.space == Space(r=Real(1, 3))
    assert len(loaded.study().data()[0]) == 3
    with pytest.raises(InputError, match=r"t.toml: found no table \[design\]"):
        loaded.design_to_run()


def test_a_function_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "beside_one.py").write_text("def f(r, n, mesh):\n    return {'flow': r * n}\n")
    simulator = 'function = "beside_one:f"\noutputs = ["flow"]\nversion = "2.1"\nstochastic = true'
    found = project(tmp_path, simulator=simulator).simulator
    assert (found.id, found.version, found.stochastic) == ("beside_one:f", "2.1", True)
    assert sys.path[0] == str(tmp_path)


COMMAND = 'command = ["{python}", "solver.py", "{params.json}"]\n'


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"simulater": "x = 1"}, "table key: found 'simulater'"),
        ({"simulator": None}, "table simulator: found 'nothing'"),
        ({"simulator": 'outputs = ["flow"]'}, "[simulator]: found none of them"),
        ({"simulator": 'outputs = ["y"]\ncomand = ["a"]'}, "did you mean 'command'?"),
        ({"simulator": COMMAND}, "[simulator] outputs: found 'nothing'; allowed: a list of texts"),
        ({"simulator": COMMAND + 'outputs = "y"'}, "[simulator] outputs: found 'y'; allowed: a li"),
        ({"simulator": COMMAND + 'outputs = ["r"]'}, "[simulator] outputs: found 'r'"),
        ({"simulator": COMMAND + 'outputs = ["y"]\nversion = 1.3'}, "[simulator] version: found 1"),
        ({"simulator": COMMAND + 'outputs = ["y"]\ntimeout = 0'}, "[simulator] timeout: found 0"),
        ({"simulator": COMMAND + 'outputs = ["y"]\ntable = "a"'}, "[simulator]: found command and"),
        ({"simulator": 'command = ["a", "{q}"]\noutputs = ["y"]'}, "command, placeholder: found"),
        ({"simulator": 'function = "no_such:f"\noutputs = ["y"]'}, "[simulator] function: f"),
        ({"simulator": 'table = "none.csv"\noutputs = ["y"]'}, "none.csv"),
        ({"space.r": "low = 2\nhigh = 1"}, "space, r, bounds: found [2.0, 1.0]"),
        ({"space.r": "low = 2\nhihg = 3"}, "space, r: found 'hihg'"),
        ({"space.mesh": 'kind = "categorcal"'}, "did you mean 'categorical'?"),
        ({"design": "n = 3"}, "[design] kind: found 'nothing'"),
        ({"design": 'kind = "lsh"\nn = 3'}, "did you mean 'lhs'?"),
        ({"design": 'kind = "lhs"\nn = "3"'}, "[design] n: found '3'; allowed: a whole number"),
        ({"design": 'kind = "lhs"\nn = 0'}, "[design] design, n: found 0"),
        ({"compare": "cvv = 3"}, "did you mean 'cv'?"),
        ({"compare": "n_jobs = 0"}, "[compare] n_jobs: found 0"),
        ({"tasks": "a = 1"}, "table tasks: found {'a': 1}; allowed: an array of tables"),
        ({"card.need": 'purpos = "x"'}, "did you mean 'purpose'?"),
        ({"card.need": 'purpose = ""'}, "[card] declared need.purpose: found ''"),
        ({"card.needs": 'purpose = "x"'}, "did you mean 'need'?"),
        ({"card.need": "x-day = 2025-02-01"}, "put dates in quotes"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, str | None], says: str) -> None:
    message = refused(tmp_path, **changes)
    assert message.startswith("surrogate.toml")
    assert says in message


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("", "kind: found None"),
        ('kind = "optimun"', "did you mean 'optimum'?"),
        ('kind = "optimum"\ntreshold = 1', "key: found 'treshold'"),
        ('kind = "optimum"\noutput = "flw"', "output: found 'flw'"),
        ('kind = "optimum"\ndirection = "up"', "direction: found 'up'"),
        ('kind = "sobol"\nn = 100', "n: found 100; allowed: a power of two"),
        ('kind = "exceedance"\noutput = "flow"', "threshold: found 'nothing'; allowed: a number"),
        ('kind = "posterior"\nobserved = 1.0\nnoise_sd = 0.0', "noise_sd: found 0.0"),
        ('kind = "posterior"\nobserved = "1"\nnoise_sd = 1', "observed: found '1'"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_task_is_named(tmp_path: Path, task: str, says: str) -> None:
    message = refused(tmp_path, '[[tasks]]\nkind = "sobol"', f"[[tasks]]\n{task}")
    assert "surrogate.toml, [[tasks]] 2: " in message
    assert says in message


def test_a_module_that_cannot_be_imported_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "beside_two.py").write_text("1 / 0")
    message = refused(tmp_path, simulator='function = "beside_two:f"\noutputs = ["flow"]')
    assert "function 'beside_two:f': found ZeroDivisionError: division by zero" in message


def test_files_that_are_no_project(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a project file; `surefoot surrogates init` writes one"):
        Project.load(tmp_path / "surrogate.toml")
    (tmp_path / "surrogate.toml").write_text("[simulator\n")
    with pytest.raises(InputError, match="line 1, column 11.*allowed: TOML"):
        Project.load(tmp_path / "surrogate.toml")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ('["solvr", "{params.json}"]', "'solvr'; allowed: a program, on the PATH or beside"),
        ('["{python}", "solvr.py", "{params.json}"]', "'solvr.py'; allowed: a script"),
        ('["{python}", "", "{params.json}"]', "''; allowed: a script"),
        ('["{python}", "-m", "solver", "{params.json}"]', None),
        ('["sh", "{params.json}"]', None),
    ],
)
def test_an_absent_program_is_missed_before_anything_runs(
    tmp_path: Path, command: str, says: str | None
) -> None:
    found = project(tmp_path, simulator=f'command = {command}\noutputs = ["flow"]')
    if says is None:
        found.refuse_absent_program()
    else:
        with pytest.raises(InputError, match=says):
            found.refuse_absent_program()


def test_a_reason_worded_anew_is_no_new_design(tmp_path: Path) -> None:
    study = project(tmp_path).study()
    study.plan(Design("lhs", 30, seed=3, reason="smooth"), progress=False)
    again = Design("lhs", 30, seed=3, reason="It is expected to be smooth.")
    assert settled(again, study).reason == "smooth"
    other = Design("lhs", 30, seed=4, reason="smooth")
    assert settled(other, study) is other


def test_a_template_can_be_read_and_asks_for_every_declaration(tmp_path: Path) -> None:
    (tmp_path / "solver.py").write_text("")
    path = tmp_path / "surrogate.toml"
    command = f"{{python}} {tmp_path / 'solver.py'} {{r}} '{{the wind}}' {{seed}} {{w}}"
    write_template(path, command=command.replace(" {seed}", ""), outputs=["flow"])
    found = Project.load(path)
    assert found.simulator.space.names == ["r", "w"]
    assert found.design_to_run().n == 20
    text = path.read_text()
    assert '"solver.py", "{r}", "{the wind}", "{w}"]' in text, "paths are relative to the file"
    for field in FIELDS.values():
        if field.by == "author":
            assert f"# {field.path.partition('.')[2].replace('design_', '')} = " in text
    # With every answer given, it is still a project.
    answers = text.replace('= ""', '= "x"').replace('[""]', '["x"]').replace("\n# ", "\n#")
    path.write_text(_answered(answers))
    declared = Project.load(path).declared
    assert declared["need"]["runs_needed"] == 100_000
    assert declared["downstream"]["authors"] == ["x"]


def _answered(text: str) -> str:
    """Take away the # in front of the answers of the card."""
    head, mark, card = text.partition("[card.need]")
    lines = [
        line[1:] if line.startswith("#") and " = " in line else line for line in card.splitlines()
    ]
    return head + mark + "\n".join(lines)


def test_a_template_of_a_table(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"a b": [0.5, 2.5, 1], "n": [1, 2, 3], "mesh": ["é", "b", "b"], "y": [1.0, 2.0, 3.0]}
    )
    frame.to_csv(tmp_path / "runs.csv", index=False)
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "surrogate.toml"
    write_template(path, table=tmp_path / "runs.csv", outputs=["y"])
    content = tomllib.loads(path.read_text())
    assert content["simulator"] == {"table": "../runs.csv", "outputs": ["y"]}
    assert "design" not in content
    assert "# design_reason = " in path.read_text()
    space = Project.load(path).simulator.space
    assert space == Space.from_table(frame[["a b", "n", "mesh"]])


def test_what_a_template_refuses(tmp_path: Path) -> None:
    path, table = tmp_path / "surrogate.toml", tmp_path / "runs.csv"
    table.write_text("x,y\n1,2\n2,3\n")
    with pytest.raises(InputError, match="--outputs: found 'none'; allowed: .* columns x, y"):
        write_template(path, table=table)
    with pytest.raises(InputError, match="outputs: found 'z'"):
        write_template(path, table=table, outputs=["z"])
    with pytest.raises(InputError, match="--from-table and --command"):
        write_template(path, table=table, command="solver {x}", outputs=["y"])
    with pytest.raises(InputError, match="--command: found"):
        write_template(path, command="solver '{x}", outputs=["y"])
    assert not path.exists()
    path.write_text("mine")
    with pytest.raises(InputError, match=r"surrogate.toml: found a file"):
        write_template(path)
    assert path.read_text() == "mine"
