"""Dot plot: every seed as a faint dot, their mean and its interval, one method a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from surefoot.ground.blocks import Best, Column, Table
from surefoot.ground.errors import InputError
from surefoot.ground.figures.axis import Axis, fitted
from surefoot.ground.figures.drawing import Canvas, Drawing, drawn
from surefoot.ground.figures.frame import Reference, named
from surefoot.ground.figures.kinds import OURS, Kinds, whiskers
from surefoot.ground.figures.rows import RowText, lay_rows
from surefoot.ground.figures.values import Ends, Writer, ends, told
from surefoot.ground.numerals import MISSING, counted, finite_or_none


@dataclass(frozen=True)
class DotRow:
    """One row of a dot plot.

    Parameters
    ----------
    label : str
        The method.
    values : sequence of float or None
        One value a seed; missing ones are counted, not drawn.
    interval : Interval or (float, float), optional
        Lower and upper end of the interval around the mean.
    kind : str
        ``"ours"``, ``"baseline"``, ``"uses group labels"`` or another word for the legend.
    group : str
        The heading under which the row stands; rows of one group follow each other.
    expected : (float, float), optional
        Where the mean should be, drawn as a band behind the row.
    """

    label: str
    values: Sequence[float | None]
    interval: Ends | None = None
    kind: str = "baseline"
    group: str = ""
    expected: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Summary:
    dots: list[float]
    missing: int
    mean: float | None
    low: float | None
    high: float | None
    band: tuple[float | None, float | None]


def dot_plot(
    rows: Sequence[DotRow],
    *,
    title: str,
    axis: str,
    best: Best | None = None,
    references: Sequence[Reference] = (),
    percent_axis: bool = False,
    digits: int | None = None,
) -> Drawing:
    """Draw one row a method: its seeds, their mean, the interval.

    Parameters
    ----------
    rows : sequence of DotRow
        From top to bottom.
    title : str
        What the figure shows, in a few words.
    axis : str
        What the values are, with their unit.
    best : {"max", "min"}, optional
        Which end of the axis is better.
    references : sequence of Reference
        Vertical lines to read the rows against.
    percent_axis : bool
        Values are fractions, shown as percentages.
    digits : int, optional
        Decimals of the values shown; 1 for percentages and 3 otherwise.

    Raises
    ------
    InputError
        If there are no rows, or not one finite value.
    """
    if not rows:
        raise InputError("dot_plot rows", "none", "at least one DotRow")
    write = Writer(percent_axis, digits)
    summaries = [_summary(row) for row in rows]
    kinds = Kinds(row.kind for row in rows)
    texts = [
        RowText(row.label, write.estimate(s.mean, s.low, s.high), row.group, row.kind == OURS)
        for row, s in zip(rows, summaries, strict=True)
    ]
    extent = [reference.value for reference in references]
    for s in summaries:
        extent += [*s.dots, *(end for end in (s.low, s.high, *s.band) if end is not None)]

    def fit(start: float, end: float) -> Axis:
        return fitted(extent, start, end, where="dot_plot values", percent=percent_axis)

    def draw(canvas: Canvas) -> None:
        def marks(index: int, scale: Axis, y: float) -> None:
            row, s = rows[index], summaries[index]
            first, last = s.band
            if first is not None and last is not None:
                hint = f"expected: {write(first)} to {write(last)}"
                x, width = scale(first), scale(last) - scale(first)
                canvas.add("rect", "expected", hint, x=x, y=y - 14, width=width, height=28)
            if s.mean is None:
                return
            look = kinds.look(row.kind)
            for dot in s.dots if len(s.dots) > 1 else ():  # one dot is its own mean
                canvas.add("circle", f"seed {look}", write(dot), cx=scale(dot), cy=y + 7, r=3)
            if s.low is not None and s.high is not None:
                whiskers(canvas, look, scale(s.low), scale(s.high), y - 3)
            kinds.mark(canvas, row.kind, scale(s.mean), y - 3, hint=f"mean {write(s.mean)}")

        kinds.legend(canvas)
        lay_rows(canvas, texts, fit, marks, name=named(axis, best), references=references)

    words = _words(rows, summaries, write, named(axis, best), references)
    return drawn(title, words, _table(title, axis, rows, summaries, write), draw)


def _summary(row: DotRow) -> _Summary:
    where = f"values of {row.label!r}"
    values = [finite_or_none(value, where) for value in row.values]
    dots = [value for value in values if value is not None]
    # Dividing first keeps the sum of large values finite.
    mean = sum(value / len(dots) for value in dots) if dots else None
    low, high = ends(row.interval, f"interval of {row.label!r}")
    band = ends(row.expected, f"band of {row.label!r}")
    return _Summary(dots, len(values) - len(dots), mean, low, high, band)


def _words(
    rows: Sequence[DotRow],
    summaries: Sequence[_Summary],
    write: Writer,
    name: str,
    references: Sequence[Reference],
) -> Iterator[str]:
    yield f"Dot plot of {name}, {counted(len(rows), 'row')}."
    yield from (f"Line at {write(line.value)}: {line.label}." for line in references)
    sentences = []
    for row, s in zip(rows, summaries, strict=True):
        place = f"{row.group}, {row.label}" if row.group else row.label
        sentence = f"{place} ({row.kind}): {write.words(s.mean, s.low, s.high)}"
        lost = f", {s.missing} without a value" if s.missing else ""
        first, last = s.band
        band = "" if first is None else f"; expected {write(first)} to {write(last)}"
        sentences.append(f"{sentence}{band}; {counted(len(s.dots), 'seed')}{lost}.")
    yield from told(sentences)


def _table(
    title: str, axis: str, rows: Sequence[DotRow], summaries: Sequence[_Summary], write: Writer
) -> Table:
    columns = [
        Column("label", "Row"),
        Column("kind", "Kind"),
        Column("mean", f"Mean {axis}", write.kind, write.digits),
        Column("low", "Interval from", write.kind, write.digits),
        Column("high", "To", write.kind, write.digits),
        Column("seeds", "By seed"),
    ]
    if any(row.expected for row in rows):
        columns.append(Column("from", "Expected from", write.kind, write.digits))
        columns.append(Column("to", "To", write.kind, write.digits))
    data = [
        {
            "group": row.group,
            "label": row.label,
            "kind": row.kind,
            "mean": s.mean,
            "low": s.low,
            "high": s.high,
            "seeds": ", ".join([*map(write, s.dots), *[MISSING] * s.missing]),
            "from": s.band[0],
            "to": s.band[1],
        }
        for row, s in zip(rows, summaries, strict=True)
    ]
    if any(row.group for row in rows):
        columns.insert(0, Column("group", "Group"))
    return Table(title, columns, data)
