from __future__ import annotations

import fcntl
import itertools
import json
import math
import os
import shlex
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.averaging.checkpoint_files import assert_same, mean, save, save_sharded
from torch import Tensor

from surefoot.averaging.folder_search import PURPOSE, FolderSearch, search_folder
from surefoot.averaging.profiles import profile_weights
from surefoot.ground.errors import ForeignLedgerError, InputError, StorageError, UnmetError
from surefoot.ground.ledger import Ledger

_numbers = itertools.count()
COUNT = 9
GRID = [1, 2, 3, 4, 6, 8, 9]

# Every evaluation leaves a line in the log.
JUDGE = """
from pathlib import Path
import numpy as np
from safetensors.numpy import load_file

def losses(path):
    file = path if path.is_file() else next(path.glob("*.safetensors"))
    scratch = path.parent.parent
    with open("log", "a") as log:
        log.write(f"{path.name}, {len(list(scratch.iterdir()))} in {scratch.name}\\n")
    return (load_file(file)["weight"] - 1.0) ** 2

def loss(path):
    return float(losses(path).mean())

def accuracy(path):
    return -loss(path)

def broken(path):
    if Path("mended").exists():
        return loss(path)
    raise ZeroDivisionError("two\\nlines")

def exploded(path):
    return float("inf") if loss(path) > 0.5 else loss(path)
"""


def weights(step: int) -> dict[str, Tensor]:
    """Noise around the optimum, but the oldest three are far from it."""
    noise = torch.randn(200, generator=torch.Generator().manual_seed(step))
    return {"weight": 1 + noise + 5 * (step <= 3), "count": torch.tensor(step)}


def average(window: int, profile: str = "uniform", newest: int = COUNT) -> dict[str, Tensor]:
    states = [weights(step) for step in range(newest - window + 1, newest + 1)]
    shares = profile_weights(profile, window)
    return mean(states, (shares / math.fsum(shares)).tolist())


