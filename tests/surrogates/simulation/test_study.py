from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.surrogates.simulation import simulators
from tests.surrogates.simulation.simulators import SQUARE

from surefoot.ground.errors import ForeignLedgerError, InputError
from surefoot.ground.ledger import Ledger
from surefoot.surrogates.simulation import store
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.space import Integer, Real, Space
from surefoot.surrogates.simulation.study import Study

HERE = simulators.__name__
PICKY = Design.given({"x0": [0.2, 0.9, 0.7, 0.3, 0.5], "x1": [0.5, 0.5, 0.5, 0.0, 0.25]})


def function(name: str = "flow", outputs: Any = ("flow",), **options: Any) -> Simulator:
    return Simulator.from_callable(f"{HERE}:{name}", SQUARE, outputs, **options)


def run(study: Study, design: Design, **options: Any) -> pd.DataFrame:
    return study.run(design, **{"executor": "serial", "progress": False} | options)


def solver(folder: Path, **options: Any) -> Simulator:
    path = simulators.write_solver(folder, **options)
    return Simulator.from_command(
        ["{python}", "-S", "-E", str(path), "{params.json}", "{out.json}"], SQUARE, ["flow"]
    )


def started(folder: Path) -> int:
    log = folder / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


# ---------------------------------------------------------------- what becomes of runs


def test_every_run_is_a_row(tmp_path: Path) -> None:
    study = Study(function("picky"), tmp_path)
    table = run(study, PICKY)
    assert list(table.columns) == [
        *["run", "x0", "x1", "flow", "status", "reason", "wall_s", "cpu_s", "replicate", "design"]
    ]
    assert table["run"].tolist() == [f"design 0, row {row}" for row in range(5)]
    assert table["status"].tolist() == ["ok", "invalid", "failed", "failed", "ok"]
    assert table["reason"].tolist() == [
        "",
        "output flow: found nan; allowed: finite numbers",
        "ZeroDivisionError: the mesh is flat",
        "ZeroDivisionError: float division by zero",
        "",
    ]
    np.testing.assert_array_equal(table["flow"], [0.4, np.nan, np.nan, np.nan, 2.0])
    assert (table["wall_s"] >= 0).all()
    assert set(table["design"]) == {"table"}
    X, y = study.data()
    assert X.to_dict("list") == {"x0": [0.2, 0.5], "x1": [0.5, 0.25]}
    assert y.to_dict("index") == {
        "design 0, row 0": {"flow": 0.4},
        "design 0, row 4": {"flow": 2.0},
    }


def test_status_counts_by_reason(tmp_path: Path) -> None:
    study = Study(function("picky"), tmp_path)
    assert str(study.status()) == "0 runs: no design yet; 0 s of simulator"
    run(study, PICKY)
    study.plan(Design("lhs", 3), progress=False)
    status = study.status()
    assert status.counts == {"ok": 2, "failed": 2, "timed_out": 0, "invalid": 1, "missing": 3}
    assert status.reasons == {"ZeroDivisionError": 2, "output flow": 1}
    assert status.runs == sum(status.counts.values()) == 8
    assert str(status).startswith("8 runs: 2 ok, 2 failed, 1 invalid, 3 missing; ")
    assert status.to_dict()["wall_s"] == status.wall_s > 0


def test_a_program_that_fails_is_told_by_its_exit_code(tmp_path: Path) -> None:
    study = Study(solver(tmp_path, limit=0.25), tmp_path / "study")
    table = run(study, Design.given({"x0": [0.2, 0.8], "x1": [0.5, 0.75]}))
    assert table["status"].tolist() == ["ok", "failed"]
    assert table["reason"].tolist() == ["", "exit 1: diverged: x0 x1 = 0.600"]
    assert table["flow"][0] == 0.45
    assert table["cpu_s"][0] > 0.001, "the time of the program counts, not that of the worker"
    assert study.status().reasons == {"exit 1": 1}


SLEEP = Simulator.from_command(["sh", "-c", "sleep 30; #{x0}{x1}"], SQUARE, ["flow"], timeout=0.2)


