"""Compare methods on the built-in tasks or on a user's own table, cell by cell, resumably."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from surefoot.ground.errors import InputError, UnmetError, one_of
from surefoot.ground.files import file_fingerprint
from surefoot.ground.study import Results, Settings, run_study
from surefoot.ground.verdicts import Check
from surefoot.ground.work import Cell
from surefoot.groups import study
from surefoot.groups.cells import Source, build_cells, select_configurations
from surefoot.groups.methods import METHODS
from surefoot.groups.tables import Columns, read_table

METRICS = ("worst_group", "worst_group_threshold", "mean_group", "accuracy")
_REQUIREMENT = re.compile(
    r"\s*(?P<ours>[\w-]+)\s*>=\s*(?:(?P<bar>-?[\d.]+)"
    r"|(?P<against>[a-z][\w-]*)\s*(?:(?P<sign>[+-])\s*(?P<margin>[\d.]+))?)\s*"
)


def parse_requirement(text: str, task: str, metric: str) -> Check:
    """Return the check that ``"fairdropout >= erm + 0.05"`` or ``"erm >= 0.7"`` asks for."""
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        raise InputError("require", text, "'METHOD >= METHOD + 0.05' or 'METHOD >= 0.7'")
    ours = one_of("method in require", match["ours"], METHODS)
    if match["against"] is None:
        return Check(
            f"{text} ({task})", f"{text} on {task}", task, metric, ours, float(match["bar"])
        )
    against = one_of("method in require", match["against"], METHODS)
    margin = float(match["margin"] or 0) * (-1 if match["sign"] == "-" else 1)
    return Check(f"{text} ({task})", f"{text} on {task}", task, metric, ours, margin, against)


def bench(
    sources: Sequence[Source],
    methods: Sequence[str],
    settings: Settings,
    *,
    require: Sequence[str] = (),
    metric: str = "worst_group_threshold",
    tuned: bool = True,
) -> Results:
    """Compare methods on tasks, by the same rules and with the same page as the room's study.

    Parameters
    ----------
    sources : sequence of Source
        Built-in tasks, or a table from `table_source`; every seed draws its rows anew.
    methods : sequence of str
        Names of `surefoot.groups.methods.METHODS`.
    settings : Settings
        Folder, seeds, executor.
    require : sequence of str
        Bars such as ``"fairdropout >= erm + 0.05"``, checked on every task.
    metric : str
        What the bars are about; one of `METRICS`.
    tuned : bool
        Whether methods try several configurations and choose on validation rows.

    Raises
    ------
    UnmetError
        If a bar is not shown to hold. The page is written first.
    """
    one_of("metric", metric, METRICS)
    methods = list(dict.fromkeys(one_of("method", m, METHODS) for m in methods))
    bars = [parse_requirement(r, source.task, metric) for source in sources for r in require]
    for bar in bars:
        for name in filter(None, (bar.method, bar.against)):
            one_of("method in require", name, methods)

    def cells(_: object, seeds: Sequence[int]) -> list[Cell]:
        return build_cells(sources, methods, seeds, tuned=tuned)

    def derive(table: pd.DataFrame) -> pd.DataFrame:
        rarest = {source.task: source.rarest for source in sources}
        return select_configurations(table, rarest, methods)

    tasks = ", ".join(source.task for source in sources)
    comparison = dataclasses.replace(
        study.STUDY,
        room="groups bench",
        title=f"Bench: {tasks}",
        claim=f"{len(methods)} methods on {tasks}; bars are those asked for.",
        source="this table" if any(source.table for source in sources) else study.STUDY.source,
        cells=cells,
        derive=derive,
        checks=lambda _: bars,
        lead=lambda results: best_method(results, methods, sources, metric),
    )
    results = run_study(comparison, settings)
    missed = [finding for finding in results.findings if finding.outcome != "holds"]
    if missed:
        found = "; ".join(f"{f.check.name}: {f.outcome}, {f.measured}" for f in missed)
        raise UnmetError(found)
    return results


def table_source(
    path: str | Path, *, target: str, groups: Sequence[str], drop: Sequence[str] = ()
) -> Source:
    """Return the source of a user's table; bad columns fail here, before anything runs."""
    Columns.of(read_table(str(path)), target, groups, drop)
    table = {"path": str(Path(path).resolve()), "target": target}
    parts = {"groups": list(groups), "drop": list(drop)}
    return Source(Path(path).stem, file_fingerprint(path), table | parts)


def best_method(
    results: Results, methods: Sequence[str], sources: Sequence[Source], metric: str
) -> str:
    """Say which method has the best mean on each task."""
    sentences = []
    for source in sources:
        values = {m: results.values(source.task, m, metric) for m in methods}
        means = {m: sum(v) / len(v) for m, v in values.items() if v}
        if means:
            best = max(means, key=means.__getitem__)
            sentences.append(
                f"On {source.task} the best mean {metric.replace('_', ' ')} accuracy is "
                f"**{means[best]:.3f}**, of {METHODS[best].label}."
            )
    return " ".join(sentences) or "No cell has finished."