def value(state: dict[str, Tensor]) -> float:
    return (state["weight"].double() - 1).square().mean().item()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of checkpoints, and a module of a new name, since a process imports a name once."""
    monkeypatch.chdir(tmp_path)
    for step in range(1, COUNT + 1):
        save(tmp_path / "run" / f"step_{step}.safetensors", weights(step))
    monkeypatch.setenv("JUDGE", f"folder_judge_{next(_numbers)}")
    Path(f"{os.environ['JUDGE']}.py").write_text(JUDGE)
    return tmp_path / "run"


def search(function: str = "losses", folder: str = "run", **options: object) -> FolderSearch:
    options = {"out": "out", "executor": "serial", "progress": False, **options}
    return search_folder(folder, f"{os.environ['JUDGE']}:{function}", **options)  # type: ignore[arg-type]


def evaluations() -> int:
    log = Path("log")
    return len(log.read_text().splitlines()) if log.exists() else 0


# --- what is found -----------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["uniform", "one-minus-sqrt"])
def test_every_window_has_the_value_of_its_average(profile: str) -> None:
    found = search(profile=profile)
    assert [row["window"] for row in found.rows] == sorted({*GRID, 5, 7})
    assert evaluations() == len(found.rows), "each window once, the newest checkpoint too"
    for row in found.rows:
        assert row["value"] == pytest.approx(value(average(row["window"], profile)))
    assert found.curve.horizons[0] == 0
    assert found.curve.raw == found.rows[0]["value"]
    assert found.curve.steps == COUNT


def test_the_choice_is_written_as_weights_json_and_page() -> None:
    found = search(command="surefoot averaging search run")
    assert found.window == 6
    assert found.sentence.startswith("a window of 6 of 9 checkpoints; 0.")
    assert found.merged == Path("out/chosen.safetensors")
    assert_same(load_file(found.merged), average(6))
    written = json.loads(Path("out/search.json").read_text())
    assert written == found.to_dict() | {
        "command": "surefoot averaging search run",
        "environment": written["environment"],
    }
    assert written["checkpoints"] == [f"step_{step}.safetensors" for step in range(1, COUNT + 1)]
    assert written["chosen"] == 6
    assert written["difference"]["high"] < 0
    page = found.page.read_text()
    for text in ("optimistic", "learning-rate decay", found.sentence[1:], "step_4.safetensors"):
        assert text in page
    assert {path.name for path in Path("out").iterdir()} == {
        "arrays", "chosen.safetensors", "index.html", "ledger.sqlite", "search.json",
    }  # fmt: skip


def test_the_newest_as_it_is() -> None:
    for step in range(1, COUNT):
        save(Path("run") / f"step_{step}.safetensors", {**weights(1), "count": torch.tensor(0)})
    found = search()
    assert found.window == 1
    assert found.curve.chosen == 0
    assert "the last iterate itself: no window of up to 9 checkpoints is better" in found.sentence
    assert found.merged is not None
    assert_same(load_file(found.merged), weights(COUNT))


def test_single_numbers_of_which_more_is_better() -> None:
    found = search("accuracy", higher_is_better=True, rule="best", keep=False)
    assert found.merged is None
    assert not Path("out/chosen.safetensors").exists()
    assert found.window == found.curve.best == 6
    assert math.isnan(found.rows[0]["standard_error"])
    written = json.loads(Path("out/search.json").read_text())
    assert written["curve"][0]["standard_error"] is None
    assert written["merged"] is None
    assert "there are no standard errors" in found.page.read_text()
    assert "higher is better" in found.page.read_text()


def test_an_infinite_loss_is_worse_than_all() -> None:
    found = search("exploded")
    assert found.curve.raw == math.inf
    assert found.curve.difference is None
    assert found.window == 6
    assert "no value" in found.page.read_text()


def test_it_reads_as_a_table() -> None:
    head, *rows, sentence = str(search()).splitlines()
    assert head.split()[:4] == ["window", "value", "standard", "error"]
    assert [row for row in rows if row.startswith("→")] == [rows[5]]
    assert rows[5].split()[1] == "6"
    assert sentence.startswith("a window of 6")


# --- what is done again ------------------------------------------------------------------------


def test_the_same_search_evaluates_nothing() -> None:
    first = search()
    before, written = evaluations(), Path("out/search.json").read_bytes()
    assert search() == first
    assert evaluations() == before
    assert Path("out/search.json").read_bytes() == written


def test_only_what_is_missing_is_evaluated() -> None:
    search(refine=False)
    assert evaluations() == len(GRID)
    search()
    assert evaluations() == len(GRID) + 2
    search(profile="cosine", refine=False)
    assert evaluations() == 2 * len(GRID) + 2


def test_a_rewritten_checkpoint_counts_for_the_windows_that_hold_it(folder: Path) -> None:
    search(refine=False)
    about = (folder / "step_7.safetensors").stat()
    os.utime(folder / "step_7.safetensors", ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    search(refine=False)
    assert evaluations() == len(GRID) + len([n for n in GRID if n >= 3])


def test_a_new_checkpoint_moves_every_window(folder: Path) -> None:
    search(refine=False)
    save(folder / "step_10.safetensors", weights(10))
    found = search(refine=False)
    assert found.checkpoints[-1] == "step_10.safetensors"
    assert found.curve.value == pytest.approx(value(average(found.window, newest=10)))


def test_an_edited_evaluation_runs_again() -> None:
    Path("judge.py").write_text("print(1)")
    command = f"{shlex.quote(sys.executable)} -IS judge.py {{path}}"
    options = {"out": "out", "executor": "serial", "refine": False, "progress": False}
    assert search_folder("run", command, **options).curve.raw == 1
    Path("judge.py").write_text("print(2)")
    assert search_folder("run", command, **options).curve.raw == 2


def test_a_failure_names_the_candidate_and_is_tried_again() -> None:
    reason = r"^window of 1, uniform: ZeroDivisionError: two lines \(7 of 7 candidates failed\)$"
    with pytest.raises(UnmetError, match=reason):
        search("broken")
    assert not Path("out/.candidates").exists()
    Path("mended").touch()
    assert search("broken").window == 6


def test_what_is_not_a_loss_is_tried_again_too() -> None:
    name = os.environ["JUDGE"]
    Path(f"{name}.py").write_text(
        "from pathlib import Path\n"
        "def losses(path): return 1.0 if Path('mended').exists() else 'good'"
    )
    with pytest.raises(UnmetError, match="window of 1, uniform: evaluate: found 'good'; allowed"):
        search()
    Path("mended").touch()
    assert search().window == 1


def test_weights_that_are_not_finite(folder: Path) -> None:
    save(folder / "step_8.safetensors", weights(8) | {"weight": torch.full((200,), math.nan)})
    with pytest.raises(UnmetError, match=r"window of 2, uniform: .*step_8.*\(6 of 7 candidates"):
        search()


# --- on the disk -------------------------------------------------------------------------------


def test_a_candidate_is_there_while_it_is_evaluated_and_gone_afterwards(tmp_path: Path) -> None:
    left = tmp_path / "out" / ".candidates" / "killed"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"what a killed search left")
    search()
    assert set(Path("log").read_text().splitlines()) == {"model.safetensors, 1 in .candidates"}
    assert not left.parent.exists()


def test_sharded_checkpoints_give_a_folder() -> None:
    for step in (1, 2, 3):
        save_sharded(Path("shards") / f"checkpoint-{step}", weights(step + 6), shards=1)
    found = search(folder="shards")
    assert found.merged == Path("out/chosen")
    assert found.window == 3
    shard = found.merged / "model-00001-of-00001.safetensors"
    assert_same(load_file(shard), average(3))
    (found.merged / "stale").touch()
    assert search(folder="shards") == found
    assert not (found.merged / "stale").exists()


def test_checkpoints_in_folders_with_one_file() -> None:
    for step in (8, 9):
        save(Path("trainer") / f"checkpoint-{step}" / "model.safetensors", weights(step))
    found = search(folder="trainer")
    assert [row["window"] for row in found.rows] == [1, 2]
    assert found.checkpoints == ("checkpoint-8", "checkpoint-9")
    assert_same(load_file(str(found.merged)), average(2))


def test_one_search_at_a_time() -> None:
    Path("out").mkdir()
    handle = os.open("out", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(InputError, match="out, which another search is using"):
        search()
    os.close(handle)
    assert search().window == 6


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"folder": "nowhere"}, "nowhere: found no such folder"),
        ({"profile": "unifrom"}, "did you mean 'uniform'"),
        ({"profile": "ema"}, "profile: found 'ema'"),
        ({"rule": "one_se"}, "did you mean 'one-se'"),
        ({"per_octave": 0}, "per_octave: found 0"),
        ({"executor": "remote"}, "executor: found 'remote'"),
        ({"out": "run"}, "run, inside the folder of checkpoints"),
        ({"out": "run/search"}, "run/search, inside the folder of checkpoints"),
        ({"out": "log.txt"}, "log.txt, a file"),
    ],
)
def test_options_that_are_refused(options: dict[str, object], reason: str) -> None:
    Path("log.txt").touch()
    with pytest.raises(InputError, match=reason):
        search(**options)  # type: ignore[arg-type]
    assert evaluations() == 0


def test_folders_that_are_refused() -> None:
    save(Path("one") / "step_1.safetensors", weights(1))
    with pytest.raises(InputError, match="one: found a single checkpoint; allowed: two or more"):
        search(folder="one")
    Path("pickles").mkdir()
    Path("pickles/step_1.pt").touch()
    with pytest.raises(InputError, match="a pickle, which can run code"):
        search(folder="pickles")
    save(Path("mixed") / "step_1.safetensors", weights(1))
    save(Path("mixed") / "step_2.safetensors", {"weight": torch.ones(3)})
    with pytest.raises(InputError, match="checkpoints: found 2 differences"):
        search(folder="mixed")


def test_the_folder_of_other_work() -> None:
    Ledger("out/ledger.sqlite", purpose="study averaging").close()
    with pytest.raises(ForeignLedgerError, match=f"'study averaging'.*{PURPOSE}"):
        search()


def test_a_place_that_cannot_be_written() -> None:
    Path("file").touch()
    with pytest.raises(StorageError, match="part of the path is a file"):
        search(out="file/out")
