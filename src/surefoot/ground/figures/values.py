"""How one figure writes its values, alike on the sheet, in words and in the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from surefoot.ground.blocks import Kind
from surefoot.ground.errors import InputError
from surefoot.ground.numerals import finite_or_none, interval, number, percent

if TYPE_CHECKING:
    from surefoot.ground.intervals import Interval

Ends: TypeAlias = "tuple[float | None, float | None] | Interval"


class Writer:
    """Writes the values of one figure with the same number of decimals."""

    def __init__(self, as_percent: bool, digits: int | None) -> None:
        self.as_percent = as_percent
        self.digits = digits if digits is not None else 1 if as_percent else 3
        self.kind: Kind = "percent" if as_percent else "number"

    def __call__(self, value: float | None) -> str:
        """Write one value."""
        return percent(value, self.digits) if self.as_percent else number(value, self.digits)

    def estimate(self, value: float | None, low: float | None, high: float | None) -> str:
        """Write a value with its interval, if it has one."""
        if value is None or low is None or high is None:
            return self(value)
        return f"{self(value)} {interval(low, high, self.digits, as_percent=self.as_percent)}"

    def words(self, value: float | None, low: float | None, high: float | None) -> str:
        """Say a value with its interval in words."""
        if value is None or low is None or high is None:
            return self(value)
        return f"{self(value)}, interval {self(low)} to {self(high)}"


def ends(given: Ends | None, where: str) -> tuple[float | None, float | None]:
    """Return the two ends of an interval, both ``None`` unless both are finite."""
    if given is None:
        return None, None
    if not isinstance(given, tuple):
        given = (given.low, given.high)
    low, high = (finite_or_none(end, where) for end in given)
    if low is None or high is None:
        return None, None
    if low > high:
        raise InputError(where, given, "(low, high) with low <= high")
    return low, high


def told(sentences: Sequence[str], limit: int = 40) -> Iterator[str]:
    """Yield at most `limit` sentences and say how many more rows the table below holds."""
    yield from sentences[:limit]
    if len(sentences) > limit:
        yield f"And {len(sentences) - limit:,} more, listed in the table of the data."


def sentence_case(label: str) -> str:
    """Return `label` as a heading: its first letter a capital, the rest untouched."""
    return label[:1].upper() + label[1:]
