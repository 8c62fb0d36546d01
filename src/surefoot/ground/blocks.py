"""What a page is built of: small frozen blocks that hold content and know nothing of HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.numerals import (
    MISSING,
    finite_or_none,
    interval,
    number,
    percent,
    triple,
)

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.ground.figures import Drawing

Outcome = Literal["holds", "fails", "undecided", "unknown"]
Kind = Literal["text", "number", "percent", "interval"]
Best = Literal["max", "min"]


@dataclass(frozen=True)
class Prose:
    """Paragraphs of plain text, parted by empty lines.

    ```code```, ``**bold**`` and ``[text](#anchor)`` are understood; everything else is shown as
    it stands.
    """

    text: str


@dataclass(frozen=True)
class Note:
    """An aside, such as how to read what follows. Marked up like `Prose`."""

    text: str
    title: str = "How to read this"


@dataclass(frozen=True)
class Highlight:
    """One big number: the `value` as it is shown, what it is, and a line of context."""

    value: str
    label: str
    context: str = ""


@dataclass(frozen=True)
class Verdict:
    """One check of a claim: what was claimed, how it turned out, what was measured."""

    name: str
    sentence: str
    outcome: Outcome
    measured: str = ""

    def __post_init__(self) -> None:
        one_of("Verdict.outcome", self.outcome, get_args(Outcome))


@dataclass(frozen=True)
class VerdictList:
    """Verdicts as cards under a line that counts them."""

    verdicts: Sequence[Verdict]

    @property
    def summary(self) -> str:
        """Return the count of each outcome, such as ``3 hold · 1 fails · 2 undecided``."""
        counts = {
            outcome: sum(verdict.outcome == outcome for verdict in self.verdicts)
            for outcome in get_args(Outcome)
        }
        verbs = {"holds": "hold", "fails": "fail"}
        parts = [
            f"{count} {outcome if count == 1 else verbs.get(outcome, outcome)}"
            for outcome, count in counts.items()
            if count
        ]
        return " · ".join(parts) or "no checks"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    key : str
        Where the value stands in each row.
    label : str
        The heading.
    kind : {"text", "number", "percent", "interval"}
        ``percent`` takes fractions, ``interval`` takes (estimate, low, high) or an `Interval`.
    digits : int, optional
        Decimals; 1 for percentages and 3 otherwise.
    best : {"max", "min"}, optional
        Which end of the column is better; the best value shown is marked.
    """

    key: str
    label: str
    kind: Kind = "text"
    digits: int | None = None
    best: Best | None = None

    def __post_init__(self) -> None:
        one_of("Column.kind", self.kind, get_args(Kind))
        if self.best is not None:
            one_of("Column.best", self.best, get_args(Best))
            if self.kind == "text":
                raise InputError("Column.best", self.best, f"None, for {self.key!r} holds text")


@dataclass(frozen=True)
class Cell:
    """One value as the page shows it, and as sorting compares it (``None``: missing, last)."""

    text: str
    order: float | str | None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under sortable headings. Values are given raw; the columns say how to show them."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""

    def __post_init__(self) -> None:
        if not self.columns:
            raise InputError("Table.columns", "none", "at least one Column")
        present = {key for row in self.rows for key in row}
        for column in self.columns:
            if self.rows and column.key not in present:
                raise InputError("Table.columns", column.key, f"one of {sorted(map(str, present))}")

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        caption: str,
        columns: Sequence[Column] | None = None,
        note: str = "",
    ) -> Table:
        """Return `frame` as a table, without its index.

        Without `columns`, every column is shown under its own name: numbers as numbers, the rest
        as text.
        """
        from pandas.api.types import is_bool_dtype, is_numeric_dtype

        if columns is None:
            columns = [
                Column(
                    str(key),
                    str(key).replace("_", " "),
                    "number" if is_numeric_dtype(values) and not is_bool_dtype(values) else "text",
                )
                for key, values in frame.items()
            ]
        keys = [str(key) for key in frame.columns]
        rows = [dict(zip(keys, row, strict=True)) for row in frame.itertuples(index=False)]
        return cls(caption, columns, rows, note)

    def cells(self) -> list[list[Cell]]:
        """Return the cells row by row, the best of each column marked."""
        shown = [
            [_cell(row.get(column.key), column) for column in self.columns] for row in self.rows
        ]
        for index, column in enumerate(self.columns):
            orders = [row[index].order for row in shown]
            numbers = [order for order in orders if isinstance(order, float)]
            if column.best is None or len(numbers) < 2:
                continue
            top = max(numbers) if column.best == "max" else min(numbers)
            first = shown[orders.index(top)][index].text.split(" [")[0]
            for row in shown:
                cell = row[index]
                # A tie to the digits shown is a tie to the reader.
                if cell.text.split(" [")[0] == first:
                    row[index] = Cell(cell.text, cell.order, best=True)
        return shown


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption; its data is offered as a table below."""

    drawing: Drawing
    caption: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and values, such as the settings of a run."""

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Code:
    """Text to copy, such as the command that makes the page again."""

    text: str
    label: str = "Run this again"


