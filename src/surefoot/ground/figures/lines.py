"""Line plot: how something changes, with bands, and names where the lines end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surefoot.ground.blocks import Best, Column, Table, listed
from surefoot.ground.errors import InputError
from surefoot.ground.figures.axis import TICK_SIZE, Axis, fitted
from surefoot.ground.figures.drawing import Canvas, Drawing, drawn
from surefoot.ground.figures.frame import (
    Reference,
    axis_name,
    grid_across,
    grid_up,
    levels,
    named,
    uprights,
)
from surefoot.ground.figures.kinds import Kinds
from surefoot.ground.figures.text import clean, width_of, wrapped
from surefoot.ground.figures.values import Writer, ends, sentence_case, told
from surefoot.ground.numerals import counted, finite_or_none, short

_SIZE = 14.0
_LEADING = _SIZE * 1.2
_DASHES = 4


@dataclass(frozen=True)
class Series:
    """One line.

    Parameters
    ----------
    label : str
        Its name, written where it ends.
    x, y : sequence of float
        Points in the order in which they are joined; a missing y breaks the line.
    band : (sequence of float, sequence of float), optional
        Lower and upper edge at each x.
    kind : str
        ``"ours"``, ``"baseline"``, ``"uses group labels"`` or another word: its colour. Lines of
        one kind differ in their dashes.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    band: tuple[Sequence[float | None], Sequence[float | None]] | None = None
    kind: str = "baseline"


@dataclass(frozen=True)
class _Place:
    x: float
    y: float | None
    low: float | None
    high: float | None


def line_plot(
    series: Sequence[Series],
    *,
    title: str,
    x_axis: str,
    y_axis: str,
    log_x: bool = False,
    log_y: bool = False,
    best: Best | None = None,
    x_references: Sequence[Reference] = (),
    y_references: Sequence[Reference] = (),
    percent_axis: bool = False,
    digits: int | None = None,
) -> Drawing:
    """Draw lines over a common axis.

    Parameters
    ----------
    series : sequence of Series
        The lines; the first is drawn last, on top.
    title : str
        What the figure shows, in a few words.
    x_axis, y_axis : str
        What the axes are, with their units.
    log_x, log_y : bool
        Logarithmic axes, base 10.
    best : {"max", "min"}, optional
        Which end of the y axis is better.
    x_references, y_references : sequence of Reference
        Upright and level lines to read the data against.
    percent_axis : bool
        y holds fractions, shown as percentages.
    digits : int, optional
        Decimals of y in words and in the table; 1 for percentages and 3 otherwise.

    Raises
    ------
    InputError
        If there are no series or no finite value, lengths differ, or a value on a logarithmic axis
        is not above 0.
    """
    if not series:
        raise InputError("line_plot series", "none", "at least one Series")
    write = Writer(percent_axis, digits)
    lines = [_places(one) for one in series]
    kinds = Kinds(one.kind for one in series)
    drawn_points = [place for line in lines for place in line if place.y is not None]
    xs = [place.x for place in drawn_points] + [line.value for line in x_references]
    ys: list[float | None] = [line.value for line in y_references]
    for place in drawn_points:
        ys += [place.y, place.low, place.high]
    if not drawn_points:
        raise InputError("line_plot values", "no value", "at least one finite number to draw")

    def draw(canvas: Canvas) -> None:
        room = _label_room(canvas, series)
        top = canvas.height + 30 + 18 * len(x_references)
        names = sum(len(wrapped(one.label, room, _SIZE)) * _LEADING + 3 for one in series)
        bottom = top + max(300.0 if not canvas.narrow else 240.0, names)
        up = fitted(
            ys, bottom, top, where="line_plot y", log=log_y, percent=percent_axis, upright=True
        )
        left = max(width_of(label, TICK_SIZE) for label in up.labels) + 10
        right = canvas.width - room - 16
        across = fitted(xs, left, right, where="line_plot x", log=log_x, pad=0.01)
        canvas.text("axis", 0, top - 16 - 18 * len(x_references), named(y_axis, best))
        grid_up(canvas, up, left, right)
        grid_across(canvas, across, top, bottom)
        uprights(canvas, x_references, across, top, bottom)
        looks = _looks(series, kinds)
        for look, line in reversed(list(zip(looks, lines, strict=True))):
            _band(canvas, look, line, across, up)
            _line(canvas, look, line, across, up)
        levels(canvas, y_references, up, left, right)
        _names(canvas, series, looks, lines, across, up, room)
        axis_name(canvas, x_axis, left, right, bottom + 42)
        canvas.height = bottom + 52

    words = _words(series, lines, write, x_axis, named(y_axis, best), x_references, y_references)
    return drawn(title, words, _table(title, x_axis, series, lines, write), draw)


