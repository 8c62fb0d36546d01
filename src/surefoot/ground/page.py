"""Results -> one self-contained HTML page.

Build a `Page` of frozen blocks, then `write` it. The page asks for nothing outside itself, reads
without JavaScript, and shows every text it is given as text: no name of a group, file or method
can become markup.

Usage::

    from surefoot.ground.page import Page, Prose, Section, write

    page = Page("Waterbirds", "Does it work for the minority groups too?", "Yes, with **one** gap.",
                [Section("What was measured", [Prose("Accuracy in the worst group.")])])
    write(page, "index.html")
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from surefoot.ground.blocks import (
    Block,
    Code,
    Column,
    Details,
    Facts,
    Figure,
    Highlight,
    Note,
    Page,
    Prose,
    Section,
    Table,
    Verdict,
    VerdictList,
)
from surefoot.ground.errors import InputError
from surefoot.ground.figures.drawing import stylesheet
from surefoot.ground.figures.text import clean
from surefoot.ground.files import write_text

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = [
    "Code",
    "Column",
    "Details",
    "Facts",
    "Figure",
    "Highlight",
    "Note",
    "Page",
    "Prose",
    "Section",
    "Table",
    "Verdict",
    "VerdictList",
    "render",
    "write",
]

_CONTENTS_FROM = 5
_OWN_IDS = ("content",)
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<bold>.+?)\*\*|\[(?P<text>[^\[\]]+)\]\(#(?P<anchor>[\w-]+)\)", re.S
)


def render(page: Page) -> str:
    """Return `page` as one HTML document that needs nothing outside itself.

    Raises
    ------
    InputError
        If a section holds something that is not a block.
    """
    from markupsafe import Markup

    for section in page.sections:
        _check(section.blocks, f"section {section.title!r}")
    style = "".join(map(stylesheet, ("palette.css", "figure.css", "style.css")))
    script = stylesheet("script.js")
    html = (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            sections=list(zip(page.sections, _anchors(page.sections), strict=True)),
            contents=len(page.sections) >= _CONTENTS_FROM,
            style=Markup(style),
            script=Markup(script),
            script_hash=_hash(script),
        )
    )
    return clean(html)


def write(page: Page, path: str | Path) -> None:
    """Write `page` to `path`, whole or not at all."""
    write_text(path, render(page))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("surefoot.ground", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["paragraphs"] = _paragraphs
    environment.filters["drawing"] = _drawing
    environment.filters["block_name"] = lambda block: type(block).__name__
    return environment


def _paragraphs(text: str) -> list[Markup]:
    # A number and its percent sign stay on one line.
    text = re.sub(r"(?<=\d) %", "\u00a0%", text.strip())
    return [_inline(part) for part in re.split(r"\n\s*\n", text) if part]


def _inline(text: str) -> Markup:
    """Turn the three marks `Prose` knows into HTML and escape everything else."""
    from markupsafe import Markup, escape

    html, end = Markup(), 0
    for match in _INLINE.finditer(text):
        html += escape(text[end : match.start()])
        if match["code"]:
            html += Markup("<code>{}</code>").format(match["code"])
        elif match["bold"]:
            html += Markup("<strong>{}</strong>").format(_inline(match["bold"]))
        else:
            html += Markup('<a href="#{}">{}</a>').format(match["anchor"], match["text"])
        end = match.end()
    return html + escape(text[end:])


def _drawing(svg: str, layout: str) -> Markup:
    """Let a drawing through unescaped: `figures.Canvas` has escaped the texts in it."""
    from markupsafe import Markup

    return Markup(svg.replace('class="figure"', f'class="figure {layout}"', 1))


def _anchors(sections: Sequence[Section]) -> Iterator[str]:
    used = set(_OWN_IDS)
    for section in sections:
        anchor, count = section.anchor, 1
        while anchor in used:
            count += 1
            anchor = f"{section.anchor}-{count}"
        used |= {anchor, f"{anchor}-heading"}
        yield anchor


def _check(blocks: Sequence[Block], where: str) -> None:
    names = [block.__name__ for block in get_args(Block)]
    for block in blocks:
        if not isinstance(block, get_args(Block)):
            raise InputError(where, block, f"blocks: {', '.join(names)}")
        if isinstance(block, Details):
            _check(block.blocks, where)


def _hash(script: str) -> str:
    """Return what the content security policy must hold for this script, and no other, to run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
