"""Averages with one copy of the weights: avg ← avg + r_n (θ_n − avg), with r_1 = 1.

They differ in the rate r_n only:

========== ============================ =====================================================
scheme     r_n                          what it is
========== ============================ =====================================================
`Tail`     1/n                          Polyak–Ruppert: all iterates since `start`, equally
`EMA`      (1 − d)/(1 − dⁿ)             forgets exponentially; d = decay per step, to the
                                        power of `every`
`PowerEMA` 1 − (1 − 1/n)^(γ+1)          weights ∝ nᵞ: the horizon is a fixed share of the run
========== ============================ =====================================================
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from torch import Tensor

from surefoot.averaging.arithmetic import copy_, lerp_
from surefoot.averaging.buffers import Flat, Layout
from surefoot.averaging.profiles import Weights
from surefoot.averaging.schemes import Duration, Running, Scheme, check_count, in_steps
from surefoot.ground.errors import InputError, one_of
from surefoot.ground.streams import subseed

_WARMUP_POWER = 0.75


@dataclass(frozen=True)
class _Recursion(Scheme):
    @abstractmethod
    def rate(self, n: Any) -> Any:
        """Return how far the average moves towards iterate n = 1, 2, …"""

    def weights(self, n: int) -> Weights:
        """Return the weight of each of `n` iterates, oldest first; they sum to 1."""
        check_count("n", n, 1)
        rates = np.asarray(self.rate(np.arange(1.0, n + 1)), dtype=np.float64)
        kept = np.append(np.cumprod((1 - rates[1:])[::-1])[::-1], 1.0)
        return rates * kept

    def begin(self, layout: Layout, key: int) -> Running:
        """Return a running average that has seen nothing yet."""
        return _RunningRecursion(self, layout.empty(), key)


@dataclass(frozen=True)
class Tail(_Recursion):
    """The mean of all iterates since `start` (Polyak–Ruppert averaging, SWA).

    Parameters
    ----------
    every, start : int or float
        See `Scheme`. ``Tail(start=0.5)`` averages the second half of the run.

    Notes
    -----
    Polyak & Juditsky, SIAM J. Control Optim. 30 (1992); Izmailov et al., UAI 2018 (SWA).
    """

    def rate(self, n: Any) -> Any:
        """Return 1/n."""
        return 1 / n


@dataclass(frozen=True)
class EMA(_Recursion):
    """Exponential moving average.

    Parameters
    ----------
    decay : float, optional
        Per optimizer step, whatever `every` is: with ``every=4`` the average moves by
        1 − decay⁴. In [0, 1).
    horizon : int or float, optional
        Instead of the decay: the window of h steps with the same mean age,
        decay = (h − 1)/(h + 1).
    warmup : {"bias-correct", "power", None}
        "bias-correct" (default) weighs the iterates seen so far by decay^age, normalised: the
        initial weights have no privilege. "power" caps the decay at 1 − n^(−3/4). None is the
        textbook recursion, in which the first iterate keeps the weight decayⁿ.
    every, start : int or float
        See `Scheme`.

    Examples
    --------
    >>> EMA(0.5, warmup=None).weights(3)
    array([0.25, 0.25, 0.5 ])
    """

    decay: float | None = None
    horizon: Duration | None = dataclasses.field(default=None, kw_only=True)
    warmup: Literal["bias-correct", "power"] | None = dataclasses.field(
        default="bias-correct", kw_only=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.decay is None) == (self.horizon is None):
            raise InputError("EMA", self, "one of decay and horizon")
        if not isinstance(self.decay, Real | None) or not 0 <= (self.decay or 0) < 1:
            raise InputError("EMA.decay", self.decay, "a number in [0, 1)")
        if self.warmup is not None:
            one_of("EMA.warmup", self.warmup, ("bias-correct", "power"))

    def resolved(self, total_steps: int | None) -> Self:
        """Return the scheme with all durations in steps and the horizon as a decay."""
        scheme = super().resolved(total_steps)
        if scheme.horizon is None:
            return scheme
        horizon = in_steps("EMA.horizon", scheme.horizon, total_steps, least=1)
        return dataclasses.replace(scheme, decay=(horizon - 1) / (horizon + 1), horizon=None)

    def rate(self, n: Any) -> Any:
        """Return how far the average moves towards iterate n."""
        if self.decay is None or isinstance(self.every, float):
            raise InputError("EMA", self, "durations in steps; see resolved()")
        decay = self.decay**self.every
        if self.warmup == "bias-correct":
            return (1 - decay) / -np.expm1(n * np.log(decay)) if decay else np.ones_like(n)
        if self.warmup == "power":
            return np.maximum(1 - decay, n**-_WARMUP_POWER)
        return np.where(np.asarray(n) == 1, 1.0, 1 - decay)


@dataclass(frozen=True)
class PowerEMA(_Recursion):
    """Power-function average: the n-th iterate weighs about nᵞ, so that width scales with time.

    Parameters
    ----------
    sigma_rel : float, optional
        Standard deviation of the profile as a share of the run, in (0, 0.28]; 0.1 by default.
    gamma : float, optional
        The exponent, instead of `sigma_rel`.
    every, start : int or float
        See `Scheme`.

    Notes
    -----
    Karras et al., "Analyzing and improving the training dynamics of diffusion models",
    arXiv 2312.02696 (2024), section 3.1: b_t = (1 − 1/t)^(γ+1).

    Examples
    --------
    >>> round(PowerEMA(sigma_rel=0.1).exponent, 2)
    6.94
    """

    sigma_rel: float | None = None
    gamma: float | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sigma_rel is not None and self.gamma is not None:
            raise InputError("PowerEMA", self, "one of sigma_rel and gamma")
        # 1/√12 = .2887 is the width of equal weights, γ = 0.
        if self.sigma_rel is not None and not 0 < self.sigma_rel <= 12**-0.5:
            raise InputError("PowerEMA.sigma_rel", self.sigma_rel, "a number in (0, 0.288]")
        if self.gamma is not None and not 0 <= self.gamma < np.inf:
            raise InputError("PowerEMA.gamma", self.gamma, "a number of 0 or more")

    @property
    def exponent(self) -> float:
        """The exponent γ: the largest root of γ³ + 7γ² + (16 − s)γ + (12 − s), s = σ⁻²."""
        if self.gamma is not None:
            return self.gamma
        s = (0.1 if self.sigma_rel is None else self.sigma_rel) ** -2
        roots = np.roots([1, 7, 16 - s, 12 - s])
        return max(0.0, float(roots[np.abs(roots.imag) < 1e-9].real.max()))

    def rate(self, n: Any) -> Any:
        """Return 1 − (1 − 1/n)^(γ+1)."""
        return 1 - (1 - 1 / n) ** (self.exponent + 1)


class _RunningRecursion(Running):
    def __init__(self, scheme: _Recursion, mean: Flat, key: int) -> None:
        self.scheme, self.mean, self.key = scheme, mean, key

    def push(self, theta: list[Tensor]) -> None:
        n = self.pushes + 1
        if n == 1:
            copy_(self.mean, theta)
        else:
            lerp_(self.mean, theta, float(self.scheme.rate(n)), subseed(self.key, n))
        self.pushes = n

    def weights(self) -> Weights:
        return self.scheme.weights(self.pushes)

    def read(self) -> Flat:
        return self.mean

    @property
    def buffers(self) -> Mapping[str, Flat]:
        return {"mean": self.mean} if self.pushes else {}

    def restore(
        self, numbers: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]], where: str
    ) -> None:
        self.pushes = int(numbers["pushes"])
        if self.pushes:
            self.mean.load(tensors.get("mean", {}), where)