def _places(one: Series) -> list[_Place]:
    lows, highs = one.band if one.band is not None else ([None] * len(one.x), [None] * len(one.x))
    if not len(one.x) == len(one.y) == len(lows) == len(highs):
        found = f"{len(one.x)} x, {len(one.y)} y, {len(lows)} low, {len(highs)} high"
        raise InputError(f"series {one.label!r}", found, "the same number of each")
    places = []
    for x, y, low, high in zip(one.x, one.y, lows, highs, strict=True):
        where = f"series {one.label!r}"
        at = finite_or_none(x, f"x of {where}")
        if at is None:
            raise InputError(f"x of {where}", x, "a finite number")
        places.append(_Place(at, finite_or_none(y, f"y of {where}"), *ends((low, high), where)))
    return places


def _looks(series: Sequence[Series], kinds: Kinds) -> list[str]:
    seen: dict[str, int] = {}
    looks = []
    for one in series:
        dash = seen.get(one.kind, 0) % _DASHES
        seen[one.kind] = seen.get(one.kind, 0) + 1
        looks.append(f"{kinds.look(one.kind)} dash-{dash}")
    return looks


def _label_room(canvas: Canvas, series: Sequence[Series]) -> float:
    most = 96.0 if canvas.narrow else 190.0
    return min(most, max(width_of(clean(one.label), _SIZE) for one in series))


def _line(canvas: Canvas, look: str, line: Sequence[_Place], across: Axis, up: Axis) -> None:
    steps = []
    for index, place in enumerate(line):
        if place.y is None:
            continue
        starts = index == 0 or line[index - 1].y is None
        stops = index + 1 == len(line) or line[index + 1].y is None
        x, y = across(place.x), up(place.y)
        steps.append(f"{'M' if starts else 'L'}{x:.1f} {y:.1f}")
        if starts and stops:  # a point without neighbours would be a line of no length
            canvas.add("circle", f"dot {look}", cx=x, cy=y, r=3)
    if steps:
        canvas.add("path", f"line {look}", d="".join(steps))


def _band(canvas: Canvas, look: str, line: Sequence[_Place], across: Axis, up: Axis) -> None:
    run: list[tuple[float, float, float]] = []
    for place in [*line, None]:
        if place is not None and place.low is not None and place.high is not None:
            run.append((across(place.x), up(place.low), up(place.high)))
        elif run:
            edge = [f"{x:.1f} {low:.1f}" for x, low, _ in run]
            edge += [f"{x:.1f} {high:.1f}" for x, _, high in reversed(run)]
            canvas.add("path", f"band {look}", d=f"M{'L'.join(edge)}Z")
            run = []


