"""Quantities made of the parameters: any function of them, and the mean at given rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.samples import finite

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Link = Literal["identity", "logit", "log"]

# The mean as a function of x'θ, and its derivative as a function of the mean.
_LINKS: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "identity": (lambda eta: eta, np.ones_like),
    "logit": (special.expit, lambda mean: mean * (1 - mean)),
    "log": (np.exp, lambda mean: mean),
}


def through(fn: Callable[[Floats], ArrayLike], points: Floats) -> Floats:
    """Return `fn` of the run (first row) and its chains, shape (1 + M, k).

    Raises
    ------
    InputError
        If it is not a finite number, or the same number of them, for each row.
    """
    with np.errstate(all="ignore"):
        values = np.asarray(fn(points), dtype=np.float64)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or len(values) != len(points) or values.shape[1] == 0:
        found = f"shape {values.shape} for theta of shape {points.shape}"
        raise InputError("fn", found, "a value, or a row of values, for each row of theta")
    if not np.isfinite(values[0]).all():
        raise InputError("fn", "no finite value at the run itself", "a function defined there")
    if bad := np.count_nonzero(~np.isfinite(values).all(axis=1)):
        found = f"no finite value at {bad} of {len(points) - 1} chains"
        raise InputError("fn", found, "a function defined at every chain")
    return values


def design(X: Any, names: Sequence[str]) -> tuple[Floats, Any]:
    """Return rows as floats of shape (n, d), and their index if they come as a DataFrame."""
    columns = getattr(X, "columns", None)
    if columns is not None and list(columns) != list(names):
        raise InputError("X", list(columns), f"the columns {', '.join(names)}")
    rows = finite("X", X)
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise InputError("X", f"shape {rows.shape}", f"(n, {len(names)})")
    return rows, None if columns is None else X.index


def mean_frame(
    rows: Floats,
    index: Any,
    center: Floats,
    covariance: Floats,
    n_chains: int,
    level: float,
    link: Link,
) -> pd.DataFrame:
    """Return t intervals of x'θ for each row x, taken back through the link.

    A deviation of x'θ has mean square x' S x, so no matrix of rows by chains is needed.
    """
    import pandas as pd

    inverse, derivative = _LINKS[one_of("link", link, _LINKS)]
    eta = rows @ center
    spread = np.sqrt(np.maximum(((rows @ covariance) * rows).sum(axis=1), 0))
    reach = -special.stdtrit(n_chains, (1 - level) / 2) * spread
    with np.errstate(over="ignore"):  # an infinite bound is a bound
        mean, lower, upper = inverse(eta), inverse(eta - reach), inverse(eta + reach)
        std_error = derivative(mean) * spread
    columns = {"estimate": mean, "std_error": std_error, "lower": lower, "upper": upper}
    return pd.DataFrame(columns, index=index)
