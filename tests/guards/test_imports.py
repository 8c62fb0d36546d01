"""Guard 1: the import budget, and who may import whom."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import surefoot
from surefoot.rooms import ROOMS

SOURCE = Path(surefoot.__file__).parent
HEAVY = {
    "torch", "sklearn", "scipy", "numpy", "pandas", "pyarrow", "matplotlib", "jinja2",
    "distributed", "lightning", "transformers", "pooch", "safetensors", "joblib", "numba",
}  # fmt: skip
BUDGET_S = 0.3


def _fresh(code: str) -> dict:
    """Run `code` in a new interpreter; return the modules it loaded and its CPU time."""
    report = (
        f"{code}\nimport json, sys, time\n"
        "print('@', json.dumps([sorted(sys.modules), time.process_time()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True, timeout=60
    )
    modules, cpu = json.loads(done.stdout.rpartition("@")[2])
    return {"heavy": HEAVY & {m.partition(".")[0] for m in modules}, "cpu": cpu}


def _command(arguments: list[str]) -> str:
    return (
        f"import sys; sys.argv = ['surefoot', *{arguments!r}]\n"
        "from surefoot.cli import main\n"
        "try: main()\nexcept SystemExit: pass"
    )


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["list"], ["run", "--help"], ["data", "--help"], ["groups", "--help"],
     ["groups", "fit", "--help"], ["groups", "audit", "--help"], ["groups", "bench", "--help"],
     ["averaging", "--help"], ["averaging", "merge", "--help"], ["averaging", "search", "--help"],
     ["confidence", "--help"], ["confidence", "fit", "--help"],
     ["confidence", "coverage", "--help"], ["surrogates", "--help"],
     ["surrogates", "init", "--help"], ["surrogates", "run", "--help"],
     ["surrogates", "compare", "--help"], ["surrogates", "card", "--help"],
     ["surrogates", "verify", "--help"], ["surrogates", "predict", "--help"]],
    ids=" ".join,
)  # fmt: skip
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert _fresh(_command(arguments))["heavy"] == set()


def test_import_loads_nothing_heavy() -> None:
    assert _fresh("import surefoot")["heavy"] == set()
    for room in ("groups", "averaging", "confidence"):
        assert _fresh(f"import surefoot; surefoot.{room}.__all__")["heavy"] == set()


def test_help_stays_within_its_budget() -> None:
    # The least of five: other work on the machine only ever adds.
    assert min(_fresh(_command(["--help"]))["cpu"] for _ in range(5)) < BUDGET_S


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_rooms_reach_the_ground_and_never_each_other() -> None:
    for room in ROOMS:
        others = {f"surefoot.{other}" for other in ROOMS if other != room}
        for path in (SOURCE / room).rglob("*.py"):
            reached = {n for n in _imports(path) for o in others if n == o or n.startswith(f"{o}.")}
            assert not reached, f"{path.name} reaches into another room: {reached}"


def test_the_ground_knows_no_room() -> None:
    for path in (SOURCE / "ground").rglob("*.py"):
        above = {
            name
            for name in _imports(path)
            if name.startswith("surefoot.") and not name.startswith("surefoot.ground")
        }
        assert not above, f"{path.name} imports {above}"


def test_no_module_is_longer_than_500_lines() -> None:
    long = {
        str(path.relative_to(SOURCE)): count
        for path in SOURCE.rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert long == {}


def test_no_pickle_is_read() -> None:
    banned = {"pickle", "dill", "cloudpickle", "joblib.load", "torch.load", "shelve"}
    for path in SOURCE.rglob("*.py"):
        assert not _imports(path) & banned, path.name
        text = path.read_text(encoding="utf-8")
        assert "torch.load(" not in text, path.name
        assert "allow_pickle=True" not in text, path.name
