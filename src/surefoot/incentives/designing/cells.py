"""Parts of a region, as the search of `branching` sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.designing.programs import Piece
from surefoot.incentives.designing.regions import Region, Signs
from surefoot.incentives.designing.relaxation import Cone

Floats = NDArray[np.float64]


class Cell(Protocol):
    """Part of a region."""

    @property
    def region(self) -> Region:
        """What it is a part of."""
        ...

    @property
    def exact(self) -> bool:
        """Whether `outer` is the part itself."""
        ...

    def outer(self) -> Piece:
        """Return a convex set around the part."""
        ...

    def inner(self, x: Floats) -> Piece | None:
        """Return a convex set within the part that suits x, if one is known."""
        ...

    def split(self, x: Floats) -> Sequence[Cell]:
        """Return parts that together are this one, given the best x of `outer`."""
        ...


@dataclass(frozen=True, eq=False)
class Exact:
    """A convex piece."""

    region: Region
    piece: Piece
    exact = True

    def outer(self) -> Piece:
        """Return the piece."""
        return self.piece

    def inner(self, x: Floats) -> Piece:
        """Return the piece."""
        return self.piece

    def split(self, x: Floats) -> Sequence[Cell]:
        """Return the piece: there is nothing to split."""
        return (self,)


@dataclass(frozen=True, eq=False)
class Listed:
    """All polyhedra of a region."""

    region: Region
    exact = False

    def outer(self) -> Piece:
        """Return what they have in common."""
        return self.region.sides(self.region.signs)

    def inner(self, x: Floats) -> None:
        """Return nothing: the polyhedra come next."""

    def split(self, x: Floats) -> Sequence[Cell]:
        """Return the polyhedra."""
        return [Exact(self.region, piece) for piece in self.region.polyhedra()]


@dataclass(frozen=True, eq=False)
class Signed:
    """Rules with some signs of y on the wanted nodes; at least one is open (0)."""

    region: Region
    signs: Signs
    exact = False

    def outer(self) -> Piece:
        """Return the rules with these signs: an open |y|, however large, could make up for all."""
        return self.region.sides(self.signs)

    def inner(self, x: Floats) -> Piece | None:
        """Return a convex set within the part whose open signs are those of x."""
        at_x = np.where(self.region.wanted @ x >= 0, 1, -1)
        return _decided(self.region, tuple(np.where(self.signs, self.signs, at_x))).inner(x)

    def split(self, x: Floats) -> Sequence[Cell]:
        """Return both signs of the node whose sign at x is clearest."""
        sizes = np.where(np.array(self.signs) == 0, np.abs(self.region.wanted @ x), -1.0)
        i = int(np.argmax(sizes))
        signs = [(*self.signs[:i], sign, *self.signs[i + 1 :]) for sign in (1, -1)]
        return [Signed(self.region, s) if 0 in s else _decided(self.region, s) for s in signs]


def whole(region: Region) -> Cell:
    """Return the cell that holds all of a region."""
    if region.listed:
        pieces = list(region.polyhedra())
        return Exact(region, pieces[0]) if len(pieces) == 1 else Listed(region)
    return Signed(region, region.signs) if 0 in region.signs else _decided(region, region.signs)


def _decided(region: Region, signs: Signs) -> Cell:
    piece = region.convex(signs)
    return Cone.root(region, signs) if piece is None else Exact(region, piece)
