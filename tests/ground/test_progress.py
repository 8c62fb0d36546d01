from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest

from surefoot.ground import progress as module
from surefoot.ground.progress import progress, silenced


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_it_is_one_plain_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress("training", total=5, done=1) as step:
        step(2)
        step(2, failed=1)
    shown = capsys.readouterr()
    assert shown.err == "training: 5/5, 1 failed, 0 s\n"
    assert shown.out == "", "results on stdout stay clean"


def test_long_loops_give_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("training", total=40, done=8) as step:
        for _ in range(32):
            step()
    lines = capsys.readouterr().err.splitlines()
    assert 5 < len(lines) < 20
    assert lines[0].startswith("training: 11/40, about ")
    assert lines[0].endswith(" min left")
    assert lines[-1].startswith("training: 40/40, ")


def test_on_a_terminal_it_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with progress("training", total=5, done=1) as step:
        step(2)
        step(failed=1)
    shown = terminal.getvalue()
    assert re.search(r"training .*4/5.*1 failed", re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown))


def test_a_bar_leaves_piped_results_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(sys, "stdout", piped := io.StringIO())
    monkeypatch.setenv("TERM", "xterm")
    with progress("training", total=1) as step:
        sys.stdout.write("a result\n")
        step()
    assert piped.getvalue() == "a result\n"
    assert "a result" not in terminal.getvalue()


def test_nothing_is_shown_when_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("training", total=2, show=False) as step:
        step(2)
    assert capsys.readouterr().err == ""


def test_a_loop_inside_a_shown_loop_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("outer", total=1) as outer:
        with progress("inner", total=1) as inner:
            inner()
        outer()
    with silenced(), progress("worker", total=1) as step:
        step()
    with progress("next", total=1) as step:
        step()
    names = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert names == ["outer", "next"]


def test_the_screen_is_free_again_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError, match="broken"), progress("first", total=1):
        raise KeyError("broken")
    with progress("second", total=1) as step:
        step()
    assert capsys.readouterr().err == "second: 1/1, 0 s\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (7200, "2.0 h")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert module._duration(seconds) == text


def test_rich_is_imported_for_terminals_only() -> None:
    script = (
        "import sys; from surefoot.ground.progress import progress\n"
        "with progress('x', total=1) as step: step()\n"
        "sys.exit('rich' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
