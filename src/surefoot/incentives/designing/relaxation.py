"""Convex sets around and within a region that is not convex, and how to close the gap.

With the signs known, a response is wanted iff ``N(y_D) >= N(y_U)``, where N of either side is
``(sum c |y|^power)^(1/power)`` with beta in its factors c. One side is not convex: the wanted one
for a power above 1, where N is a norm, and the unwanted one below 1, where N is concave. Over a
simplicial cone of that side, N lies on one side of the linear function that equals it on the rays
of the cone: this gives a set *around* the region, the closer the narrower the cone. A tangent of N
lies on its other side: a set *within* the region. To split a cone is to put a new ray between two.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.designing.programs import Piece
from surefoot.incentives.designing.regions import Region, Signs

Floats = NDArray[np.float64]
# Where a new ray may lie between two others.
_NOT_TOO_NEAR = (0.1, 0.9)
# Unwanted effort, beside the largest, that counts as none where sets are laid around it.
_STILL = 1e-6


@dataclass(frozen=True, eq=False)
class Cone:
    """Part of a region: signs of y on the wanted nodes, and a simplicial cone of |y|.

    Attributes
    ----------
    region : Region
    signs : tuple of int
    rays : ndarray of shape (k, k)
        In columns, largest entry 1: of the wanted nodes for a power above 1, else of the others.
    slopes : ndarray of shape (t, k)
        Of tangents above N of the wanted nodes, for a power below 1.
    """

    region: Region
    signs: Signs
    rays: Floats
    slopes: Floats
    exact = False

    @classmethod
    def root(cls, region: Region, signs: Signs) -> Cone:
        """Return the cone of all |y|."""
        counted = int(region.counts(signs).sum())
        k = counted if region.power > 1 else len(region.unwanted)
        cone = cls(region, signs, np.eye(k), np.zeros((0, counted)))
        return replace(cone, slopes=_slope(cone._ours, region.power, np.ones(counted))[None, :])

    @property
    def heights(self) -> Floats:
        """N of the rays, shape (k,)."""
        factors = self._ours if self.region.power > 1 else self._theirs
        return np.array([_size(factors, self.region.power, ray) for ray in self.rays.T])

    @property
    def _ours(self) -> Floats:
        """Factors c of the wanted nodes that count."""
        return self.region.factors[0][self.region.counts(self.signs)] * (1 - self.region.target)

    @property
    def _theirs(self) -> Floats:
        """Factors c of the unwanted nodes."""
        return self.region.factors[1] * self.region.target

    def outer(self) -> Piece:
        """Return a convex set around the part."""
        region, ours = self.region, self.region.counted(self.signs)
        sides = region.sides(self.signs)
        if region.power > 1:
            along = np.asarray(np.linalg.solve(self.rays, ours), dtype=np.float64)  # y_D = rays u
            within = Piece(region.n, at_most=-along)
            weights = self._theirs ** (1 / region.power)
            return sides & within & region.sizes(weights, self.heights @ along, region.power)
        k, free = len(self.rays), region.free
        above = np.hstack([-(self.slopes @ ours), np.tile(self.heights, (len(self.slopes), 1))])
        rows = [
            np.hstack([region.unwanted, -self.rays]),  # |y_U| <= rays u, u >= 0
            np.hstack([-region.unwanted, -self.rays])[free],
            np.hstack([np.zeros((k, region.n)), -np.eye(k)]),
            above / np.abs(above).max(axis=1, keepdims=True),  # N of the rays u <= N(y_D)
        ]
        return sides & Piece(region.n, k, at_most=np.vstack(rows))

    def inner(self, x: Floats) -> Piece:
        """Return a convex set within the region, laid around x."""
        region, ours, p = self.region, self.region.counted(self.signs), self.region.power
        sides, (y, sizes) = region.sides(self.signs), self._sizes_at(x)
        if p > 1:
            weights = self._theirs ** (1 / p)
            return sides & region.sizes(weights, _slope(self._ours, p, y) @ ours, p)
        # N(t z + rest) >= t N(z) + N of each of the rest alone, where z is nearly along y.
        z = _off_faces(y, 1e-4)
        z /= _size(self._ours, p, z)
        alone = self._ours ** (1 / p)
        rest = np.vstack([np.column_stack([-ours, z]), np.eye(region.n + 1)[-1:] * -1.0])
        credit = np.append(alone @ ours, 1.0 - alone @ z)
        # What stands still stays still: there a tangent of N is upright.
        still = sizes <= _STILL * sizes.max(initial=0.0)
        weights = np.zeros(len(sizes))
        weights[~still] = _slope(self._theirs[~still], p, sizes[~still])
        return sides & region.still(still) & region.sizes(weights, credit, also=rest)

    def split(self, x: Floats) -> Sequence[Cone]:
        """Return the parts on either side of a new ray, where N and its bound differ most at x."""
        p, k = self.region.power, len(self.rays)
        y, sizes = self._sizes_at(x)
        factors, point = (self._ours, y) if p > 1 else (self._theirs, sizes)
        slopes = np.vstack([self.slopes, _slope(self._ours, p, y)]) if p < 1 else self.slopes
        if k == 1:
            return [replace(self, slopes=slopes)]
        along = np.maximum(np.linalg.solve(self.rays, point), 0.0)
        along = along / max(along.sum(), np.finfo(float).tiny) + 1e-6
        pairs = list(itertools.combinations(range(k), 2))
        between = np.zeros((len(pairs), k))
        for row, (i, j) in zip(between, pairs, strict=True):
            total = along[i] + along[j]
            row[i] = total * np.clip(along[i] / total, *_NOT_TOO_NEAR)
            row[j] = total - row[i]
        news = between @ self.rays.T
        gaps = [
            abs(row @ self.heights - _size(factors, p, new))
            for row, new in zip(between, news, strict=True)
        ]
        widest = int(np.argmax(gaps))
        parts = []
        for i in pairs[widest]:
            rays = self.rays.copy()
            rays[:, i] = news[widest] / news[widest].max()
            parts.append(replace(self, rays=rays, slopes=slopes))
        return parts

    def _sizes_at(self, x: Floats) -> tuple[Floats, Floats]:
        ours = np.maximum(self.region.counted(self.signs) @ x, 0.0)
        theirs = self.region.unwanted @ x
        return ours, np.maximum(np.where(self.region.free, np.abs(theirs), theirs), 0.0)


def _size(c: Floats, p: float, y: Floats) -> float:
    """Return N(y)."""
    largest = y.max(initial=0.0)
    return float(largest * (c @ (y / largest) ** p) ** (1 / p)) if largest > 0 else 0.0


def _slope(c: Floats, p: float, y: Floats) -> Floats:
    """Return the gradient of N at y; where y has zeros, at a point beside it."""
    y = _off_faces(y, 1e-6)
    return c * (y / _size(c, p, y)) ** (p - 1)


def _off_faces(y: Floats, least: float) -> Floats:
    """Return y relative to its largest entry, with at least so much of every entry."""
    largest = y.max(initial=0.0)
    return np.maximum(y / largest, least) if largest > 0 else np.ones_like(y)
