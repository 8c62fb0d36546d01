"""Options that mean the same in every room, and how commands print."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the results.")]
Executor = Annotated[
    str, typer.Option("--executor", help="serial, local, local:N or dask://HOST:PORT.")
]
Seeds = Annotated[int | None, typer.Option("--seeds", help="Use seeds 0 … N-1.")]
Seed = Annotated[int, typer.Option("--seed", help="Key of everything random.")]


def typed_command() -> str:
    """Return the command as it was typed, to be shown where it can be run again."""
    return shlex.join(["surefoot", *sys.argv[1:]])


def print_json(value: Any) -> None:
    """Print `value` as JSON; NaN and infinities become null."""
    from surefoot.ground.files import finite

    typer.echo(json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False))
