"""The sheet of a row plot: a label, a stretch of axis and a value for each row, under headings.

On a desk labels stand left of the axis and values right of it; on a phone both stand above it, so
that neither text nor data gets small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from surefoot.ground.figures.axis import Axis
from surefoot.ground.figures.drawing import Canvas
from surefoot.ground.figures.frame import Reference, axis_name, grid_across, uprights
from surefoot.ground.figures.text import clean, width_of, wrapped

_SIZE = 14.5
_LEADING = _SIZE * 1.2


class RowText(NamedTuple):
    """What is written beside one row; `strong` rows stand out."""

    label: str
    value: str
    group: str
    strong: bool


def lay_rows(
    canvas: Canvas,
    rows: Sequence[RowText],
    fit: Callable[[float, float], Axis],
    draw: Callable[[int, Axis, float], None],
    *,
    name: str,
    references: Sequence[Reference] = (),
) -> None:
    """Lay out `rows` from the top of `canvas` down; `fit` makes the axis, `draw` the marks.

    `draw(index, axis, y)` is called for each row with the height of its middle.
    """
    left, right, label_room = _margins(canvas, rows)
    axis = fit(left, right)
    top = canvas.height + 8 + 18 * len(references)
    places, headings, bottom = _places(canvas, rows, label_room, top)
    grid_across(canvas, axis, top, bottom)
    uprights(canvas, references, axis, top, bottom)
    for y, text in headings:
        canvas.add("rect", "paper", x=0, y=y - 19, width=canvas.width, height=26)
        canvas.line("rule", 0, y - 19, canvas.width, y - 19)
        canvas.label("heading", 0, y, text, room=canvas.width, size=_SIZE)
    for index, (y, row) in enumerate(zip(places, rows, strict=True)):
        look = "label strong" if row.strong else "label"
        if canvas.narrow:
            room = canvas.width - width_of(row.value, _SIZE) - 10
            # The grid pauses behind the text.
            canvas.add("rect", "paper", x=0, y=y - 34, width=canvas.width, height=20)
            canvas.label(look, 0, y - 19, row.label, room=room, size=_SIZE)
            canvas.text(f"value {look}", canvas.width, y - 19, row.value, "end")
        else:
            canvas.line("guide", axis.start, y, axis.end, y)
            style = {"room": label_room, "size": _SIZE}
            canvas.label(
                look, left - 18, y + 5, row.label, lines=2, anchor="end", middle=True, **style
            )
            canvas.text(f"value {look}", canvas.width, y + 5, row.value, "end")
        draw(index, axis, y)
    axis_name(canvas, name, left, right, bottom + 42)
    canvas.height = bottom + 52


def _margins(canvas: Canvas, rows: Sequence[RowText]) -> tuple[float, float, float]:
    if canvas.narrow:
        return 8.0, canvas.width - 8.0, canvas.width
    labels = _widest((row.label for row in rows), 60.0, 210.0)
    values = _widest((row.value for row in rows), 30.0, 250.0)
    return labels + 18, canvas.width - values - 22, labels


def _widest(texts: Iterable[str], least: float, most: float) -> float:
    return min(max([least, *(width_of(clean(text), _SIZE) for text in texts)]), most)


def _places(
    canvas: Canvas, rows: Sequence[RowText], label_room: float, top: float
) -> tuple[list[float], list[tuple[float, str]], float]:
    """Return the middle of each row, the headings with their baselines, and the bottom."""
    places: list[float] = []
    headings: list[tuple[float, str]] = []
    y, group = top, ""
    for row in rows:
        if row.group != group:
            group = row.group
            y += 30 if places else 22
            headings.append((y, group))
            y += 10
        lines = 1 if canvas.narrow else len(wrapped(row.label, label_room, _SIZE))
        height = 54.0 if canvas.narrow else 17 + lines * _LEADING
        places.append(y + (34 if canvas.narrow else height / 2))
        y += height
    return places, headings, y + 6
