from __future__ import annotations

import errno
import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.ground.database import Database
from surefoot.ground.errors import ForeignLedgerError, InputError, StorageError
from surefoot.ground.ledger import CHANGES_RESULT, Identity, Ledger, Outcome

BASE = Identity("numpy.linalg:solve", 1, {"lr": 0.1, "layers": [8, 8]}, "sha256:ab", 0)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
all_params = st.dictionaries(st.text(max_size=6), json_values, max_size=5)
identities = st.builds(
    Identity, st.text(max_size=8), st.integers(), all_params, st.text(max_size=8), st.integers()
)


def open_ledger(folder: Path, purpose: str = "tests") -> Ledger:
    return Ledger(folder / "ledger.db", purpose=purpose)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path) as opened:
        yield opened


def tamper(ledger: Ledger, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(ledger.path)
    with connection:
        connection.execute(statement, values)
    connection.close()


# ---------------------------------------------------------------- identity


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(identities)
def test_key_does_not_depend_on_the_order_of_parameters(identity: Identity) -> None:
    assert replace(identity, params=reordered(identity.params)).key() == identity.key()


@given(identities)
def test_identity_survives_its_json(identity: Identity) -> None:
    assert Identity.from_json(identity.to_json()).key() == identity.key()


@given(all_params, all_params)
def test_keys_are_equal_only_for_equal_parameters(one: dict, other: dict) -> None:
    def canonical(params: dict) -> str:
        return json.dumps(params, sort_keys=True)

    keys = {replace(BASE, params=params).key() for params in (one, other)}
    assert len(keys) == len({canonical(one), canonical(other)})


@pytest.mark.parametrize(
    "other",
    [
        {"function": "numpy.linalg:inv"},
        {"version": 2},
        {"params": {"lr": 0.1}},
        {"data": "sha256:cd"},
        {"seed": 1},
    ],
    ids=lambda other: next(iter(other)),
)
def test_key_changes_with_every_field(other: dict[str, Any]) -> None:
    assert replace(BASE, **other).key() != BASE.key()


def test_key_is_pinned() -> None:
    # Changing how keys are made would repeat everybody's finished work: raise the format instead.
    assert BASE.key() == "work1-62a90d9e8a54da751ae914f557c6d6870419fdc17513ed16a4a022702a692016"


def test_key_tells_apart_what_python_calls_equal() -> None:
    keys = {replace(BASE, params={"x": x}).key() for x in (1, 1.0, True, "1", [1])}
    assert len(keys) == 5


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"lr": math.nan}, r"params\.lr: found nan"),
        ({"a": {"b": [1, -math.inf]}}, r"params\.a\.b\[1\]: found -inf"),
        ({"shape": (1, 2)}, r"params\.shape: found \(1, 2\)"),
        ({"X": np.zeros(2)}, r"params\.X: found array"),
        ({"n": np.int64(3)}, r"params\.n: found np\.int64\(3\)"),
        ({"grid": {1: 2}}, r"params\.grid: found 1; allowed: text as keys"),
    ],
)
def test_parameters_that_are_not_json_are_refused(params: dict, where: str) -> None:
    with pytest.raises(InputError, match=where):
        replace(BASE, params=params).key()


@pytest.mark.parametrize("wrong", [{"version": "1"}, {"seed": 0.5}, {"seed": True}, {"data": None}])
def test_fields_of_another_type_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))}: found .*; allowed: "):
        replace(BASE, **wrong).key()


def test_changes_are_named() -> None:
    after = replace(BASE, version=2, params={"lr": 0.2, "layers": [8, 8], "bias": None})
    assert BASE.changes_to(after) == [
        "version 1 → 2",
        "params.lr 0.1 → 0.2",
        "params.bias (none) → null",
    ]
    assert BASE.changes_to(BASE) == []


def test_every_identity_field_is_classified() -> None:
    determining = {name for name, changes in CHANGES_RESULT.items() if changes}
    assert determining == {field.name for field in fields(Identity)}, (
        "a field of Identity is part of the key, so it must stand in CHANGES_RESULT as True"
    )


# ---------------------------------------------------------------- records


