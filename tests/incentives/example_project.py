"""The example project, in a folder of a test's own."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "incentives"


def example(folder: Path, changes: Mapping[str, str] = {}) -> Path:
    """Write the example project and its table to `folder`; `changes` replace text in the file."""
    for name in ("incentives.toml", "table.py"):
        shutil.copy(EXAMPLE / name, folder)
    runpy.run_path(str(folder / "table.py"))
    path = folder / "incentives.toml"
    text = path.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)
    return path
