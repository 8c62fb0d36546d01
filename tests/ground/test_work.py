from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surefoot.ground import driver as driver_module
from surefoot.ground.errors import InputError, InterruptedRunError, StorageError, UnmetError
from surefoot.ground.ledger import CHANGES_RESULT, Ledger, Outcome
from surefoot.ground.work import Cell, run


@pytest.fixture(autouse=True)
def cells_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.db", purpose="tests") as opened:
        yield opened


def ridge(seed: int, **more: Any) -> Cell:
    return Cell(f"ridge {seed}", "cells:ridge", {"rows": 30, "penalty": 0.5} | more, seed=seed)


def cell(function: str, *, timeout_s: float | None = None, **params: Any) -> Cell:
    return Cell(function, f"cells:{function}", params, timeout_s=timeout_s)


def serial(cells: list[Cell], ledger: Ledger, **more: Any) -> list[Any]:
    return run(cells, ledger, executor="serial", progress=False, **more)


# ---------------------------------------------------------------- what is computed, and how often


def test_records_come_in_the_order_of_the_cells(ledger: Ledger) -> None:
    cells = [ridge(seed) for seed in (3, 1, 2)]
    cells += [cell("spectrum", size=4), cell("extremes")]
    with ThreadPoolExecutor(3) as threads:
        records = run(cells, ledger, executor=threads, progress=False)
    assert [record.name for record in records] == [cell.name for cell in cells]
    assert [record.status for record in records] == ["ok"] * 5
    assert [record.identity.seed for record in records[:3]] == [3, 1, 2]
    assert records == serial(cells, ledger)


