"""Run the studies of several rooms and tell what came out."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import typer

from surefoot.ground.errors import InputError, UnmetError, one_of
from surefoot.ground.study import Results, Scale, Settings, Study, run_study
from surefoot.options import print_json
from surefoot.rooms import ROOMS, open_rooms

MARKS = {"holds": "✓", "fails": "✗", "undecided": "~", "unknown": "?"}


def run_rooms(
    rooms: Sequence[str],
    *,
    scale: str = "quick",
    seeds: int | None = None,
    executor: str = "local",
    out: Path = Path("out"),
    as_json: bool = False,
) -> dict[str, Results]:
    """Run the studies of `rooms` (none given: all open ones) into ``out/<room>``."""
    names = list(dict.fromkeys(rooms)) or open_rooms()
    for name in names:
        if ROOMS[one_of("room", name, ROOMS)].study is None:
            raise InputError("room", name, f"an open room: {', '.join(open_rooms())}")
    one_of("scale", scale, ("quick", "full"))
    all_results = {}
    for name in names:
        study = load_study(name)
        command = _command(name, scale, seeds, executor, out)
        settings = Settings(cast("Scale", scale), seeds, executor, out / name, command)
        if not as_json:
            typer.echo(f"{name}: {study.question}")
        results = run_study(study, settings)
        all_results[name] = results
        if not as_json:
            tell(results)
    if as_json:
        print_json({name: summary(results) for name, results in all_results.items()})
    failed = {name: len(r.failed) for name, r in all_results.items() if r.failed}
    if failed:
        counts = ", ".join(f"{count} in {name}" for name, count in failed.items())
        msg = f"cells did not end well: {counts}; the page lists them, the same command retries"
        raise UnmetError(msg)
    return all_results


def load_study(name: str) -> Study:
    """Import the study of a room."""
    module, _, attribute = str(ROOMS[name].study).partition(":")
    return cast("Study", getattr(importlib.import_module(module), attribute))


def tell(results: Results) -> None:
    """Print the verdicts and where the page is."""
    for finding in results.findings:
        mark = MARKS[finding.outcome]
        typer.echo(f"  {mark} {finding.check.name:<32} {finding.outcome:<10} {finding.measured}")
    typer.echo(f"  page: {results.settings.out / 'index.html'}\n")


def summary(results: Results) -> dict[str, Any]:
    """Return verdicts and paths in JSON's types."""
    return {
        "verdicts": [
            {"name": f.check.name, "outcome": f.outcome, "measured": f.measured}
            for f in results.findings
        ],
        "cells": len(results.records),
        "failed": len(results.failed),
        "page": str(results.settings.out / "index.html"),
    }


def _command(name: str, scale: str, seeds: int | None, executor: str, out: Path) -> str:
    parts = ["surefoot", "run", name, "--scale", scale, "--out", str(out)]
    if seeds is not None:
        parts += ["--seeds", str(seeds)]
    if executor != "local":
        parts += ["--executor", executor]
    return shlex.join(parts)
