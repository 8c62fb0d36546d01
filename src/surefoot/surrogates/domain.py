"""Where a surrogate may be believed: inside the declared box, and near what was run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CHUNK = 4096
_EDGE = 1e-9  # of rounding at the faces of the box


@dataclass(frozen=True)
class Domain:
    """The region that the rows of a fit speak for.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Inputs of the fit, in the unit cube.
    radius : float
        The longest way that any of these rows had to the nearest row of another fold: so far the
        out-of-fold scores have been measured, and no further.
    declared : bool
        Whether the unit cube is a declared box, outside of which nothing is promised.
    """

    rows: Floats
    radius: float
    declared: bool

    @classmethod
    def learn(cls, Z: Floats, fold: NDArray[np.intp], *, declared: bool) -> Domain:
        """Learn the radius from the folds of a fit."""
        ways = np.full(len(Z), np.inf)
        for k in np.unique(fold):
            ways[fold == k] = _nearest(Z[fold == k], Z[fold != k])
        return cls(Z, float(ways.max()), declared)

    def distance(self, Z: Floats) -> Floats:
        """Return the way to the nearest row of the fit, in radii: beyond 1 nothing was checked.

        Parameters
        ----------
        Z : ndarray of shape (m, d)

        Returns
        -------
        ndarray of shape (m,)
        """
        return _nearest(Z, self.rows) / max(self.radius, np.finfo(float).tiny)

    def contains(self, Z: Floats) -> NDArray[np.bool_]:
        """Return whether each point is near enough and, where a box is declared, inside it."""
        inside = self.distance(Z) <= 1 + _EDGE
        if self.declared:
            inside &= ((Z >= -_EDGE) & (Z <= 1 + _EDGE)).all(axis=1)
        return inside

    def describe(self) -> dict[str, Any]:
        """Return the region in JSON's types, for a card."""
        box = "declared box" if self.declared else "no declared box"
        return {"box": box, "radius": self.radius, "rows": len(self.rows)}


def _nearest(Z: Floats, rows: Floats) -> Floats:
    squares = (rows**2).sum(axis=1)
    ways = np.empty(len(Z))
    for begin in range(0, len(Z), _CHUNK):
        some = Z[begin : begin + _CHUNK]
        between = (some**2).sum(axis=1)[:, None] + squares - 2 * some @ rows.T
        ways[begin : begin + _CHUNK] = np.sqrt(np.maximum(between, 0).min(axis=1))
    return ways