def test_finished_work_is_not_done_again(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "log"
    first = serial([ridge(seed, log=str(log)) for seed in range(3)], ledger)
    more = serial([ridge(seed, log=str(log)) for seed in range(5)], ledger)
    assert more[:3] == first
    assert log.read_text().split() == ["0", "1", "2", "3", "4"]


def test_a_new_name_or_limit_does_not_repeat_the_work(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "log"
    old = ridge(1, log=str(log))
    new = replace(old, name="another name", timeout_s=60)
    before, after = serial([old], ledger), serial([new], ledger)
    assert after == [replace(before[0], name="another name")]
    assert log.read_text().split() == ["1"]


def test_failed_and_timed_out_cells_are_tried_again_by_the_next_run(
    ledger: Ledger, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    cells = [
        cell("failing", marker=str(marker)),
        cell("sleepy", timeout_s=0.05, seconds=0.3),
        ridge(1),
    ]
    assert [record.status for record in serial(cells, ledger)] == ["failed", "timed_out", "ok"]
    marker.unlink()
    cells[1] = replace(cells[1], timeout_s=5)
    assert [(r.status, r.attempt) for r in serial(cells, ledger)] == [
        ("ok", 2),
        ("ok", 2),
        ("ok", 1),
    ]


def test_invalid_cells_are_not_tried_again(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [ridge(1, penalty=-1.0)]
    [record] = serial(wrong, ledger)
    assert record.status == "invalid"
    assert record.reason == "penalty: found -1.0; allowed: zero or more"
    [again] = run(wrong, ledger, executor="serial")
    assert again == record
    assert capsys.readouterr().err == (
        "ridge 1 is invalid and is not tried again: penalty: found -1.0; allowed: zero or more\n"
    )


def test_changed_work_is_announced_before_anything_runs(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    old = [ridge(seed) for seed in range(4)]
    serial(old, ledger)
    new = [replace(one, version=2) for one in old[:3]]
    new += [replace(old[3], params=old[3].params | {"penalty": 0.7}), ridge(9)]

    class Refusing(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            raise KeyError("nothing may run yet")

    with pytest.raises(KeyError, match="nothing may run yet"):
        run(new, ledger, executor=Refusing())
    assert capsys.readouterr().err.splitlines()[:2] == [
        "3 cells will be run again: version 1 → 2",
        "1 cell will be run again: params.penalty 0.5 → 0.7",
    ]


def test_quiet_means_quiet(ledger: Ledger, capfd: pytest.CaptureFixture[str]) -> None:
    serial([ridge(1), cell("failing", marker=__file__)], ledger)
    serial([replace(ridge(1), version=2), ridge(1, penalty=-1.0)][:1], ledger)
    assert capfd.readouterr() == ("", "")


def test_progress_counts_what_was_there_and_what_failed(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    serial([ridge(1)], ledger)
    run([ridge(1), ridge(2), cell("failing", marker=__file__)], ledger, executor="serial")
    assert capsys.readouterr().err == "cells: 3/3, 1 failed, 0 s\n"


# ---------------------------------------------------------------- what a cell may come to


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("failing", "failed", "RuntimeError: the file is there"),
        ("homeless", "failed", "data: found 'waterbirds'; allowed: surefoot data fetch waterbirds"),
        ("quitting", "failed", "SystemExit: 3"),
        ("listed", "failed", "TypeError: a cell function returns a mapping, not list"),
        ("unstorable", "failed", "TypeError: Object of type set is not JSON serializable"),
        ("objects", "failed", "TypeError: array 'things' holds Python objects"),
        ("sleepy", "timed_out", "took more than 0.05 s"),
    ],
)
def test_what_goes_wrong_is_recorded(ledger: Ledger, name: str, status: str, reason: str) -> None:
    params = {"failing": {"marker": __file__}, "sleepy": {"seconds": 5}}.get(name, {})
    [record] = serial([cell(name, timeout_s=0.05 if name == "sleepy" else None, **params)], ledger)
    assert record.status == status
    assert record.reason.startswith(reason)
    assert record.result is None
    assert f"in {name}" in record.traceback or name in ("listed", "unstorable", "objects")
    assert len(ledger.attempts(record.identity.key())) == 1


def test_numpy_values_become_json_and_nan_becomes_null(ledger: Ledger) -> None:
    [record] = serial([cell("extremes")], ledger)
    assert record.result == {"nan": None, "inf": None, "count": 3, "row": [0.5, None]}


def test_arrays_are_kept(ledger: Ledger) -> None:
    [record] = run([cell("spectrum", size=6)], ledger, executor="local:1", progress=False)
    arrays = ledger.arrays(record)
    assert arrays["eigenvalues"][-1] == record.result["largest"]
    np.testing.assert_array_equal(arrays["file"], [0, 1, 2])


def test_time_is_measured(ledger: Ledger) -> None:
    [record] = serial([cell("sleepy", seconds=0.2)], ledger)
    assert 0.2 <= record.wall_s < 5
    assert record.cpu_s < 0.2


def test_a_time_limit_leaves_other_timers_alone(ledger: Ledger) -> None:
    handler = signal.getsignal(signal.SIGALRM)
    before = signal.getitimer(signal.ITIMER_REAL)[0]
    serial([cell("sleepy", timeout_s=30, seconds=0.01)], ledger)
    assert signal.getsignal(signal.SIGALRM) is handler
    after = signal.getitimer(signal.ITIMER_REAL)[0]
    assert before - 5 < after <= before


def test_workers_compute_on_one_thread_and_stay_silent(
    ledger: Ledger, capfd: pytest.CaptureFixture[str]
) -> None:
    [record] = run([cell("threads")], ledger, executor="local:1", progress=False)
    result = record.result
    assert set(result["pools"]) == {1}
    assert result["variables"] == ["1", "1"]
    assert result["interrupt_ignored"]
    assert not result["interrupt_masked"]
    assert result["pid"] != os.getpid()
    assert capfd.readouterr().err == ""


def test_torch_computes_on_one_thread_and_gets_its_own_back(ledger: Ledger) -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        [record] = serial([cell("torch_threads")], ledger)
        assert record.result == {"threads": 1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# ---------------------------------------------------------------- workers that die


def test_a_killed_worker_does_not_stop_the_run(ledger: Ledger, tmp_path: Path) -> None:
    marker, log = tmp_path / "marker", str(tmp_path / "log")
    marker.touch()
    cells = [
        Cell(f"{n}", "cells:deadly", {"rows": 30, "log": log, "marker": str(marker)}, seed=n)
        for n in range(8)
    ]
    records = run(cells, ledger, executor="local:2", progress=False)
    assert [record.status for record in records] == ["ok"] * 8
    assert not marker.exists(), "a worker was killed"
    assert [record.attempt for record in records] == [1] * 8


def test_only_the_cell_that_kills_its_workers_fails(ledger: Ledger) -> None:
    cells = [*map(ridge, range(3)), cell("poisonous"), *map(ridge, range(3, 6))]
    records = run(cells, ledger, executor="local:2", progress=False)
    assert [record.status for record in records] == ["ok"] * 3 + ["failed"] + ["ok"] * 3
    assert records[3].reason == "the worker died"


# ---------------------------------------------------------------- two drivers on one ledger


def test_work_of_another_driver_is_waited_for(ledger: Ledger, tmp_path: Path) -> None:
    mine = ridge(1, log=str(tmp_path / "log"))
    claimed = threading.Event()

    def other() -> None:
        with Ledger(ledger.path, purpose="tests") as theirs:
            assert theirs.claim(mine.name, mine.identity, 60)
            claimed.set()
            time.sleep(0.5)
            theirs.finish(mine.name, mine.identity, Outcome("ok", {"theirs": True}))

    thread = threading.Thread(target=other)
    thread.start()
    claimed.wait(10)
    [record] = serial([mine], ledger)
    thread.join()
    assert record.result == {"theirs": True}
    assert not (tmp_path / "log").exists(), "it was not computed twice"


def test_a_failure_of_another_driver_counts_for_this_run(ledger: Ledger) -> None:
    mine = ridge(1)
    ledger.finish(mine.name, mine.identity, Outcome("failed", reason="yesterday"))
    with Ledger(ledger.path, purpose="tests") as theirs:
        assert theirs.claim(mine.name, mine.identity, 60)

        class Meanwhile(ThreadPoolExecutor):
            """Lets the other driver fail while this one is busy with another cell."""

            def submit(self, *args: Any, **more: Any) -> Future[Any]:
                theirs.finish(mine.name, mine.identity, Outcome("failed", reason="just now"))
                return super().submit(*args, **more)

        with Meanwhile(1) as threads:
            records = run([mine, ridge(2)], ledger, executor=threads, progress=False)
    assert [(r.status, r.reason) for r in records] == [("failed", "just now"), ("ok", None)]


def test_work_let_go_by_another_driver_is_taken_over(ledger: Ledger) -> None:
    mine = ridge(1)
    with Ledger(ledger.path, purpose="tests") as theirs:
        assert theirs.claim(mine.name, mine.identity, 60)

        class Meanwhile(ThreadPoolExecutor):
            def submit(self, *args: Any, **more: Any) -> Future[Any]:
                theirs.release([mine.key])
                return super().submit(*args, **more)

        with Meanwhile(1) as threads:
            records = run([mine, ridge(2)], ledger, executor=threads, progress=False)
    assert [record.status for record in records] == ["ok", "ok"]


def test_claims_are_renewed_while_work_lasts(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "_RENEW_EVERY_S", 0.0)
    renewed: list[list[str]] = []
    monkeypatch.setattr(ledger, "renew", lambda keys, lease_s: renewed.append(list(keys)))
    slow = cell("sleepy", seconds=0.5)
    with ThreadPoolExecutor(1) as threads:
        run([slow], ledger, executor=threads, progress=False)
    assert [slow.key] in renewed


# ---------------------------------------------------------------- ends


def test_ctrl_c_keeps_what_had_finished(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "log"
    cells = [ridge(seed, log=str(log), pause_s=0.05) for seed in range(40)]

    def interrupt() -> None:
        while not log.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the tests run under
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(
            InterruptedRunError, match=r"of 40 cells are .* kept; to go on: make x$"
        ):
            serial(cells, ledger, resume_command="make x")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    done = len(ledger.records())
    assert 1 <= done < 40
    assert len(log.read_text().split()) == done, "nothing that was computed is lost"
    assert ledger._db.rows("SELECT * FROM claim") == []


def test_a_failing_ledger_ends_the_run_with_its_one_line(ledger: Ledger) -> None:
    ledger._db.rows("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match=r"ledger\.db: the file or its folder is read-only$"):
        serial([ridge(1)], ledger)


def test_an_executor_that_breaks_for_good_ends_the_run(ledger: Ledger) -> None:
    class Broken(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            raise BrokenExecutor("all its workers are dead")

    with pytest.raises(UnmetError, match=r"the executor is broken \(all its workers are dead\)"):
        run([ridge(1)], ledger, executor=Broken(), progress=False)
    assert ledger._db.rows("SELECT * FROM claim") == []


def test_an_executor_that_drops_work_ends_the_run(ledger: Ledger) -> None:
    class Dropping(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(UnmetError, match="the executor dropped 'ridge 1'; what had finished is"):
        run([ridge(1)], ledger, executor=Dropping(), progress=False)
    assert ledger._db.rows("SELECT * FROM claim") == []


# ---------------------------------------------------------------- requests that are refused


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([ridge(1), replace(ridge(2), name="ridge 1")], "two named 'ridge 1'"),
        ([ridge(1), replace(ridge(1), name="x")], "the same work as 'ridge 1' and 'x'"),
        ([cell("ridge", seed=3)], "cell ridge: found a parameter 'seed'"),
        ([ridge(1, penalty=float("nan"))], r"params\.penalty: found nan"),
        ([replace(ridge(1), timeout_s=0.0)], "cell ridge 1: found 'timeout_s=0.0'"),
        ([cell("ridges")], "found 'cells:ridges'; allowed: a function; cells has no 'ridges'"),
        ([replace(ridge(1), function="cellar:x")], "a module; 'cellar' is not there"),
        ([replace(ridge(1), function="cells.ridge")], "'package.module:function'"),
        ([replace(ridge(1), function="__main__:x")], "importable in a worker"),
    ],
)
def test_wrong_cells_are_refused_before_anything_runs(
    ledger: Ledger, tmp_path: Path, cells: list[Cell], message: str
) -> None:
    log = tmp_path / "log"
    with pytest.raises(InputError, match=message):
        serial([ridge(7, log=str(log)), *cells], ledger)
    assert not log.exists()


def test_retries_below_one_are_refused(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="retries: found 0; allowed: 1 or more"):
        serial([ridge(1)], ledger, retries=0)


def test_every_cell_field_is_classified() -> None:
    assert {field.name for field in fields(Cell)} == set(CHANGES_RESULT), (
        "say in CHANGES_RESULT whether the new field of Cell changes the result; if it does, it "
        "belongs to Identity as well"
    )


@pytest.mark.parametrize("name", CHANGES_RESULT)
def test_the_classification_is_what_the_key_does(name: str) -> None:
    other = {"params": {"rows": 31}, "timeout_s": 9.0, "version": 7, "seed": 7}.get(name, "other")
    assert (replace(ridge(1), **{name: other}).key != ridge(1).key) == CHANGES_RESULT[name]
