"""Project files: TOML whose every key is known, and errors that name section and key."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from surefoot.ground.errors import InputError, one_of

# Whether a value is of the kind, and how to say what it must be.
Kind = tuple[Callable[[Any], bool], str]


def read_project(path: Path, init: str) -> dict[str, Any]:
    """Return what a project file holds; `init` is the command that writes one."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        allowed = f"a project file; `{init}` writes one"
        raise InputError(str(path), error.strerror, allowed) from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, or nested without end
        raise InputError(str(path), str(error), "TOML") from error


def checked(
    place: str,
    table: Mapping[str, Any],
    kinds: Mapping[str, Kind],
    needed: Sequence[str] = (),
) -> dict[str, Any]:
    """Return `table` if it has known keys only, the `needed` among them, of the right kinds.

    Raises
    ------
    InputError
        Naming `place` and key, and the nearest key to one that is unknown.
    """
    for key, value in table.items():
        is_of_kind, words = kinds[one_of(f"{place} key", key, kinds)]
        if not is_of_kind(value):
            raise InputError(f"{place} {key}", value, words)
    for key in needed:
        if key not in table:
            raise InputError(f"{place} {key}", "nothing", kinds[key][1])
    return dict(table)


@contextmanager
def within(place: str) -> Iterator[None]:
    """Put `place` in front of where an input error says that it is."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{place} {error.where}", error.found, error.allowed) from error
