"""One input of a simulator: its range, its scale, and how it becomes a coordinate.

Every dimension maps its values to the unit interval and back. Whole numbers and levels own equal
cells of it, so that a design which fills the unit cube evenly gives each of them its due.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from numbers import Integral
from numbers import Real as RealNumber
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of

Floats = NDArray[np.float64]
_LARGEST = 2**53  # beyond it a float does not know every whole number


@dataclass(frozen=True)
class Real:
    """A continuous input.

    Parameters
    ----------
    low, high : float
        Bounds, in `unit`.
    scale : {"linear", "log"}
        On which scale its range is filled evenly.
    unit : str
        Unit of measurement, for people.

    Raises
    ------
    InputError
        If the bounds are reversed, equal or not finite, or on a log scale not above zero.
    """

    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"
    unit: str = ""
    kind: ClassVar[str] = "real"
    size: ClassVar[None] = None  # not countable

    def __post_init__(self) -> None:
        one_of("scale", self.scale, ["linear", "log"])
        for name in ("low", "high"):
            bound = getattr(self, name)
            if not _is_number(bound) or not math.isfinite(bound):
                raise InputError(name, bound, "a finite number")
            object.__setattr__(self, name, float(bound))
        _in_order(self.low, self.high)
        if self.scale == "log" and self.low <= 0:
            raise InputError("low", self.low, "a number above 0, as the scale is logarithmic")
        width = self.high / self.low if self.scale == "log" else self.high - self.low
        if not math.isfinite(width):
            raise InputError("bounds", [self.low, self.high], "a range below 1.8e308")

    def native(self, values: NDArray[Any], name: str) -> Floats:
        """Return `values` as floats, or say which row of column `name` is at fault."""
        found = as_numbers(values, name) + 0.0  # -0.0 becomes 0.0
        if self.scale == "log":
            _refuse(found <= 0, values, name, "a number above 0, as the scale is logarithmic")
        return found

    def contains(self, values: Floats) -> NDArray[np.bool_]:
        """Tell which values are within the bounds."""
        return (values >= self.low) & (values <= self.high)

    def to_unit(self, values: Floats) -> Floats:
        """Return coordinates: 0 at `low`, 1 at `high`, beyond them outside [0, 1]."""
        if self.scale == "log":
            return (np.log(values) - math.log(self.low)) / self._span
        return (values - self.low) / (self.high - self.low)

    def from_unit(self, u: Floats) -> Floats:
        """Return the values at coordinates `u` in [0, 1], within the bounds."""
        if self.scale == "log":
            # From the nearer end, so that both ends are hit exactly.
            ends = np.where(u < 0.5, self.low, self.high)
            values = ends * np.exp((u - (u >= 0.5)) * self._span)
        else:
            values = self.low * (1 - u) + self.high * u
        return np.clip(values, self.low, self.high) + 0.0  # -0.0 becomes 0.0

    def encode(self, values: Floats) -> Floats:
        """Return the coordinates as one column."""
        return self.to_unit(values)[:, None]

    def encoded_names(self, name: str) -> list[str]:
        """Return the name of that column."""
        return [name]

    @property
    def _span(self) -> float:
        return math.log(self.high) - math.log(self.low)


@dataclass(frozen=True)
class Integer:
    """A whole-number input, from `low` to `high` inclusive.

    Raises
    ------
    InputError
        If the bounds are reversed, equal, not whole, or beyond ±2⁵³.
    """

    low: int
    high: int
    kind: ClassVar[str] = "integer"

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            bound = getattr(self, name)
            if not _is_whole(bound) or abs(bound) > _LARGEST:
                raise InputError(name, bound, "a whole number of at most 2⁵³")
            object.__setattr__(self, name, int(bound))
        _in_order(self.low, self.high)

    @property
    def size(self) -> int:
        """How many values there are."""
        return self.high - self.low + 1

    def native(self, values: NDArray[Any], name: str) -> NDArray[np.int64]:
        """Return `values` as integers, or say which row of column `name` is at fault."""
        found = as_numbers(values, name)
        _refuse((found != np.rint(found)) | (abs(found) > _LARGEST), values, name, "a whole number")
        return found.astype(np.int64)

    def contains(self, values: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which values are within the bounds."""
        return (values >= self.low) & (values <= self.high)

    def to_unit(self, values: NDArray[np.int64]) -> Floats:
        """Return the middles of the values' cells."""
        return (values - self.low + 0.5) / self.size

    def from_unit(self, u: Floats) -> NDArray[np.int64]:
        """Return the values in whose cells `u` lies."""
        return self.low + _cell(u, self.size)

    def encode(self, values: NDArray[np.int64]) -> Floats:
        """Return one column: 0 at `low`, 1 at `high`."""
        return ((values - self.low) / (self.high - self.low))[:, None]

    def encoded_names(self, name: str) -> list[str]:
        """Return the name of that column."""
        return [name]


