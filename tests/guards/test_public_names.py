"""Guard 2: the public names of a room are few, real and documented."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from surefoot.rooms import open_rooms

DOCS = Path(__file__).parents[2] / "docs"
MOST_NAMES = 12


@pytest.mark.parametrize("room", open_rooms())
def test_names_are_few_sorted_and_importable(room: str) -> None:
    package = importlib.import_module(f"surefoot.{room}")
    assert len(package.__all__) <= MOST_NAMES
    assert package.__all__ == sorted(package.__all__)
    for name in package.__all__:
        assert getattr(package, name).__name__ == name


@pytest.mark.parametrize("room", open_rooms())
def test_every_name_is_in_the_guide(room: str) -> None:
    package = importlib.import_module(f"surefoot.{room}")
    guide = (DOCS / f"{room}.md").read_text(encoding="utf-8")
    missing = [name for name in package.__all__ if f"`{name}`" not in guide]
    assert missing == []


@pytest.mark.parametrize("room", open_rooms())
def test_every_name_has_a_docstring_with_its_parameters(room: str) -> None:
    package = importlib.import_module(f"surefoot.{room}")
    for name in package.__all__:
        documented = inspect.getdoc(getattr(package, name)) or ""
        assert len(documented) > 80, name
