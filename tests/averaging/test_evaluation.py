from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from surefoot.averaging.evaluation import Evaluation
from surefoot.ground.errors import InputError, UnmetError

_numbers = itertools.count()
PYTHON = sys.executable


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], str]:
    """Write a module with a name of its own: a process imports a name once."""

    def write(body: str) -> str:
        name = f"judge_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(body)
        return name

    return write


def script(tmp_path: Path, body: str) -> str:
    (tmp_path / "judge.py").write_text(body)
    return f"{PYTHON} -IS judge.py {{path}}"


# --- functions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("returned", "losses"),
    [
        ("0.5", [0.5]),
        ("[1, 2.5]", [1, 2.5]),
        ("numpy.float32(0.25)", [0.25]),
        ("numpy.arange(3)", [0, 1, 2]),
        ("torch.tensor([1.5, 2.5], requires_grad=True)", [1.5, 2.5]),
        ("float('inf')", [float("inf")]),
    ],
)
def test_what_a_function_may_return(
    module: Callable[[str], str], returned: str, losses: list[float]
) -> None:
    name = module(f"import numpy, torch\ndef judge(path):\n    return {returned}\n")
    assert Evaluation.of(f"{name}:judge")(Path("w")).tolist() == losses


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("'good'", "found 'good'; allowed: a number, or a loss for every example"),
        ("None", "found None"),
        ("[]", r"shape \(0,\)"),
        ("[[1.0]]", r"shape \(1, 1\)"),
        ("float('nan')", "found NaN; allowed: numbers"),
        ("[0.5, float('nan'), 1]", "NaN for 1 of 3 examples"),
    ],
)
def test_what_it_may_not(module: Callable[[str], str], returned: str, reason: str) -> None:
    name = module(f"def judge(path):\n    return {returned}\n")
    with pytest.raises(UnmetError, match=reason):
        Evaluation.of(f"{name}:judge")(Path("w"))


def test_a_function_is_given_a_path_and_finds_its_neighbours(
    module: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    helper = module("SCALE = 10.0\n")
    name = module(
        f"print('imported')\ndef judge(path):\n    import {helper}\n    print('called')\n"
        f"    return {helper}.SCALE * len(path.read_text())\n"
    )
    (tmp_path / "w").write_text("abc")
    before = list(sys.path)
    evaluation = Evaluation.of(f"{name}:judge")
    assert evaluation(tmp_path / "w").tolist() == [30.0]
    assert sys.path == before
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "imported\ncalled\n"


def test_an_edited_module_is_another_evaluation_and_is_not_mistaken_for_it(
    module: Callable[[str], str], tmp_path: Path
) -> None:
    name = module("def judge(path):\n    return 1.0\n")
    first = Evaluation.of(f"{name}:judge")
    assert Evaluation.of(f"{name}:judge") == first
    (tmp_path / f"{name}.py").write_text("def judge(path):\n    return 2.0\n")
    second = Evaluation.of(f"{name}:judge")
    assert second.source != first.source
    # This process has the old module still: 1.0 must not pass for what the new file says.
    with pytest.raises(UnmetError, match=f"{name}:judge was edited after this process"):
        second(tmp_path)


@pytest.mark.parametrize(
    ("body", "function", "reason"),
    [
        ("LOSS = 1\n", "LOSS", r"a function; judge_\d+ has no 'LOSS'"),
        ("def judge(path): ...\n", "juge", "has no 'juge'"),
        ("def judge(path)\n", "judge", "SyntaxError on import: .*allowed: a module that can be"),
        ("raise SystemExit('usage')\n", "judge", "SystemExit on import: usage"),
        ("import no_such_library\n", "judge", "No module named 'no_such_library'"),
    ],
)
def test_functions_that_are_not_there(
    module: Callable[[str], str], body: str, function: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        Evaluation.of(f"{module(body)}:{function}")
    assert caught.value.where == "evaluate"


def test_neither_a_function_nor_a_command() -> None:
    with pytest.raises(InputError, match="a module; 'no_such_module' is not there"):
        Evaluation.of("no_such_module:judge")
    for text in ("python judge.py", "judge", "judge:", "http://host:80/x", "", len):
        with pytest.raises(InputError, match=r"or a command with \{path\} in it"):
            Evaluation.of(text)  # type: ignore[arg-type]


# --- commands ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "losses"),
    [
        ("0.5", [0.5]),
        ("loading\\n\\n 1e-05 \\n\\n", [1e-5]),
        ("[1, 2.5]", [1, 2.5]),
        ("inf", [float("inf")]),
    ],
)
def test_what_a_command_may_print(tmp_path: Path, printed: str, losses: list[float]) -> None:
    evaluation = Evaluation.of(script(tmp_path, f"print('{printed}')"))
    assert evaluation(tmp_path / "w").tolist() == losses


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("print('loss: 0.5')", "found 'loss: 0.5' as the last line of the command"),
        ("pass", "found '' as the last line"),
        ("print('{\"loss\": 1}')", "found {'loss': 1}; allowed: a number, or a loss"),
        ("print('nan')", "found NaN"),
        ("print('[1, NaN]')", "NaN for 1 of 2 examples"),
        ("import sys; sys.exit('no\\nGPU')", "exit code 1: no GPU"),
        ("import sys; sys.exit(7)", "exit code 7: nothing on stderr"),
        ("import sys; sys.exit('x' * 999 + 'end')", "exit code 1: …x{237}end$"),
    ],
)
def test_what_it_may_not_print(tmp_path: Path, body: str, reason: str) -> None:
    with pytest.raises(UnmetError, match=reason):
        Evaluation.of(script(tmp_path, body))(tmp_path / "w")


