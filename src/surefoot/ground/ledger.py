"""Append-only store of finished work: nothing is done twice, nothing is lost.

A piece of work is known by the key of its `Identity`. Every attempt at it is a row, failures too,
and no row is ever changed. Whoever works on a key holds a claim on it, so that two drivers on one
ledger share the work instead of doubling it.
"""

from __future__ import annotations

import json
import secrets
import socket
import sqlite3
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from surefoot.ground.database import Database
from surefoot.ground.errors import ForeignLedgerError
from surefoot.ground.files import replacing
from surefoot.ground.identity import CHANGES_RESULT, Identity
from surefoot.ground.owners import Owner

if TYPE_CHECKING:
    import numpy as np

__all__ = ["CHANGES_RESULT", "Identity", "Ledger", "Outcome", "Record", "Status"]

Status = Literal["ok", "failed", "timed_out", "invalid"]

_APPLICATION_ID = 0x5F007001
_MIGRATIONS: Mapping[str, tuple[str, ...]] = {
    "1-work": (
        "CREATE TABLE about (purpose TEXT NOT NULL)",
        "CREATE TABLE work (key TEXT PRIMARY KEY, name TEXT NOT NULL, identity TEXT NOT NULL)",
        """CREATE TABLE attempt (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL REFERENCES work (key),
            number INTEGER NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('ok', 'failed', 'timed_out', 'invalid')),
            result TEXT, arrays TEXT, reason TEXT, traceback TEXT,
            wall_s REAL NOT NULL, cpu_s REAL NOT NULL,
            host TEXT NOT NULL, finished_at TEXT NOT NULL,
            UNIQUE (key, number)
        )""",
        """CREATE TABLE claim (
            key TEXT PRIMARY KEY REFERENCES work (key),
            session TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL,
            expires REAL NOT NULL
        )""",
        # The attempt that counts: the first success, or else the latest.
        """CREATE VIEW record AS
            SELECT work.name, work.identity, attempt.* FROM attempt JOIN work USING (key)
            WHERE attempt.id = coalesce(
                (SELECT min(id) FROM attempt AS a WHERE a.key = work.key AND a.status = 'ok'),
                (SELECT max(id) FROM attempt AS a WHERE a.key = work.key))""",
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What one attempt came to.

    Parameters
    ----------
    status : {"ok", "failed", "timed_out", "invalid"}
        ``invalid``: the arguments are at fault, so another attempt would end the same way.
    result : JSON value, optional
        What the work gave.
    arrays : mapping of str to ndarray
        Results too large for JSON.
    reason, traceback : str, optional
        Why it did not succeed.
    wall_s, cpu_s : float
        Time it took, in seconds.
    host : str
        Where it ran; by default this machine.
    """

    status: Status
    result: Any = None
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    reason: str | None = None
    traceback: str | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    host: str = field(default_factory=socket.gethostname)


@dataclass(frozen=True)
class Record:
    """One attempt as the ledger keeps it.

    The fields are those of `Outcome`, except that `arrays` is the path of the file that holds them,
    relative to the ledger's folder; `attempt` counts from 1 and `finished_at` is UTC.
    """

    name: str
    identity: Identity
    status: Status
    result: Any
    arrays: str | None
    reason: str | None
    traceback: str | None
    wall_s: float
    cpu_s: float
    host: str
    attempt: int
    finished_at: str


class Ledger:
    """A ledger file, opened for one purpose; a context manager.

    Use it in the thread that opened it. Errors and warnings on opening are those of `Database`.

    Parameters
    ----------
    path : str or Path
        The SQLite file; arrays go into the folder ``arrays`` beside it.
    purpose : str
        What the ledger is for, such as ``"study groups"``. A new ledger remembers it, and opening
        it for anything else is a `ForeignLedgerError`.
    """

    def __init__(self, path: str | Path, *, purpose: str) -> None:
        self.path = Path(path)
        self._session = secrets.token_hex(8)
        self._owner = Owner.this_process()
        self._db = Database(self.path, application_id=_APPLICATION_ID, migrations=_MIGRATIONS)
        try:
            self._settle(purpose)
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Claims still held end with their process."""
        self._db.close()

    def get(self, key: str) -> Record | None:
        """Return the record that counts for `key`: its first success, else its latest attempt."""
        rows = self._db.rows("SELECT * FROM record WHERE key = ?", [key])
        return _record(rows[0]) if rows else None

    def records(self) -> list[Record]:
        """Return the record that counts for each piece of work, in the order they finished."""
        return [_record(row) for row in self._db.rows("SELECT * FROM record ORDER BY id")]

    def attempts(self, key: str) -> list[Record]:
        """Return every attempt at `key`, first to last."""
        query = "SELECT * FROM work JOIN attempt USING (key) WHERE key = ? ORDER BY number"
        return [_record(row) for row in self._db.rows(query, [key])]

    def arrays(self, record: Record) -> dict[str, np.ndarray]:
        """Load the arrays of `record`; without any, the dict is empty."""
        if record.arrays is None:
            return {}
        import numpy as np

        with np.load(self.path.parent / record.arrays, allow_pickle=False) as stored:
            return dict(stored)

    def changed(self, wanted: Mapping[str, Identity]) -> dict[str, list[str]]:
        """Name the finished work that the identities in `wanted` leave behind.

        Parameters
        ----------
        wanted : mapping of str to Identity
            What is to be done, by name.

        Returns
        -------
        dict of str to list of str
            For each name that finished under another identity and has not under this one: which
            fields changed since, such as ``["version 1 → 2", "params.lr 0.1 → 0.2"]``.
        """
        query = "SELECT name, key, identity FROM record WHERE status = 'ok' ORDER BY id"
        rows = self._db.rows(query)
        finished = {row["key"] for row in rows}
        latest = {row["name"]: row["identity"] for row in rows}
        return {
            name: Identity.from_json(latest[name]).changes_to(identity)
            for name, identity in wanted.items()
            if name in latest and identity.key() not in finished
        }

    def claim(self, name: str, identity: Identity, lease_s: float) -> bool:
        """Take the work for this session; False if it is finished or somebody else holds it.

        A claim from this machine holds while its process lives. One from another machine holds
        until its lease of `lease_s` seconds, renewed or not, runs out.
        """
        key, owner = identity.key(), self._owner
        with self._db.transaction():
            if self._db.rows("SELECT 1 FROM attempt WHERE key = ? AND status = 'ok'", [key]):
                return False
            if any(map(self._bars, self._db.rows("SELECT * FROM claim WHERE key = ?", [key]))):
                return False
            self._introduce(key, name, identity)
            self._db.rows(
                "INSERT OR REPLACE INTO claim (key, session, host, pid, started, expires) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [key, self._session, owner.host, owner.pid, owner.started, time.time() + lease_s],
            )
            return True

    def renew(self, keys: Iterable[str], lease_s: float) -> None:
        """Extend this session's claims on `keys` to `lease_s` seconds from now."""
        expires = time.time() + lease_s
        with self._db.transaction():
            self._db.each(
                "UPDATE claim SET expires = ? WHERE key = ? AND session = ?",
                [(expires, key, self._session) for key in keys],
            )

    def release(self, keys: Iterable[str]) -> None:
        """Give up this session's claims on `keys`."""
        with self._db.transaction():
            self._db.each(
                "DELETE FROM claim WHERE key = ? AND session = ?",
                [(key, self._session) for key in keys],
            )

    def finish(self, name: str, identity: Identity, outcome: Outcome) -> Record:
        """Append `outcome` as an attempt, end this session's claim, and return the record.

        Arrays are on the disk before the record that names them.
        """
        key = identity.key()
        result = json.dumps(outcome.result, allow_nan=False)
        arrays = self._store(key, outcome.arrays) if outcome.arrays else None
        with self._db.transaction():
            self._introduce(key, name, identity)
            self._db.rows(
                "INSERT INTO attempt (key, number, status, result, arrays, reason, traceback, "
                "wall_s, cpu_s, host, finished_at) "
                "SELECT ?, count(*) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM attempt WHERE key = ?",
                [
                    key,
                    outcome.status,
                    result,
                    arrays,
                    outcome.reason,
                    outcome.traceback,
                    outcome.wall_s,
                    outcome.cpu_s,
                    outcome.host,
                    datetime.now(UTC).isoformat(timespec="seconds"),
                    key,
                ],
            )
            self._db.rows("DELETE FROM claim WHERE key = ? AND session = ?", [key, self._session])
            return self.attempts(key)[-1]

    def verify(self) -> list[str]:
        """Check the file, re-hash every identity, look for every array; return the problems."""
        sound = self._db.rows("PRAGMA integrity_check")
        works = self._db.rows("SELECT name, key, identity FROM work ORDER BY name")
        kept = self._db.rows(
            "SELECT name, arrays FROM work JOIN attempt USING (key) WHERE arrays IS NOT NULL"
        )
        return [
            *(f"{self.path.name}: {row[0]}" for row in sound if row[0] != "ok"),
            *(
                f"{row['name']}: the identity does not give its key {row['key']}"
                for row in works
                if not _agrees(row["identity"], row["key"])
            ),
            *(
                f"{row['name']}: {row['arrays']} is missing"
                for row in kept
                if not (self.path.parent / row["arrays"]).is_file()
            ),
        ]

    def _settle(self, purpose: str) -> None:
        if not self._db.rows("SELECT 1 FROM about"):
            with self._db.transaction():
                self._db.rows(
                    "INSERT INTO about (purpose) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM about)",
                    [purpose],
                )
        its = self._db.rows("SELECT purpose FROM about")[0]["purpose"]
        if its != purpose:
            where, found = str(self.path), f"a ledger for {its!r}"
            raise ForeignLedgerError(where, found, f"one for {purpose!r}, or a new file")

    def _bars(self, claim: sqlite3.Row) -> bool:
        if claim["session"] == self._session:
            return False
        alive = Owner(claim["host"], claim["pid"], claim["started"]).alive()
        return claim["expires"] > time.time() if alive is None else alive

    def _introduce(self, key: str, name: str, identity: Identity) -> None:
        # A name may be changed without redoing the work; the latest one counts.
        self._db.rows(
            "INSERT INTO work (key, name, identity) VALUES (?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET name = excluded.name",
            [key, name, identity.to_json()],
        )

    def _store(self, key: str, arrays: Mapping[str, np.ndarray]) -> str:
        import numpy as np

        place = f"arrays/{key}.npz"
        # What numpy.savez does, without its reserved names and without pickling object arrays.
        with replacing(self.path.parent / place) as part, zipfile.ZipFile(part, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        return place


def _record(row: sqlite3.Row) -> Record:
    return Record(
        name=row["name"],
        identity=Identity.from_json(row["identity"]),
        status=row["status"],
        result=json.loads(row["result"]),
        arrays=row["arrays"],
        reason=row["reason"],
        traceback=row["traceback"],
        wall_s=row["wall_s"],
        cpu_s=row["cpu_s"],
        host=row["host"],
        attempt=row["number"],
        finished_at=row["finished_at"],
    )


def _agrees(identity: str, key: str) -> bool:
    try:
        return Identity.from_json(identity).key() == key
    except (TypeError, ValueError):
        return False
