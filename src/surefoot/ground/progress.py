"""The one progress bar of Surefoot.

On a terminal it is drawn by rich; elsewhere it becomes an occasional plain line. It writes to
stderr, so results on stdout stay clean.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_LINE_EVERY_S = 10.0

# One bar at a time: a loop inside a loop that is being shown, or inside a worker, stays silent.
_screen = threading.Lock()


class Step(Protocol):
    """What `progress` yields."""

    def __call__(self, advance: int = 1, *, failed: int = 0) -> None:
        """Advance by `advance` steps, of which `failed` failed."""


@contextmanager
def progress(label: str, total: int, *, done: int = 0, show: bool = True) -> Iterator[Step]:
    """Show how far a loop is: done of total, failures, time left.

    Parameters
    ----------
    label : str
        What is being done.
    total : int
        Number of steps.
    done : int
        Steps that were done before.
    show : bool
        If false, nothing is shown.

    Examples
    --------
    >>> with progress("training", total=3, show=False) as step:
    ...     for _ in range(3):
    ...         step()
    """
    with _sole() as free:
        if not (show and free):
            yield _silent
        elif sys.stderr.isatty():
            with _bar(label, total, done) as step:
                yield step
        else:
            lines = _Lines(label, total, done)
            yield lines
            lines.close()


@contextmanager
def silenced() -> Iterator[None]:
    """Show no progress in the body, such as in a worker whose driver shows its own."""
    with _sole():
        yield


def say(text: str) -> None:
    """Write a line for the person at the terminal."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def _sole() -> Iterator[bool]:
    free = _screen.acquire(blocking=False)
    try:
        yield free
    finally:
        if free:
            _screen.release()


def _silent(advance: int = 1, *, failed: int = 0) -> None: ...


@contextmanager
def _bar(label: str, total: int, done: int) -> Iterator[Step]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failures]}"),
        TimeRemainingColumn(),
    )
    failures = 0
    # rich draws the lines of a terminal's stdout above the bar; a pipe's are not for it to move.
    moved = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=moved) as shown:
        task = shown.add_task(label, total=total, completed=done, failures="")

        def step(advance: int = 1, *, failed: int = 0) -> None:
            nonlocal failures
            failures += failed
            shown.update(task, advance=advance, failures=_failures(failures))

        yield step


class _Lines:
    def __init__(self, label: str, total: int, done: int) -> None:
        self.label, self.total, self.done, self.before = label, total, done, done
        self.failed = 0
        self.began = self.written = time.monotonic()

    def __call__(self, advance: int = 1, *, failed: int = 0) -> None:
        self.done += advance
        self.failed += failed
        if time.monotonic() - self.written >= _LINE_EVERY_S and self.done < self.total:
            self.written = time.monotonic()
            left = (
                (self.written - self.began) / (self.done - self.before) * (self.total - self.done)
            )
            self._write(f"about {_duration(left)} left")

    def close(self) -> None:
        self._write(_duration(time.monotonic() - self.began))

    def _write(self, when: str) -> None:
        parts = [f"{self.done}/{self.total}", _failures(self.failed), when]
        say(f"{self.label}: {', '.join(filter(None, parts))}")


def _failures(count: int) -> str:
    return f"{count} failed" if count else ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