@pytest.mark.parametrize(
    ("simulator", "thread"),
    [(function("asleep", timeout=0.2), False), (SLEEP, False), (SLEEP, True)],
    ids=["function", "program", "program in another thread"],
)
def test_time_outs(tmp_path: Path, simulator: Simulator, thread: bool) -> None:
    with ThreadPoolExecutor(1) as pool:
        table = run(
            Study(simulator, tmp_path), Design("lhs", 1), executor=pool if thread else "serial"
        )
    assert table["status"].tolist() == ["timed_out"]
    assert table["reason"].tolist() == ["took more than 0.2 s"]


def test_fields_are_kept_and_an_odd_length_is_invalid(tmp_path: Path) -> None:
    study = Study(function("profile", ["shape"]), tmp_path)
    table = run(study, Design.given({"x0": [0.95, 0.0, 0.5], "x1": [0.5, 1.0, 0.0]}))
    assert table["status"].tolist() == ["invalid", "ok", "ok"]
    assert table["reason"][0] == "output shape: 6 values, but 5 values in design 0, row 1"
    assert np.isnan(table["shape"][0])
    np.testing.assert_array_equal(table["shape"][1], [0, 0.25, 0.5, 0.75, 1.0])
    X, y = study.data()
    assert list(y.columns) == [f"shape[{place}]" for place in range(5)]
    np.testing.assert_array_equal(y, [[0, 0.25, 0.5, 0.75, 1], [0.5] * 5])
    assert list(X.index) == list(y.index) == ["design 0, row 1", "design 0, row 2"]


def test_a_dying_worker_is_a_failed_run(tmp_path: Path) -> None:
    study = Study(function("dying"), tmp_path)
    design = Design.given({"x0": [0.1, 0.9], "x1": [0.1, 0.1]})
    table = run(study, design, executor="local:1")
    assert table["status"].tolist() == ["ok", "failed"]
    assert table["reason"][1] == "the worker died"


# ---------------------------------------------------------------- nothing is run twice


def test_the_same_call_again_runs_nothing(tmp_path: Path) -> None:
    study = Study(solver(tmp_path), tmp_path / "study")
    first = run(study, Design("lhs", 5, seed=1))
    assert set(first["status"]) == {"ok"}
    pd.testing.assert_frame_equal(first, run(study, Design("lhs", 5, seed=1)))
    pd.testing.assert_frame_equal(first, Study(study.simulator, tmp_path / "study").runs())
    assert started(tmp_path) == 5


def test_failed_runs_stay_so_until_they_are_asked_for(tmp_path: Path) -> None:
    study = Study(solver(tmp_path, limit=0.25), tmp_path / "study")
    design = Design.given({"x0": [0.1, 0.9], "x1": [0.9, 0.9]})
    for _ in range(2):
        assert run(study, design)["status"].tolist() == ["ok", "failed"]
    assert started(tmp_path) == 2
    run(study, design, retry_failed=True)
    assert started(tmp_path) == 3


