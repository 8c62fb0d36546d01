"""The card as a page: its fields, what a reviewer would ask, and the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from surefoot.ground import page
from surefoot.ground.blocks import Block, Column, Highlight, Page, Section, Table
from surefoot.surrogates.card.document import Card
from surefoot.surrogates.card.fields import FIELDS
from surefoot.surrogates.card.lint import Finding, lint
from surefoot.surrogates.card.pictures import figures
from surefoot.surrogates.card.words import (
    by_section,
    field_words,
    label_words,
    status_words,
    value_words,
)

_LONGEST = 600
_WHOLE = ("evaluation.scores", "evaluation.coverage", "evaluation.baselines", "evaluation.stress",
          "evaluation.tasks", "learning.candidates")  # fmt: skip


def render(card: Card) -> str:
    """Return the card as one self-contained HTML page."""
    return page.render(card_page(card))


def card_page(card: Card) -> Page:
    """Return the page of a card."""
    findings, counts = lint(card), card.counts()
    errors = sum(finding.severity == "error" for finding in findings)
    asked = "A reviewer has nothing left to ask."
    if findings:
        which = {0: "none of them an error", 1: "1 of them an error"}
        severe = which.get(errors, f"{errors} of them errors")
        asked = f"A reviewer would ask about **{len(findings)}** more, {severe}."
    lead = (
        f"Of {sum(counts.values())} fields **{counts['measured']}** were measured, which an audit "
        f"can check, and {counts['declared']} rest on the authors' word. {asked}"
    )
    highlights = [Highlight(str(n), status.replace("_", " ")) for status, n in counts.items()]
    sections = [Section(title, [_fields(title, fields)]) for title, fields in by_section(card)]
    shown = [*figures(card), *_tables(card)]
    if shown:
        sections.insert(0, Section("How good is it?", shown))
    if findings:
        sections.append(Section("What a reviewer would ask", [_findings(findings)]))
    return Page(
        title=f"Card: {card.title}",
        question="Can this surrogate stand in for the simulator, and who checked?",
        lead=lead,
        highlights=highlights,
        sections=sections,
        facts=[("schema", card.content["schema"]), ("id", card.content.get("id", "none"))],
    )


def _fields(title: str, fields: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    rows = [
        {
            "field": label_words(path),
            "question": FIELDS[path].question if path in FIELDS else "",
            "answer": "" if status_words(field) == "missing" else field_words(field, _LONGEST),
            "status": status_words(field),
        }
        for path, field in fields
    ]
    names = ("field", "question", "answer", "status")
    return Table(title, [Column(name, name) for name in names], rows)


def _findings(findings: Sequence[Finding]) -> Table:
    names = ("severity", "field", "sentence", "remedy")
    rows = [{name: getattr(finding, name) for name in names} for finding in findings]
    return Table("Questions, and what would answer them", [Column(n, n) for n in names], rows)


def _tables(card: Card) -> list[Block]:
    """Return the tables of the card in which every row counts."""
    return [_table(FIELDS[path].question, rows) for path in _WHOLE if (rows := card.rows(path))]


def _table(caption: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    numeric = {key for key in keys if all(_is_number(row.get(key)) for row in rows)}
    columns = [
        Column(key, key.replace("_", " "), "number", 4)
        if key in numeric
        else Column(key, key.replace("_", " "))
        for key in keys
    ]
    shown = [
        {k: v if k in numeric or v is None else value_words(v) for k, v in row.items()}
        for row in rows
    ]
    return Table(caption, columns, shown)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
