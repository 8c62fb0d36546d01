from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from surefoot import __version__
from surefoot.cli import app, main
from surefoot.ground.errors import InputError
from surefoot.rooms import ROOMS

runner = CliRunner()


def _main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["surefoot", *arguments])
    with pytest.raises(SystemExit, match=r"\d*") as caught:
        main()
    return int(caught.value.code or 0)


def test_version() -> None:
    assert runner.invoke(app, ["--version"]).stdout.strip() == __version__


def test_list_names_every_room(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = json.loads(runner.invoke(app, ["list", "--json"]).stdout)
    assert list(rooms) == list(ROOMS)
    assert rooms["groups"]["open"] is True
    assert ROOMS["groups"].question.split()[0] in runner.invoke(app, ["list"]).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "grups"], 2, "did you mean 'groups'"),
        (["run", "groups", "--scale", "huge"], 2, "scale"),
        (["run", "groups", "--seeds", "0"], 2, "seeds"),
        (["groups", "fit", "nowhere.csv", "-t", "y", "-g", "a"], 2, "existing CSV"),
        (["groups", "audit", "nowhere", "nowhere.csv"], 2, "model.json"),
        (["groups", "bench", "--methods", "ern"], 2, "did you mean 'erm'"),
        (["groups", "bench", "--tasks", "nothing"], 2, "task"),
        (["groups", "bench", "table.csv"], 2, "--target and --group"),
        (["data", "where", "adullt"], 2, "did you mean 'adult'"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(
    arguments: list[str], code: int, words: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert _main(monkeypatch, *arguments) == code
    error = capsys.readouterr().err.strip()
    assert words in error
    assert error.startswith("surefoot: ")
    assert "\n" not in error


def test_a_closed_room_says_what_is_open(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = next((name for name, room in ROOMS.items() if room.study is None), None)
    if closed is None:
        pytest.skip("every room is open")
    assert _main(monkeypatch, "run", closed) == 2
    assert "an open room: groups" in capsys.readouterr().err


def test_a_missing_library_names_its_extra(tmp_path: Path) -> None:
    """In a fresh interpreter in which torch can't be imported."""
    (tmp_path / "t.csv").write_text("y,a,x\n0,f,1\n1,m,2\n")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "sys.argv = ['surefoot', 'groups', 'fit', 't.csv', '-t', 'y', '-g', 'a']\n"
        "from surefoot.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "surefoot: torch is not installed; it comes with: pip install 'surefoot[groups]'"
    )


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUREFOOT_DEBUG", "1")
    monkeypatch.setattr("sys.argv", ["surefoot", "run", "grups"])
    with pytest.raises(InputError, match="grups"):
        main()


def test_unknown_options_are_usage_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _main(monkeypatch, "run", "--no-such-option") == 2
