"""One error family.

::

    SurefootError
    ├── InputError(ValueError)          the request can't be understood or is not allowed   exit 2
    │   ├── DataUnavailableError        named data is not on this machine                   exit 2
    │   └── ForeignLedgerError          the ledger belongs to other work                    exit 2
    ├── UnmetError(RuntimeError)        understood, but can't be met (infeasible, budget)   exit 3
    ├── StorageError(OSError)           the output folder can't be written                  exit 4
    ├── MissingExtraError(ImportError)  an optional library is not installed                exit 2
    └── InterruptedRunError             stopped by the user; finished work is kept        exit 130

Every class also derives from the standard type that users already catch.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any


class SurefootError(Exception):
    """Base of every error that Surefoot raises on purpose."""

    exit_code = 1


class InputError(SurefootError, ValueError):
    """A request that can't be understood or is not allowed.

    Parameters
    ----------
    where : str
        The argument, file, row or column at fault, as the user named it.
    found : object
        What was found there. Long values are shortened.
    allowed : str
        What is allowed, or what to do.

    Examples
    --------
    >>> raise InputError("p_gen", 1.5, "a number in (0, 1]")
    Traceback (most recent call last):
    surefoot.ground.errors.InputError: p_gen: found 1.5; allowed: a number in (0, 1]
    """

    exit_code = 2

    def __init__(self, where: str, found: object, allowed: str) -> None:
        self.where, self.found, self.allowed = where, found, allowed
        super().__init__(f"{where}: found {_shortened(found)}; allowed: {allowed}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.where, self.found, self.allowed)


class DataUnavailableError(InputError):
    """Named data is neither on this machine nor can be fetched."""


class ForeignLedgerError(InputError):
    """The ledger in the output folder belongs to other work."""


class UnmetError(SurefootError, RuntimeError):
    """A well-formed request that can't be met: infeasible, undetermined, budget too small."""

    exit_code = 3


class StorageError(SurefootError, OSError):
    """The output can't be written: disk full, read-only folder, no permission."""

    exit_code = 4


class MissingExtraError(SurefootError, ImportError):
    """An optional library is not installed; the message names the extra that brings it."""

    exit_code = 2


class InterruptedRunError(SurefootError):
    """A run stopped by the user. What had finished is in the ledger."""

    exit_code = 130


def one_of(where: str, found: object, allowed: Iterable[str]) -> Any:
    """Return `found` if it is one of `allowed`; otherwise say so and suggest the nearest name."""
    names = list(allowed)
    if found in names:
        return found
    near = difflib.get_close_matches(str(found), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputError(where, found, ", ".join(map(repr, names)) + hint)


def need(module: str, extra: str) -> ModuleType:
    """Import an optional `module`, or name the `extra` of Surefoot that installs it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        msg = f"{module} is not installed; it comes with: pip install 'surefoot[{extra}]'"
        raise MissingExtraError(msg) from error


def _shortened(value: object, limit: int = 120) -> str:
    text = value if isinstance(value, str) and " " in value else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
