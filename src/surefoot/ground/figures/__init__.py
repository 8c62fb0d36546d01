"""Figures as small SVG drawings: themed by the page, described in words, backed by their data.

Each plot returns a `Drawing`: the same figure laid out for a desk and for a phone, a text
alternative written from the data, and the data as a table. See docs/decisions/0002-svg-figures.md.
"""

from surefoot.ground.figures.bars import BarRow, bar_plot
from surefoot.ground.figures.dots import DotRow, dot_plot
from surefoot.ground.figures.drawing import Drawing
from surefoot.ground.figures.frame import Reference
from surefoot.ground.figures.lines import Series, line_plot
from surefoot.ground.figures.points import Point, scatter_plot

__all__ = [
    "BarRow",
    "DotRow",
    "Drawing",
    "Point",
    "Reference",
    "Series",
    "bar_plot",
    "dot_plot",
    "line_plot",
    "scatter_plot",
]
