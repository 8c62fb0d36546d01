"""What every statistic asks of its numbers, checked once and said in one voice."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

from surefoot.ground.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike


def tail_of(confidence_level: float) -> float:
    """Return the probability that an interval of this level leaves out."""
    if not (isinstance(confidence_level, Real) and 0 < confidence_level < 1):
        raise InputError("confidence_level", confidence_level, "a number in (0, 1)")
    return 1 - confidence_level


def finite(name: str, values: ArrayLike) -> np.ndarray:
    """Return `values` as a non-empty array of finite floats."""
    import numpy as np

    try:
        x = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(name, values, "numbers") from error
    if x.size == 0:
        raise InputError(name, "nothing", "at least one value")
    if not np.isfinite(x).all():
        raise InputError(name, x[~np.isfinite(x)].item(0), "finite numbers")
    return x


def sample(name: str, values: ArrayLike, least: int = 1) -> np.ndarray:
    """Return `values` as a vector of at least `least` finite floats."""
    x = finite(name, values)
    if x.ndim != 1 or x.size < least:
        raise InputError(name, f"shape {x.shape}", f"one dimension, {least} or more values")
    return x


def whole(name: str, values: ArrayLike, least: int) -> np.ndarray:
    """Return `values` as floats without fractions, each at least `least`."""
    import numpy as np

    x = finite(name, values)
    if (bad := (x < least) | (x != np.floor(x))).any():
        raise InputError(name, x[bad].item(0), f"whole numbers from {least}")
    return x


def alike(where: str, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both arrays, broadcast to one shape."""
    import numpy as np

    try:
        x, y = np.broadcast_arrays(a, b)
    except ValueError as error:
        raise InputError(where, f"shapes {a.shape} and {b.shape}", "matching shapes") from error
    return x, y


def counts(successes: ArrayLike, trials: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of one shape: whole, ``0 <= successes <= trials`` and ``trials >= 1``."""
    k, n = alike(
        "successes and trials", whole("successes", successes, 0), whole("trials", trials, 1)
    )
    if (k > n).any():
        found = f"{k[k > n].item(0):g} of {n[k > n].item(0):g}"
        raise InputError("successes", found, "no more successes than trials")
    return k, n
