"""What a user judges weights on disk by: a Python function or a command."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.averaging.horizon import _as_losses
from surefoot.ground.errors import InputError, UnmetError
from surefoot.ground.worker import resolve

_PATH = "{path}"
_FUNCTION = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")
_ALLOWED = f"'package.module:function', or a command with {_PATH} in it"
_TAIL = 240  # characters of what a failed command wrote to stderr

# A command ends with the worker that waits for it, as the worker ends with its driver: on Linux by
# PR_SET_PDEATHSIG, which is 1.
_LEASH = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGKILL); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)

# Function -> digest of its module when this process first imported it. A process keeps what it has
# imported, so after an edit its results are not those of the new file.
_sources: dict[str, str] = {}


@dataclass(frozen=True)
class Evaluation:
    """A function or a command, and what it was made of when the search began.

    Attributes
    ----------
    text : str
        As the user wrote it, see `of`.
    folder : str
        Where modules are looked for first and where commands run.
    source : str
        SHA-256 of the function's module, or of those arguments of the command that are files.
    """

    text: str
    folder: str
    source: str

    @classmethod
    def of(cls, text: str) -> Evaluation:
        """Return the evaluation that `text` describes, seen from the working directory.

        Parameters
        ----------
        text : str
            ``"package.module:function"``, which is called with the path of the weights and returns
            a number or a loss for every example. Or a command with ``{path}`` in it, whose last
            line on stdout is a number or a JSON list of numbers; no shell is involved.

        Raises
        ------
        InputError
            If it is neither, or the function or the program is not there.
        """
        folder = os.getcwd()
        if isinstance(text, str) and _PATH in text:
            return cls(text, folder, _digest_of_files(_arguments(text)))
        if isinstance(text, str) and _FUNCTION.fullmatch(text):
            try:
                with _importing_from(folder):
                    _imported_function(text)
            except InputError as error:
                raise InputError("evaluate", error.found, error.allowed) from error
            except (Exception, SystemExit) as error:
                found = f"{text}, {type(error).__name__} on import: {_end_of(str(error))}"
                raise InputError("evaluate", found, "a module that can be imported") from error
            return cls(text, folder, _digest_of_module(text))
        raise InputError("evaluate", text, _ALLOWED)

    def __call__(self, path: Path) -> NDArray[np.float64]:
        """Return the losses of the weights at `path`: (n,), or (1,) for a single number.

        Raises
        ------
        UnmetError
            If it gives something else, or NaN.
        """
        try:
            losses = _as_losses(self._run(path) if _PATH in self.text else self._call(path))
        except InputError as error:  # what is wrong may be mended outside the identity: try again
            raise UnmetError(str(error)) from error
        if np.isnan(losses).any():
            found = f"NaN for {np.isnan(losses).sum()} of {losses.size} examples"
            msg = f"evaluate: found {found if losses.size > 1 else 'NaN'}; allowed: numbers"
            raise UnmetError(msg)
        return losses

    def _call(self, path: Path) -> Any:
        with _importing_from(self.folder):
            function, source = _imported_function(self.text)
            if source != self.source:
                msg = f"{self.text} was edited after this process, or Dask's, had imported it"
                raise UnmetError(f"{msg}; start that process again")
            return function(path)

    def _run(self, path: Path) -> Any:
        leash = [sys.executable, "-ISc", _LEASH] if sys.platform == "linux" else []
        arguments = [part.replace(_PATH, str(path)) for part in shlex.split(self.text)]
        done = subprocess.run(
            [*leash, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            msg = f"the command ended with exit code {done.returncode}"
            raise UnmetError(f"{msg}: {_end_of(done.stderr) or 'nothing on stderr'}")
        last = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "")
        try:
            return _numbers(last)
        except ValueError as error:
            found = f"{last[-_TAIL:]!r} as the last line of the command"
            msg = f"evaluate: found {found}; allowed: a number, or a JSON list of numbers"
            raise UnmetError(msg) from error


def _arguments(command: str) -> list[str]:
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise InputError("evaluate", command, f"closed quotes, not: {error}") from error
    if shutil.which(arguments[0]) is None:
        raise InputError("evaluate", arguments[0], "a program that is there and may be run")
    return arguments


def _numbers(line: str) -> Any:
    """Return a number, also ``nan`` and ``inf``, or what the JSON says."""
    try:
        return float(line)
    except ValueError:
        return json.loads(line)


def _end_of(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _TAIL else f"…{words[-_TAIL:]}"


def _imported_function(name: str) -> tuple[Callable[[Path], Any], str]:
    """Return a function, and the digest of its module as it was when this process imported it."""
    function = resolve(name)
    return function, _sources.setdefault(name, _digest_of_module(name))


def _digest_of_module(function: str) -> str:
    file = getattr(sys.modules[function.partition(":")[0]], "__file__", None)
    return _digest(Path(file)) if file else ""


def _digest_of_files(arguments: list[str]) -> str:
    files = [Path(part) for part in arguments if _PATH not in part and Path(part).is_file()]
    return hashlib.sha256("".join(map(_digest, files)).encode()).hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def _importing_from(folder: str) -> Iterator[None]:
    """Look for modules in `folder` first; what they print is not for our stdout."""
    sys.path.insert(0, folder)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        with suppress(ValueError):  # the module may have changed the list, too
            sys.path.remove(folder)
