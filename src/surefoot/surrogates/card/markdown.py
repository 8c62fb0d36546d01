"""The card on one page of Markdown."""

from __future__ import annotations

import re

from surefoot.surrogates.card.document import Card
from surefoot.surrogates.card.words import by_section, field_words, label_words, status_words

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~$])")
_LONGEST = 110


def render(card: Card) -> str:
    """Return the card as Markdown: a line a field, those that are missing named in one line.

    Values are shortened; the JSON has them whole.
    """
    lines = [card.summary(), "", f"# Surrogate of {_escaped(card.title)}", ""]
    for title, fields in by_section(card):
        lines.append(f"**{title}**")
        absent = []
        for path, field in fields:
            label = _escaped(label_words(path))
            if status_words(field) == "missing":
                absent.append(label)
            else:
                mark = "†" if field["status"] == "declared" else ""
                lines.append(f"- {label}{mark}: {_escaped(field_words(field, _LONGEST))}")
        if absent:
            lines.append(f"- *missing: {', '.join(absent)}*")
        lines.append("")
    lines.append("† declared by the authors; everything else was measured or does not apply.")
    lines.append(f"`{card.content['schema']}` `{card.content.get('id', 'without an id')}`")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
