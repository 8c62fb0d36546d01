"""The card as a LaTeX table for a paper's appendix; needs no package."""

from __future__ import annotations

import re

from surefoot.surrogates.card.document import Card
from surefoot.surrogates.card.words import by_section, field_words, label_words, status_words

_LONGEST = 160
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "−": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "…": r"\ldots{}",
    "→": r"$\to$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "±": r"$\pm$",
    "†": r"$^\dagger$",
}
_RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_POWER = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")


def render(card: Card) -> str:
    """Return the card as one ``tabular``, values shortened, every character escaped."""
    rows = []
    for title, fields in by_section(card):
        rows.append(rf"\hline \multicolumn{{2}}{{@{{}}l}}{{\textbf{{{escaped(title)}}}}} \\")
        for path, field in fields:
            mark = "†" if status_words(field) == "declared" else ""
            cells = (label_words(path) + mark, field_words(field, _LONGEST))
            rows.append(" & ".join(map(escaped, cells)) + r" \\")
    return "\n".join(
        [
            f"% {card.summary()}",
            f"% {card.content['schema']} {card.content.get('id', 'without an id')}",
            r"\begin{tabular}{@{}p{0.25\linewidth}p{0.7\linewidth}@{}}",
            rf"\multicolumn{{2}}{{@{{}}l}}{{{escaped(f'{card.title}: {card.summary()}')}}} \\",
            *rows,
            r"\hline",
            rf"\multicolumn{{2}}{{@{{}}l}}{{{escaped('† declared by the authors')}}} \\",
            r"\end{tabular}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Return `text` so that LaTeX shows it as it stands."""
    shown = "".join(_SPECIAL.get(character, character) for character in text)
    return _POWER.sub(lambda power: f"$^{{{power[0].translate(_RAISED)}}}$", shown)
