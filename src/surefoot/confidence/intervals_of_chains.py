"""Intervals off chains: what the perturbed copies say about the error of the run.

The deviation e_m of chain m from the run imitates the error of the run, its distance from the
truth. Everything is read off e_1 … e_M, in one of two ways that are both exact for any M:

*By a standard error*, as if deviations and error were draws of one N(0, Σ). Their mean is known:
a row's weight is independent of where the chain stood before, so for gradients linear in θ the
chains have the run as their mean given the data, at every step. (For other losses they have a
common shift of second order, which is an error like any other and counts as one.) With a known
mean, s² = Σ e_m² / M is unbiased, error/s follows Student's t with M degrees of freedom, not
M − 1, and the squared Mahalanobis distance Hotelling's T² with M.

*By counting*, as if the error were one more deviation, exchangeable with the others: it is within
the k-th smallest of M with probability k/(M + 1), so k is (M + 1)·level, rounded up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.notices import warn

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Kind = Literal["normal", "t", "symmetric", "basic", "percentile"]

KINDS: tuple[Kind, ...] = get_args(Kind)
TWO_TAILS = ("basic", "percentile")
ENOUGH_FOR_TAILS = 200
# What (M + 1)·level may be off by from rounding, as 0.95 is no binary fraction.
_ROUNDING = 1e-9


def check_level(level: float, where: str = "level") -> float:
    """Return `level` if it is the level of an interval."""
    if not (isinstance(level, Real) and 0 < level < 1):
        raise InputError(where, level, "a number in (0, 1)")
    return float(level)


def standard_errors(deviations: Floats) -> Floats:
    """Return the root mean square of each column of `deviations` (M, k)."""
    # Chains that blew up may be finite still, but not their squares.
    largest = np.abs(deviations).max(axis=0)
    scale = np.where(largest > 0, largest, 1.0)
    result: Floats = scale * np.sqrt(np.mean((deviations / scale) ** 2, axis=0))
    return result


def covariance(deviations: Floats) -> Floats:
    """Return the mean of e e' over the rows e of `deviations` (M, k)."""
    with np.errstate(over="ignore", invalid="ignore"):
        result: Floats = deviations.T @ deviations / len(deviations)
    if not np.isfinite(result).all():
        farthest = float(np.abs(deviations).max())
        raise InputError("chains", f"a deviation of {farthest:.1e}", "chains that did not blow up")
    return result


def t_ratio(difference: Floats, std_error: Floats) -> Floats:
    """Return difference / standard error; 0 where there is no difference, whatever the error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((difference == 0) & (std_error == 0), 0.0, difference / std_error)


def rank(level: float, n_chains: int) -> int:
    """Return which of M ordered values, from 1, an exchangeable one is below with this level."""
    k = math.ceil((n_chains + 1) * level - _ROUNDING)
    if k > n_chains:
        needed = math.ceil(level / (1 - level) - _ROUNDING)
        _refuse_tail(level, n_chains, needed)
    return k


def tail_rank(level: float, n_chains: int) -> int:
    """Return how many of M ordered values, from 1, each of two tails reaches to."""
    k = math.floor((n_chains + 1) * (1 - level) / 2 + _ROUNDING)
    if k < 1:
        needed = math.ceil(2 / (1 - level) - 1 - _ROUNDING)
        _refuse_tail(level, n_chains, needed)
    return k


def max_t(deviations: Floats) -> Floats:
    """Return each chain's largest deviation in standard errors, shape (M,), ascending.

    The standard error is that of the other chains. Of its own a chain can't be more than √M away,
    while the run, which is not among the chains, can.
    """
    largest = np.abs(deviations).max(axis=0)
    squares = (deviations / np.where(largest > 0, largest, 1.0)) ** 2
    others = np.sqrt(np.maximum(squares.sum(axis=0) - squares, 0) / (len(squares) - 1))
    return np.sort(t_ratio(np.sqrt(squares), others).max(axis=1))


def bounds(
    estimate: Floats, deviations: Floats, level: float, kind: Kind, *, simultaneous: bool = False
) -> tuple[Floats, Floats]:
    """Return lower and upper bounds.

    Parameters
    ----------
    estimate : ndarray of shape (k,)
    deviations : ndarray of shape (M, k)
        Of the chains from `estimate`, finite.
    level : float
    kind : {"normal", "t", "symmetric", "basic", "percentile"}
        See `InferenceResult.conf_int`.
    simultaneous : bool
        Whether all intervals hold together with this level.

    Returns
    -------
    lower, upper : ndarray of shape (k,)

    Raises
    ------
    InputError
        If the level is beyond what so many chains can tell by counting.
    """
    m, tail = len(deviations), (1 - check_level(level)) / 2
    one_of("kind", kind, KINDS)
    if kind in TWO_TAILS:
        if simultaneous:
            allowed = "'t', 'normal' or 'symmetric' for simultaneous intervals"
            raise InputError("kind", kind, allowed)
        k = tail_rank(level, m)
        ordered = np.partition(deviations, (k - 1, m - k), axis=0)
        low, high = ordered[k - 1], ordered[m - k]
        # The deviations imitate estimate − truth, so the truth is at estimate − deviation.
        return (estimate - high, estimate - low) if kind == "basic" else (
            estimate + low, estimate + high
        )  # fmt: skip
    if simultaneous:
        reach = max_t(deviations)[rank(level, m) - 1] * standard_errors(deviations)
    elif kind == "symmetric":
        k = rank(level, m)
        reach = np.partition(np.abs(deviations), k - 1, axis=0)[k - 1]
    else:
        quantile = special.ndtri(tail) if kind == "normal" else special.stdtrit(m, tail)
        reach = -quantile * standard_errors(deviations)
    return estimate - reach, estimate + reach


def interval_frame(
    names: Sequence[str] | Sequence[int],
    estimate: Floats,
    deviations: Floats,
    level: float,
    kind: Kind,
    *,
    simultaneous: bool = False,
) -> pd.DataFrame:
    """Return estimate, std_error, lower and upper by name; warn of what makes bounds unsure."""
    import pandas as pd

    lower, upper = bounds(estimate, deviations, level, kind, simultaneous=simultaneous)
    std_error = standard_errors(deviations)
    if kind in TWO_TAILS and len(deviations) < ENOUGH_FOR_TAILS:
        message = f"the tails of {len(deviations)} chains are a rough guide: 200 or more are better"
        warn(f"{kind} interval: {message}")
    if (std_error == 0).any():
        certain = [name for name, s in zip(names, std_error, strict=True) if s == 0]
        message = f"all chains agree with the run on {listed(certain)}: intervals without length"
        warn(message)
    columns = {"estimate": estimate, "std_error": std_error, "lower": lower, "upper": upper}
    return pd.DataFrame(columns, index=pd.Index(list(names)))


def listed(names: Sequence[object], most: int = 5) -> str:
    """Return the first few names, and how many there are more."""
    text = ", ".join(map(str, names[:most]))
    return text if len(names) <= most else f"{text} and {len(names) - most} more"


def _refuse_tail(level: float, n_chains: int, needed: int) -> None:
    found = f"{level:g} with {n_chains} chains"
    raise InputError("level", found, f"what chains can tell by counting: {needed} or more for this")