def test_the_place_of_a_program_is_not_its_identity(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    study = Study(solver(tmp_path / "here"), tmp_path / "study")
    first = run(study, Design("lhs", 3))
    (tmp_path / "there").mkdir()
    moved = simulators.write_solver(tmp_path / "here").rename(tmp_path / "there" / "solver.py")
    argv = ["{python}", "-S", "-E", str(moved), "{params.json}", "{out.json}"]
    simulator = Simulator.from_command(argv, SQUARE, ["flow"])
    pd.testing.assert_frame_equal(
        run(Study(simulator, tmp_path / "study"), Design("lhs", 3)), first
    )
    assert started(tmp_path / "here") == 3


def test_designs_are_kept_in_order_and_share_their_runs(tmp_path: Path) -> None:
    study = Study(function(), tmp_path)
    one = Design.given({"x0": [0.1, 0.2], "x1": [0.1, 0.2]}, reason="first")
    two = Design.given({"x0": [0.3, 0.2], "x1": [0.3, 0.2]}, kind="alc")
    for design in (one, two, one):
        run(study, design)
    table = study.runs()
    assert table["x0"].tolist() == [0.1, 0.2, 0.3]
    assert table["design"].tolist() == ["table", "table", "alc"]
    assert table["run"].tolist() == ["design 0, row 0", "design 0, row 1", "design 1, row 0"]
    assert [design for design, _ in study.designs()] == [one, two]
    measured = study.designs()[0][1]
    assert measured["minimum_distance"] == pytest.approx(0.1 * 2**0.5)
    assert measured["discrepancy"] > 0


def test_points_stay_as_they_were_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study(function(), tmp_path)
    first = run(study, Design("lhs", 4))
    monkeypatch.setattr(Design, "points", lambda *_: pytest.fail("drawn again"))
    pd.testing.assert_frame_equal(run(study, Design("lhs", 4)), first)


def test_a_point_that_comes_twice_is_one_run(tmp_path: Path) -> None:
    space = Space(x0=Integer(0, 2), x1=Integer(0, 1))
    study = Study(Simulator.from_callable(f"{HERE}:flow", space, ["flow"]), tmp_path)
    assert len(run(study, Design("lhs", 30))) == 6


def test_a_design_and_its_remarks_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Study(function(), tmp_path).run(Design("sobol", 5), "serial")
    assert capsys.readouterr().err.splitlines()[0] == (
        "a Sobol' sequence is balanced at powers of two: 4 or 8 points, not 5"
    )


# ---------------------------------------------------------------- replicates


def test_replicates_differ_by_their_seed_and_nothing_else(tmp_path: Path) -> None:
    study = Study(function("noisy", stochastic=True), tmp_path)
    table = run(study, Design("lhs", 4, replicates=3))
    assert table["replicate"].tolist() == [0, 1, 2] * 4
    assert table["flow"].nunique() == 12
    assert len(table[["x0", "x1"]].drop_duplicates()) == 4
    X, y = study.data()
    assert len(X) == len(y) == 12
    again = run(Study(study.simulator, tmp_path / "again"), Design("lhs", 4, replicates=3))
    assert again["flow"].tolist() == table["flow"].tolist()


def test_coinciding_points_of_a_stochastic_simulator_are_replicates(tmp_path: Path) -> None:
    study = Study(function("noisy", stochastic=True), tmp_path)
    table = run(study, Design.given({"x0": [0.5, 0.5], "x1": [0.5, 0.5]}))
    assert table["replicate"].tolist() == [0, 1]


def test_replicates_of_a_deterministic_simulator_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="design, replicates: found 2 for a deterministic"):
        run(Study(function(), tmp_path), Design("lhs", 4, replicates=2))


# ---------------------------------------------------------------- versions and strangers


def test_another_version_is_kept_apart_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = Study(function(), tmp_path)
    run(old, Design("lhs", 3))
    new = Study(function(version="2"), tmp_path)
    assert new.runs()["status"].tolist() == ["missing"] * 3
    assert list(new.status().other_versions.values()) == [3]
    assert "3 runs of version 1 (" in str(new.status())
    new.run(Design("lhs", 3), "serial")
    said = capsys.readouterr().err.splitlines()[0]
    assert said == '3 cells will be run again: params.version "1" → "2"'
    assert new.runs()["status"].tolist() == old.runs()["status"].tolist() == ["ok"] * 3


def test_another_source_is_another_version(tmp_path: Path) -> None:
    study = Study(solver(tmp_path), tmp_path / "study")
    run(study, Design("lhs", 2))
    changed = Study(solver(tmp_path, limit=0.1), tmp_path / "study")
    assert changed.runs()["status"].tolist() == ["missing"] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "other:flow"}, "simulator: found 'other:flow'; allowed: .*:flow, or another store"),
        ({"outputs": ("heat",)}, r"outputs: found \['heat'\]; allowed: \['flow'\], or another"),
        ({"stochastic": True}, "stochastic: found True; allowed: False"),
        ({"space": Space(x0=Real(0, 1))}, r"inputs: found \['x0'\]; allowed: \['x0', 'x1'\]"),
        ({"space": Space(x1=Real(0, 1), x0=Real(0, 1))}, r"inputs: found \['x1', 'x0'\]"),
        ({"space": Space(x0=Real(0, 1), x1=Real(0, 2))}, "input x1: found .*'high': 2.0"),
    ],
)
def test_the_store_of_another_simulator_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    Study(function(), tmp_path)
    with pytest.raises(ForeignLedgerError, match=message):
        Study(replace(function(), **change), tmp_path)