@dataclass(frozen=True)
class Categorical:
    """An input without order: two or more different levels, all text or all whole numbers."""

    levels: tuple[str, ...] | tuple[int, ...]
    kind: ClassVar[str] = "categorical"

    def __init__(self, levels: Sequence[str] | Sequence[int]) -> None:
        if isinstance(levels, str):
            raise InputError("levels", levels, "a list of levels")
        found: list[Any] = list(levels)
        if not (all(isinstance(x, str) for x in found) or all(_is_whole(x) for x in found)):
            raise InputError("levels", found, "all text, or all whole numbers")
        if len(found) < 2 or len(set(found)) < len(found):
            raise InputError("levels", found, "two or more, all different")
        plain = tuple(x if isinstance(x, str) else int(x) for x in found)  # no NumPy integers
        object.__setattr__(self, "levels", plain)

    @property
    def size(self) -> int:
        """How many levels there are."""
        return len(self.levels)

    def native(self, values: NDArray[Any], name: str) -> NDArray[Any]:
        """Return `values` as levels, or say which row of column `name` is at fault."""
        for row, value in enumerate(values.tolist()):
            if isinstance(value, bool) or value not in self.levels:
                one_of(f"row {row}, column {name!r}", value, map(str, self.levels))
        return self._of(self._codes(values))

    def contains(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which values are levels: all are, as `native` refuses others."""
        return np.ones(len(values), bool)

    def to_unit(self, values: NDArray[Any]) -> Floats:
        """Return the middles of the levels' cells."""
        return (self._codes(values) + 0.5) / self.size

    def from_unit(self, u: Floats) -> NDArray[Any]:
        """Return the levels in whose cells `u` lies."""
        return self._of(_cell(u, self.size))

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return one column a level, 1 where the value is that level."""
        return np.eye(self.size)[self._codes(values)]

    def encoded_names(self, name: str) -> list[str]:
        """Return the names of those columns, such as ``"mesh=coarse"``."""
        return [f"{name}={level}" for level in self.levels]

    def _codes(self, values: NDArray[Any]) -> NDArray[np.int64]:
        return np.array([self.levels.index(value) for value in values], np.int64)

    def _of(self, codes: Sequence[int] | NDArray[np.int64]) -> NDArray[Any]:
        # Objects, lest NumPy gives its own strings of fixed width back.
        found = np.empty(len(codes), object)
        found[:] = [self.levels[code] for code in codes]
        return found


Dimension = Real | Integer | Categorical
_KINDS: Mapping[str, Callable[..., Dimension]] = {
    "real": Real,
    "integer": Integer,
    "categorical": Categorical,
}


def to_dict(dimension: Dimension) -> dict[str, Any]:
    """Return a dimension in JSON's types; `from_dict` reads it."""
    found = {"kind": dimension.kind} | asdict(dimension)
    return {key: list(item) if isinstance(item, tuple) else item for key, item in found.items()}


def from_dict(name: str, values: Any) -> Dimension:
    """Return the dimension that `values` describes, as in a TOML or JSON file."""
    where = f"space, {name}"
    if not isinstance(values, Mapping):
        raise InputError(where, values, "a table with kind, and low and high or levels")
    options = dict(values)
    make: Any = _KINDS[one_of(f"{where}, kind", options.pop("kind", "real"), _KINDS)]
    names = [field.name for field in fields(make)]
    for option in options:
        one_of(where, option, names)
    try:
        return make(**options)
    except TypeError as error:  # a bound is missing
        raise InputError(where, sorted(options), ", ".join(names)) from error
    except InputError as error:
        raise InputError(f"{where}, {error.where}", error.found, error.allowed) from error


def as_numbers(values: NDArray[Any], name: str) -> Floats:
    """Return `values` as finite floats, or say which row of column `name` is at fault."""
    if values.dtype.kind not in "biuf":
        wrong = np.array([not isinstance(value, RealNumber) for value in values], bool)
        _refuse(wrong, values, name, "a number")
    found = values.astype(np.float64)
    _refuse(~np.isfinite(found), values, name, "a finite number")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, RealNumber) and not isinstance(value, bool | np.bool_)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def _in_order(low: float, high: float) -> None:
    if not low < high:
        raise InputError("bounds", [low, high], "low below high")


def _cell(u: Floats, cells: int) -> NDArray[np.int64]:
    return np.clip(np.floor(np.asarray(u) * cells), 0, cells - 1).astype(np.int64)


def _refuse(wrong: NDArray[np.bool_], values: NDArray[Any], name: str, allowed: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        found = values[row].item() if isinstance(values[row], np.generic) else values[row]
        raise InputError(f"row {row}, column {name!r}", found, allowed)
