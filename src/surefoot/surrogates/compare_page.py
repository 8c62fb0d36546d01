"""The page of a comparison: who did how well, how sure it is, and what more runs would bring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

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
from surefoot.ground.figures import Series, line_plot
from surefoot.ground.numerals import percent
from surefoot.ground.study import environment
from surefoot.surrogates.compared import Compared, task_name

if TYPE_CHECKING:
    import pandas as pd


_LEVELS = (50, 80, 90, 95, 99)
_COLUMNS = (
    Column("candidate", "candidate"),
    Column("nrmse", "NRMSE", "number", 4, "min"),
    Column("nlpd", "−log density", "number", 3, "min"),
    Column("crps", "CRPS", "number", 4, "min"),
    Column("coverage_95", "95 % intervals hold", "percent"),
    Column("weight", "weight", "percent"),
    Column("as_good_as_best", "as good as the best"),
)
_READING = (
    "Every number is out of fold: each run is predicted by a fit that has not seen it, with warp, "
    "scaling and hyperparameters learned again without it. NRMSE is in standard deviations of the "
    "output. The **stack** is the weighted mixture that was saved; its own row was scored on the "
    "runs that its weights were chosen on, and the corrected error above pays for that choice."
)


def compare_page(compared: Compared, title: str, command: str) -> Page:
    """Return the page of a comparison.

    Parameters
    ----------
    compared : Compared
    title : str
        What was simulated.
    command : str
        That made it.
    """
    runs = len(compared.model.fold_)
    output, error = max(compared.errors.items(), key=lambda item: item[1].estimate)
    covers = min(s.interval("coverage_95").estimate for s in compared.model.scores_)
    tried = len({name for each in compared.model.comparisons_ for name in each.names})
    paid = ", corrected for having been chosen" if compared.corrected else ""
    worst = "; no output is predicted worse" if len(compared.model.output_names_) > 1 else ""
    lead = (
        f"The best mixture of {tried} candidates predicts `{output}` with an error of "
        f"**{percent(error.estimate)}** of its standard deviation "
        f"[{percent(error.low)}, {percent(error.high)}]{paid}{worst}. "
        f"Its 95 % intervals hold **{percent(covers)}** of the runs."
    )
    return Page(
        title=f"Comparison: {title}",
        question="Can this surrogate stand in for the simulator?",
        lead=lead,
        highlights=[
            Highlight(f"{runs:,}", "runs", "each predicted without having been seen"),
            Highlight(percent(error.estimate), f"error of {output}", "of its standard deviation"),
            Highlight(percent(covers), "in 95 % intervals", "of the output where it is least"),
            Highlight(str(len(compared.remarks)), "remarks", "on whether to trust this"),
        ],
        sections=list(_sections(compared, command)),
        facts=list(environment().items()),
    )


def _sections(compared: Compared, command: str) -> Iterator[Section]:
    boards: list[Block] = [
        Table(f"Candidates for {name}", _COLUMNS, _rows(board))
        for name, board in compared.boards.items()
    ]
    yield Section("Who did how well", [*boards, Note(_READING)])
    yield Section("How sure it is", [_coverage(compared)])
    if compared.tasks:
        told = [(task_name(one), str(one)) for one in compared.tasks]
        yield Section("At the task itself", [Facts(told)])
    shown = [curve for curve in compared.curves if curve.output in compared.shown]
    if any(len(curve.points) > 1 for curve in shown):
        yield Section("What more runs would bring", [_curve(shown)])
    if compared.remarks:
        yield Section("Remarks", [Note("\n\n".join(compared.remarks), title="What was noticed")])
    yield Section("How this was made", [Code(command)])


def _rows(board: pd.DataFrame) -> list[dict[str, Any]]:
    rows = board.reset_index().to_dict("records")
    return [row | {"as_good_as_best": "yes" if row["as_good_as_best"] else ""} for row in rows]


def _coverage(compared: Compared) -> Table:
    rows = [
        {"output": name, **{str(n): scores.interval(f"coverage_{n}") for n in _LEVELS}}
        for name, scores in zip(compared.model.output_names_, compared.model.scores_, strict=True)
    ]
    columns = [Column(str(n), f"{n} %", "interval", 2) for n in _LEVELS]
    note = "Share of runs inside the interval, with the 95 % interval of that share."
    return Table("Intervals, by the share they promise", [Column("output", "output"), *columns],
                 rows, note)  # fmt: skip


def _curve(curves: Sequence[Any]) -> Figure:
    series = [
        Series(
            curve.output,
            [point.n for point in curve.points],
            [point.nrmse for point in curve.points],
            ([point.low for point in curve.points], [point.high for point in curve.points]),
            kind="ours",
        )
        for curve in curves
    ]
    drawing = line_plot(
        series, title="Error against runs", x_axis="runs", y_axis="NRMSE", log_x=True,
        log_y=True, best="min",
    )  # fmt: skip
    return Figure(drawing, "; ".join(map(str, curves)))
