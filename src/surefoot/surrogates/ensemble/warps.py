r"""Warps: monotone maps of the response to a scale on which a normal law fits better.

Each warp is one formula, :math:`t = (\phi((y - o) / s) - c) / d`, in which o and s bring y to
order one, φ bends it, and c and d make the training responses of mean 0 and standard deviation 1.
Subtracting o first keeps the digits of a response like 1e9 + 1e-3.

===========  =============================================================  ===========
name         φ(u)                                                           domain of y
===========  =============================================================  ===========
identity     u                                                              all
log          ln u                                                           y > 0
yeo-johnson  ((1 + u)^λ − 1) / λ; below 0 its mirror image, 2 − λ for λ     all
===========  =============================================================  ===========

λ is held in [0, 2]: only there does φ reach the whole real line, so that a normal law on it is a
law on y with nothing missing.

Source: Yeo and Johnson, "A new family of power transformations", Biometrika 2000.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import boxcox1p, inv_boxcox1p

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.samples import sample

Floats = NDArray[np.float64]

_LOG_RATIO = 3.0
_SKEWED = 0.7


class _Bend(NamedTuple):
    """φ, its inverse and the logarithm of its slope, as functions of (u or φ, λ)."""

    forward: Callable[[Floats, Any], Floats]
    inverse: Callable[[Floats, Any], Floats]
    log_slope: Callable[[Floats, Any], Floats]


def _yeo_johnson(u: Floats, power: Any) -> Floats:
    bent = np.where(u < 0, -boxcox1p(np.abs(u), 2 - power), boxcox1p(np.abs(u), power))
    return np.asarray(bent)


def _inverse_yeo_johnson(t: Floats, power: Any) -> Floats:
    u = np.where(t < 0, -inv_boxcox1p(np.abs(t), 2 - power), inv_boxcox1p(np.abs(t), power))
    return np.asarray(u)


def _log_slope_yeo_johnson(u: Floats, power: Any) -> Floats:
    slope = (power - 1) * np.sign(u) * np.log1p(np.abs(u))
    return np.where(np.isinf(u), -np.inf, slope)  # where no density is left to be multiplied


_BENDS = {
    "identity": _Bend(lambda u, _: u, lambda t, _: t, lambda u, _: np.zeros_like(u)),
    "log": _Bend(
        # Responses that are not positive are below every positive one, and have no density.
        lambda u, _: np.log(np.maximum(u, 0)),
        lambda t, _: np.exp(t),
        lambda u, _: np.where(u > 0, -np.log(np.maximum(u, 0)), -np.inf),
    ),
    "yeo-johnson": _Bend(_yeo_johnson, _inverse_yeo_johnson, _log_slope_yeo_johnson),
}


@dataclass(frozen=True, eq=False)
class Warp:
    """A fitted warp, or one for each of m rows.

    All its numbers are floats or, where rows were predicted by folds with warps of their own
    (`by_row`), arrays of shape (m,). The methods take arrays of shape (..., m).

    Attributes
    ----------
    name : {"identity", "log", "yeo-johnson"}
    origin, scale : float or ndarray of shape (m,)
        o and s, in the unit of y.
    power : float or ndarray of shape (m,)
        λ; 1 where it plays no part.
    centre, spread : float or ndarray of shape (m,)
        Mean and standard deviation of φ over the training responses.
    low, high : float or ndarray of shape (m,)
        The range of the training responses in warped space.
    """

    name: str
    origin: Any
    scale: Any
    power: Any
    centre: Any
    spread: Any
    low: Any
    high: Any

    def forward(self, y: ArrayLike) -> Floats:
        """Return t for responses `y`; -inf where `y` is below the domain, NaN for NaN."""
        with np.errstate(divide="ignore", over="ignore"):
            bent = _BENDS[self.name].forward(self._scaled(y), self.power)
            return np.asarray((bent - self.centre) / self.spread)

    def log_jacobian(self, y: ArrayLike) -> Floats:
        """Return ln dt/dy at responses `y`; -inf outside the domain, where the density is 0."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            slope = _BENDS[self.name].log_slope(self._scaled(y), self.power)
        return slope - np.log(self.scale) - np.log(self.spread)

    def exact_inverse(self, t: ArrayLike) -> Floats:
        """Return the responses whose warped values are `t`, however far out."""
        bent = self.centre + self.spread * np.asarray(t, dtype=np.float64)
        with np.errstate(over="ignore"):
            return np.asarray(
                self.origin + self.scale * _BENDS[self.name].inverse(bent, self.power)
            )

    def inverse(self, t: ArrayLike) -> Floats:
        """Return the responses at `t`, which is first moved to where the warp is known.

        A warp is learned on the range of the training responses. Its inverse may grow like an
        exponential, and a mean over a wide normal law is then that of a few absurd values. So t is
        clamped to the training range, widened on each side by the range itself. The identity has
        nothing to explode and is not clamped.
        """
        if self.name == "identity":
            return self.exact_inverse(t)
        reach = self.high - self.low
        return self.exact_inverse(np.clip(t, self.low - reach, self.high + reach))

    def rows(self, index: Any) -> Warp:
        """Return the warp of some rows; `index` is anything that selects from shape (m,)."""
        numbers = {k: v[index] if np.ndim(v) else v for k, v in self._numbers().items()}
        return Warp(self.name, **numbers)

    def state(self) -> dict[str, Any]:
        """Return all that `restore_warp` needs, in JSON's types (lists where rows differ)."""
        numbers = {k: np.asarray(v).tolist() for k, v in self._numbers().items()}
        return {"name": self.name, **numbers}

    def _scaled(self, y: ArrayLike) -> Floats:
        return np.asarray((np.asarray(y, dtype=np.float64) - self.origin) / self.scale)

    def _numbers(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)[1:]}


