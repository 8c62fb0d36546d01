"""A study: a claim, the cells that test it, the measured verdict.

Running a study writes a folder: ``results.parquet`` (tidy: one row a cell and metric),
``timings.parquet``, ``study.json`` (settings, versions, seeds, machine, verdicts), ``index.html``
and ``ledger.sqlite``. Running it again does only what is missing.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from surefoot.ground import page, work
from surefoot.ground.blocks import Code, Column, Details, Page, Section, Table, VerdictList
from surefoot.ground.errors import InputError, one_of
from surefoot.ground.files import replacing, write_json
from surefoot.ground.intervals import Interval, paired_difference
from surefoot.ground.ledger import Ledger, Record
from surefoot.ground.verdicts import Check, Finding, evaluate
from surefoot.ground.work import Cell

if TYPE_CHECKING:
    import pandas as pd

Scale = Literal["quick", "full"]
_LIBRARIES = ("surefoot", "numpy", "scipy", "pandas", "scikit-learn", "torch")


@dataclass(frozen=True)
class Settings:
    """How a study is run.

    Parameters
    ----------
    scale : {"quick", "full"}
    seeds : int, optional
        Seeds 0 … n − 1 instead of the scale's own number.
    executor : str
        See `surefoot.ground.executors.open_executor`.
    out : Path
        Folder of the results.
    command : str, optional
        What to type to run the same again; shown on the page and after an interruption.
    """

    scale: Scale = "quick"
    seeds: int | None = None
    executor: str = "local"
    out: Path = Path("out")
    command: str | None = None


# Guarded by a test: a new setting must be put into one of the kinds.
SETTING_EFFECTS: Mapping[str, Literal["changes the result", "does not"]] = {
    "scale": "changes the result",
    "seeds": "changes the result",
    "executor": "does not",
    "out": "does not",
    "command": "does not",
}


@dataclass(frozen=True)
class Results:
    """What a study measured.

    Attributes
    ----------
    table : DataFrame
        Tidy: task, method, seed, metric, value.
    findings : list of Finding
    records : list of Record
    settings : Settings
    seeds : tuple of int
    """

    table: pd.DataFrame
    findings: list[Finding]
    records: list[Record]
    settings: Settings
    seeds: tuple[int, ...]

    @property
    def failed(self) -> list[Record]:
        """Cells that did not end well."""
        return [record for record in self.records if record.status != "ok"]

    def values(self, task: str, method: str, metric: str) -> list[float]:
        """Return one value for each seed, in the order of the seeds."""
        of = self.table
        rows = of[(of["task"] == task) & (of["method"] == method) & (of["metric"] == metric)]
        return rows.sort_values("seed")["value"].tolist()

    def difference(self, task: str, metric: str, a: str, b: str) -> Interval | None:
        """Return method `a` minus method `b`, paired by seed; None if cells are missing."""
        ours, theirs = self.values(task, a, metric), self.values(task, b, metric)
        if not ours or len(ours) != len(theirs):
            return None
        return paired_difference(ours, theirs)


@dataclass(frozen=True)
class Study:
    """A room's claim and how it is tested.

    Parameters
    ----------
    room, title, question, claim, source : str
        The claim is the paper's, with its source.
    seeds : mapping of scale to number of seeds
    cells : callable ``(scale, seeds) -> list of Cell``
        Every cell has ``task`` and ``method`` among its parameters, and its function returns
        numbers by metric.
    checks : callable ``scale -> sequence of Check``
    sections : callable ``Results -> sequence of Section``
        The figures and tables of the page, between the verdicts and the appendix.
    lead : callable ``Results -> str``
        The answer in a sentence or two.
    derive : callable ``table -> table``, optional
        Adds rows computed from the cells, such as the configuration selected on validation data.
    """

    room: str
    title: str
    question: str
    claim: str
    source: str
    seeds: Mapping[Scale, int]
    cells: Callable[[Scale, Sequence[int]], list[Cell]]
    checks: Callable[[Scale], Sequence[Check]]
    sections: Callable[[Results], Sequence[Section]]
    lead: Callable[[Results], str]
    derive: Callable[[pd.DataFrame], pd.DataFrame] = field(default=lambda table: table)


def run_study(study: Study, settings: Settings, *, progress: bool = True) -> Results:
    """Run what is missing, evaluate the checks and write the folder.

    Raises
    ------
    InputError
        Unknown scale, no seeds, or a folder that belongs to another study.
    StorageError
        If the folder can't be written.
    """
    one_of("scale", settings.scale, study.seeds)
    count = study.seeds[settings.scale] if settings.seeds is None else settings.seeds
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError("seeds", settings.seeds, "a positive number of seeds")
    seeds = tuple(range(count))
    cells = study.cells(settings.scale, seeds)
    with Ledger(settings.out / "ledger.sqlite", purpose=f"study {study.room}") as ledger:
        records = work.run(
            cells,
            ledger,
            executor=settings.executor,
            resume_command=settings.command,
            progress=progress,
        )
    table = study.derive(tidy(cells, records))
    findings = [evaluate(check, table) for check in study.checks(settings.scale)]
    results = Results(table, findings, records, settings, seeds)
    _write(study, results, cells)
    return results


def tidy(cells: Sequence[Cell], records: Sequence[Record]) -> pd.DataFrame:
    """Return one row for each finished cell and metric, in the order of the cells.

    The entries of a cell's parameter ``config``, if it has one, are in the column ``variant``.
    """
    import pandas as pd

    rows = []
    for cell, record in zip(cells, records, strict=True):
        if record.status != "ok" or record.result is None:
            continue
        known = {"task": cell.params["task"], "method": cell.params["method"]}
        config = cell.params.get("config", {})
        variant = " ".join(f"{k}={_plain(v)}" for k, v in sorted(config.items()))
        for metric, value in record.result.items():
            row = known | {"variant": variant, "seed": cell.seed, "metric": metric}
            rows.append(row | {"value": float("nan") if value is None else float(value)})
    columns = ["task", "method", "variant", "seed", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def environment() -> dict[str, str]:
    """Return the versions and the machine behind a result."""
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **versions,
    }


def _write(study: Study, results: Results, cells: Sequence[Cell]) -> None:
    import pandas as pd

    out, settings = results.settings.out, results.settings
    timings = pd.DataFrame(
        [
            {"cell": record.name, "status": record.status, "attempt": record.attempt}
            | {"wall_s": record.wall_s, "cpu_s": record.cpu_s, "host": record.host}
            for record in results.records
        ]
    )
    for name, frame in (("results", results.table), ("timings", timings)):
        with replacing(out / f"{name}.parquet") as part:
            frame.to_parquet(part, index=False)
    decisive = [f.name for f in fields(settings) if SETTING_EFFECTS[f.name] != "does not"]
    summary = {
        "room": study.room,
        "question": study.question,
        "claim": study.claim,
        "source": study.source,
        "settings": {name: getattr(settings, name) for name in decisive},
        "seeds": results.seeds,
        "data": sorted({cell.data for cell in cells if cell.data}),
        "environment": environment(),
        "cells": {"total": len(results.records), "failed": len(results.failed)},
        "verdicts": [
            {
                "name": finding.check.name,
                "sentence": finding.check.sentence,
                "outcome": finding.outcome,
                "measured": finding.measured,
                "bar": finding.check.at_least,
                "at_most": finding.check.at_most,
                "estimate": finding.interval and finding.interval.estimate,
                "low": finding.interval and finding.interval.low,
                "high": finding.interval and finding.interval.high,
            }
            for finding in results.findings
        ],
    }
    write_json(out / "study.json", summary)
    page.write(study_page(study, results), out / "index.html")


def study_page(study: Study, results: Results) -> Page:
    """Return the page of a study: verdicts, the room's own sections, then how it was made."""
    verdicts = VerdictList([finding.verdict for finding in results.findings])
    made: list[Any] = []
    if results.settings.command:
        made.append(Code(results.settings.command))
    if results.failed:
        columns = [Column("cell", "cell"), Column("status", "status"), Column("reason", "reason")]
        rows = [{"cell": r.name, "status": r.status, "reason": r.reason} for r in results.failed]
        made.append(Table("Cells that did not end well", columns, rows))
    every = results.table.assign(seed=results.table["seed"].astype(str))
    made.append(Details("Every measured value", [Table.from_frame(every, "One row a seed")]))
    intro = f"The claim: {study.claim} Source: {study.source}"
    facts = [(name, version) for name, version in environment().items()]
    facts += [("scale", results.settings.scale), ("seeds", ", ".join(map(str, results.seeds)))]
    return Page(
        title=study.title,
        question=study.question,
        lead=study.lead(results),
        sections=[
            Section("Verdicts", [verdicts], intro=intro),
            *study.sections(results),
            Section("How this was made", made),
        ],
        facts=facts,
    )


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
