"""A finished figure, and the few SVG elements it is made of."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from surefoot.ground.blocks import Table
from surefoot.ground.figures.text import clean, wrapped

WIDE, NARROW = 760, 360
_MARGIN = 16
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Drawing:
    """A figure, ready for a page.

    Attributes
    ----------
    title : str
        What the figure shows, in a few words.
    words : str
        The text alternative: the data in sentences.
    wide, narrow : str
        The same figure as SVG for a desk (760 px) and a phone (360 px); a page shows one of them.
    data : Table
        The numbers behind the figure.
    """

    title: str
    words: str
    wide: str
    narrow: str
    data: Table

    def standalone(self) -> str:
        """Return the wide layout as an SVG file of its own, styles and background included."""
        style = f"<style>{stylesheet('palette.css')}{stylesheet('figure.css')}</style>"
        start, inner = self.wide.split(">", 1)
        height = float(start.rsplit(" ", 1)[1].strip('"'))
        box = f'x="{-_MARGIN}" y="{-_MARGIN}" width="100%" height="100%"'
        size = f"{-_MARGIN} {-_MARGIN} {WIDE + 2 * _MARGIN} {height + 2 * _MARGIN:g}"
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="figure" role="img" '
            f'viewBox="{size}">{style}<rect class="paper" {box}/>{inner}'
        )

    def _repr_svg_(self) -> str:  # how notebooks show an object
        return self.standalone()


class Canvas:
    """Collects SVG elements on a sheet of `width` pixels that grows downwards."""

    def __init__(self, width: float) -> None:
        self.width = width
        self.height = 0.0
        self._parts: list[str] = []

    @property
    def narrow(self) -> bool:
        """Whether this is the layout for a phone."""
        return self.width < WIDE

    def add(self, tag: str, look: str, hint: str = "", inner: str = "", **where: object) -> None:
        """Add an element of class `look`; `hint` is the text shown on hovering over it."""
        title = f"<title>{escaped(hint)}</title>" if hint else ""
        self._parts.append(f"<{tag}{_attributes(look, where)}>{title}{inner}</{tag}>")

    def line(self, look: str, x1: float, y1: float, x2: float, y2: float, hint: str = "") -> None:
        """Add a straight line."""
        self.add("line", look, hint, x1=x1, y1=y1, x2=x2, y2=y2)

    def text(
        self, look: str, x: float, y: float, text: str, anchor: Anchor = "start", hint: str = ""
    ) -> None:
        """Add one line of text; `y` is its baseline."""
        self.add("text", f"{look} {anchor}", hint, escaped(text), x=x, y=y)

    def label(
        self,
        look: str,
        x: float,
        y: float,
        text: str,
        *,
        room: float,
        size: float,
        lines: int = 1,
        anchor: Anchor = "start",
        middle: bool = False,
    ) -> int:
        """Add text that keeps to `room`; what is cut can be read by hovering. Return its lines."""
        broken = wrapped(text, room, size, lines)
        hint = clean(text) if any(line.endswith("…") for line in broken) else ""
        leading = size * 1.2
        top = y - leading * (len(broken) - 1) / 2 if middle else y
        for index, line in enumerate(broken):
            self.text(look, x, top + index * leading, line, anchor, hint)
        return len(broken)

    def svg(self, title: str, words: str) -> str:
        """Return the sheet as one SVG element that is announced as an image."""
        return (
            f'<svg class="figure" role="img" viewBox="0 0 {self.width:g} {self.height:.0f}">'
            f"<title>{escaped(title)}</title><desc>{escaped(words)}</desc>"
            + "".join(self._parts)
            + "</svg>"
        )


def drawn(title: str, words: Iterable[str], data: Table, draw: Callable[[Canvas], None]) -> Drawing:
    """Let `draw` lay the figure out twice, once for a desk and once for a phone."""
    description = " ".join(words)
    sheets = []
    for width in (WIDE, NARROW):
        canvas = Canvas(width)
        draw(canvas)
        sheets.append(canvas.svg(title, description))
    return Drawing(clean(title), clean(description), sheets[0], sheets[1], data)


def escaped(text: str) -> str:
    """Return `text` so that HTML and XML show it as it is."""
    return html.escape(clean(text))


@cache
def stylesheet(name: str) -> str:
    """Return one of the style sheets that pages and standalone figures share."""
    return resources.files("surefoot.ground").joinpath("templates", name).read_text("utf-8")


def _attributes(look: str, where: dict[str, object]) -> str:
    values = {"class": look} | where
    return "".join(
        f' {name.replace("_", "-")}="{f"{value:.1f}" if isinstance(value, float) else value}"'
        for name, value in values.items()
    )
