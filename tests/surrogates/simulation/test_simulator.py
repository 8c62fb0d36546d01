from __future__ import annotations

import functools
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.surrogates.simulation import simulators
from tests.surrogates.simulation.simulators import SQUARE

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.calls import CommandError
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.space import Categorical, Integer, Real, Space

HERE = simulators.__name__
POINT = {"x0": 0.25, "x1": 0.5}


def command(*argv: str, **options: Any) -> Simulator:
    return Simulator.from_command(argv, SQUARE, ["flow"], **options)


# ---------------------------------------------------------------- functions


@pytest.mark.parametrize("function", [simulators.flow, f"{HERE}:flow"])
def test_a_function_goes_by_its_name(function: Any) -> None:
    simulator = Simulator.from_callable(function, SQUARE, ["flow"])
    assert simulator.id == f"{HERE}:flow"
    assert simulator.call.anywhere
    assert simulator.call(POINT, None) == 0.5
    assert simulator == Simulator.from_callable(f"{HERE}:flow", SQUARE, ["flow"])


@pytest.mark.parametrize(
    "function",
    [lambda x0, x1: 0.5, functools.partial(simulators.flow), type("F", (), {"__call__": max})()],
)
def test_what_has_no_name_is_called_here_only(function: Any) -> None:
    simulator = Simulator.from_callable(function, SQUARE, ["flow"])
    assert not simulator.call.anywhere


def test_the_text_of_a_function_is_its_fingerprint() -> None:
    one = Simulator.from_callable(f"{HERE}:flow", SQUARE, ["flow"])
    other = Simulator.from_callable(f"{HERE}:slow", SQUARE, ["flow"])
    assert len(one.fingerprint) == 64
    assert one.fingerprint != other.fingerprint
    assert Simulator.from_callable(max, SQUARE, ["flow"]).fingerprint == ""


def test_a_seed_is_given_to_those_who_take_it() -> None:
    noisy = Simulator.from_callable(f"{HERE}:noisy", SQUARE, ["flow"], stochastic=True)
    assert noisy.call(POINT, 1) == noisy.call(POINT, 1) != noisy.call(POINT, 2)
    plain = Simulator.from_callable(f"{HERE}:flow", SQUARE, ["flow"], stochastic=True)
    assert plain.call(POINT, 1) == 0.5


# ---------------------------------------------------------------- commands


def test_a_program_reads_and_writes_files(tmp_path: Path) -> None:
    solver = simulators.write_solver(tmp_path)
    simulator = command("{python}", str(solver), "{params.json}", "{out.json}")
    assert simulator.call(POINT, None) == {"flow": 0.5, "iterations": 7}
    assert (tmp_path / "log").read_text() == '{"x0": 0.25, "x1": 0.5}\n'


def test_a_program_may_take_single_inputs_and_print() -> None:
    script = "import sys; print(float(sys.argv[1]) + float(sys.argv[2][3:]))"
    assert command("{python}", "-c", script, "{x0}", "x1={x1}").call(POINT, None) == 0.75


def test_every_run_has_a_folder_of_its_own_which_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    here = command("sh", "-c", "ls > ls; cat {params.json} > in; ls | wc -l")
    assert here.call(POINT, None) == here.call(POINT, None) == 5
    assert list(tmp_path.iterdir()) == []


def test_no_shell_reads_the_words() -> None:
    space = Space(word=Categorical(["$(exit 7); ls *", "b"]))
    simulator = Simulator.from_command(["printf", '"%s"', "{word}"], space, ["flow"])
    assert simulator.call({"word": "$(exit 7); ls *"}, None) == "$(exit 7); ls *"


def test_relative_paths_of_files_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulators.write_solver(tmp_path)
    monkeypatch.chdir(tmp_path)
    simulator = command(sys.executable, "solver.py", "{params.json}", "{out.json}")
    assert simulator.id == "{python} solver.py {params.json} {out.json}"
    assert simulator.call(POINT, None)["flow"] == 0.5


def test_a_program_is_known_by_its_content_and_not_by_its_place(tmp_path: Path) -> None:
    def of(folder: str, **options: Any) -> Simulator:
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / "solver.py"
        path.write_text(f"print({options.get('prints', 1)})")
        return command(sys.executable, str(path), "{params.json}")

    here, there = of("a"), of("b")
    assert (here.id, here.fingerprint) == (there.id, there.fingerprint)
    assert of("b", prints=2).fingerprint != here.fingerprint


