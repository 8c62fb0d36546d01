"""Which parameters are meant: by name or index, and linear combinations of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.samples import finite

Floats = NDArray[np.float64]
Which = str | int | Sequence[str | int] | None
Contrast = str | Sequence[str] | Mapping[str, float] | ArrayLike

_FEW_NAMES = 12


def as_names(names: Sequence[str], d: int) -> tuple[str, ...]:
    """Return `names` if they are `d` different strings."""
    found = tuple(names)
    if len(found) != d:
        raise InputError("names", f"{len(found)} names", f"{d}, one a parameter")
    if unnamed := [name for name in found if not isinstance(name, str)]:
        raise InputError("names", unnamed[0], "strings")
    if len(set(found)) < d:
        twice = next(name for name in found if found.count(name) > 1)
        raise InputError("names", f"{twice!r} more than once", "different names")
    return tuple(map(str, found))


def positions(which: Which, names: Sequence[str]) -> NDArray[np.intp]:
    """Return where the parameters `which` are; all of them for None.

    Raises
    ------
    InputError
        If one is unknown or asked for twice, or none is.
    """
    if which is None:
        return np.arange(len(names))
    several = isinstance(which, Iterable) and not isinstance(which, str)
    asked: list[Any] = list(which) if several else [which]  # type: ignore[arg-type]
    found = [_position(one, names) for one in asked]
    if not found:
        raise InputError("which", "nothing", "names or indexes of parameters")
    if len(set(found)) < len(found):
        raise InputError("which", which, "each parameter once")
    return np.array(found)


def _position(one: Any, names: Sequence[str], where: str = "which") -> int:
    if isinstance(one, str):
        near = names if len(names) <= _FEW_NAMES else difflib.get_close_matches(one, names, n=5)
        return names.index(one) if one in names else one_of(where, one, near or names[:5])
    if isinstance(one, bool | np.bool_) or not isinstance(one, Integral):
        raise InputError(where, one, "names or indexes of parameters")
    position = int(one)
    if not 0 <= position < len(names):
        raise InputError(where, one, f"indexes from 0 to {len(names) - 1}")
    return position


def contrasts(where: str, wanted: Contrast, names: Sequence[str]) -> Floats:
    """Return linear combinations of parameters as rows, shape (r, d).

    Parameters
    ----------
    where : str
        What the caller calls them.
    wanted : str, sequence of str, mapping of str to float, or array-like of shape (d,) or (r, d)
        Names are a row each; a mapping is one row, with weights by name.
    names : sequence of str
        Of all parameters.
    """
    if isinstance(wanted, str):
        wanted = [wanted]
    if isinstance(wanted, Mapping):
        rows = np.zeros((1, len(names)))
        for name, weight in wanted.items():
            if not isinstance(weight, Real):
                raise InputError(f"{where}[{name!r}]", weight, "a number")
            rows[0, _position(name, names, where)] = weight
    elif isinstance(wanted, Sequence) and wanted and all(isinstance(w, str) for w in wanted):
        rows = np.eye(len(names))[[_position(name, names, where) for name in wanted]]
    else:
        rows = np.atleast_2d(finite(where, wanted))
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise InputError(where, f"shape {rows.shape}", f"rows of {len(names)} weights")
    finite(where, rows)
    if not rows.any(axis=1).all():
        raise InputError(where, "a row of zeros", "rows with a weight other than 0")
    return rows


def described(row: Floats, names: Sequence[str]) -> str:
    """Return a linear combination in words, such as ``x1 − 2·x2``."""
    used = np.flatnonzero(row).tolist()
    if len(used) > 4:
        return f"a combination of {len(used)} parameters"
    text = ""
    for j in used:
        sign = "−" if row[j] < 0 else "+" if text else ""
        factor = "" if abs(row[j]) == 1 else f"{abs(row[j]):g}·"
        text += f" {sign} {factor}{names[j]}" if text else f"{sign}{factor}{names[j]}"
    return text
