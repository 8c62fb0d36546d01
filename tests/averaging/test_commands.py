from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
import typer
from safetensors.torch import load_file
from tests.averaging.checkpoint_files import assert_same, mean, save, state
from typer.testing import CliRunner, Result

from surefoot.averaging.commands import app
from surefoot.averaging.merge_options import named_profile, numbers
from surefoot.averaging.recursions import EMA, PowerEMA
from surefoot.ground.errors import InputError

front = typer.Typer()
front.add_typer(app, name="averaging")


def run(*arguments: str | Path, command: str = "merge") -> Result:
    return CliRunner().invoke(front, ["averaging", command, *map(str, arguments)])


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    for step in (9, 10, 11):
        save(tmp_path / "run" / f"step_{step}.safetensors", state(step))
    return tmp_path / "run"


def test_a_folder(checkpoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    done = run(checkpoints, "--last", "2", "-o", out)
    assert done.exit_code == 0, done.output
    assert "51 parameters averaged; 2 integer tensors copied" in done.stdout
    assert_same(load_file(out), mean([state(10), state(11)], [0.5, 0.5]))


def test_files_with_weights_and_json(checkpoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    paths = [checkpoints / f"step_{step}.safetensors" for step in (11, 9)]
    done = run(*paths, "--weights", "0.25,0.75", "--out", out, "--json")
    answer = json.loads(done.stdout)
    assert answer["weights"] == [0.25, 0.75]
    assert answer["checkpoints"] == ["step_11.safetensors", "step_9.safetensors"]
    assert_same(load_file(out), mean([state(11), state(9)], [0.25, 0.75]))


def test_an_exponential_average(checkpoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    done = run(checkpoints, "--profile", "ema", "--decay", "0.5", "-o", out, "--json")
    assert json.loads(done.stdout)["weights"] == pytest.approx([1 / 7, 2 / 7, 4 / 7])


def test_an_error_passes_through(checkpoints: Path, tmp_path: Path) -> None:
    done = run(checkpoints, "--weights", "1,1", "-o", tmp_path / "out.safetensors")
    assert isinstance(done.exception, InputError)


def test_search_passes_every_option_on(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A score that is the higher, the more checkpoints were averaged: their names are in the file.
    judge = tmp_path / "judge.py"
    judge.write_text("import sys; print(open(sys.argv[1], 'rb').read().count(b'step_'))")
    evaluate = f"{shlex.quote(sys.executable)} -IS {shlex.quote(str(judge))} {{path}}"
    monkeypatch.setattr(sys, "argv", ["/bin/surefoot", "averaging", "search", "a folder"])
    done = run(
        checkpoints, "--evaluate", evaluate, "--higher-is-better", "--profile", "cosine",
        "--per-octave", "1", "--rule", "best", "--executor", "serial", "--out", tmp_path / "out",
        "--json", command="search",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert [row["value"] for row in answer["curve"]] == [1, 2, 3]
    assert (answer["chosen"], answer["rule"], answer["profile"]) == (3, "best", "cosine")
    assert answer["higher_is_better"] is True
    written = json.loads((tmp_path / "out" / "search.json").read_text())
    assert written["command"] == "surefoot averaging search 'a folder'"

    done = run(
        checkpoints, "--evaluate", evaluate, "--executor", "serial", "--out", tmp_path / "out",
        command="search",
    )  # fmt: skip
    assert "the last iterate itself: no window of up to 3 checkpoints is better" in done.stdout
    assert f"page: {tmp_path / 'out' / 'index.html'}" in done.stdout


def test_named_profiles() -> None:
    assert named_profile("cosine") == "cosine"
    assert named_profile("ema", decay=0.9) == EMA(0.9)
    assert named_profile("power") == PowerEMA()
    assert named_profile("power", sigma_rel=0.2) == PowerEMA(0.2)
    with pytest.raises(InputError, match="did you mean 'uniform'"):
        named_profile("unifrom")
    with pytest.raises(InputError, match="decay: found None"):
        named_profile("ema")
    with pytest.raises(InputError, match="decay: found 0.9; allowed: none, unless"):
        named_profile("power", decay=0.9)
    with pytest.raises(InputError, match="sigma_rel: found 0.1; allowed: none, unless"):
        named_profile("uniform", sigma_rel=0.1)


def test_numbers() -> None:
    assert numbers("weights", "0.2, 0.3,.5") == [0.2, 0.3, 0.5]
    for text in ("", "0.2;0.8", "0.5,,0.5"):
        with pytest.raises(InputError, match="numbers with commas"):
            numbers("weights", text)
