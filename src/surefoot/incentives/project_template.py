"""A project file to begin with: what a table tells is filled in, the rest is asked for."""

from __future__ import annotations

import json
import os
import re
from importlib import resources
from pathlib import Path
from typing import Any

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.files import write_text

_EXAMPLE = ("smoking", "weight", "pressure")


def write_template(path: Path, *, table: Path | None = None, target: str | None = None) -> None:
    """Write a project file with comments.

    Parameters
    ----------
    path : Path
        Where there is no file yet.
    table : Path, optional
        People, CSV or Parquet: its columns of numbers become features and nodes.
    target : str, optional
        A column of `table`: the labels. The last column by default.

    Raises
    ------
    InputError
        If there is a file, the table can't be read, or it has no such column.
    """
    if path.exists():
        raise InputError(str(path), "a file", "a place where there is none")
    if table is None:
        known: dict[str, Any] = {
            "table": "people.csv", "target": target or "defaulted", "accept": 0, "others": [],
            "features": ["age", *_EXAMPLE], "nodes": list(_EXAMPLE), "edge": _EXAMPLE[1:],
        }  # fmt: skip
    else:
        known = _found_in(table, target)
        known["table"] = Path(os.path.relpath(table, path.parent)).as_posix()
    write_text(path, _render(name=path.name, **known))


def _found_in(table: Path, target: str | None) -> dict[str, Any]:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    from surefoot.incentives.people import columns_in, parts_of

    columns = columns_in(table)
    label = columns[-1] if target is None else one_of("--target", target, columns)
    first = next(parts_of(table, columns, 1000), None)
    if first is None:
        raise InputError(table.name, "no rows", "people, one a row")
    features = [
        name
        for name in columns
        # A column without a name is what pandas makes of the numbers of rows.
        if name != label and not name.startswith("Unnamed: ")
        and is_numeric_dtype(first[name]) and not is_bool_dtype(first[name])
    ]  # fmt: skip
    if len(features) < 2:
        raise InputError(f"{table.name}, columns", columns, "two columns of numbers, and a target")
    labels = first[label].dropna().unique().tolist()
    return {
        "target": label, "accept": labels[0] if labels else "", "others": labels[1:4],
        "features": features, "nodes": features, "edge": None,
    }  # fmt: skip


def _render(**known: Any) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters["quoted"] = _quoted
    environment.filters["key"] = _key
    source = resources.files(__package__).joinpath("project_template.toml.j2")
    return environment.from_string(source.read_text(encoding="utf-8")).render(known)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)