def test_record_keeps_what_happened(ledger: Ledger) -> None:
    outcome = Outcome("ok", {"loss": 0.1, "gone": None}, wall_s=2.5, cpu_s=1.5, host="node7")
    ledger.finish("a", BASE, outcome)
    record = ledger.get(BASE.key())
    assert record is not None
    assert (record.name, record.status, record.result) == ("a", "ok", {"loss": 0.1, "gone": None})
    assert (record.wall_s, record.cpu_s, record.host, record.attempt) == (2.5, 1.5, "node7", 1)
    assert record.identity.key() == BASE.key()
    assert record.finished_at.endswith("+00:00")


def test_unknown_key_has_no_record(ledger: Ledger) -> None:
    assert ledger.get(BASE.key()) is None
    assert ledger.records() == []


def test_attempts_are_appended_and_success_counts(ledger: Ledger) -> None:
    ledger.finish("a", BASE, Outcome("failed", reason="first"))
    ledger.finish("a", BASE, Outcome("timed_out", reason="second"))
    assert ledger.get(BASE.key()).reason == "second"  # type: ignore[union-attr]
    ledger.finish("a", BASE, Outcome("ok", {"n": 1}))
    ledger.finish("a", BASE, Outcome("failed", reason="late"))
    assert [(r.attempt, r.status) for r in ledger.attempts(BASE.key())] == [
        (1, "failed"),
        (2, "timed_out"),
        (3, "ok"),
        (4, "failed"),
    ]
    assert ledger.get(BASE.key()).attempt == 3  # type: ignore[union-attr]
    assert [record.attempt for record in ledger.records()] == [3]


def test_unknown_status_is_refused_by_the_file(ledger: Ledger) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        ledger.finish("a", BASE, Outcome("fine"))  # type: ignore[arg-type]
    assert ledger.get(BASE.key()) is None


def test_arrays_go_beside_the_ledger(ledger: Ledger) -> None:
    arrays = {"weights": np.arange(6.0).reshape(2, 3), "file": np.array(["a", "é"])}
    record = ledger.finish("a", BASE, Outcome("ok", {}, arrays))
    assert record.arrays == f"arrays/{BASE.key()}.npz"
    loaded = ledger.arrays(record)
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
    assert ledger.arrays(ledger.finish("b", replace(BASE, seed=1), Outcome("ok", {}))) == {}


