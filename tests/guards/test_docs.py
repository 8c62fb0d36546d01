"""Guard 5: every command is in docs/, the README tells the truth about the rooms."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import typer

from surefoot.cli import app
from surefoot.rooms import ROOMS

ROOT = Path(__file__).parents[2]


def _commands(group: typer.Typer, prefix: str) -> list[str]:
    names = []
    for command in group.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.replace("_", "-")
        names.append(f"{prefix} {name}")
        assert command.callback.__doc__, f"{name} has no help"
    for child in group.registered_groups:
        assert child.typer_instance is not None
        names += _commands(child.typer_instance, f"{prefix} {child.name}")
    return names


@pytest.mark.parametrize("command", _commands(app, "surefoot"))
def test_every_command_is_documented(command: str) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert any(command in page.read_text(encoding="utf-8") for page in pages)


def test_the_readme_lists_the_rooms_as_they_are() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, room in ROOMS.items():
        row = re.search(rf"^\| \[?`{name}`.*$", readme, re.M)
        assert row, f"{name} is not in the README's table"
        assert room.question in row[0]
        assert ("not yet" in row[0]) == (room.study is None)


def test_tables_of_the_guides_come_from_stored_results() -> None:
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh.py")
    assert spec is not None
    assert spec.loader is not None
    refresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(refresh)
    guides = [p for p in (ROOT / "docs").glob("*.md") if "<!-- table:" in p.read_text("utf-8")]
    assert guides
    for guide in guides:
        text = guide.read_text(encoding="utf-8")
        assert refresh.rewritten(text) == text, "run `make docs`"


def test_nothing_speaks_of_machine_paths() -> None:
    slash = "/"
    banned = [f"{slash}work{slash}", f"{slash}root{slash}", f"{slash}farm{slash}"]
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "Makefile"]:
        text = page.read_text(encoding="utf-8")
        assert not [b for b in banned if b in text], page.name
