"""Numbers as a reader sees them: one rule for tables, figures and their descriptions.

A true minus sign, commas between thousands, whole numbers whole, and scientific notation where
fixed decimals would hide the value. What is missing reads ``no value``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from surefoot.ground.errors import InputError

MISSING = "no value"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def finite_or_none(value: Any, where: str) -> float | None:
    """Return `value` as a float, or ``None`` where it is missing, NaN or infinite.

    Raises
    ------
    InputError
        If `value` is neither missing nor a number.
    """
    # pandas.NA is recognised by name: comparing or converting it raises, importing pandas is slow.
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return None
    if not isinstance(value, Real):
        raise InputError(where, value, "a number, or None or NaN where there is none")
    return float(value) if math.isfinite(value) else None


def number(value: Any, digits: int = 3) -> str:
    """Write `value` with `digits` decimals; integers stand whole.

    Examples
    --------
    >>> number(-0.8734), number(12345), number(0.00002), number(None)
    ('−0.873', '12,345', '2×10⁻⁵', 'no value')
    """
    amount = finite_or_none(value, "number")
    if amount is None:
        return MISSING
    if isinstance(value, Integral) and abs(amount) < 1e15:
        return _minus(f"{int(value):,}")
    if amount != 0 and not 10.0**-digits / 2 <= abs(amount) < 1e9:
        return scientific(amount, max(digits - 1, 0))
    text = f"{amount:,.{digits}f}"
    return _minus(text if text.strip("-0.,") else text.lstrip("-"))


def scientific(amount: float, digits: int = 2) -> str:
    """Write `amount` as a power of ten with at most `digits` decimals.

    Examples
    --------
    >>> scientific(2.5e6), scientific(1e-5)
    ('2.5×10⁶', '10⁻⁵')
    """
    mantissa, exponent = f"{amount:.{digits}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    power = f"10{str(int(exponent)).translate(_RAISED)}"
    return power if mantissa == "1" else f"{_minus(mantissa)}×{power}"


def short(value: float) -> str:
    """Write `value` with as few characters as will do: for ticks and places, not for results.

    Examples
    --------
    >>> short(500.0), short(0.05), short(2e6)
    ('500', '0.05', '2×10⁶')
    """
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return _minus(f"{value:,.6g}")
    return scientific(value)


def percent(value: Any, digits: int = 1) -> str:
    """Write the fraction `value` as a percentage.

    Examples
    --------
    >>> percent(0.8734), percent(1)
    ('87.3%', '100.0%')
    """
    amount = finite_or_none(value, "percent")
    return MISSING if amount is None else f"{number(float(amount * 100), digits)}%"


def interval(low: Any, high: Any, digits: int = 3, *, as_percent: bool = False) -> str:
    """Write the interval from `low` to `high`.

    Examples
    --------
    >>> interval(0.861, 0.885)
    '[0.861, 0.885]'
    """
    write = percent if as_percent else number
    return f"[{write(low, digits)}, {write(high, digits)}]"


def counted(count: int, noun: str) -> str:
    """Write `count` things, the plural formed with an s.

    Examples
    --------
    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def triple(value: Any, where: str) -> tuple[float | None, float | None, float | None]:
    """Return an ``(estimate, low, high)`` cell as three numbers; a missing cell is all ``None``."""
    if hasattr(value, "estimate"):  # surefoot.ground.intervals.Interval
        value = (value.estimate, value.low, value.high)
    if value is None or (isinstance(value, Real) and not math.isfinite(value)):
        return None, None, None
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 3:
        raise InputError(where, value, "an (estimate, low, high) triple, or None")
    estimate, low, high = (finite_or_none(part, where) for part in value)
    return estimate, low, high


def _minus(text: str) -> str:
    return text.replace("-", "−")
