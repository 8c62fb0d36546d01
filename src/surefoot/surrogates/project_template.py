"""A project file to begin with: what is known is filled in, the rest is asked for."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from surefoot.ground.errors import InputError
from surefoot.ground.files import write_text
from surefoot.surrogates.card.fields import FIELDS, SECTIONS, Field, Kind

_COMMAND = ("{python}", "simulator.py", "{params.json}", "{out.json}")
_OUTPUT = "y"
_INPUT = "x"
_RANGE: Mapping[str, Any] = {"kind": "real", "low": 0.0, "high": 1.0}
_RUNS_PER_INPUT, _FEWEST_RUNS = 10, 20
_NOT_INPUTS = ("python", "seed", "params.json", "out.json")
_EMPTY: Mapping[Kind, str] = {
    "text": '""', "number": "0.0", "count": "100000", "truth": "true", "list": '[""]',
    "mapping": "{}", "table": '[{ name = "" }]',
}  # fmt: skip


def write_template(
    path: Path,
    *,
    table: Path | None = None,
    command: str | None = None,
    outputs: Sequence[str] = (),
) -> None:
    """Write a project file with comments, which can be read as it is.

    Parameters
    ----------
    path : Path
        Where there is no file yet.
    table : Path, optional
        Finished runs, CSV or Parquet: inputs get the ranges that they have there.
    command : str, optional
        How a program is called, as typed in a shell: its placeholders become inputs.
    outputs : sequence of str
        Needed with `table`.

    Raises
    ------
    InputError
        If there is a file, `table` and `command` are both given, or the table can't be read or
        lacks an output.
    """
    if path.exists():
        raise InputError(str(path), "a file", "a place where there is none, by --project")
    if table is not None and command is not None:
        raise InputError("init", "--from-table and --command", "one of them")
    words = list(_COMMAND) if command is None else _words(command, path.parent)
    space = _asked_for(words) if table is None else _found_in(table, outputs)
    text = _render(
        table=None if table is None else Path(os.path.relpath(table, path.parent)).as_posix(),
        command=words,
        outputs=outputs or [_OUTPUT],
        space=space,
        n=max(_RUNS_PER_INPUT * len(space), _FEWEST_RUNS),
        card=_asked_of_authors(with_design=table is None),
        empty=_EMPTY,
    )
    write_text(path, text)


def _render(**known: Any) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters["quoted"] = _quoted
    environment.filters["key"] = _key
    source = resources.files(__package__).joinpath("project_template.toml.j2")
    return environment.from_string(source.read_text(encoding="utf-8")).render(known)


def _words(command: str, folder: Path) -> list[str]:
    """Return the words of `command`, files among them as paths that start from `folder`."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError("--command", command, f"words as in a shell: {error}") from error
    return [os.path.relpath(word, folder) if Path(word).is_file() else word for word in words]


def _asked_for(words: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return the inputs that a command names, each with a range to be put right."""
    named = dict.fromkeys(name for word in words for name in re.findall(r"\{([\w.]+)\}", word))
    return dict.fromkeys([n for n in named if n not in _NOT_INPUTS] or [_INPUT], _RANGE)


def _found_in(table: Path, outputs: Sequence[str]) -> dict[str, dict[str, Any]]:
    from surefoot.surrogates.simulation.tables import read_table, split_table

    if not outputs:
        columns = ", ".join(map(str, read_table(table).columns))
        raise InputError("--outputs", "none", f"one or more of the columns {columns}")
    return split_table(table, None, outputs)[2].to_dict()


def _asked_of_authors(*, with_design: bool) -> dict[str, list[Field]]:
    """Return the fields of the card that only a person can fill, by section.

    The reason for a design is asked for where the design is.
    """
    asked = [
        field
        for field in FIELDS.values()
        if field.by == "author" and not (with_design and field.path == "data.design_reason")
    ]
    by_section = {name: [f for f in asked if f.section == name] for name in SECTIONS}
    return {name: fields for name, fields in by_section.items() if fields}


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)
