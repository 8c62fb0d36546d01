"""The driver's half of the work runner: which cell is where, and what becomes of it."""

from __future__ import annotations

import time
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING

from surefoot.ground.errors import StorageError, UnmetError
from surefoot.ground.ledger import Ledger, Outcome, Record
from surefoot.ground.worker import execute

if TYPE_CHECKING:
    from surefoot.ground.work import Cell

_LEASE_S = 60.0
_RENEW_EVERY_S = 20.0
_LOOK_EVERY_S = 0.5


class Driver:
    """The state of one run; a context manager that gives up its claims at the end.

    Parameters
    ----------
    cells : list of Cell
        The work. What the ledger has as ``ok`` or ``invalid`` is in `records` from the start.
    ledger : Ledger
        Only the driver writes to it.
    retries : int
        How often a cell whose worker died is tried again.

    Attributes
    ----------
    records : dict of str to Record
        What has finished so far, by key.
    """

    def __init__(self, cells: list[Cell], ledger: Ledger, retries: int) -> None:
        self._ledger, self._retries = ledger, retries
        self.records: dict[str, Record] = {}
        self._waiting: deque[Cell] = deque()
        self._flying: dict[Future[Outcome], Cell] = {}
        self._elsewhere: deque[Cell] = deque()  # claimed by another driver
        self._suspects: deque[Cell] = deque()  # were in flight when a worker died
        self._deaths: Counter[str] = Counter()
        self._attempts: dict[str, int] = {}  # made before this run
        self._claimed: set[str] = set()
        self._looked = self._renewed = time.monotonic()
        for cell in cells:
            record = ledger.get(cell.key)
            if record is not None and record.status in ("ok", "invalid"):
                self.records[cell.key] = record
            else:
                self._attempts[cell.key] = record.attempt if record else 0
                self._waiting.append(cell)

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *details: object) -> None:
        for future in self._flying:
            future.cancel()
        # On a full disk the claims stay, and end with this process.
        with suppress(StorageError):
            self._ledger.release(self._claimed)

    @property
    def unfinished(self) -> bool:
        """Whether any cell has no record yet."""
        return bool(self._waiting or self._flying or self._elsewhere or self._suspects)

    def submit(self, pool: Executor, window: int) -> list[Record]:
        """Hand out cells until `window` are in flight; return what others have finished instead."""
        if self._suspects:  # one at a time and by itself: so the guilty one shows
            if not self._flying:
                self._fly(pool, self._suspects.popleft())
            return []
        found = []
        while self._waiting and len(self._flying) < window:
            cell = self._waiting.popleft()
            record = self._ledger.get(cell.key)
            if record and (record.status == "ok" or record.attempt > self._attempts[cell.key]):
                self.records[cell.key] = record
                found.append(record)
            elif self._ledger.claim(cell.name, cell.identity, _LEASE_S):
                self._claimed.add(cell.key)
                self._fly(pool, cell)
            else:
                self._elsewhere.append(cell)
        return found

    def collect(self, timeout: float) -> list[Record]:
        """Wait up to `timeout` seconds for results; record them and return the records."""
        if not self._flying:
            time.sleep(timeout)
        found = []
        for future in wait(self._flying, timeout, FIRST_COMPLETED).done:
            cell = self._flying.pop(future)
            outcome = self._outcome(cell, future)
            if outcome is not None:
                record = self._ledger.finish(cell.name, cell.identity, outcome)
                self.records[cell.key] = record
                self._claimed.discard(cell.key)
                found.append(record)
        return found

    def look_after_claims(self) -> None:
        """Renew this driver's claims, and queue for those of others, both every so often."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY_S:
            self._looked = now
            self._waiting.extend(self._elsewhere)
            self._elsewhere.clear()
        if now - self._renewed >= _RENEW_EVERY_S:
            self._renewed = now
            self._ledger.renew(self._claimed, _LEASE_S)

    def _fly(self, pool: Executor, cell: Cell) -> None:
        try:
            future = pool.submit(execute, cell.function, cell.params, cell.seed, cell.timeout_s)
        except BrokenExecutor as error:
            msg = f"the executor is broken ({error}); what had finished is kept"
            raise UnmetError(msg) from error
        self._flying[future] = cell

    def _outcome(self, cell: Cell, future: Future[Outcome]) -> Outcome | None:
        """Return what the attempt came to, or None if the cell is to be tried again."""
        if future.cancelled():
            msg = f"the executor dropped {cell.name!r}; what had finished is kept"
            raise UnmetError(msg)
        error = future.exception()
        if error is None:
            return future.result()
        if not isinstance(error, BrokenExecutor):
            return Outcome("failed", reason=f"{type(error).__name__}: {error}")
        self._deaths[cell.key] += 1
        if self._deaths[cell.key] > self._retries:
            return Outcome("failed", reason="the worker died")
        self._suspects.append(cell)
        return None
