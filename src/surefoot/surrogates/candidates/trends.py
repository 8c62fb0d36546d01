"""The mean functions of Gaussian processes: each is a set of multi-indices."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Trend = Literal["constant", "linear"] | tuple[tuple[int, ...], ...]

_INDEPENDENT = 1e-8


def trend_indices(trend: Trend, d: int) -> Indices:
    """Return the multi-indices of a trend on the Legendre basis, shape (q, d).

    Parameters
    ----------
    trend : {"constant", "linear"} or tuple of multi-indices
        The constant always comes first, whether it is named or not.
    d : int
        How many inputs.
    """
    if trend == "constant":
        return np.zeros((1, d), np.int64)
    if trend == "linear":
        return np.vstack([np.zeros((1, d), np.int64), np.eye(d, dtype=np.int64)])
    allowed = f"'constant', 'linear' or multi-indices of {d} whole numbers, none negative"
    if isinstance(trend, str) or any(len(index) != d or min(index) < 0 for index in trend):
        raise InputError("trend", trend, allowed)
    others = [index for index in dict.fromkeys(trend) if any(index)]
    return np.array([(0,) * d, *others], np.int64)


def independent_columns(F: Floats) -> NDArray[np.bool_]:
    """Say which columns of `F` (n, q) do not depend on those before them, shape (q,).

    An input that is constant in a fold, for one, has a linear term that repeats the constant.
    """
    n, q = F.shape
    keeps = np.zeros(q, bool)
    diagonal = np.abs(np.diag(np.linalg.qr(F, mode="r")))
    keeps[: len(diagonal)] = diagonal > _INDEPENDENT * np.linalg.norm(F[:, : len(diagonal)], axis=0)
    keeps[min(n, q) :] = False
    return keeps
