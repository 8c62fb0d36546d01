"""Names of nodes and features."""

from __future__ import annotations

from collections.abc import Sequence

from surefoot.ground.errors import InputError


def named(where: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return names as text, if there are any and no two are the same."""
    if isinstance(names, str):
        raise InputError(where, names, "a sequence of names")
    found = tuple(str(name) for name in names)
    doubled = sorted({name for name in found if found.count(name) > 1})
    if doubled or not found:
        raise InputError(where, doubled or "nothing", "at least one name, each once")
    return found
