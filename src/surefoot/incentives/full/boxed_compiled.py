"""Limits of each agent's own, compiled by numba: the same steps as `boxed`, agent by agent.

All that an agent needs stays on a few cache lines, where NumPy's passes over all agents write and
read a dozen arrays as large as the efforts.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np

from surefoot.ground.errors import need
from surefoot.incentives.full.levers import SLACK


@cache
def kernels() -> SimpleNamespace:
    """Return the compiled `fill` (p = 1) and `spread` (p > 1).

    Both take levers, the best first, a target and limits, and write efforts, norms and whether the
    target is met. Agents whose target is 0 or less they leave as they are.
    """
    numba = need("numba", "numba")
    real, flag, count = numba.float64, numba.boolean, numba.intp
    # Limits may be broadcast, hence read-only and of any stride: one compilation for all.
    limits = numba.types.Array(real, 2, "A", readonly=True)
    amounts = numba.types.Array(real, 1, "A", readonly=True)
    signature = numba.void(
        count[::1], real[::1], real[::1], real[::1], real, amounts, real[::1], real,
        limits, limits, real[:, ::1], real[::1], flag[::1],
    )  # fmt: skip

    @numba.njit(nogil=True)
    def norm(y, p):  # type: ignore[no-untyped-def]
        largest = y.max()
        if largest == 0 or np.isinf(p):
            return largest
        total = 0.0
        for value in y:
            ratio = value / largest
            total += ratio * ratio if p == 2 else ratio**p
        return largest * (np.sqrt(total) if p == 2 else total ** (1 / p))

    @numba.njit(signature, nogil=True)
    def fill(  # type: ignore[no-untyped-def]
        nodes, signs, weights, logs, p, amounts, each, power, lower, upper, effort, norms, met
    ):
        for n in range(len(amounts)):
            amount = amounts[n]
            if not amount > 0:
                continue
            left, cost = 1.0, 0.0
            for i in range(len(nodes)):
                cap = upper[n, nodes[i]] if signs[i] > 0 else -lower[n, nodes[i]]
                room = weights[i] * cap / amount
                if each[i] * room < left:
                    effort[n, nodes[i]] = signs[i] * cap
                    left -= each[i] * room
                    cost += room
                else:
                    y = left / each[i]
                    effort[n, nodes[i]] = signs[i] * min(y * amount / weights[i], cap)
                    left = 0.0
                    cost += y
                    break
            norms[n] = cost * amount
            met[n] = left <= SLACK

    @numba.njit(signature, nogil=True)
    def spread(  # type: ignore[no-untyped-def]
        nodes, signs, weights, logs, p, amounts, each, power, lower, upper, effort, norms, met
    ):
        k = len(nodes)
        caps, room, y, rising = np.empty(k), np.empty(k), np.empty(k), np.empty(k, np.intp)
        # What node i sees while node j sees one unit, and what it then gives towards the target.
        pulls, gives = np.empty((k, k)), np.empty((k, k))
        for i in range(k):
            for j in range(k):
                pulls[i, j] = np.exp(logs[i] - logs[j])
                gives[i, j] = each[i] * pulls[i, j] ** power
        for n in range(len(amounts)):
            amount = amounts[n]
            if not amount > 0:
                continue
            left, count = 1.0, 0
            for i in range(k):
                caps[i] = upper[n, nodes[i]] if signs[i] > 0 else -lower[n, nodes[i]]
                room[i], y[i] = weights[i] * caps[i] / amount, 0.0
                if room[i] > 0:
                    rising[count] = i
                    count += 1
            unit = 0.0
            while count > 0:
                best, total = rising[0], 0.0
                for j in range(count):
                    total += gives[rising[j], best]
                unit = left / total if power == 1 else (left / total) ** (1 / power)
                kept = 0
                for j in range(count):
                    i = rising[j]
                    if unit * pulls[i, best] < room[i]:
                        rising[kept] = i
                        kept += 1
                    else:
                        y[i] = room[i]
                        left -= each[i] * (room[i] if power == 1 else room[i] ** power)
                        effort[n, nodes[i]] = signs[i] * caps[i]
                left = max(left, 0.0)
                if kept == count:
                    break
                count = kept
            for j in range(count):
                i = rising[j]
                y[i] = unit * pulls[i, rising[0]]
                effort[n, nodes[i]] = signs[i] * min(y[i] * amount / weights[i], caps[i])
            norms[n] = norm(y, p) * amount
            met[n] = count > 0 or left <= SLACK

    return SimpleNamespace(fill=fill, spread=spread)
