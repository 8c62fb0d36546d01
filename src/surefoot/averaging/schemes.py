"""What a scheme of averaging is: a recipe that says when it looks and what it remembers.

A *scheme* (`EMA`, `LAWA`, …) is an immutable recipe. A *running average* is its state on one
model. Time is counted in optimizer steps; a scheme takes in one iterate every `every` steps, and
what it has taken in so far is numbered 1 … n, oldest first.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from torch import Tensor

from surefoot.averaging.buffers import Flat, Layout
from surefoot.averaging.profiles import Profile, Weights
from surefoot.ground.errors import InputError

Duration = int | float


@dataclass(frozen=True)
class Scheme(ABC):
    """A recipe of averaging; durations are steps if int, shares of ``total_steps`` if float.

    Parameters
    ----------
    every : int or float
        Take in the weights after every so many steps.
    start : int or float
        Leave out the first so many steps.
    """

    every: Duration = dataclasses.field(default=1, kw_only=True)
    start: Duration = dataclasses.field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        # Numbers of numpy and torch become Python's: recipes are compared, and written to files.
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.generic | Tensor) and value.ndim == 0:
                object.__setattr__(self, field.name, value.item())

    def resolved(self, total_steps: int | None) -> Self:
        """Return the scheme with all durations in steps."""
        name = type(self).__name__
        every = max(1, in_steps(f"{name}.every", self.every, total_steps, least=1))
        start = in_steps(f"{name}.start", self.start, total_steps, least=0)
        return dataclasses.replace(self, every=every, start=start)

    def is_due(self, step: int, before: int | None = None) -> bool:
        """Return whether a resolved scheme takes in the weights after `step` (1, 2, …).

        `before` is the last step seen, by default the one before: where a caller leaves steps
        out, what was due among them is due now.
        """
        before = step - 1 if before is None else before
        return step > self.start and step // self.every > before // self.every

    @abstractmethod
    def begin(self, layout: Layout, key: int) -> Running:
        """Return a running average that has seen nothing yet; `key` keys its rounding."""

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values; two recipes are the same if these are."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {"scheme": type(self).__name__, **fields}


class Running(ABC):
    """A running average: the state of a scheme on one model.

    Attributes
    ----------
    pushes : int
        How many iterates it has taken in.
    """

    pushes: int = 0

    @abstractmethod
    def push(self, theta: list[Tensor]) -> None:
        """Take in the weights: one tensor for each of the layout."""

    @abstractmethod
    def weights(self) -> Weights:
        """Return how much each iterate taken in weighs now, oldest first; they sum to 1."""

    @abstractmethod
    def read(self) -> Flat:
        """Return the average; it may be the running average's own storage."""

    @property
    @abstractmethod
    def buffers(self) -> Mapping[str, Flat]:
        """What is remembered, by name."""

    def numbers(self) -> dict[str, Any]:
        """Return the plain values of the state."""
        return {"pushes": self.pushes}

    @abstractmethod
    def restore(
        self, numbers: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]], where: str
    ) -> None:
        """Take over a state written before."""


class Combinable(ABC):
    """A running average from which others can be made afterwards."""

    @abstractmethod
    def synthesize(self, profile: Profile, horizon: float | None) -> Synthesis:
        """Return the nearest average to `profile` over the latest `horizon` pushes."""


@dataclass(frozen=True)
class Synthesis:
    """An average made afterwards, and how near it comes to what was asked for.

    Attributes
    ----------
    flat : Flat
        The average.
    weights : ndarray of shape (n,)
        How much each iterate weighs in it, oldest first.
    residual : float
        Σ |wanted − represented| over the iterates: 0 is exact, 2 the most there can be.
    """

    flat: Flat
    weights: Weights
    residual: float


def in_steps(where: str, value: Duration, total_steps: int | None, *, least: int) -> int:
    """Return a duration in steps; a float is a share of `total_steps`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(where, value, "steps (an integer) or a share of the steps (a float)")
    if isinstance(value, int):
        if value < least:
            raise InputError(where, value, f"{least} or more steps")
        return value
    if not 0 <= value < 1:
        raise InputError(where, value, "a share in [0, 1) as a float, or steps as an integer")
    if value == 0 and least == 0:
        return 0
    if total_steps is None:
        raise InputError(where, value, "a number of steps, or total_steps beside a share")
    return max(least, math.floor(value * total_steps + 0.5))


def horizon_in_pushes(horizon: Duration, steps: int, every: int) -> float:
    """Return how many pushes a horizon covers; a float is a share of the steps seen."""
    allowed = "steps as an integer, or a share in (0, 1] of the steps seen as a float"
    if isinstance(horizon, bool) or not isinstance(horizon, Real):
        raise InputError("horizon", horizon, allowed)
    share = not isinstance(horizon, Integral)
    if not 0 < horizon <= (1 if share else math.inf):
        raise InputError("horizon", horizon, allowed)
    return max(1.0, (horizon * steps if share else horizon) / every)


def check_count(where: str, value: Any, least: int) -> int:
    """Return `value` if it is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(where, value, f"an integer of {least} or more")
    return int(value)


def tail_weights(n: int, length: int) -> Weights:
    """Return equal weights for the latest `length` of `n` iterates."""
    weights = np.zeros(n)
    weights[n - length :] = 1 / length
    return weights


def resolve_all(averages: Mapping[str, Scheme], total_steps: int | None) -> dict[str, Scheme]:
    """Return schemes by name with all durations in steps."""
    if not isinstance(averages, Mapping) or not averages:
        raise InputError("averages", averages, "schemes by name, such as {'ema': EMA(0.999)}")
    for name, scheme in averages.items():
        if not isinstance(name, str) or not name or "/" in name:
            raise InputError("averages", name, "names without a slash")
        if not isinstance(scheme, Scheme):
            found = scheme if not isinstance(scheme, type) else f"the class {scheme.__name__}"
            raise InputError(f"average {name!r}", found, "a scheme, such as EMA(0.999)")
    return {name: scheme.resolved(total_steps) for name, scheme in averages.items()}
