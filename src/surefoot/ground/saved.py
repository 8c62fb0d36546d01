"""Files of models and results: arrays and JSON in one .npz, and never a pickle."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from surefoot.ground.errors import InputError
from surefoot.ground.files import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arrays: TypeAlias = "dict[str, NDArray[Any]]"
PathName = str | Path

_VERSION = 1
_HEADER = "header"
# What numpy, zipfile, json and our own constructors raise at bytes that nobody wrote.
_DAMAGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError,
    RecursionError, TypeError, ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def write(
    path: PathName, kind: str, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : path
    kind : str
        What it holds, for `read` to ask for.
    settings : mapping
        For JSON; numbers of NumPy are taken too.
    arrays : mapping of str to ndarray
        Of numbers.

    Raises
    ------
    StorageError
    """
    import numpy as np

    header = json.dumps(
        {"kind": kind, "version": _VERSION, "settings": settings}, default=_plain_number
    )
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_HEADER: np.array(header)}, **arrays)


@contextmanager
def read(path: PathName, kind: str) -> Iterator[tuple[dict[str, Any], Arrays]]:
    """Yield the settings and arrays of a file; what fails in the body is taken for its damage.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, of another kind, or of a later version.
    """
    import numpy as np

    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = json.loads(str(arrays.pop(_HEADER)))
        found, version, settings = header["kind"], header["version"], header["settings"]
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), f"a saved {kind}") from error
    except _DAMAGE as error:
        raise InputError(str(path), "a damaged or foreign file", f"a saved {kind}") from error
    if found != kind:
        raise InputError(str(path), f"a saved {found}", f"a saved {kind}")
    if version != _VERSION:
        raise InputError(str(path), f"format {version}", f"format {_VERSION}: update Surefoot")
    try:
        yield settings, arrays
    except _DAMAGE as error:
        raise InputError(str(path), "a damaged file", f"a saved {kind}") from error


def group(arrays: Arrays, name: str) -> Arrays:
    """Return the arrays whose names begin with ``name.``, under the rest of their names."""
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def grouped(name: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """Return `arrays` under names for `group`."""
    return {f"{name}.{key}": array for key, array in arrays.items()}


def _plain_number(value: Any) -> Any:
    import numpy as np

    if isinstance(value, np.generic):
        return value.item()
    raise InputError("save", value, "numbers, truth values and text")