def _names(
    canvas: Canvas,
    series: Sequence[Series],
    looks: Sequence[str],
    lines: Sequence[Sequence[_Place]],
    across: Axis,
    up: Axis,
    room: float,
) -> None:
    """Write each name beside the end of its line, pushed apart where they would touch."""
    tips = [next((p for p in reversed(line) if p.y is not None), None) for line in lines]
    shown = [index for index, tip in enumerate(tips) if tip is not None]
    wants = [up(tip.y) for tip in tips if tip is not None and tip.y is not None]
    heights = [len(wrapped(series[index].label, room, _SIZE)) * _LEADING + 3 for index in shown]
    left = across.end + 16
    for index, want, y in zip(shown, wants, spread(wants, heights, up.end, up.start), strict=True):
        tip, look = tips[index], looks[index]
        assert tip is not None
        x = across(tip.x)
        canvas.add("circle", f"dot {look}", cx=x, cy=want, r=3.2)
        if abs(y - want) > 4 or across.end - x > 4:
            canvas.add("path", "leader", d=f"M{x + 4:.1f} {want:.1f}L{left - 3:.1f} {y:.1f}")
        label = series[index].label
        canvas.label(
            f"name {looks[index]}", left, y + 5, label, room=room, size=_SIZE, lines=2, middle=True
        )


def spread(
    wants: Sequence[float], heights: Sequence[float], low: float, high: float
) -> list[float]:
    """Return positions near `wants` that keep boxes of `heights` apart within [`low`, `high`].

    Boxes that would touch form a pile centred on the mean of what they want; a pile that then
    touches another joins it (pool adjacent violators).
    """
    order = sorted(range(len(wants)), key=wants.__getitem__)
    piles: list[tuple[list[int], float]] = []  # members from top to bottom, top edge
    for index in order:
        members = [index]
        while True:
            tall = sum(heights[i] for i in members)
            offset, middles = 0.0, []
            for i in members:
                middles.append(wants[i] - offset - heights[i] / 2)
                offset += heights[i]
            top = min(max(sum(middles) / len(middles), low), max(high - tall, low))
            if not piles or piles[-1][1] + sum(heights[i] for i in piles[-1][0]) <= top:
                break
            members = piles.pop()[0] + members
        piles.append((members, top))
    places = [0.0] * len(wants)
    for members, top in piles:
        for i in members:
            places[i] = top + heights[i] / 2
            top += heights[i]
    return places


def _words(
    series: Sequence[Series],
    lines: Sequence[Sequence[_Place]],
    write: Writer,
    x_axis: str,
    y_axis: str,
    x_references: Sequence[Reference],
    y_references: Sequence[Reference],
) -> Iterator[str]:
    yield f"Line plot of {y_axis} against {x_axis}, {counted(len(series), 'line')}."
    yield from (f"Upright line at {short(line.value)}: {line.label}." for line in x_references)
    yield from (f"Level line at {write(line.value)}: {line.label}." for line in y_references)
    sentences = []
    for one, line in zip(series, lines, strict=True):
        known = [(place.y, place.x) for place in line if place.y is not None]
        if not known:
            sentences.append(f"{one.label} ({one.kind}): no value.")
            continue
        (first, start), (last, stop) = known[0], known[-1]
        (low, low_at), (high, high_at) = min(known), max(known)
        lost = len(line) - len(known)
        sentences.append(
            f"{one.label} ({one.kind}): from {write(first)} at {short(start)} to {write(last)} at "
            f"{short(stop)}; lowest {write(low)} at {short(low_at)}, highest {write(high)} at "
            f"{short(high_at)}" + (f"; {lost} without a value." if lost else ".")
        )
    yield from told(sentences)


def _table(
    title: str,
    x_axis: str,
    series: Sequence[Series],
    lines: Sequence[Sequence[_Place]],
    write: Writer,
) -> Table:
    rows: list[Mapping[str, Any]] = [
        {"line": one.label, "x": x, "y": place.y, "low": place.low, "high": place.high}
        for one, line in zip(series, lines, strict=True)
        for x, place in zip(one.x, line, strict=True)
    ]
    columns = [
        Column("line", "Line"),
        Column("x", sentence_case(x_axis), "number"),
        Column("y", "Value", write.kind, write.digits),
    ]
    if any(place.low is not None for line in lines for place in line):
        columns.append(Column("low", "Band from", write.kind, write.digits))
        columns.append(Column("high", "To", write.kind, write.digits))
    shown, note = listed(rows)
    return Table(title, columns, shown, note)