@dataclass(frozen=True)
class Details:
    """Blocks folded away under a summary line."""

    summary: str
    blocks: Sequence[Block]


Block: TypeAlias = Prose | Note | VerdictList | Table | Figure | Facts | Code | Details


@dataclass(frozen=True)
class Section:
    """A heading, an optional introduction (marked up like `Prose`), and blocks."""

    title: str
    blocks: Sequence[Block]
    intro: str = ""

    @property
    def anchor(self) -> str:
        """Return what a link to this section points at: ``Our claim`` is at ``#our-claim``."""
        return re.sub(r"\W+", "-", self.title.lower()).strip("-") or "section"


@dataclass(frozen=True)
class Page:
    """A whole page.

    Parameters
    ----------
    title : str
        What was looked at; the title of the browser tab.
    question : str
        The question the page answers; its heading.
    lead : str
        The answer in a sentence or two, marked up like `Prose`.
    sections : sequence of Section
        The body. More than four get a table of contents.
    highlights : sequence of Highlight
        Three or four big numbers below the lead.
    facts : sequence of (str, str)
        What the footer states: versions, seeds, machine, source.
    language : str
        The language of the text, as a BCP 47 tag.
    """

    title: str
    question: str
    lead: str
    sections: Sequence[Section]
    highlights: Sequence[Highlight] = ()
    facts: Sequence[tuple[str, str]] = field(default=())
    language: str = "en"


def _cell(value: Any, column: Column) -> Cell:
    where = f"column {column.key!r}"
    if column.kind == "text":
        missing = value is None or value != value or str(value) in {"", "<NA>", "NaT"}
        return Cell(MISSING, None) if missing else Cell(str(value), str(value))
    digits = column.digits
    if column.kind == "interval":
        estimate, low, high = triple(value, where)
        if estimate is None:
            return Cell(MISSING, None)
        text = number(estimate, 3 if digits is None else digits)
        bounds = interval(low, high, 3 if digits is None else digits)
        return Cell(text if low is None and high is None else f"{text} {bounds}", estimate)
    amount = finite_or_none(value, where)
    if amount is None:
        return Cell(MISSING, None)
    if column.kind == "percent":
        return Cell(percent(amount, 1 if digits is None else digits), amount)
    return Cell(number(value, 3 if digits is None else digits), amount)


def listed(
    rows: Sequence[Mapping[str, Any]], limit: int = 500
) -> tuple[Sequence[Mapping[str, Any]], str]:
    """Return at most about `limit` of `rows`, evenly spaced, and a note that says so."""
    step = -(-len(rows) // limit) or 1
    note = f"One in {step} of {len(rows):,} rows is listed." if step > 1 else ""
    return rows[::step], note
