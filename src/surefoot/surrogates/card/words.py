"""Fields in words, short enough for a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from surefoot.ground.numerals import short
from surefoot.surrogates.card.document import Card
from surefoot.surrogates.card.fields import FIELDS, SECTIONS

_LONGEST = 160
_MARKS = {"measured": "measured", "declared": "declared", "not_applicable": "not applicable"}


def by_section(card: Card) -> Iterator[tuple[str, list[tuple[str, Mapping[str, Any]]]]]:
    """Yield the title of each section that the card has, with its fields by path.

    Fields that only figures can show are left out.
    """
    fields = [(path, f) for path, f in card.fields() if path not in FIELDS or FIELDS[path].legible]
    for section, title in SECTIONS.items():
        if found := [(p, field) for p, field in fields if p.startswith(f"{section}.")]:
            yield title, found


def label_words(path: str) -> str:
    """Return the name of a field in words."""
    return FIELDS[path].label if path in FIELDS else path.split(".")[1].replace("_", " ")


def status_words(field: Mapping[str, Any]) -> str:
    """Return how the field came to be, such as ``"measured"``."""
    return _MARKS.get(str(field.get("status")), "missing")


def field_words(field: Mapping[str, Any], longest: int = _LONGEST) -> str:
    """Return what the field says, cut to about `longest` characters."""
    if field.get("status") == "not_applicable":
        return _cut(f"not applicable: {field.get('reason', 'no reason given')}", longest)
    if field.get("value") is None:
        return "missing"
    unit = f" {field['unit']}" if field.get("unit") else ""
    return value_words(field["value"], longest - len(unit)) + unit


def value_words(value: Any, longest: int = _LONGEST) -> str:
    """Return a value: numbers to four digits, mappings and tables as phrases, the rest counted."""
    if value in ({}, []):
        return "none"
    if isinstance(value, Mapping):
        return _joined([f"{_label(k)} {value_words(v)}" for k, v in value.items()], ", ", longest)
    if isinstance(value, list):
        phrases = [row_words(item) if isinstance(item, Mapping) else value_words(item)
                   for item in value]  # fmt: skip
        return _joined(phrases, "; ", longest)
    return _cut(_plain(value), longest)


def row_words(row: Mapping[str, Any]) -> str:
    """Return a row of a table: its texts, then its estimate with the interval, then the rest."""
    phrases = [value for value in row.values() if isinstance(value, str) and value]
    rest = {k: v for k, v in row.items() if not isinstance(v, str) and v is not None}
    if "estimate" in rest:
        phrases.append(_plain(rest.pop("estimate")))
    if "low" in rest and "high" in rest:
        phrases.append(f"[{_plain(rest.pop('low'))}, {_plain(rest.pop('high'))}]")
    return " ".join([*phrases, *(f"{_label(k)} {value_words(v, 60)}" for k, v in rest.items())])


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    return (
        short(float(f"{value:.4g}")) if isinstance(value, float) else " ".join(str(value).split())
    )


def _label(name: Any) -> str:
    return str(name).replace("_", " ")


def _joined(phrases: Sequence[str], between: str, longest: int) -> str:
    """Join as many phrases as fit, and count the others."""
    text = ""
    for index, phrase in enumerate(phrases):
        longer = f"{text}{between}{phrase}" if text else phrase
        if len(longer) > longest and text:
            return f"{text}{between}{len(phrases) - index} more"
        text = _cut(longer, longest)
    return text


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: max(longest - 1, 1)] + "…"
