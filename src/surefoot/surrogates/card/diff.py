"""What changed between two revisions of a card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from surefoot.surrogates.card.document import Card
from surefoot.surrogates.card.words import field_words, status_words, value_words

_LONGEST = 60


@dataclass(frozen=True)
class Change:
    """A difference in one field.

    Attributes
    ----------
    field : str
        Its path, and within a value the names and rows that lead to what differs:
        ``"evaluation.scores.flow nrmse.estimate"``.
    before, after : object
        The differing parts; None where there is none.
    sentence : str
        Such as ``"0.021 → 0.018 (−14 %)"`` or ``"missing → declared: …"``.
    """

    field: str
    before: Any
    after: Any
    sentence: str


def diff(a: Card, b: Card) -> list[Change]:
    """Return what differs from card `a` to card `b`, field by field in the card's order."""
    fields = [dict(card.fields()) for card in (a, b)]
    paths = list(dict.fromkeys([*fields[0], *fields[1]]))
    return [change for path in paths for change in _changes(path, a[path], b[path])]


def differences(before: Any, after: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield place and both sides of every difference between two JSON values.

    Rows of tables are found by the texts in them, so that a row more does not move all others.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from differences(before.get(name), after.get(name), f"{place}.{name}")
    elif _is_table(before) and _is_table(after):
        yield from differences(_by_texts(before), _by_texts(after), place)
    elif type(before) is bool or type(after) is bool:
        if before is not after:
            yield place, before, after
    elif before != after:
        yield place, before, after


def _changes(path: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    before, after = status_words(a), status_words(b)
    if before != after:
        words = f"{before} → {after}"
        if after != "missing":
            words += f": {field_words(b, _LONGEST)}"
        yield Change(path, a.get("value"), b.get("value"), words)
        return
    for name in ("value", "reason", "unit"):
        for place, old, new in differences(a.get(name), b.get(name)):
            suffix = "" if name == "value" else f".{name}"
            yield Change(path + suffix + place, old, new, _words(old, new))


def _words(old: Any, new: Any) -> str:
    words = f"{value_words(old, _LONGEST)} → {value_words(new, _LONGEST)}"
    if _is_number(old) and _is_number(new) and old:
        share = f"{100 * (new - old) / abs(old):+.3g}".replace("-", "−")
        words += f" ({share} %)"
    return words


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _by_texts(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Name each row by its texts and, where these repeat, by its turn among its like."""
    named: dict[str, Any] = {}
    turns: Counter[str] = Counter()
    for row in rows:
        texts = " ".join(v for v in row.values() if isinstance(v, str)) or "row"
        turns[texts] += 1
        named[texts if turns[texts] == 1 else f"{texts} #{turns[texts]}"] = row
    return named
