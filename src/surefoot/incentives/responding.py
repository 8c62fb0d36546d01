"""Responses of a whole table, written row by row, however long it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.numerals import number
from surefoot.ground.progress import progress
from surefoot.ground.project_files import within
from surefoot.incentives.agents import Agents
from surefoot.incentives.audit_words import people, share_of
from surefoot.incentives.people import parts_of, rows_in, writing
from surefoot.incentives.prepared import Prepared
from surefoot.incentives.setting import Setting
from surefoot.incentives.setting_parts import group_column, people_of
from surefoot.incentives.totals import Totals


@dataclass(frozen=True)
class Responded:
    """Where the responses are, what they come to, and how many rows were left out."""

    file: Path
    totals: Totals
    dropped: int

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in JSON's types."""
        return {**self.totals.to_dict(), "dropped": self.dropped, "file": str(self.file)}

    def __str__(self) -> str:
        totals = self.totals
        told = ", ".join(f"{n:,} {status.words}" for status, n in totals.statuses.items() if n)
        effort = sorted(totals.effort.items(), key=lambda item: -item[1])
        whole = sum(totals.effort.values())
        spent = (
            ", ".join(f"{node} {share_of(e / whole)}" for node, e in effort) if whole else "none"
        )
        left_out = f"\nleft out as incomplete: {self.dropped:,}" if self.dropped else ""
        return (
            f"{people(totals.agents)}: {told}\n"
            f"of all effort, in its units: {spent}\n"
            f"cost in all: {number(totals.cost)}\n"
            f"accepted: {totals.accepted_before:,} before, {totals.accepted:,} after{left_out}"
        )


def respond(
    setting: Setting, agents: Agents, file: Path, *, table: Path | None = None, size: int = 100_000
) -> Responded:
    """Write what every person does, one row each, holding no more than `size` at a time.

    What people make of the rule is settled on the project's table and serves all parts, so that
    parts do not matter.

    Parameters
    ----------
    setting : Setting
    agents : Agents
        Of that setting.
    file : Path
        CSV or Parquet. It appears when all is written.
    table : Path, optional
        Other people; those of the project by default.
    size : int
    """
    if size < 1:
        raise InputError("--chunk", size, "at least 1 person at a time")
    project = setting.project
    source = project.table if table is None else table
    prepared, totals, dropped = Prepared.of(agents, setting.rule), Totals(), 0
    parts = parts_of(source, setting.columns, size)
    with writing(file) as rows, progress("people", rows_in(source)) as step:
        for part in parts:
            complete = part.dropna() if project.data["missing"] == "drop" else part
            with within(f"{source.name}:"):
                found = people_of(project, complete, setting.scored)
                if column := group_column(project):
                    for label in found[column].unique():
                        one_of(project.data["groups"], label, setting.labels)
                response = prepared.respond(found)
            frame = response.to_frame()
            frame.insert(0, "row", complete.index)
            rows.write(frame)
            totals.add(response)
            dropped += len(part) - len(complete)
            step(len(part))
        if not totals.agents:
            raise InputError(source.name, "no complete row", "people, one a row")
    return Responded(file, totals, dropped)