def test_the_seed_is_a_placeholder_of_stochastic_programs(tmp_path: Path) -> None:
    assert command("echo", "{x0}", "{x1}", "{seed}", stochastic=True).call.prepare(
        tmp_path, POINT, 17
    ) == ["echo", "0.25", "0.5", "17"]
    with pytest.raises(InputError, match="command, placeholder: found 'seed'"):
        command("echo", "{x0}", "{x1}", "{seed}")


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("exit 3", CommandError, "^exit 3$"),
        ("echo first; echo no licence >&2; exit 2", CommandError, "^exit 2: no licence$"),
        ("kill -9 $$", CommandError, "^ended by signal 9$"),
        ("sleep 30", TimeoutError, r"took more than 0\.2 s"),
        ("true", InputError, "stdout.txt: found ''; allowed: the outputs as JSON"),
        ("echo '{\"flow\": 1'", InputError, "stdout.txt: found"),
    ],
)
def test_what_goes_wrong_with_a_program(script: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        command("sh", "-c", f"{script}; #{{x0}}{{x1}}", timeout=0.2).call(POINT, None)


def test_a_missing_program_and_a_missing_file_of_outputs() -> None:
    with pytest.raises(CommandError, match="no-such-solver can't be run: No such file"):
        command("no-such-solver", "{params.json}").call(POINT, None)
    with pytest.raises(InputError, match=r"out\.json: found no such file after the run"):
        command("true", "{params.json}", "{out.json}").call(POINT, None)


# ---------------------------------------------------------------- tables

ROWS = pd.DataFrame(
    {"x": [0.0, 0.5, 1.0], "n": [1, 2, 3], "flow": [1.0, 2.0, np.nan], "heat": [3, 4, 5]}
)


@pytest.mark.parametrize("kind", ["csv", "parquet", "memory"])
def test_a_table_from_anywhere(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"runs.{kind}"
    if kind == "csv":
        ROWS.to_csv(path, index=False)
    elif kind == "parquet":
        ROWS.to_parquet(path)
    simulator = Simulator.from_table(ROWS if kind == "memory" else path, ["flow", "heat"])
    assert simulator.space == Space(x=Real(0, 1), n=Integer(1, 3))
    X, y = simulator.table
    pd.testing.assert_frame_equal(X, ROWS[["x", "n"]])
    pd.testing.assert_frame_equal(y, ROWS[["flow", "heat"]].astype(float))
    assert simulator.fingerprint == Simulator.from_table(ROWS, ["flow", "heat"]).fingerprint
    changed = ROWS.assign(flow=0.0)
    assert simulator.fingerprint != Simulator.from_table(changed, ["flow", "heat"]).fingerprint


def test_a_table_in_a_declared_space_leaves_other_columns_aside() -> None:
    space = Space(x=Real(-1, 2))
    simulator = Simulator.from_table(ROWS, ["flow"], space)
    assert simulator.space is space
    assert list(simulator.table[0].columns) == ["x"]


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (ROWS, {"outputs": ["flux"]}, "table, outputs: found 'flux'; allowed: 'x', 'n', 'flow'"),
        (ROWS, {"outputs": "flow"}, "outputs: found 'flow'; allowed: a list"),
        (ROWS.iloc[:0], {}, "table: found no rows"),
        (ROWS, {"space": Space(z=Real(0, 1))}, "table, inputs: found 'z'"),
        (ROWS.assign(x=[0, np.nan, 1]), {}, "row 1, column 'x': found nan; allowed: a finite"),
        (ROWS.assign(x=[0, np.inf, 1]), {}, "row 1, column 'x': found inf"),
        (ROWS.assign(x=[0, 1j, 1]), {}, "row 0, column 'x': found .*; allowed: a number"),
        (ROWS.assign(flow=[1, 2, "x"]), {}, "table, flow, row 2: found 'x'; allowed: a number"),
        (ROWS.assign(flow=[1, 2, 1j]), {}, "table, flow: found 'complex128'"),
    ],
)
def test_impossible_tables(frame: pd.DataFrame, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Simulator.from_table(frame, **{"outputs": ["flow"]} | options)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("runs.csv", "0.1,2,3\n0.2,3,4\n", r"a first row of numbers: 0\.1, 2, 3; .* Add names"),
        ("runs.csv", "1.5,1.5,2\n1,2,3\n", "a first row of numbers"),
        ("runs.csv", "", "No columns to parse"),
        ("runs.csv", "a,a,2\n1,2,3\n4,5,6\n", "found two columns 'a'"),
        ("runs.csv", ",a,2\n0,2,3\n1,5,6\n", "no name above column 1; .* leave an index"),
        ("runs.parquet", "x,y\n1,2\n", "allowed: a readable CSV or Parquet file"),
        ("runs.xlsx", "", "file type: found '.xlsx'"),
        (None, "", "No such file"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str | None, content: str, message: str) -> None:
    if name:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        Simulator.from_table(tmp_path / (name or "runs.csv"), ["2"])


# ---------------------------------------------------------------- declarations


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outputs": []}, r"outputs: found \[\]; allowed: a list of one or more"),
        ({"outputs": "flow"}, "outputs: found 'flow'; allowed: a list"),
        ({"outputs": ["a", "a"]}, "outputs: found 'a'; allowed: different names"),
        ({"outputs": ["x0"]}, "outputs: found 'x0'; allowed: different names, none of them also"),
        ({"outputs": ["status"]}, "names: found 'status'; allowed: any but run, status"),
        ({"space": {"x0": (0, 1)}}, "space: found .*; allowed: a Space"),
        ({"version": 2}, "version: found 2; allowed: text"),
        ({"timeout": 0}, "timeout: found 0; allowed: seconds above 0"),
        ({"timeout": "60"}, "timeout: found '60'"),
        ({"stochastic": True, "outputs": ["seed"]}, "space: found an input 'seed'"),
    ],
)
def test_impossible_declarations(options: dict[str, Any], message: str) -> None:
    simulator = Simulator.from_callable(f"{HERE}:flow", SQUARE, ["flow"])
    with pytest.raises(InputError, match=message):
        replace(simulator, **options)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("solver {params.json}", "command: found .*; allowed: a list of words"),
        ([], r"command: found \[\]"),
        (["solver", "{param.json}"], "placeholder: found 'param.json'; .*'params.json'"),
        (["solver", "{x0}"], r"command: found .*; allowed: {params.json}, or {x1} and every"),
    ],
)
def test_impossible_commands(argv: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Simulator.from_command(argv, SQUARE, ["flow"])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (f"{HERE}:flaw", f"function: found '{HERE}:flaw'; .* {HERE} has no 'flaw'"),
        ("simulator:flow", "a module; 'simulator' is not there"),
        (3, "simulator: found 3; allowed: a function"),
    ],
)
def test_impossible_functions(function: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Simulator.from_callable(function, SQUARE, ["flow"])
