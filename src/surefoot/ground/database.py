"""SQLite, opened with discipline.

Write-ahead log asked for and verified, explicit transactions only, migrations recorded together
with what they change, and failures of the disk as one clear `StorageError`.
"""

from __future__ import annotations

import sqlite3
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from surefoot.ground.errors import ForeignLedgerError, InputError, StorageError
from surefoot.ground.files import storage

BUSY_S = 30.0

_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened there",
    sqlite3.SQLITE_PERM: "no permission to write there",
    sqlite3.SQLITE_IOERR: "the disk failed or is full",
    sqlite3.SQLITE_BUSY: f"another program has kept it locked for {BUSY_S:.0f} s",
}


class Database:
    """One SQLite file; use it in the thread that opened it.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made if they are missing.
    application_id : int
        The mark in the file's header that tells its kind.
    migrations : mapping of str to sequence of str
        The statements of each schema change by its name, oldest first. Those that the file has not
        seen are applied on opening.

    Raises
    ------
    ForeignLedgerError
        If the file carries another mark.
    InputError
        If it is not SQLite, is damaged, or has seen a migration that is not known here.
    StorageError
        If it can't be written.

    Warns
    -----
    UserWarning
        If the file system does not grant the write-ahead log, as network file systems do not.
    """

    def __init__(
        self, path: Path, *, application_id: int, migrations: Mapping[str, Sequence[str]]
    ) -> None:
        self.path = path
        with storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._clear_errors():
            # isolation_level=None: the module's implicit transactions hide what is saved and when.
            self._connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        try:
            self._identify(application_id)
            self._configure()
            self._migrate(application_id, migrations)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run one statement and return its rows."""
        with self._clear_errors():
            return self._connection.execute(query, values).fetchall()

    def each(self, query: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one writing statement for each row of `values`; inside a transaction."""
        with self._clear_errors():
            self._connection.executemany(query, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the file for writing; all is saved at the end, or nothing if the body fails."""
        with self._clear_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                # On a full disk SQLite has rolled back by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _identify(self, application_id: int) -> None:
        # Before anything is written, so that another program's file is left as it was; and in one
        # transaction, since the file may be in the making elsewhere.
        self.rows("BEGIN")
        mark = self.rows("PRAGMA application_id")[0][0]
        used = self.rows("SELECT 1 FROM sqlite_master LIMIT 1")
        self.rows("COMMIT")
        if used and mark != application_id:
            raise ForeignLedgerError(
                str(self.path), "an SQLite file of another program", "a ledger, or a new file"
            )

    def _configure(self) -> None:
        mode = self._write_ahead()
        if mode != "wal":
            warnings.warn(
                f"{self.path}: the file system does not grant SQLite's write-ahead log (journal "
                f"mode is {mode!r}); network file systems do not. Keep the ledger on a local disk "
                f"if several programs are to use it at once.",
                UserWarning,
                stacklevel=4,
            )
        self.rows("PRAGMA synchronous = NORMAL")
        self.rows("PRAGMA foreign_keys = ON")

    def _write_ahead(self) -> str:
        # SQLite does not wait its busy time when two programs switch a new file at once.
        deadline = time.monotonic() + BUSY_S
        with self._clear_errors():
            while True:
                try:
                    return str(self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
                except sqlite3.OperationalError as error:
                    if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                time.sleep(0.01)

    def _migrate(self, application_id: int, migrations: Mapping[str, Sequence[str]]) -> None:
        seen = self._seen()
        if newer := seen - set(migrations):
            raise InputError(
                str(self.path),
                f"schema {max(newer)!r}",
                "a file of this version of Surefoot or an earlier one; upgrade Surefoot",
            )
        for name, statements in migrations.items():
            if name in seen:
                continue
            with self.transaction():
                if name in self._seen():  # another program was faster
                    continue
                self.rows(f"PRAGMA application_id = {application_id}")
                self.rows("CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY)")
                for statement in statements:
                    self.rows(statement)
                self.rows("INSERT INTO migration VALUES (?)", [name])

    def _seen(self) -> set[str]:
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'migration'"):
            return set()
        return {row["name"] for row in self.rows("SELECT name FROM migration")}

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = _code(error)
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                found = "a file that is not SQLite" if code == sqlite3.SQLITE_NOTADB else "damage"
                raise InputError(str(self.path), found, "a sound SQLite file") from error
            if code not in _REASONS:
                raise
            msg = f"cannot write {self.path}: {_REASONS[code]}"
            raise StorageError(msg) from error


def _code(error: sqlite3.Error) -> int:
    # The lowest byte is the kind of failure; the rest only refines it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
