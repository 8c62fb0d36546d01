"""The page of one fitted classifier: its groups, its worst one, how it decides."""

from __future__ import annotations

from typing import Any

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
from surefoot.ground.figures import BarRow, Series, bar_plot, line_plot
from surefoot.ground.study import environment
from surefoot.groups.report import GroupReport


def audit_page(report: GroupReport, title: str, model: Any, command: str | None) -> Page:
    """Return the page of `report` for a fitted `model`."""
    worst = report.worst_group_accuracy
    level = f"{report.confidence_level:.0%}"
    lead = (
        f"The worst group is **{report.worst_group}** with accuracy **{worst.estimate:.3f}**; with "
        f"{level} confidence no group is truly below {worst.low:.3f}. The average is "
        f"{report.accuracy:.3f}."
    )
    highlights = [
        Highlight(f"{worst.estimate:.1%}", "worst group", f"{worst.low:.1%} to {worst.high:.1%}"),
        Highlight(f"{report.mean_group_accuracy:.1%}", "mean of groups", "each counts the same"),
        Highlight(f"{report.accuracy:.1%}", "average", f"{len(report.y):,} rows"),
        Highlight(f"{report.worst_class_accuracy:.1%}", "worst class", "needs no groups"),
    ]
    made: list[Block] = [Facts(_settings(model))]
    if command:
        made.append(Code(command))
    return Page(
        title=title,
        question="Does it work for the minority groups too?",
        lead=lead,
        highlights=highlights,
        sections=[
            Section("Accuracy by group", [_figure(report), _table(report), Note(_READING)]),
            Section("Training", [_training(model), *made]),
        ],
        facts=list(environment().items()),
    )


_READING = (
    "Groups are label × attribute. The interval of a single group says how sure its own accuracy "
    "is. The interval of the **worst** group is about the lowest true accuracy, whichever group "
    "has it: it allows for the group having been picked because it looks bad. Few rows mean wide "
    "intervals, not bad groups."
)


def _figure(report: GroupReport) -> Figure:
    table = report.table.sort_values("accuracy")
    rows = [
        BarRow(f"{row.group} (n = {row.n:,})", row.accuracy, (row.low, row.high))
        for row in table.itertuples()
    ]
    drawing = bar_plot(
        rows, title="Each group with its interval", axis="accuracy", best="max", percent_axis=True
    )
    return Figure(
        drawing, f"Bars are accuracies, lines their {report.confidence_level:.0%} interval."
    )


def _table(report: GroupReport) -> Table:
    rows = [
        {
            "group": row.group,
            "n": row.n,
            "accuracy": (row.accuracy, row.low, row.high),
            "errors": row.n - row.correct,
            "flag": "few rows" if row.small else "",
        }
        for row in report.table.itertuples()
    ]
    columns = [
        Column("group", "group"),
        Column("n", "rows", "number", 0),
        Column("accuracy", "accuracy and interval", "interval", 3),
        Column("errors", "errors", "number", 0),
    ]
    if report.table["small"].any():
        columns.append(Column("flag", "note"))
    return Table("Groups", columns, rows)


def _training(model: Any) -> Figure:
    epochs = [entry["epoch"] for entry in model.history_]
    series = [Series("training loss", epochs, [entry["loss"] for entry in model.history_])]
    scores = [entry.get("validation") for entry in model.history_]
    if all(score is not None for score in scores):
        label = f"validation, {model.selection.replace('_', ' ')}"
        series.append(Series(label, epochs, scores, kind="ours"))
    drawing = line_plot(
        series, title="Loss and validation accuracy", x_axis="epoch", y_axis="loss and accuracy"
    )
    return Figure(drawing, "Validation accuracy is that of the most probable class.")


def _settings(model: Any) -> list[tuple[str, str]]:
    facts = [("method", type(model).__name__)]
    facts += [(name, str(value)) for name, value in model.get_params(deep=False).items()]
    if len(model.classes_) == 2:
        facts.append(
            (f"predicts {model.classes_[1]!s} from", f"{model.decision_threshold_:.1%} probability")
        )
    facts.append(("temperature", f"{model.temperature_:.3f}"))
    return facts
