"""From tables as users hand them in to the unit cube that candidates see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from surefoot.surrogates.simulation.space import Space

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class UnitCube:
    """How inputs are scaled, learned from the rows of a fit or declared by a space.

    Parameters
    ----------
    low, high : ndarray of shape (k,)
        Range of each encoded column in the table, used where no space declares one.
    kept : ndarray of bool of shape (k,)
        False for columns that are constant in the table: they can teach nothing. Their ``low`` is
        that constant.
    names : tuple of str
        Of the encoded columns, for messages.
    space : Space, optional
        Declares ranges, scales and categories; then ``low`` is 0 and ``high`` 1 of what is kept.
    """

    low: Floats
    high: Floats
    kept: NDArray[np.bool_]
    names: tuple[str, ...]
    space: Space | None = None

    @classmethod
    def learn(cls, X: Any, names: tuple[str, ...], space: Space | None) -> UnitCube:
        """Learn from a frame (with a space) or a finite array (without)."""
        if space is not None:
            E, names = space.encode(X), tuple(space.encoded_names)
            low, high = np.zeros(len(names)), np.ones(len(names))
        else:
            E = np.asarray(X, dtype=np.float64)
            low, high = E.min(axis=0), E.max(axis=0)
        kept = E.min(axis=0) < E.max(axis=0)
        return cls(np.where(kept, low, E[0]), high, kept, names, space)

    @property
    def dropped(self) -> list[str]:
        """Names of the constant columns."""
        return [name for name, kept in zip(self.names, self.kept, strict=True) if not kept]

    def encode(self, X: Any) -> Floats:
        """Return the rows of `X` in the unit cube, constant columns left out.

        Parameters
        ----------
        X : DataFrame (with a space) or ndarray of shape (m, k) (without)

        Returns
        -------
        ndarray of shape (m, d)
            Outside [0, 1] where `X` is outside the ranges.
        """
        E = self._numbers(X)
        low, high = self.low[self.kept], self.high[self.kept]
        Z: Floats = (E[:, self.kept] - low) / (high - low)
        return Z

    def strays(self, X: Any) -> NDArray[np.bool_]:
        """Return whether each row leaves a constant column's value: `encode` does not show it."""
        if self.kept.all():
            return np.zeros(len(X), dtype=bool)
        strays: NDArray[np.bool_] = (self._numbers(X) != self.low)[:, ~self.kept].any(axis=1)
        return strays

    def _numbers(self, X: Any) -> Floats:
        return np.asarray(X, dtype=np.float64) if self.space is None else self.space.encode(X)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what `restore` needs: JSON values, and arrays."""
        settings = {"names": self.names, "space": self.space and self.space.to_dict()}
        return settings, {"low": self.low, "high": self.high, "kept": self.kept}

    @classmethod
    def restore(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> UnitCube:
        """Return the scaling whose state this is."""
        from surefoot.surrogates.simulation.space import Space

        space = settings["space"] and Space.from_dict(settings["space"])
        return cls(**arrays, names=tuple(settings["names"]), space=space)