def test_the_ledger_of_other_work_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.sqlite", purpose="study groups").close()
    with pytest.raises(ForeignLedgerError, match="a ledger for 'study groups'"):
        Study(function(), tmp_path)


# ---------------------------------------------------------------- where it runs


def test_a_lambda_runs_here_only(tmp_path: Path) -> None:
    simulator = Simulator.from_callable(lambda x0, x1: x0 * x1, SQUARE, ["flow"])
    study = Study(simulator, tmp_path)
    with pytest.raises(InputError, match="executor: found 'local'; allowed: 'serial': workers can"):
        study.run(Design("lhs", 3))
    table = run(study, Design("lhs", 3))
    np.testing.assert_array_equal(table["flow"], table["x0"] * table["x1"])


def test_workers_give_the_same_table(tmp_path: Path) -> None:
    tables = [
        run(
            Study(function("both", ["sum", "difference"]), tmp_path / name),
            Design("lhs", 6),
            executor=executor,
        )
        for name, executor in {"one": "serial", "two": "local:2"}.items()
    ]
    kept = ["run", "x0", "x1", "sum", "difference", "status", "reason", "design"]
    pd.testing.assert_frame_equal(tables[0][kept], tables[1][kept], check_exact=True)


def test_a_dask_cluster_gives_the_same_table(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    simulator = solver(tmp_path)
    expected = run(Study(simulator, tmp_path / "here"), Design("lhs", 6))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        found = run(Study(simulator, tmp_path / "there"), Design("lhs", 6), executor=address)
    kept = ["run", "x0", "x1", "flow", "status", "reason"]
    pd.testing.assert_frame_equal(found[kept], expected[kept], check_exact=True)


def test_two_processes_add_their_designs_side_by_side(tmp_path: Path) -> None:
    simulator = function()

    def add(seed: int) -> None:
        with store.opened(tmp_path, simulator) as ledger:
            store.add(ledger, Design("random", 3, seed=seed), simulator)

    Study(simulator, tmp_path)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, [*range(6), *range(6)]))
    seeds = [design.seed for design, _ in Study(simulator, tmp_path).designs()]
    assert sorted(seeds) == list(range(6))


# ---------------------------------------------------------------- tables


TABLE = pd.DataFrame(
    {"x": [0.0, 0.5, 1.0, 0.5], "a": [1, np.nan, 3, 2], "b": [1, np.nan, np.nan, 2]}
)


def test_rows_without_outputs_are_failed_runs(tmp_path: Path) -> None:
    study = Study(Simulator.from_table(TABLE, ["a", "b"]), tmp_path)
    table = study.runs()
    assert table["status"].tolist() == ["ok", "failed", "invalid", "ok"]
    assert table["reason"].tolist() == ["", "no outputs", "output b: no finite number", ""]
    X, y = study.data()
    assert X.index.tolist() == ["row 0", "row 3"]
    assert y["a"].tolist() == [1, 2]
    assert study.status().counts["failed"] == 1
    with pytest.raises(InputError, match="design: found 'lhs'; allowed: none: a table"):
        run(study, Design("lhs", 3))


def test_a_deterministic_simulator_gives_one_answer(tmp_path: Path) -> None:
    twice = TABLE.assign(a=[1, 2, 3, 4], b=[1, 2, 3, 2])
    with pytest.raises(InputError, match="the same inputs in 'row 1' and 'row 3', other outputs"):
        Study(Simulator.from_table(twice, ["a", "b"]), tmp_path / "1").data()
    stochastic = Simulator.from_table(twice, ["a", "b"], stochastic=True)
    assert len(Study(stochastic, tmp_path / "2").data()[0]) == 4
    same = Simulator.from_table(twice.assign(a=2), ["a", "b"])
    assert len(Study(same, tmp_path / "3").data()[0]) == 4
