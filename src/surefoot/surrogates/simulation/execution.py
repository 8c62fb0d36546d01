"""Running a design: what is missing, once each, through any executor."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

from surefoot.ground import work
from surefoot.ground.errors import InputError
from surefoot.ground.executors import SerialExecutor
from surefoot.ground.ledger import Ledger
from surefoot.ground.progress import say
from surefoot.surrogates.simulation import runs, store
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.simulator import Simulator

if TYPE_CHECKING:
    import pandas as pd


def run_design(
    simulator: Simulator,
    folder: Path,
    design: Design,
    *,
    executor: str | Executor,
    retries: int,
    retry_failed: bool,
    resume_command: str | None,
    progress: bool,
) -> pd.DataFrame:
    """Run what `design` asks for and the ledger in `folder` lacks; see `Study.run`."""
    _check_reach(simulator, executor)
    with store.opened(folder, simulator) as ledger:
        planned = plan_design(simulator, ledger, design, progress=progress)
        cells = runs.cells(simulator, planned)
        work.run(
            [cell for cell in cells if _open(ledger, cell, retry_failed)],
            ledger,
            executor=executor,
            retries=retries,
            resume_command=resume_command,
            progress=progress,
        )
        return runs.table(simulator, [planned], ledger)


def plan_design(
    simulator: Simulator, ledger: Ledger, design: Design, *, progress: bool
) -> runs.Planned:
    """Remember `design` and tell what should be known about it."""
    if simulator.table is not None:
        raise InputError("design", design.kind, "none: a table of finished runs can't be run")
    if design.replicates > 1 and not simulator.stochastic:
        found = f"{design.replicates} for a deterministic simulator"
        raise InputError("design, replicates", found, "1, or a simulator with stochastic=True")
    planned = store.add(ledger, design, simulator)
    if progress:
        for remark in design.remarks(planned[2]):
            say(remark)
    return planned


def _open(ledger: Ledger, cell: work.Cell, retry_failed: bool) -> bool:
    record = ledger.get(cell.key)
    return record is None or (retry_failed and record.status in ("failed", "timed_out"))


def _check_reach(simulator: Simulator, executor: str | Executor) -> None:
    call = simulator.call
    if call is None or call.anywhere or executor == "serial":
        return
    if not isinstance(executor, SerialExecutor):
        allowed = f"'serial': workers can't import {simulator.id}; move it to a module of its own"
        raise InputError("executor", executor, allowed)