def restore_warp(state: dict[str, Any]) -> Warp:
    """Return the warp whose `Warp.state` this is."""
    name = one_of("warp", state.get("name"), _BENDS)
    names = [field.name for field in dataclasses.fields(Warp)[1:]]
    if missing := [key for key in names if key not in state]:
        raise InputError("state of a warp", f"no {', '.join(missing)}", ", ".join(names))
    return Warp(name, **{key: np.asarray(state[key], dtype=np.float64)[()] for key in names})


def by_row(warps: Sequence[Warp], fold_of: NDArray[np.integer]) -> Warp:
    """Return one warp whose row i is that of fold ``fold_of[i]``.

    Parameters
    ----------
    warps : sequence of Warp
        One per fold, all of the same name.
    fold_of : ndarray of int, shape (n,)
    """
    if len(names := {warp.name for warp in warps}) != 1:
        raise InputError("warps", f"the names {sorted(names)}", "one warp, fitted in every fold")
    numbers = [warp._numbers() for warp in warps]
    gathered = {key: np.array([n[key] for n in numbers])[fold_of] for key in numbers[0]}
    return Warp(warps[0].name, **gathered)


def applicable_warps(y: ArrayLike) -> list[str]:
    """Return the names of the warps worth trying for responses `y` of shape (n,).

    The identity always; the logarithm for positive responses whose largest is more than three
    times the smallest; Yeo-Johnson where the skewness is beyond ±0.7.
    """
    y = sample("y", y)
    names = ["identity"]
    if y.min() > 0 and y.max() / _LOG_RATIO > y.min():
        names.append("log")
    if abs((fit_warp("identity", y).forward(y) ** 3).mean()) > _SKEWED:
        names.append("yeo-johnson")
    return names


def fit_warp(name: str, y: ArrayLike) -> Warp:
    """Fit a warp to training responses.

    Parameters
    ----------
    name : {"identity", "log", "yeo-johnson"}
        The power of Yeo-Johnson is that of the largest normal likelihood.
    y : array_like of shape (n,)
        Finite; above zero for the logarithm. Where all are equal, a unit of t is a unit of y (of
        ln y for the logarithm).
    """
    y = sample("y", y)
    bend = _BENDS[one_of("warp", name, _BENDS)]
    origin, scale, power = float(np.median(y)), 1.0, 1.0
    if name == "log":
        if y.min() <= 0:
            raise InputError("y", float(y.min()), "responses above 0 for a logarithmic warp")
        origin, scale = 0.0, origin
    else:
        peak = np.abs(y - origin).max() or 1.0  # so that squares can't underflow
        scale = float(peak * np.std((y - origin) / peak)) or 1.0
    u = (y - origin) / scale
    if name == "yeo-johnson" and np.ptp(u) > 0:
        power = _likeliest_power(u)
    bent = bend.forward(u, power)
    centre = float(bent.mean())
    spread = float(bent.std()) if np.ptp(bent) > 0 else 1.0
    low, high = (float((end - centre) / spread) for end in (bent.min(), bent.max()))
    return Warp(name, origin, scale, power, centre, spread, low, high)


def _likeliest_power(u: Floats) -> float:
    """Return λ in [0, 2] that maximises the normal likelihood of φ(u), its moments profiled out."""

    def misfit(power: float) -> float:
        log_sd = np.log(np.std(_yeo_johnson(u, power)))
        return float(log_sd - _log_slope_yeo_johnson(u, power).mean())

    return float(minimize_scalar(misfit, bounds=(0, 2), method="bounded").x)
