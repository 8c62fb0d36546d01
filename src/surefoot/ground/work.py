"""Runs independent pieces of work, once each, through any executor.

A cell is a function with its parameters and its seed. What has finished is in the ledger, so the
same call made again does only what is missing; that is also how an interrupted run goes on.
"""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cached_property
from types import FrameType
from typing import Any

from surefoot.ground.driver import Driver
from surefoot.ground.errors import InputError, InterruptedRunError
from surefoot.ground.executors import open_executor
from surefoot.ground.ledger import Identity, Ledger, Record
from surefoot.ground.progress import progress as bar
from surefoot.ground.progress import say
from surefoot.ground.worker import Output, resolve

__all__ = ["Cell", "Output", "run"]

_TICK_S = 0.2  # how long Ctrl-C may go unnoticed
_LINES = 8


@dataclass(frozen=True)
class Cell:
    """One independent piece of work.

    Parameters
    ----------
    name : str
        What people call it; unique in a run.
    function : str
        ``"package.module:function"``, imported where it runs and called as
        ``function(seed=seed, **params)``. It returns a JSON mapping, or an `Output` if it has
        arrays as well, and raises `InputError` if the parameters are at fault.
    params : mapping of str to JSON values
        Its arguments.
    seed : int
        Seed of its random streams.
    version : int
        Raised when the function's results change.
    data : str
        Fingerprint of the data it reads.
    timeout_s : float, optional
        Wall-clock limit in seconds, see `surefoot.ground.worker.execute`.
    """

    name: str
    function: str
    params: Mapping[str, Any]
    seed: int = 0
    version: int = 1
    data: str = ""
    timeout_s: float | None = None

    @cached_property
    def identity(self) -> Identity:
        """The fields that determine the result."""
        return Identity(**{f.name: getattr(self, f.name) for f in fields(Identity)})

    @cached_property
    def key(self) -> str:
        """The key of the identity."""
        return self.identity.key()


def run(
    cells: Iterable[Cell],
    ledger: Ledger,
    *,
    executor: str | Executor = "local",
    retries: int = 1,
    resume_command: str | None = None,
    progress: bool = True,
) -> list[Record]:
    """Run what the ledger does not have yet, and return the records of all cells.

    A cell that is ``ok`` is not run again. One that ``failed`` or ``timed_out`` in an earlier run
    is tried once more. One that is ``invalid`` is not: with these parameters it would end the same
    way. A cell that another live process is working on is waited for, and taken over if that
    process dies. A script must call this under ``if __name__ == "__main__":``, since the local
    workers import the script.

    Parameters
    ----------
    cells : iterable of Cell
        The work, with different names and keys.
    ledger : Ledger
        Where finished work is kept; only this process writes to it.
    executor : str or Executor
        See `surefoot.ground.executors.open_executor`.
    retries : int
        How often a cell whose worker died is tried again in this run.
    resume_command : str, optional
        What to type to go on after an interruption.
    progress : bool
        Whether to show progress and announcements on stderr.

    Returns
    -------
    list of Record
        In the order of `cells`, whatever the executor; the status of each tells what it came to.

    Raises
    ------
    InputError
        If two cells have the same name or key, or a function is not there; nothing has run then.
    InterruptedRunError
        After Ctrl-C. What had finished is kept. A second Ctrl-C ends the process at once.
    StorageError
        If the ledger can't be written.
    UnmetError
        If the executor gives up, as when a Dask scheduler is gone.
    """
    cells = list(cells)
    _check(cells, retries)
    driver = Driver(cells, ledger, retries)
    if progress:
        _announce(ledger, cells, driver.records.values())
    if driver.unfinished:
        done = len(driver.records)
        with (
            bar("cells", len(cells), done=done, show=progress) as step,
            _interruptible() as interrupt,
            driver,
            open_executor(executor) as (pool, window),
        ):
            while driver.unfinished and not interrupt.asked:
                for record in [*driver.submit(pool, window), *driver.collect(_TICK_S)]:
                    step(failed=int(record.status != "ok"))
                driver.look_after_claims()
            if interrupt.asked:
                driver.collect(0)
            if driver.unfinished:
                kept = f"{len(driver.records)} of {len(cells)} cells are finished and kept"
                msg = f"stopped: {kept}; to go on: {resume_command or 'run the same command again'}"
                raise InterruptedRunError(msg)
    return [replace(driver.records[cell.key], name=cell.name) for cell in cells]


class _Interrupt:
    asked = False


@contextmanager
def _interruptible() -> Iterator[_Interrupt]:
    """Turn the first Ctrl-C into a request, so that nothing is cut in half; the second kills."""
    interrupt = _Interrupt()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is signal.SIG_IGN:
        yield interrupt
        return

    def ask(signum: int, frame: FrameType | None) -> None:
        interrupt.asked = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    signal.signal(signal.SIGINT, ask)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)


def _check(cells: list[Cell], retries: int) -> None:
    if retries < 1:
        raise InputError("retries", retries, "1 or more: who killed a worker shows on a retry")
    names: set[str] = set()
    keys: dict[str, str] = {}
    for cell in cells:
        where = f"cell {cell.name}"
        if "seed" in cell.params:
            raise InputError(where, "a parameter 'seed'", "the seed as a field of Cell")
        if cell.timeout_s is not None and not cell.timeout_s > 0:
            raise InputError(where, f"timeout_s={cell.timeout_s}", "seconds above 0")
        if cell.name in names:
            raise InputError("cells", f"two named {cell.name!r}", "a name of its own for each")
        if (twin := keys.setdefault(cell.key, cell.name)) != cell.name:
            found = f"the same work as {twin!r} and {cell.name!r}"
            raise InputError("cells", found, "each piece of work once")
        names.add(cell.name)
    for function in {cell.function for cell in cells}:
        resolve(function)


def _announce(ledger: Ledger, cells: list[Cell], records: Iterable[Record]) -> None:
    changed = ledger.changed({cell.name: cell.identity for cell in cells})
    reasons = Counter(", ".join(fields) for fields in changed.values())
    lines = [f"{_count(n)} will be run again: {reason}" for reason, n in reasons.most_common()]
    lines += [
        f"{record.name} is invalid and is not tried again: {record.reason}"
        for record in records
        if record.status == "invalid"
    ]
    for line in lines[:_LINES]:
        say(line)
    if len(lines) > _LINES:
        say(f"… and {len(lines) - _LINES} more such lines")


def _count(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"
