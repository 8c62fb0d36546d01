"""The ways to call a simulator: a Python function, or a program on the command line."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.files import file_fingerprint
from surefoot.ground.worker import resolve
from surefoot.surrogates.simulation import process_group

_PARAMS, _OUT = "params.json", "out.json"
_TAIL = 300


class CommandError(Exception):
    """A program that could not be started, or ended with an exit code other than 0."""


class Call(Protocol):
    """How to call a simulator."""

    @property
    def id(self) -> str:
        """What people call it."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its source, as far as that is known."""

    @property
    def anywhere(self) -> bool:
        """Whether another process can call it."""

    def __call__(self, inputs: Mapping[str, Any], seed: int | None) -> Any:
        """Return what the simulator gives at `inputs`; `seed` is None if it is deterministic."""


@dataclass(frozen=True)
class FunctionCall:
    """A Python function called with the inputs as keyword arguments.

    A stochastic one that takes an argument ``seed`` is given it.

    Parameters
    ----------
    function : str or callable
        ``"package.module:function"``, or what is not importable by such a name: a lambda, a
        function inside another, or one of the script itself.
    id, fingerprint : str
    """

    function: str | Callable[..., Any]
    id: str
    fingerprint: str

    @classmethod
    def of(cls, function: str | Callable[..., Any]) -> FunctionCall:
        """Return the call of `function`, by its name where it has one."""
        found = resolve(function) if isinstance(function, str) else function
        if not callable(found):
            raise InputError("simulator", function, "a function or 'package.module:function'")
        name = function if isinstance(function, str) else _name(found)
        return cls(name if _importable(found, name) else found, name, _source(found))

    @property
    def anywhere(self) -> bool:
        """Whether it goes by a name that another process can import."""
        return isinstance(self.function, str)

    def __call__(self, inputs: Mapping[str, Any], seed: int | None) -> Any:
        """Call the function."""
        function = resolve(self.function) if isinstance(self.function, str) else self.function
        if seed is not None and _takes_seed(function):
            return function(**inputs, seed=seed)
        return function(**inputs)


@dataclass(frozen=True)
class CommandCall:
    """A program run in a fresh folder of its own, without a shell.

    Parameters
    ----------
    argv : tuple of str
        Its words, with placeholders: ``{params.json}``, a file with the inputs; ``{out.json}``, the
        file it writes (without one, its standard output is read); ``{name}``, a single input;
        ``{seed}``; and ``{python}``, this Python wherever it runs.
    timeout : float, optional
        Limit in seconds.
    id, fingerprint : str
    """

    argv: tuple[str, ...]
    timeout: float | None
    id: str
    fingerprint: str
    anywhere = True

    @classmethod
    def of(
        cls, argv: Sequence[str], names: Sequence[str], *, stochastic: bool, timeout: float | None
    ) -> CommandCall:
        """Check the placeholders in `argv` and fingerprint the files among its words."""
        if isinstance(argv, str) or not argv:
            raise InputError("command", argv, "a list of words, as no shell is involved")
        words = [str(word) for word in argv]
        given = {name for word in words for name in re.findall(r"\{([\w.]+)\}", word)}
        known = [_PARAMS, _OUT, "python", *(["seed"] if stochastic else []), *names]
        for name in sorted(given):
            one_of("command, placeholder", name, known)
        if _PARAMS not in given and (unused := [name for name in names if name not in given]):
            raise InputError("command", words, f"{{{_PARAMS}}}, or {{{unused[0]}}} and every input")
        files = [Path(word) if Path(word).is_file() else None for word in words]
        if words[0] in (sys.executable, "{python}"):
            words[0], files[0] = "{python}", None
        shown = [file.name if file else word for word, file in zip(words, files, strict=True)]
        content = [file_fingerprint(file) for file in files if file]
        # A run has a folder of its own, where relative paths would lead nowhere.
        argv = [str(f.resolve()) if f else w for w, f in zip(words, files, strict=True)]
        return cls(tuple(argv), timeout, " ".join(shown), _sha256([shown, content]))

    def __call__(self, inputs: Mapping[str, Any], seed: int | None) -> Any:
        """Run the program and return what it wrote, parsed as JSON."""
        with tempfile.TemporaryDirectory(prefix="surefoot-run-") as name:
            folder = Path(name)
            argv = self.prepare(folder, inputs, seed)
            streams = {"stdout": folder / "stdout.txt", "stderr": folder / "stderr.txt"}
            try:
                code = process_group.run(argv, folder=folder, timeout=self.timeout, **streams)
            except TimeoutError:
                raise
            except OSError as error:
                msg = f"{argv[0]} can't be run: {error.strerror}"
                raise CommandError(msg) from error
            return self.result(folder, code)

    def prepare(self, folder: Path, inputs: Mapping[str, Any], seed: int | None) -> list[str]:
        """Write the inputs into `folder` and return the words to run there."""
        values = dict(inputs) | ({} if seed is None else {"seed": seed})
        (folder / _PARAMS).write_text(json.dumps(values), encoding="utf-8")
        values |= {_PARAMS: _PARAMS, _OUT: _OUT, "python": sys.executable}
        known = "|".join(re.escape(name) for name in values)
        return [
            re.sub(rf"\{{({known})\}}", lambda found: str(values[found[1]]), word)
            for word in self.argv
        ]

    def result(self, folder: Path, code: int) -> Any:
        """Return what a run in `folder` wrote.

        Raises
        ------
        CommandError
            If `code` is not 0; the message ends with the last lines of its standard error.
        InputError
            If it wrote nothing, or something that is not JSON.
        """
        if code != 0:
            how = f"exit {code}" if code > 0 else f"ended by signal {-code}"
            errors = _tail(folder / "stderr.txt")
            raise CommandError(f"{how}: {errors}" if errors else how)
        file = _OUT if any(f"{{{_OUT}}}" in word for word in self.argv) else "stdout.txt"
        if not (folder / file).is_file():
            raise InputError(file, "no such file after the run", "the outputs as JSON")
        text = (folder / file).read_text(encoding="utf-8", errors="replace")
        try:
            return json.loads(text)
        except ValueError as error:
            raise InputError(file, text, "the outputs as JSON") from error


def _name(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", type(function).__name__)
    return f"{getattr(function, '__module__', '')}:{name}"


def _importable(function: Callable[..., Any], name: str) -> bool:
    try:
        return resolve(name) is function
    except Exception:  # whatever a module may raise when it is imported
        return False


def _source(function: Callable[..., Any]) -> str:
    try:
        return _sha256(inspect.getsource(inspect.unwrap(function)))
    except (OSError, TypeError):  # typed at a prompt, or compiled
        return ""


def _takes_seed(function: Callable[..., Any]) -> bool:
    try:
        return "seed" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # compiled, without a signature
        return False


def _tail(file: Path) -> str:
    try:
        with open(file, "rb") as stream:
            stream.seek(max(file.stat().st_size - _TAIL, 0))
            return " ".join(stream.read().decode("utf-8", "replace").split())
    except OSError:
        return ""


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