def test_a_command_runs_without_a_shell_where_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "import os, sys; print([len(sys.argv), len(sys.argv[1]), os.path.exists('judge.py')])"
    evaluation = Evaluation.of(f"{script(tmp_path, body)} '$HOME; true' >log")
    monkeypatch.chdir("/")
    weights = Path("/a folder/with $(spaces)")
    # JSON's true is Python's True in the list that was printed.
    with pytest.raises(UnmetError, match=rf"'\[4, {len(str(weights))}, True\]' as the last line"):
        evaluation(weights)


def test_files_among_the_arguments_belong_to_a_command(tmp_path: Path) -> None:
    command = script(tmp_path, "print(1)")
    first = Evaluation.of(command)
    assert Evaluation.of(command) == first
    (tmp_path / "other.py").write_text("print(3)")
    assert Evaluation.of(command) == first
    (tmp_path / "judge.py").write_text("print(2)")
    assert Evaluation.of(command).source != first.source


def test_commands_that_are_not_there() -> None:
    with pytest.raises(InputError, match="found 'no-such-program'; allowed: a program"):
        Evaluation.of("no-such-program {path}")
    with pytest.raises(InputError, match="closed quotes, not: No closing quotation"):
        Evaluation.of("python 'judge.py {path}")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_command_ends_with_its_worker(tmp_path: Path) -> None:
    body = (
        "import os, time\n"
        "with open('pid.part', 'w') as file: file.write(str(os.getpid()))\n"
        "os.rename('pid.part', 'pid'); time.sleep(180)\n"
    )
    evaluation = Evaluation.of(script(tmp_path, body))
    worker = multiprocessing.get_context("spawn").Process(target=evaluation, args=(tmp_path,))
    worker.start()
    try:
        _eventually((tmp_path / "pid").exists)
        command = Path("/proc", (tmp_path / "pid").read_text(), "stat")
        assert _lives(command)
    finally:
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    _eventually(lambda: not _lives(command))


def _lives(process: Path) -> bool:
    try:
        return ") Z " not in process.read_text()
    except OSError:
        return False


def _eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
