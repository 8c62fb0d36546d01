"""Where a surrogate may be believed: in the declared box, near the runs, where runs end well."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.surrogates.simulation.feasibility import probability, success_model

Floats = NDArray[np.float64]

_CHUNK = 4096
_LIKELY = 0.5
_EDGE = 1e-9  # of rounding at the faces of the box


@dataclass(frozen=True, eq=False)
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
    failed : ndarray of shape (k, d)
        Inputs at which the simulator failed.
    """

    rows: Floats
    radius: float
    declared: bool
    failed: Floats

    @classmethod
    def learn(
        cls, Z: Floats, fold: NDArray[np.intp], *, declared: bool, failed: Floats | None = None
    ) -> Domain:
        """Learn the radius from the folds of a fit."""
        ways = np.full(len(Z), np.inf)
        for k in np.unique(fold):
            ways[fold == k] = _nearest(Z[fold == k], Z[fold != k])
        return cls(Z, float(ways.max()), declared, Z[:0] if failed is None else failed)

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
        """Return whether each point is near enough, in the declared box and likely to succeed."""
        inside = self.distance(Z) <= 1 + _EDGE
        if self.declared:
            inside &= ((Z >= -_EDGE) & (Z <= 1 + _EDGE)).all(axis=1)
        if len(self.failed):
            inside &= probability(self._success, Z) >= _LIKELY
        return inside

    @cached_property
    def _success(self) -> Any:
        ok = np.repeat([True, False], [len(self.rows), len(self.failed)])
        return success_model(np.vstack([self.rows, self.failed]), ok)

    def describe(self) -> dict[str, Any]:
        """Return the region in JSON's types, for a card."""
        box = "declared box" if self.declared else "no declared box"
        counts = {"rows": len(self.rows), "failed_runs": len(self.failed)}
        return {"box": box, "radius": self.radius, **counts}


def _nearest(Z: Floats, rows: Floats) -> Floats:
    squares = (rows**2).sum(axis=1)
    ways = np.empty(len(Z))
    for begin in range(0, len(Z), _CHUNK):
        some = Z[begin : begin + _CHUNK]
        between = (some**2).sum(axis=1)[:, None] + squares - 2 * some @ rows.T
        ways[begin : begin + _CHUNK] = np.sqrt(np.maximum(between, 0).min(axis=1))
    return ways
