"""Observations of linear stochastic approximation: checked once, then cut without a copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.finite import all_finite

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Observations:
    """n observations A(ξ) = Σ_j z_j u_j', b(ξ) = Σ_j r_j z_j, as m terms each.

    Attributes
    ----------
    Z, U : ndarray of shape (n, m, d)
    r : ndarray of shape (n, m)
    ids : ndarray of int of shape (n,)
        All terms of an observation share its weight.
    """

    Z: Floats
    U: Floats
    r: Floats
    ids: Ids

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> Observations:
        return Observations(self.Z[part], self.U[part], self.r[part], self.ids[part])

    @property
    def terms(self) -> tuple[Floats, Floats, Floats]:
        """Z, U and r with a row for each term: (n·m, d), (n·m, d) and (n·m,)."""
        d = self.Z.shape[2]
        return self.Z.reshape(-1, d), self.U.reshape(-1, d), self.r.reshape(-1)

    def then(self, more: Observations) -> Observations:
        """Return these observations and then those."""
        if self.r.shape[1] != more.r.shape[1]:
            found = "factors and matrices in one run"
            raise InputError("observations", found, "either consume or consume_dense")
        pairs = zip(vars(self).values(), vars(more).values(), strict=True)
        return Observations(*(np.concatenate(pair) for pair in pairs))

    def copy(self) -> Observations:
        """Return observations that keep no larger array alive."""
        return Observations(*(array.copy() for array in vars(self).values()))


def factored(
    Z: ArrayLike, U: ArrayLike, r: ArrayLike, row_ids: ArrayLike | None, d: int, first_id: int
) -> Observations:
    """Return checked observations of one term; without ids they are numbered from `first_id`."""
    z = of_shape("Z", Z, (None, d))
    n = len(z)
    u, r = of_shape("U", U, (n, d)), of_shape("r", r, (n,))
    return Observations(z[:, None], u[:, None], r[:, None], _ids(row_ids, n, first_id))


def dense(
    A: ArrayLike, b: ArrayLike, row_ids: ArrayLike | None, d: int, first_id: int
) -> Observations:
    """Return checked observations of d terms: z_j the unit vectors, u_j the rows of A."""
    A = np.asarray(A)
    single = A.ndim == 2
    u = of_shape("A", A[None] if single else A, (None, d, d))
    n = len(u)
    r = of_shape("b", np.asarray(b)[None] if single else b, (n, d))
    return Observations(np.broadcast_to(np.eye(d), u.shape), u, r, _ids(row_ids, n, first_id))


def of_shape(name: str, values: ArrayLike, shape: tuple[int | None, ...]) -> Floats:
    """Return finite `values` of this shape, where None is any length; none at all are fine."""
    try:
        x: Floats = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(name, values, "numbers") from error
    same = x.ndim == len(shape) and all(
        wanted in (None, found) for wanted, found in zip(shape, x.shape, strict=True)
    )
    if not same:
        wanted = ", ".join("rows" if size is None else str(size) for size in shape)
        raise InputError(name, f"shape {x.shape}", f"({wanted})")
    # One memory layout, so that no product depends on the caller's.
    return np.ascontiguousarray(all_finite(name, x))


def _ids(row_ids: ArrayLike | None, n: int, first_id: int) -> Ids:
    ids = np.arange(first_id, first_id + n) if row_ids is None else np.asarray(row_ids)
    if ids.shape != (n,) or ids.dtype.kind not in "iu":
        raise InputError("row_ids", f"shape {ids.shape} of {ids.dtype}", f"{n} integers")
    return ids.astype(np.int64)
