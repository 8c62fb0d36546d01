"""What stands around the data: grid, ticks, axis names and reference lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from surefoot.ground.blocks import Best
from surefoot.ground.errors import InputError
from surefoot.ground.figures.axis import TICK_SIZE, Axis
from surefoot.ground.figures.drawing import Anchor, Canvas
from surefoot.ground.figures.text import width_of
from surefoot.ground.numerals import finite_or_none


@dataclass(frozen=True)
class Reference:
    """A labelled line at `value`, to read the data against."""

    value: float
    label: str

    def __post_init__(self) -> None:
        if finite_or_none(self.value, "Reference.value") is None:
            raise InputError("Reference.value", self.value, "a finite number")


def named(label: str, best: Best | None) -> str:
    """Return an axis name with the direction that is better."""
    return label + {None: "", "max": " (higher is better)", "min": " (lower is better)"}[best]


def grid_across(canvas: Canvas, axis: Axis, top: float, bottom: float) -> None:
    """Draw the vertical grid lines of a horizontal axis and its tick labels below `bottom`."""
    for tick, label in zip(axis.ticks, axis.labels, strict=True):
        x = axis(tick)
        canvas.line("zero" if tick == 0 else "grid", x, top, x, bottom)
        canvas.text("tick", x, bottom + 18, label, _kept_inside(canvas, x, label))


def grid_up(canvas: Canvas, axis: Axis, left: float, right: float) -> None:
    """Draw the horizontal grid lines of an upright axis and its tick labels left of `left`."""
    for tick, label in zip(axis.ticks, axis.labels, strict=True):
        y = axis(tick)
        canvas.line("zero" if tick == 0 else "grid", left, y, right, y)
        canvas.text("tick", left - 8, y + 4.5, label, "end")


def axis_name(canvas: Canvas, text: str, left: float, right: float, y: float) -> None:
    """Write the name of a horizontal axis centred below it, or where it fits on the sheet."""
    half = min(width_of(text, 14), canvas.width - 8) / 2
    x = min(max((left + right) / 2, half + 4), canvas.width - half - 4)
    canvas.label("axis", x, y, text, room=canvas.width - 8, size=14, anchor="middle")


def uprights(
    canvas: Canvas, references: Sequence[Reference], axis: Axis, top: float, bottom: float
) -> None:
    """Draw vertical reference lines; each label stands in its own line above `top`."""
    for index, reference in enumerate(references):
        x, y = axis(reference.value), top - 6 - 18 * (len(references) - 1 - index)
        canvas.line("reference", x, y + 5, x, bottom)
        # The label reaches to the side with more room.
        anchor: Anchor = "start" if x < (axis.start + axis.end) / 2 else "end"
        room = canvas.width - x - 4 if anchor == "start" else x - 4
        canvas.label("note", x, y, reference.label, room=room, size=TICK_SIZE, anchor=anchor)


def levels(
    canvas: Canvas, references: Sequence[Reference], axis: Axis, left: float, right: float
) -> None:
    """Draw horizontal reference lines, each labelled above its right end."""
    for reference in references:
        y = axis(reference.value)
        canvas.line("reference", left, y, right, y)
        room = right - left - 12
        label = reference.label
        canvas.label("note halo", right - 6, y - 6, label, room=room, size=TICK_SIZE, anchor="end")


def _kept_inside(canvas: Canvas, x: float, label: str) -> Anchor:
    half = width_of(label, TICK_SIZE) / 2
    if x - half < 0:
        return "start"
    return "end" if x + half > canvas.width else "middle"
