"""Kinds of things in a figure, told apart by colour *and* by shape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from surefoot.ground.errors import InputError
from surefoot.ground.figures.drawing import Canvas
from surefoot.ground.figures.text import clean, shortened, width_of

OURS: Final = "ours"
# These keep their look in every figure of a page; other kinds take the looks left, in order.
_KNOWN = (OURS, "baseline", "uses group labels")
_SHAPES = ("circle", "square", "diamond", "triangle", "cross")
_PATHS = {
    "circle": "M{l} {y}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z",
    "square": "M{l} {t}h{d}v{d}h-{d}Z",
    "diamond": "M{l} {y}L{x} {t}L{e} {y}L{x} {b}Z",
    "triangle": "M{x} {t}L{e} {b}H{l}Z",
    "cross": "M{l} {t}L{e} {b}M{e} {t}L{l} {b}",
}
_BULGE = {"square": 0.88, "diamond": 1.3, "triangle": 1.1, "cross": 0.85}  # equal areas to the eye


class Kinds:
    """The look of each kind in one figure.

    Parameters
    ----------
    names : iterable of str
        The kind of every row, in order; at most five different ones.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(dict.fromkeys(names))
        looks = {name: _KNOWN.index(name) for name in self.names if name in _KNOWN}
        # The first look, the accent colour, is kept for "ours".
        free = [index for index in range(1, len(_SHAPES)) if index not in looks.values()]
        others = [name for name in self.names if name not in looks]
        if len(others) > len(free):
            raise InputError("kind", len(self.names), f"at most {len(_SHAPES)} in one figure")
        self._looks = looks | dict(zip(others, free, strict=False))

    def look(self, kind: str) -> str:
        """Return the class that gives `kind` its colour."""
        return f"kind-{self._looks[kind]}"

    def mark(
        self, canvas: Canvas, kind: str, x: float, y: float, radius: float = 5.5, hint: str = ""
    ) -> None:
        """Draw the marker of `kind` centred on (`x`, `y`)."""
        shape = _SHAPES[self._looks[kind]]
        r = radius * _BULGE.get(shape, 1.0)
        sides = {"x": x, "y": y, "r": r, "d": 2 * r, "l": x - r, "e": x + r, "t": y - r, "b": y + r}
        path = _PATHS[shape].format(**{name: f"{value:.1f}" for name, value in sides.items()})
        canvas.add("path", f"mark {shape} {self.look(kind)}", hint, d=path)

    def legend(self, canvas: Canvas) -> None:
        """Draw marker and name of each kind along the top, if there is more than one kind."""
        if len(self.names) < 2:
            return
        x, y = 8.0, canvas.height + 14
        for kind in sorted(self.names, key=self._looks.__getitem__):
            text = shortened(clean(kind), canvas.width - 40, 14)
            room = width_of(text, 14) + 40
            if x > 8 and x + room > canvas.width:
                x, y = 8.0, y + 24
            self.mark(canvas, kind, x, y - 5)
            canvas.text("name", x + 14, y, text)
            x += room
        canvas.height = y + 16


def whiskers(canvas: Canvas, look: str, low: float, high: float, y: float) -> None:
    """Draw an interval: a bar from `low` to `high` with a short end on either side."""
    canvas.line(f"interval {look}", low, y, high, y)
    for x in (low, high):
        canvas.line(f"interval {look}", x, y - 4.5, x, y + 4.5)
