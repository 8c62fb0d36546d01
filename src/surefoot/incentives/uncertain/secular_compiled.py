"""The secular roots, compiled by numba: the arithmetic of `secular`, one agent after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from surefoot.ground.errors import need
from surefoot.incentives.uncertain.secular import EPSILON, HARD, LIMIT, NEARLY, STEP


@cache
def kernel() -> Callable[..., None]:
    """Return the compiled loop; it writes the efforts w and whether there is one."""
    numba = need("numba", "numba")
    real = numba.float64
    matrix = numba.types.Array(real, 2, "A", readonly=True)
    vector = numba.types.Array(real, 1, "A", readonly=True)
    signature = numba.void(
        vector, vector, real, real, real, vector, real,
        vector, vector, matrix, real[:, :], numba.boolean[:],
    )  # fmt: skip

    @numba.njit(nogil=True, error_model="numpy")
    def evaluate(  # type: ignore[no-untyped-def]
        x, n, variance, c, a, values, z, pole, deficit, at_pole, g, w
    ) -> Any:
        k, t = len(a), pole + x
        e = f = 0.0
        for i in range(k):
            g[i] = 1 / (t + values[i])
            shared = a[i] * g[i] * at_pole[i]
            e += a[i] * shared
            f += c[i] * shared
        D = deficit - x * e
        kappa = (n - x * f) / D
        square = cost = tilt = 0.0
        for i in range(k):
            w[i] = g[i] * (kappa * a[i] - c[i])
            square += w[i] * (2 * c[i] + values[i] * w[i])
            cost += g[i] * w[i] * w[i]
            tilt += a[i] * g[i] * w[i]
        sd = np.sqrt(max(variance + square, 0.0))
        rise = tilt / D
        half = t * (cost - rise * rise * D) + kappa * z * z * rise
        spread = half / sd if sd > 0 else 0.0
        return z * kappa - sd, x * (z * rise - spread)

    @numba.njit(signature, nogil=True, error_model="numpy")
    def solve(  # type: ignore[no-untyped-def]
        a, values, z, pole, deficit, at_pole, share, means, variances, covariances, efforts, found
    ):
        k, widest, g = len(a), values.max(), np.empty(len(a))
        for agent in range(len(means)):
            mean, variance = means[agent], variances[agent]
            c, w = covariances[agent], efforts[agent]
            n = terms = 0.0
            for i in range(k):
                term = a[i] * c[i] * at_pole[i]
                n += term
                terms += abs(term)
            n -= mean
            size = abs(mean) + z * np.sqrt(variance)
            floor = HARD * (terms + size)
            if abs(n) < floor:
                n = floor if n >= 0 else -floor
            side, low, high = 1.0, 0.0, np.inf
            if pole > 0:
                beta = max(np.sqrt(variance) - mean / z, EPSILON * size / z)
                d = abs(n) * share / beta
                if n > 0:
                    side, high, d = -1.0, NEARLY * pole, 0.5 * pole
            else:
                h, _ = evaluate(0.0, n, variance, c, a, values, z, pole, deficit, at_pole, g, w)
                if not h > 0:
                    w[:] = 0.0
                    continue
                d = widest
            found[agent] = True
            for _ in range(LIMIT):
                h, slope = evaluate(
                    side * d, n, variance, c, a, values, z, pole, deficit, at_pole, g, w
                )
                if h > 0:
                    low = d
                else:
                    high = d
                before, d = d, d * slope / (slope + h)
                if abs(d - before) <= STEP * before:
                    d = min(max(d, low), high)
                    break
                if not low < d < high:
                    if low == 0:
                        d = before / 4
                    elif np.isinf(high):
                        d = 4 * before
                    else:
                        d = np.sqrt(low * high)
                if abs(d - before) <= STEP * before:
                    break
            evaluate(side * d, n, variance, c, a, values, z, pole, deficit, at_pole, g, w)

    return solve
