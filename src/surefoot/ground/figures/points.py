"""Scatter plot: pairs of numbers, kinds told apart by colour and shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surefoot.ground.blocks import Column, Table, listed
from surefoot.ground.errors import InputError
from surefoot.ground.figures.axis import TICK_SIZE, Axis, fitted
from surefoot.ground.figures.drawing import Anchor, Canvas, Drawing, drawn
from surefoot.ground.figures.frame import (
    Reference,
    axis_name,
    grid_across,
    grid_up,
    levels,
    uprights,
)
from surefoot.ground.figures.kinds import OURS, Kinds
from surefoot.ground.figures.text import clean, width_of
from surefoot.ground.figures.values import Writer, sentence_case, told
from surefoot.ground.numerals import counted, finite_or_none

_CROWD = 300  # above it, points are small and can't be read by hovering


@dataclass(frozen=True)
class Point:
    """One point; with a `label` it is named where there is room, and on hovering anyway."""

    x: float | None
    y: float | None
    label: str = ""
    kind: str = "baseline"


@dataclass(frozen=True)
class _Spot:
    x: float
    y: float
    point: Point


def scatter_plot(
    points: Sequence[Point],
    *,
    title: str,
    x_axis: str,
    y_axis: str,
    log_x: bool = False,
    log_y: bool = False,
    diagonal: str = "",
    x_references: Sequence[Reference] = (),
    y_references: Sequence[Reference] = (),
    percent_axes: bool = False,
    digits: int | None = None,
) -> Drawing:
    """Draw points.

    Parameters
    ----------
    points : sequence of Point
        The pairs; one with a missing x or y is counted, not drawn.
    title : str
        What the figure shows, in a few words.
    x_axis, y_axis : str
        What the axes are, with their units.
    log_x, log_y : bool
        Logarithmic axes, base 10.
    diagonal : str
        Draw the line y = x under this name; both axes then have the same range and scale.
    x_references, y_references : sequence of Reference
        Upright and level lines to read the points against.
    percent_axes : bool
        Both axes hold fractions, shown as percentages.
    digits : int, optional
        Decimals in words and in the table; 1 for percentages and 3 otherwise.

    Raises
    ------
    InputError
        If there are no points or no finite pair, a value on a logarithmic axis is not above 0, or
        a diagonal is asked for between a linear and a logarithmic axis.
    """
    if not points:
        raise InputError("scatter_plot points", "none", "at least one Point")
    if diagonal and log_x != log_y:
        raise InputError("diagonal", diagonal, "no diagonal unless both axes have the same scale")
    write = Writer(percent_axes, digits)
    spots = []
    for index, point in enumerate(points):
        x = finite_or_none(point.x, f"x of point {index}")
        y = finite_or_none(point.y, f"y of point {index}")
        if x is not None and y is not None:
            spots.append(_Spot(x, y, point))
    if not spots:
        raise InputError("scatter_plot points", "no value", "at least one finite pair to draw")
    kinds = Kinds(point.kind for point in points)
    xs = [spot.x for spot in spots] + [line.value for line in x_references]
    ys = [spot.y for spot in spots] + [line.value for line in y_references]
    if diagonal:
        xs = ys = xs + ys

    def draw(canvas: Canvas) -> None:
        kinds.legend(canvas)
        top = canvas.height + 30 + 18 * len(x_references)
        bottom = top + (280.0 if canvas.narrow else 400.0)
        up = fitted(
            ys, bottom, top, where="scatter_plot y", log=log_y, percent=percent_axes, upright=True
        )
        left = max(width_of(label, TICK_SIZE) for label in up.labels) + 10
        right = canvas.width - 18
        across = fitted(xs, left, right, where="scatter_plot x", log=log_x, percent=percent_axes)
        canvas.text("axis", 0, top - 16 - 18 * len(x_references), y_axis)
        grid_up(canvas, up, left, right)
        grid_across(canvas, across, top, bottom)
        if diagonal:
            canvas.line("reference", left, bottom, right, top)
            room = (right - left) / 2
            canvas.label(
                "note halo", right - 40, top + 14, diagonal, room=room, size=TICK_SIZE, anchor="end"
            )
        uprights(canvas, x_references, across, top, bottom)
        levels(canvas, y_references, up, left, right)
        _marks(canvas, spots, kinds, across, up, write)
        axis_name(canvas, x_axis, left, right, bottom + 42)
        canvas.height = bottom + 52

    words = _words(points, spots, write, x_axis, y_axis, diagonal)
    return drawn(title, words, _table(title, x_axis, y_axis, points, write), draw)


def _marks(
    canvas: Canvas, spots: Sequence[_Spot], kinds: Kinds, across: Axis, up: Axis, write: Writer
) -> None:
    crowded = len(spots) > _CROWD
    ordered = sorted(spots, key=lambda spot: spot.point.kind == OURS)  # ours on top
    places = [(across(spot.x), up(spot.y)) for spot in ordered]
    for spot, (x, y) in zip(ordered, places, strict=True):
        where = f"({write(spot.x)}, {write(spot.y)})"
        hint = "" if crowded else f"{spot.point.label} {where}".strip()
        kinds.mark(canvas, spot.point.kind, x, y, radius=2.6 if crowded else 5.5, hint=hint)
    if crowded:
        return
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in places]
    for spot, (x, y) in zip(reversed(ordered), reversed(places), strict=True):
        if spot.point.label:
            _name(canvas, clean(spot.point.label), x, y, taken, across, up)


def _name(
    canvas: Canvas,
    text: str,
    x: float,
    y: float,
    taken: list[tuple[float, float, float, float]],
    across: Axis,
    up: Axis,
) -> None:
    """Write `text` right, left, above or below its point: the first place that is free."""
    width = width_of(text, TICK_SIZE)
    choices: list[tuple[Anchor, float, float, float]] = [
        ("start", x + 10, y + 4.5, x + 10),
        ("end", x - 10, y + 4.5, x - 10 - width),
        ("middle", x, y - 11, x - width / 2),
        ("middle", x, y + 20, x - width / 2),
    ]
    for anchor, at, baseline, left in choices:
        box = (left, baseline - 11, left + width, baseline + 3)
        inside = box[0] >= across.start and box[2] <= across.end + 18
        inside = inside and box[1] >= up.end and box[3] <= up.start
        if inside and not any(_touch(box, other) for other in taken):
            canvas.text("tick halo", at, baseline, text, anchor)
            taken.append(box)
            return


def _touch(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _words(
    points: Sequence[Point],
    spots: Sequence[_Spot],
    write: Writer,
    x_axis: str,
    y_axis: str,
    diagonal: str,
) -> Iterator[str]:
    yield f"Scatter plot of {y_axis} against {x_axis}, {counted(len(spots), 'point')}."
    if len(points) > len(spots):
        yield f"{counted(len(points) - len(spots), 'point')} without a value."
    if diagonal:
        above = sum(spot.y > spot.x for spot in spots)
        below = sum(spot.y < spot.x for spot in spots)
        yield f"Diagonal: {diagonal}; {above:,} above it, {below:,} below."
    yield from told(
        [
            f"{spot.point.label or f'Point {index}'} ({spot.point.kind}): "
            f"{write(spot.x)}, {write(spot.y)}."
            for index, spot in enumerate(spots, 1)
        ]
    )


def _table(title: str, x_axis: str, y_axis: str, points: Sequence[Point], write: Writer) -> Table:
    rows: list[Mapping[str, Any]] = [
        {"label": point.label, "kind": point.kind, "x": point.x, "y": point.y} for point in points
    ]
    columns = [
        Column("kind", "Kind"),
        Column("x", sentence_case(x_axis), write.kind, write.digits),
        Column("y", sentence_case(y_axis), write.kind, write.digits),
    ]
    if any(point.label for point in points):
        columns.insert(0, Column("label", "Point"))
    shown, note = listed(rows)
    return Table(title, columns, shown, note)