def test_arrays_are_there_before_the_record(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(StorageError, match=r"cannot write .*\.npz: the disk is full"):
        ledger.finish("a", BASE, Outcome("ok", {}, {"x": np.zeros(3)}))
    assert ledger.get(BASE.key()) is None
    assert list((ledger.path.parent / "arrays").iterdir()) == []


def test_changed_names_finished_work_under_another_identity(ledger: Ledger) -> None:
    ledger.finish("done", BASE, Outcome("ok", {}))
    ledger.finish("never done", replace(BASE, seed=5), Outcome("failed"))
    wanted = {"done": replace(BASE, version=2), "never done": replace(BASE, seed=6), "new": BASE}
    assert ledger.changed(wanted) == {"done": ["version 1 → 2"]}
    ledger.finish("done", wanted["done"], Outcome("ok", {}))
    assert ledger.changed(wanted) == {}
    assert ledger.changed({"done": BASE}) == {}, "both versions are there: nothing is run again"
    third = {"done": replace(BASE, version=3)}
    assert ledger.changed(third) == {"done": ["version 2 → 3"]}, "compares with the latest"


def test_verify_finds_what_was_tampered_with(ledger: Ledger) -> None:
    record = ledger.finish("a", BASE, Outcome("ok", {}, {"x": np.zeros(3)}))
    ledger.finish("b", replace(BASE, seed=1), Outcome("ok", {}))
    ledger.finish("c", replace(BASE, seed=2), Outcome("ok", {}))
    assert ledger.verify() == []
    (ledger.path.parent / record.arrays).unlink()  # type: ignore[operator]
    tamper(ledger, "UPDATE work SET identity = replace(identity, '0.1', '0.3') WHERE name = 'b'")
    tamper(ledger, "UPDATE work SET identity = '{}' WHERE name = 'c'")
    assert [problem.split(":")[0] for problem in ledger.verify()] == ["b", "c", "a"]
    assert ledger.verify()[2] == f"a: {record.arrays} is missing"


# ---------------------------------------------------------------- claims


def test_one_session_holds_a_claim(ledger: Ledger, tmp_path: Path) -> None:
    with open_ledger(tmp_path) as other:
        assert ledger.claim("a", BASE, 60)
        assert ledger.claim("a", BASE, 60), "one's own claim is no bar"
        assert not other.claim("a", BASE, 60)
        ledger.release([BASE.key()])
        assert other.claim("a", BASE, 60)


def test_finished_work_can_not_be_claimed(ledger: Ledger) -> None:
    assert ledger.claim("a", BASE, 60)
    ledger.finish("a", BASE, Outcome("failed"))
    assert ledger.claim("a", BASE, 60), "a failure may be tried again"
    ledger.finish("a", BASE, Outcome("ok", {}))
    assert not ledger.claim("a", BASE, 60)


def test_finishing_ends_the_claim(ledger: Ledger, tmp_path: Path) -> None:
    with open_ledger(tmp_path) as other:
        assert ledger.claim("a", BASE, 60)
        ledger.finish("a", BASE, Outcome("failed"))
        assert other.claim("a", BASE, 60)


def test_claim_of_a_living_process_here_outlasts_its_lease(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.claim("a", BASE, lease_s=-1)
    with open_ledger(tmp_path) as other:
        assert not other.claim("a", BASE, 60)


def test_claim_of_a_dead_process_here_is_free_at_once(ledger: Ledger) -> None:
    script = (
        "import sys, time; from surefoot.ground.ledger import Identity, Ledger\n"
        "ledger = Ledger(sys.argv[1], purpose='tests')\n"
        "print(ledger.claim('a', Identity.from_json(sys.argv[2]), 3600), flush=True)\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(ledger.path), BASE.to_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert not ledger.claim("a", BASE, 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert ledger.claim("a", BASE, 60)


def test_a_later_process_with_the_same_number_does_not_hold_the_claim(
    ledger: Ledger, tmp_path: Path
) -> None:
    with open_ledger(tmp_path) as other:
        assert other.claim("a", BASE, 3600)
        if not ledger._owner.started:
            pytest.skip("this system does not tell when a process started")
        tamper(ledger, "UPDATE claim SET started = '1'")
        assert ledger.claim("a", BASE, 60)


def test_claim_of_another_machine_holds_for_its_lease(ledger: Ledger, tmp_path: Path) -> None:
    with open_ledger(tmp_path) as other:
        assert other.claim("a", BASE, lease_s=3600)
        tamper(ledger, "UPDATE claim SET host = 'elsewhere'")
        assert not ledger.claim("a", BASE, 60)
        other.renew([BASE.key()], lease_s=-1)
        assert ledger.claim("a", BASE, 60)
        other.renew([BASE.key()], lease_s=3600)
        other.release([BASE.key()])
        with open_ledger(tmp_path) as third:
            assert not third.claim("a", BASE, 60), "who lost a claim can't renew or release it"


@pytest.mark.parametrize("round_", range(5))
def test_many_open_a_new_ledger_at_once_and_one_gets_the_claim(tmp_path: Path, round_: int) -> None:
    together = threading.Barrier(8)

    def claims(_: int) -> bool:
        together.wait()
        with open_ledger(tmp_path) as ledger:
            return ledger.claim("a", BASE, 60)

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(claims, range(8))) == [False] * 7 + [True]


# ---------------------------------------------------------------- the file


def test_write_ahead_log_is_granted_and_checked(ledger: Ledger) -> None:
    assert ledger._db.rows("PRAGMA journal_mode")[0][0] == "wal"
    assert ledger._db.rows("PRAGMA synchronous")[0][0] == 1
    assert ledger._db.rows("PRAGMA foreign_keys")[0][0] == 1
    assert ledger._db.rows("PRAGMA busy_timeout")[0][0] == 30_000


def test_warns_where_no_write_ahead_log_is_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database, "_write_ahead", lambda self: "delete")
    with pytest.warns(UserWarning, match="network file systems do not") as caught:
        open_ledger(tmp_path).close()
    assert caught[0].filename == __file__, "the warning points at who opened the ledger"


def test_another_purpose_is_refused(tmp_path: Path) -> None:
    open_ledger(tmp_path, "study groups").close()
    with pytest.raises(
        ForeignLedgerError, match=r"a ledger for 'study groups'; allowed: one for 'a"
    ):
        open_ledger(tmp_path, "averaging")
    open_ledger(tmp_path, "study groups").close()


def test_another_programs_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ForeignLedgerError, match="an SQLite file of another program"):
        open_ledger(tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_newer_schema_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    tamper(ledger, "INSERT INTO migration VALUES ('9-tomorrow')")
    with pytest.raises(InputError, match=r"schema '9-tomorrow'.*upgrade Surefoot"):
        open_ledger(tmp_path)


def test_a_file_that_is_not_sqlite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("name,score\na,1\n" * 100)
    with pytest.raises(InputError, match="a file that is not SQLite"):
        open_ledger(tmp_path)


def test_a_migration_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    path, mark = tmp_path / "x.db", 0x5F00FFFF
    good = {"1": ("CREATE TABLE a (x)",)}
    Database(path, application_id=mark, migrations=good).close()
    with pytest.raises(sqlite3.OperationalError, match="syntax error"):
        Database(
            path, application_id=mark, migrations=good | {"2": ("CREATE TABLE b (x)", "NONSENSE")}
        )
    mended = Database(path, application_id=mark, migrations=good | {"2": ("CREATE TABLE b (x)",)})
    assert {row["name"] for row in mended.rows("SELECT name FROM migration")} == {"1", "2"}
    mended.close()


# ---------------------------------------------------------------- full and read-only disks


def test_a_full_disk_is_one_clear_line_and_loses_nothing(ledger: Ledger) -> None:
    ledger.finish("a", BASE, Outcome("ok", {"n": 1}))
    ledger._db.rows("PRAGMA max_page_count = 1")  # SQLite takes the present size as the limit
    with pytest.raises(StorageError, match=r"^cannot write \S+ledger\.db: the disk is full$"):
        ledger.finish("b", replace(BASE, seed=1), Outcome("ok", {"text": "x" * 100_000}))
    assert [record.name for record in ledger.records()] == ["a"]
    ledger._db.rows("PRAGMA max_page_count = 1000000")
    ledger.finish("b", replace(BASE, seed=1), Outcome("ok", {}))
    assert [record.name for record in ledger.records()] == ["a", "b"]


def test_a_read_only_file_is_one_clear_line(ledger: Ledger) -> None:
    ledger._db.rows("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match=r"ledger\.db: the file or its folder is read-only$"):
        ledger.claim("a", BASE, 60)


def test_a_folder_that_can_not_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="part of the path is a file"):
        open_ledger(tmp_path / "file" / "runs")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(ledger: Ledger) -> None:
    for seed in range(1, 200):
        text = {"text": "x" * 30_000}
        ledger.finish(f"{seed}", replace(BASE, seed=seed), Outcome("ok", text))


def test_a_really_full_disk(small_disk: Path) -> None:
    big = Outcome("ok", {}, {"x": np.zeros(200_000)})
    with open_ledger(small_disk) as ledger:
        ledger.finish("a", BASE, Outcome("ok", {"n": 1}))
        full = r"^cannot write \S+: the disk (failed or )?is full$"
        with pytest.raises(StorageError, match=full):
            fill(ledger)
        kept = ledger.records()
        with pytest.raises(StorageError, match=r"^cannot write \S+\.npz: the disk is full$"):
            ledger.finish("big", replace(BASE, seed=-1), big)
    assert 1 < len(kept) < 200
    with open_ledger(small_disk) as again:
        assert again.records() == kept
        assert again.verify() == []


def test_a_really_read_only_disk(small_disk: Path) -> None:
    with open_ledger(small_disk) as ledger:
        ledger.finish("a", BASE, Outcome("ok", {"n": 1}))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match=r"^cannot write \S+ledger\.db: the file "):
        open_ledger(small_disk)
    with pytest.raises(StorageError, match=r"^cannot write \S+: the file system is read-only$"):
        open_ledger(small_disk / "new")
