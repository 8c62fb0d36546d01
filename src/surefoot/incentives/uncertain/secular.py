"""Agents who don't know the rule: one shared eigenbasis, one scalar root an agent.

In the basis of `Eigenbasis` an effort w costs w.w; the margin has mean ``a0 + a.w`` and variance
``s0 + 2 c.w + Σ l w²``, with a0, s0 and c of each agent's own. The least w.w such that
``mean >= z sd`` satisfies ``(t + l) w = κ a − c`` for some t > 0, and mean ``κ z²``, hence

    κ(t) = N / D,  N = Σ a c / (t + l) − a0,  D = Σ a² / (t + l) − z²,

which leaves one equation in t: ``h(t) = z κ − sd = 0``. The pole of κ, where D = 0, is common to
all agents. The wanted root is the only one of h on the pole's right if N < 0 at the pole, and on
its left if N > 0; h is positive next to the pole, and so an agent's interval and a bracket of its
root are known beforehand. Without a pole at t > 0 no effort is confident for all agents, and for
each there is one only if ``h(0) > 0``.

Near the pole and far from it h is close to ``α/d − β``, d being the distance from the pole: Newton
steps in 1/d need some five evaluations. Distances, not t, are iterated, so that nothing cancels
where an agent's N nearly vanishes at the pole (the hard case).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from surefoot.ground.errors import one_of

Floats = NDArray[np.float64]
Backend = Literal["auto", "numba", "numpy"]

# A bracket of any size is bisected to the last digit in fewer steps than LIMIT.
STEP, LIMIT = 1e-13, 200
# N at the pole is held off 0 by this share of its terms: d then is as small, and κ finite.
HARD = 1e-30
# And −h far on the right by that.
EPSILON = 1e-16
# On the left t stays above 0 by rounding: the root is 0 where effort takes away all doubt.
NEARLY = 1 - 2.0**-50
_AT_ONCE = 20_000  # agents whose arrays stay in the cache


@dataclass(frozen=True, eq=False)
class Secular:
    """What agents share.

    Attributes
    ----------
    gain : ndarray of shape (k,)
        a, in the basis.
    values : ndarray of shape (k,)
        Eigenvalues l; where there is neither variance nor gain, 1.
    z : float
    pole : float
        t at which D = 0, or 0 if D < 0 for all t > 0.
    deficit : float
        D at `pole`: 0 at a pole.
    at_pole : ndarray of shape (k,)
        1 / (pole + l).
    share : float
        Next to the pole h is ``share |N| / d``.
    """

    gain: Floats
    values: Floats
    z: float
    pole: float
    deficit: float
    at_pole: Floats
    share: float

    @classmethod
    def of(cls, gain: Floats, values: Floats, z: float) -> Self:
        """Return the shared part for a confidence `z` > 0."""
        # Effort on a node without gain or variance is 0 whatever l is.
        values = np.where((values == 0) & (gain == 0), 1.0, values)
        with np.errstate(divide="ignore"):
            deficit = float(np.sum(gain**2 / values)) - z**2
        pole = 0.0
        if deficit > 0:
            pole, deficit = _pole(gain, values, z), 0.0
        at_pole = 1 / (pole + values)
        # At the pole sd is κ sqrt(Σ l a² / (pole + l)²), whose square is z² less a part.
        part = pole * float(np.sum((gain * at_pole) ** 2))
        share = pole / (z + np.sqrt(max(z * z - part, 0.0)))
        return cls(gain, values, z, pole, deficit, at_pole, share)

    def solve(
        self, mean: Floats, variance: Floats, covariance: Floats, backend: Backend = "auto"
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the least efforts of agents who aren't confident as they stand.

        Parameters
        ----------
        mean, variance : ndarray of shape (N,)
            a0 and s0 with ``a0 < z sqrt(s0)``.
        covariance : ndarray of shape (N, k)
            c, in the basis.
        backend : {"auto", "numba", "numpy"}
            Same efforts to twelve digits; ``auto`` takes numba if it is installed.

        Returns
        -------
        w : ndarray of shape (N, k)
        found : ndarray of bool, shape (N,)
            Whether there is one.
        """
        one_of("backend", backend, get_args(Backend))
        w, found = np.zeros(covariance.shape), np.zeros(len(mean), dtype=bool)
        if backend == "numba" or (backend == "auto" and importlib.util.find_spec("numba")):
            from surefoot.incentives.uncertain.secular_compiled import kernel

            kernel()(
                self.gain, self.values, self.z, self.pole, self.deficit, self.at_pole, self.share,
                mean, variance, covariance, w, found,
            )  # fmt: skip
            return w, found
        for start in range(0, len(mean), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            w[part], found[part] = _Agents(
                self, mean[part], variance[part], np.ascontiguousarray(covariance[part].T)
            ).solve()
        return w, found


class _Agents:
    """The NumPy twin of the compiled loop: all agents take their steps together."""

    def __init__(self, shared: Secular, mean: Floats, variance: Floats, c: Floats) -> None:
        self.shared, self.variance, self.c = shared, variance, c
        self.a, self.l = shared.gain[:, None], shared.values[:, None]
        self.at_pole = shared.at_pole[:, None]
        terms = self.a * c * self.at_pole
        n = terms.sum(axis=0) - mean
        sd = np.sqrt(variance)
        size = np.abs(mean) + shared.z * sd
        floor = HARD * (np.abs(terms).sum(axis=0) + size)
        self.n = np.where(np.abs(n) < floor, np.where(n >= 0, floor, -floor), n)
        self.side = np.where((self.n > 0) & (shared.pole > 0), -1.0, 1.0)
        # −h far on the right.
        self.beta = np.maximum(sd - mean / shared.z, EPSILON * size / shared.z)

    def solve(self) -> tuple[Floats, NDArray[np.bool_]]:
        everyone = np.arange(len(self.n))
        found = np.ones(len(everyone), dtype=bool)
        if self.shared.pole > 0:
            right = self.side > 0
            first = np.abs(self.n) * self.shared.share / self.beta
            d = np.where(right, first, 0.5 * self.shared.pole)
            high = np.where(right, np.inf, NEARLY * self.shared.pole)
        else:
            found = self.evaluate(np.zeros(len(everyone)), everyone)[0] > 0
            d = np.full(len(everyone), self.shared.values.max())
            high = np.full(len(everyone), np.inf)
        low = np.zeros(len(everyone))
        left = everyone[found]
        for _ in range(LIMIT):
            if not len(left):
                break
            h, slope, _ = self.evaluate(d[left], left)
            at = d[left]
            low[left], high[left] = np.where(h > 0, at, low[left]), np.where(h > 0, high[left], at)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = at * slope / (slope + h)
            near = np.abs(step - at) <= STEP * at  # though rounding may leave the bracket
            outside = ~(near | ((step > low[left]) & (step < high[left])))
            step[outside] = _middle(at, low[left], high[left])[outside]
            d[left] = step = np.clip(step, low[left], high[left])
            left = left[np.abs(step - at) > STEP * at]
        w = self.evaluate(d, everyone)[2]
        return np.where(found[:, None], w.T, 0.0), found

    def evaluate(self, d: Floats, who: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
        """Return h, ``d · dh/dd`` and w at the distances `d` from the pole."""
        shared, x = self.shared, self.side[who] * d
        c = np.ascontiguousarray(self.c[:, who])
        t = shared.pole + x
        g = 1 / (t + self.l)
        ag = self.a * g
        agp = ag * self.at_pole
        D = shared.deficit - x * (self.a * agp).sum(axis=0)
        kappa = (self.n[who] - x * (c * agp).sum(axis=0)) / D
        w = g * (kappa * self.a - c)
        sd = np.sqrt(np.maximum(self.variance[who] + (w * (2 * c + self.l * w)).sum(axis=0), 0.0))
        rise = (ag * w).sum(axis=0) / D  # dκ/dt
        z = shared.z
        half = t * ((g * w * w).sum(axis=0) - rise * rise * D) + kappa * z * z * rise
        spread = np.where(sd > 0, half / np.where(sd > 0, sd, 1.0), 0.0)  # d sd/dt
        return z * kappa - sd, x * (z * rise - spread), w


def _middle(d: Floats, low: Floats, high: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.where(low == 0, d / 4, np.where(np.isinf(high), 4 * d, np.sqrt(low * high)))


def _pole(gain: Floats, values: Floats, z: float) -> float:
    """Return t > 0 with ``Σ a² / (t + l) = z²``; there is one."""

    def excess(t: float) -> float:  # nearly linear in t
        with np.errstate(divide="ignore"):
            return float(z**2 / np.sum(gain**2 / (t + values)) - 1)

    return float(brentq(excess, 0.0, 2 * gain @ gain / z**2, xtol=1e-300, rtol=1e-15))
