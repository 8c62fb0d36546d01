"""Bar plot: amounts as horizontal bars from zero, whole with an interval or stacked in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from surefoot.ground.blocks import Best, Column, Table
from surefoot.ground.errors import InputError
from surefoot.ground.figures.axis import TICK_SIZE, Axis, fitted
from surefoot.ground.figures.drawing import Canvas, Drawing, drawn
from surefoot.ground.figures.frame import Reference, named
from surefoot.ground.figures.kinds import OURS, Kinds, whiskers
from surefoot.ground.figures.rows import RowText, lay_rows
from surefoot.ground.figures.text import clean, shortened, width_of
from surefoot.ground.figures.values import Ends, Writer, ends, sentence_case, told
from surefoot.ground.numerals import counted, finite_or_none

_THICK = 18.0
_MOST_PARTS = 6


@dataclass(frozen=True)
class BarRow:
    """One bar.

    Parameters
    ----------
    label : str
        What the bar stands for.
    value : float, optional
        Its length; left out where `parts` are given, whose sum it is.
    interval : Interval or (float, float), optional
        Lower and upper end of the interval around the value.
    parts : mapping of str to float
        Amounts, none negative, stacked from zero in the order given.
    kind : str
        ``"ours"``, ``"baseline"``, ``"uses group labels"`` or another word for the legend.
    group : str
        The heading under which the row stands; rows of one group follow each other.
    """

    label: str
    value: float | None = None
    interval: Ends | None = None
    parts: Mapping[str, float | None] = field(default_factory=dict)
    kind: str = "baseline"
    group: str = ""


@dataclass(frozen=True)
class _Bar:
    value: float | None
    low: float | None
    high: float | None
    parts: dict[str, float]


def bar_plot(
    rows: Sequence[BarRow],
    *,
    title: str,
    axis: str,
    best: Best | None = None,
    references: Sequence[Reference] = (),
    percent_axis: bool = False,
    digits: int | None = None,
) -> Drawing:
    """Draw one horizontal bar a row; parameters as in `dot_plot`.

    Raises
    ------
    InputError
        If there are no rows or no finite value, a part is negative, or there are more than six
        different parts.
    """
    if not rows:
        raise InputError("bar_plot rows", "none", "at least one BarRow")
    write = Writer(percent_axis, digits)
    bars = [_bar(row) for row in rows]
    parts = list(dict.fromkeys(name for bar in bars for name in bar.parts))
    if len(parts) > _MOST_PARTS:
        raise InputError("BarRow.parts", len(parts), f"at most {_MOST_PARTS} different parts")
    kinds = Kinds(row.kind for row in rows)
    texts = [
        RowText(row.label, write.estimate(b.value, b.low, b.high), row.group, row.kind == OURS)
        for row, b in zip(rows, bars, strict=True)
    ]
    extent = [end for b in bars for end in (b.value, b.low, b.high) if end is not None]
    extent += [reference.value for reference in references]

    def fit(start: float, end: float) -> Axis:
        where = "bar_plot values"
        return fitted(extent, start, end, where=where, percent=percent_axis, from_zero=True)

    def draw(canvas: Canvas) -> None:
        def marks(index: int, scale: Axis, y: float) -> None:
            row, bar = rows[index], bars[index]
            if bar.value is None:
                return
            if bar.parts:
                _stack(canvas, scale, y, bar.parts, parts, write)
                return
            look = kinds.look(row.kind)
            _block(canvas, f"bar {look}", scale(0.0), scale(bar.value), y, write(bar.value))
            if bar.low is not None and bar.high is not None:
                whiskers(canvas, look, scale(bar.low), scale(bar.high), y)
            kinds.mark(canvas, row.kind, scale(bar.value), y, hint=write(bar.value))

        if parts:
            _part_legend(canvas, parts)
        else:
            kinds.legend(canvas)
        lay_rows(canvas, texts, fit, marks, name=named(axis, best), references=references)

    words = _words(rows, bars, write, named(axis, best), references)
    return drawn(title, words, _table(title, axis, rows, bars, parts, write), draw)


def _bar(row: BarRow) -> _Bar:
    low, high = ends(row.interval, f"interval of {row.label!r}")
    parts = {}
    for name, amount in row.parts.items():
        where = f"part {name!r} of {row.label!r}"
        part = finite_or_none(amount, where)
        if part is not None and part < 0:
            raise InputError(where, amount, "0 or more, for negative parts can't be stacked")
        if part is not None:
            parts[name] = part
    if row.parts and row.value is not None:
        raise InputError(f"value of {row.label!r}", row.value, "None where parts are given")
    value = sum(parts.values()) if parts else finite_or_none(row.value, f"value of {row.label!r}")
    return _Bar(value, low, high, parts)


def _block(canvas: Canvas, look: str, start: float, end: float, y: float, hint: str) -> None:
    x, width = min(start, end), max(abs(end - start), 1.0)  # a bar of zero stays visible
    top = y - _THICK / 2
    canvas.add("rect", look, hint, x=x, y=top, width=width, height=_THICK)


def _stack(
    canvas: Canvas,
    scale: Axis,
    y: float,
    own: Mapping[str, float],
    parts: Sequence[str],
    write: Writer,
) -> None:
    amounts = [own.get(name, 0.0) for name in parts]
    ends_at = list(accumulate(amounts))
    for index, (name, amount, end) in enumerate(zip(parts, amounts, ends_at, strict=True)):
        if not amount:
            continue
        start, stop = scale(end - amount), scale(end)
        _block(canvas, f"bar part-{index}", start, stop, y, f"{name}: {write(amount)}")
        if width_of(write(amount), TICK_SIZE) + 8 < stop - start:
            canvas.text(f"inside on-{index}", (start + stop) / 2, y + 4.5, write(amount), "middle")


def _part_legend(canvas: Canvas, parts: Sequence[str]) -> None:
    x, y = 0.0, canvas.height + 14
    for index, name in enumerate(parts):
        text = shortened(clean(name), canvas.width - 40, 14)
        room = width_of(text, 14) + 40
        if x > 0 and x + room > canvas.width:
            x, y = 0.0, y + 24
        canvas.add("rect", f"bar part-{index}", x=x, y=y - 11, width=13, height=13)
        canvas.text("name", x + 20, y, text)
        x += room
    canvas.height = y + 16


def _words(
    rows: Sequence[BarRow],
    bars: Sequence[_Bar],
    write: Writer,
    name: str,
    references: Sequence[Reference],
) -> Iterator[str]:
    yield f"Bar plot of {name}, {counted(len(rows), 'row')}."
    yield from (f"Line at {write(line.value)}: {line.label}." for line in references)
    sentences = []
    for row, bar in zip(rows, bars, strict=True):
        place = f"{row.group}, {row.label}" if row.group else row.label
        made_of = ", ".join(f"{part} {write(size)}" for part, size in bar.parts.items())
        amount = write.words(bar.value, bar.low, bar.high)
        tail = f", made of {made_of}" if made_of else ""
        sentences.append(f"{place} ({row.kind}): {amount}{tail}.")
    yield from told(sentences)


def _table(
    title: str,
    axis: str,
    rows: Sequence[BarRow],
    bars: Sequence[_Bar],
    parts: Sequence[str],
    write: Writer,
) -> Table:
    columns = [Column("label", "Row"), Column("kind", "Kind")]
    columns.append(Column("value", sentence_case(axis), write.kind, write.digits))
    data = []
    for row, bar in zip(rows, bars, strict=True):
        cells: dict[str, object] = {"group": row.group, "label": row.label, "kind": row.kind}
        cells |= {"value": bar.value, "low": bar.low, "high": bar.high}
        cells |= {f"part {name}": bar.parts.get(name) for name in parts}
        data.append(cells)
    if any(bar.low is not None for bar in bars):
        columns.append(Column("low", "Interval from", write.kind, write.digits))
        columns.append(Column("high", "To", write.kind, write.digits))
    columns += [
        Column(f"part {name}", sentence_case(name), write.kind, write.digits) for name in parts
    ]
    if any(row.group for row in rows):
        columns.insert(0, Column("group", "Group"))
    return Table(title, columns, data)
