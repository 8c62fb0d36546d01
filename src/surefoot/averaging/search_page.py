"""The page of a search over a folder of checkpoints: the curve, the choice, what it amounts to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from surefoot.averaging.profiles import learning_rate_factors, profile_weights
from surefoot.ground import page
from surefoot.ground.blocks import (
    Block,
    Code,
    Column,
    Facts,
    Figure,
    Highlight,
    Note,
    Page,
    Section,
    Table,
)
from surefoot.ground.figures import Reference, Series, line_plot
from surefoot.ground.numerals import counted, number
from surefoot.ground.study import environment

if TYPE_CHECKING:
    from surefoot.averaging.folder_search import FolderSearch

_OPTIMISTIC = (
    "The window was chosen on the very data that the curve shows, so the gain is **optimistic**. "
    "What averaging really brings is for a test set to say: evaluate the newest checkpoint and the "
    "chosen average there, once."
)
_DECAY = (
    "With a constant learning rate, averaging is a learning-rate decay made afterwards: the "
    "updates that led to a checkpoint count with this factor. A wide window is a long decay."
)


def search_page(found: FolderSearch, command: str | None) -> Page:
    """Return the page of a search."""
    sentence = found.sentence
    made: list[Block] = [Facts(_settings(found))]
    if command:
        made.append(Code(command))
    return Page(
        title=f"Checkpoints of {found.folder}",
        question="How many of the latest checkpoints should be averaged?",
        lead=f"{sentence[0].upper()}{sentence[1:]}.",
        highlights=_highlights(found),
        sections=[
            Section("Windows", [_curve(found), _table(found), Note(_OPTIMISTIC)]),
            Section("As a learning-rate decay", [_decay(found)], intro=_DECAY),
            Section("How this was made", made),
        ],
        facts=list(environment().items()),
    )


def write_page(found: FolderSearch, command: str | None) -> None:
    """Write the page of a search to its place."""
    page.write(search_page(found, command), found.page)


def _highlights(found: FolderSearch) -> list[Highlight]:
    curve, total = found.curve, len(found.checkpoints)
    shown = [
        Highlight(f"{found.window:,}", "checkpoints averaged", f"of {total:,}"),
        Highlight(number(curve.value), "value of the average", "on the data of the search"),
        Highlight(number(curve.raw), "value of the newest", found.checkpoints[-1]),
    ]
    if curve.chosen and curve.difference is not None:
        difference = curve.difference
        context = (
            f"{difference.confidence_level:.0%} interval {number(difference.low)} to "
            f"{number(difference.high)}"
            if difference.n > 1
            else "no interval from single numbers"
        )
        shown.append(Highlight(number(difference.estimate), "difference", context))
    return shown


def _curve(found: FolderSearch) -> Figure:
    rows = found.rows
    band = (
        [row["value"] - row["standard_error"] for row in rows],
        [row["value"] + row["standard_error"] for row in rows],
    )
    line = Series(
        "average of the latest",
        [row["window"] for row in rows],
        [row["value"] for row in rows],
        band,
        kind="ours",
    )
    raw = found.curve.raw
    drawing = line_plot(
        [line],
        title="Value of the average for each window",
        x_axis="checkpoints averaged",
        y_axis="value",
        log_x=True,
        best="max" if found.higher_is_better else "min",
        x_references=[Reference(found.window, "chosen")],
        y_references=[Reference(raw, "newest checkpoint alone")] if math.isfinite(raw) else [],
    )
    if all(math.isnan(row["standard_error"]) for row in rows):
        return Figure(drawing, "The evaluation gave single numbers: there are no standard errors.")
    return Figure(
        drawing, "The band is one standard error of the paired difference to the best window."
    )


def _table(found: FolderSearch) -> Table:
    names = found.checkpoints
    rows = [row | {"oldest": names[-row["window"]]} for row in found.rows]
    columns = [
        Column("window", "checkpoints", "number", 0),
        Column("oldest", "oldest of them"),
        Column("value", "value", "number", 4, "max" if found.higher_is_better else "min"),
        Column("standard_error", "standard error", "number", 4),
    ]
    return Table(f"Every window that was evaluated; {found.window:,} was chosen", columns, rows)


def _decay(found: FolderSearch) -> Figure:
    total = len(found.checkpoints)
    factors = learning_rate_factors(profile_weights(found.profile, total, found.window))
    line = Series(
        f"{found.profile} window", list(range(1, total + 1)), factors.tolist(), kind="ours"
    )
    drawing = line_plot(
        [line],
        title="How much the updates count in the chosen average",
        x_axis="checkpoint, oldest first",
        y_axis="learning-rate factor",
    )
    return Figure(drawing)


def _settings(found: FolderSearch) -> list[tuple[str, str]]:
    names = found.checkpoints
    return [
        ("folder", found.folder),
        ("checkpoints", f"{counted(len(names), 'checkpoint')}, {names[0]} to {names[-1]}"),
        ("evaluation", found.evaluate),
        ("better is", "higher" if found.higher_is_better else "lower"),
        ("profile", found.profile),
        ("chosen by", found.curve.rule),
        ("average", "not kept" if found.merged is None else found.merged.name),
    ]
