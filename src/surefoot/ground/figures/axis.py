"""Axes: from data to pixels, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from surefoot.ground.errors import InputError
from surefoot.ground.figures.text import width_of
from surefoot.ground.numerals import number, short

TICK_SIZE = 13.0
_STEPS = (1, 2, 2.5, 5, 10)
_LARGEST = 1e100  # far beyond any result, far below what overflows


@dataclass(frozen=True)
class Axis:
    """A map from data in [`low`, `high`] to pixels in [`start`, `end`], with `ticks` to label."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of `value`; what lies outside is placed on the edge."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, self.low))
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return self.start + share * (self.end - self.start)


def fitted(
    values: Iterable[float | None],
    start: float,
    end: float,
    *,
    where: str,
    log: bool = False,
    percent: bool = False,
    upright: bool = False,
    from_zero: bool = False,
    pad: float = 0.04,
) -> Axis:
    """Return the axis that shows all `values` between the pixels `start` and `end`.

    Parameters
    ----------
    values : iterable of float or None
        Data; missing values are passed over.
    start, end : float
        Pixels of the lowest and the highest value (`start` > `end` for an axis that points up).
    where : str
        How the error names the data.
    log : bool
        Logarithmic, base 10.
    percent : bool
        Label fractions as percentages.
    upright : bool
        Labels stand above one another, so their width does not limit their number.
    from_zero : bool
        Begin or end at zero where all values lie on one side of it.
    pad : float
        Share of the range added at both ends.

    Raises
    ------
    InputError
        If no value is left, one is too large to draw, or one is not above 0 on a logarithmic axis.
    """
    data = [value for value in values if value is not None]
    if not data:
        raise InputError(where, "no value", "at least one finite number to draw")
    for value in data:
        if log and value <= 0:
            raise InputError(where, value, "numbers above 0 on a logarithmic axis")
        if abs(value) > _LARGEST or (log and value < 1 / _LARGEST):
            raise InputError(where, value, "numbers of a size between 1e-100 and 1e100, or 0")
    least, most = min(data), max(data)
    if from_zero:
        least, most = min(least, 0.0), max(most, 0.0)
    low, high = _widened(least, most, pad, log=log)
    if from_zero and least == 0 < most:
        low = 0.0
    if from_zero and most == 0 > least:
        high = 0.0
    ticks: list[float] = []
    labels: list[str] = []
    for count in range(7, 1, -1):
        ticks = _decades(low, high, count) if log else _round_numbers(low, high, count)
        labels = _labels(ticks, percent=percent, log=log)
        if upright or _fit(ticks, labels, Axis(low, high, start, end, (), (), log)):
            break
    return Axis(low, high, start, end, tuple(ticks), tuple(labels), log)


def _widened(low: float, high: float, pad: float, *, log: bool) -> tuple[float, float]:
    """Give a range some air, and one value (or as good as one) a range at all."""
    if log:
        edge = max((high / low) ** pad, 1.05)
        return low / edge, high * edge
    size = max(abs(low), abs(high))
    if high - low <= max(1e-9 * size, 1 / _LARGEST):
        edge = max(0.1 * size, 10 / _LARGEST) if size else 1.0
        return low - edge, high + edge
    edge = pad * (high - low)
    return low - edge, high + edge


def _round_numbers(low: float, high: float, count: int) -> list[float]:
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((s * power for s in _STEPS if s * power >= rough * 0.999), 10 * power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # A multiple of the step carries its rounding error; twelve digits are more than a label shows.
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _decades(low: float, high: float, count: int) -> list[float]:
    bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for multiples in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{m}e{power}") for power in range(bottom, top + 1) for m in multiples]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= count:
            return ticks if len(ticks) > 1 else _round_numbers(low, high, count)
    return ticks[:: math.ceil(len(ticks) / count)]


def _labels(ticks: Sequence[float], *, percent: bool, log: bool) -> list[str]:
    scaled = [100 * tick for tick in ticks] if percent else list(ticks)
    size = max(map(abs, scaled), default=0.0)
    if log or size >= 1e6 or 0 < size < 1e-3:
        texts = [short(tick) for tick in scaled]
    else:
        step = min((b - a for a, b in pairwise(scaled)), default=1.0)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        if abs(step * 10**digits - round(step * 10**digits)) > 1e-6:
            digits += 1  # steps of 2.5
        texts = [number(tick, digits) if tick else "0" for tick in scaled]
    return [f"{text}%" for text in texts] if percent else texts


def _fit(ticks: Sequence[float], labels: Sequence[str], axis: Axis) -> bool:
    """Tell whether labels that stand side by side keep a gap."""
    halves = [width_of(text, TICK_SIZE) / 2 for text in labels]
    pairs = pairwise(zip(map(axis, ticks), halves, strict=True))
    return all(after - half - (before + past) > 8 for (before, past), (after, half) in pairs)
