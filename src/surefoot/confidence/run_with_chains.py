"""An averaged run and its averaged copies: what is known before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.confidence.coordinates import as_names
from surefoot.confidence.hypotheses import t_p_values
from surefoot.confidence.intervals_of_chains import (
    check_level,
    covariance,
    listed,
    standard_errors,
    t_ratio,
)
from surefoot.ground.errors import InputError
from surefoot.ground.samples import finite

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RunWithChains:
    """The data of an `InferenceResult`, checked, and the spread of its chains."""

    center: Floats
    chains: Floats
    names: tuple[str, ...]
    n_seen: int
    n_steps: int
    confidence_level: float = 0.95
    companions: Mapping[str, Floats] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        center = _floats("center", self.center, 1).copy()
        finite("center", center)
        chains = _floats("chains", self.chains, 2).copy()
        if len(chains) < 2 or chains.shape[1] != len(center):
            raise InputError("chains", f"shape {chains.shape}", f"(2 or more, {len(center)})")
        companions = {
            name: _floats(f"companions[{name!r}]", errors, 1)
            for name, errors in self.companions.items()
        }
        for name, errors in companions.items():
            if errors.shape != center.shape:
                found = f"shape {errors.shape}"
                raise InputError(f"companions[{name!r}]", found, f"{center.shape}")
        for key, count in (("n_seen", self.n_seen), ("n_steps", self.n_steps)):
            if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
                raise InputError(key, count, "a whole number from 1")
        level = check_level(self.confidence_level, "confidence_level")
        for array in (center, chains):
            array.flags.writeable = False
        object.__setattr__(self, "center", center)
        object.__setattr__(self, "chains", chains)
        object.__setattr__(self, "names", as_names(self.names, len(center)))
        object.__setattr__(self, "confidence_level", level)
        object.__setattr__(self, "companions", companions)

    @property
    def n_chains(self) -> int:
        """M, how many copies there are."""
        return len(self.chains)

    @cached_property
    def nonfinite(self) -> NDArray[np.intp]:
        """How many chains are not finite, for each parameter, shape (d,)."""
        return np.asarray(np.count_nonzero(~np.isfinite(self.chains), axis=0))

    @cached_property
    def std_errors(self) -> Floats:
        """Root mean square deviation of the chains from the centre, shape (d,).

        With divisor M, as the centre is known: see `surefoot.confidence.intervals_of_chains`.
        NaN for a parameter of which a chain is not finite.
        """
        return self._where_finite(standard_errors)

    @cached_property
    def covariance(self) -> Floats:
        """Mean of (chain − centre)(chain − centre)', shape (d, d); NaN as in `std_errors`."""
        good = np.flatnonzero(self.nonfinite == 0)
        matrix = np.full((len(self.center),) * 2, np.nan)
        matrix[np.ix_(good, good)] = covariance(self._deviations(good))
        return matrix

    @cached_property
    def pvalues(self) -> Floats:
        """Two-sided p-value of the t test that each parameter is 0, shape (d,); NaN likewise."""
        return t_p_values(t_ratio(self.center, self.std_errors), self.n_chains)

    def _level(self, level: float | None) -> float:
        return self.confidence_level if level is None else check_level(level)

    def _named(self, columns: NDArray[np.intp]) -> list[str]:
        return [self.names[j] for j in columns]

    def _deviations(self, columns: NDArray[np.intp]) -> Floats:
        """Return how far the chains are from the run, shape (M, columns)."""
        self._refuse_nonfinite(columns)
        deviations: Floats = self.chains[:, columns] - self.center[columns]
        return deviations

    def _combined(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return the estimates of linear combinations, and how far the chains are from them."""
        used = np.flatnonzero(rows.any(axis=0))
        weights = rows[:, used]
        return weights @ self.center[used], self._deviations(used) @ weights.T

    def _refuse_nonfinite(self, columns: NDArray[np.intp]) -> None:
        if (bad := columns[self.nonfinite[columns] > 0]).size:
            worst = int(self.nonfinite[bad].max())
            found = f"{worst} of {self.n_chains} that are not finite"
            allowed = "finite chains: ask for other parameters, or run with smaller steps"
            raise InputError(f"chains of {listed(self._named(bad))}", found, allowed)

    def _where_finite(self, statistic: Callable[[Floats], Floats]) -> Floats:
        good = np.flatnonzero(self.nonfinite == 0)
        values = np.full(len(self.center), np.nan)
        values[good] = statistic(self._deviations(good))
        return values


def _floats(where: str, values: ArrayLike, ndim: int) -> Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(where, values, "numbers") from error
    if array.ndim != ndim or array.size == 0:
        raise InputError(where, f"shape {array.shape}", f"{ndim} dimensions, not empty")
    return array
