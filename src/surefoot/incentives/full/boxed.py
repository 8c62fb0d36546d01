"""Limits of each agent's own: nodes rise together, and those that would exceed a limit are held.

Whatever the held nodes leave over, the others must give, so that a node once held stays held: a few
rounds find all of them, without sorting. Nodes give score where a gap is to be made up for, and
cost where a budget is to be spent. At p = 1 they are filled one after another.

Sums are relative to the best node that still rises: at p = 1.001 one with half the gain for its
cost sees 2^1000 times less effort, until the better one is held.

Source: Bitran and Hax, "Disaggregation and resource allocation using convex knapsack problems with
bounded variables", Management Science 27 (1981), for a gap and p = 2.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import one_of
from surefoot.incentives.costs import norm
from surefoot.incentives.full.levers import SLACK, Levers
from surefoot.incentives.rowwise import rowwise

Floats = NDArray[np.float64]
Backend = Literal["auto", "numba", "numpy"]


@dataclass(frozen=True, eq=False)
class Target:
    """What effort is for.

    Attributes
    ----------
    amounts : ndarray of shape (N,)
        A gap in score, or the norm of an effort. Agents with 0 or less need do nothing.
    each : ndarray of shape (k,)
        What a unit of y gives towards it, after the power.
    power : float
        1 for a gap; p for a norm, whose p-th power adds up.
    """

    amounts: Floats
    each: Floats
    power: float

    @classmethod
    def gap(cls, levers: Levers, gap: Floats) -> Target:
        """Return the target of agents who make up for `gap`."""
        return cls(gap, levers.rates, 1.0)

    @classmethod
    def norm(cls, levers: Levers, norms: Floats) -> Target:
        """Return the target of agents who spend all of `norms`; p is finite."""
        return cls(norms, np.ones(len(levers.nodes)), levers.p)


def boxed(
    levers: Levers, target: Target, lower: Floats, upper: Floats, backend: Backend = "auto"
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the efforts that meet the target, or all that the limits allow if they fall short.

    Parameters
    ----------
    lower, upper : ndarray of shape (N, m)
    backend : {"auto", "numba", "numpy"}
        Same efforts to twelve digits; ``auto`` takes numba if it is installed.

    Returns
    -------
    effort : ndarray of shape (N, m)
    norms : ndarray of shape (N,)
    met : ndarray of bool, shape (N,)
    """
    one_of("backend", backend, get_args(Backend))
    effort, norms = np.zeros(lower.shape), np.zeros(len(lower))
    if not len(levers.nodes):
        return effort, norms, ~(target.amounts > 0)
    met = np.ones(len(lower), dtype=bool)
    if backend == "numba" or (backend == "auto" and importlib.util.find_spec("numba")):
        from surefoot.incentives.full.boxed_compiled import kernels

        kernel = kernels().fill if levers.p == 1 else kernels().spread
        kernel(
            levers.nodes, levers.signs, levers.weights, levers.logs, levers.p,
            target.amounts, target.each, target.power, lower, upper, effort, norms, met,
        )  # fmt: skip
        return effort, norms, met
    rows = np.flatnonzero(target.amounts > 0)
    amounts = target.amounts[rows, None]
    caps = levers.caps(lower[rows], upper[rows])
    room = levers.weights * caps / amounts  # in units of the target, whose size then is 1
    y, full, met[rows] = (_fill if levers.p == 1 else _spread)(levers, target, room)
    effort[rows[:, None], levers.nodes] = levers.signs * np.where(
        full, caps, np.minimum(y * amounts / levers.weights, caps)
    )
    norms[rows] = norm(y, levers.p) * amounts[:, 0]
    return effort, norms, met


def _fill(
    levers: Levers, target: Target, room: Floats
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Fill nodes one after another: y, which are full, and whether the target is met."""
    y, full = np.zeros(room.shape), np.zeros(room.shape, dtype=bool)
    left = np.ones(len(room))
    for i in range(room.shape[1]):
        given = target.each[i] * room[:, i]
        full[:, i] = given < left
        y[:, i] = np.where(full[:, i], room[:, i], left / target.each[i])
        left = np.where(full[:, i], left - given, 0.0)
    return y, full, left <= SLACK


def _spread(
    levers: Levers, target: Target, room: Floats
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Raise nodes together, and hold those that would exceed their limits, until none does."""
    y, rising, left = np.zeros(room.shape), room > 0, np.ones(len(room))
    rows = np.flatnonzero(rising.any(axis=1))
    while len(rows):
        free = rising[rows]
        logs = np.where(free, levers.logs, -np.inf)
        pulls = np.exp(logs - logs.max(axis=1, keepdims=True))
        total = rowwise(pulls**target.power, target.each)
        unit = (left[rows] / total) ** (1 / target.power)
        y[rows] = np.where(free, unit[:, None] * pulls, y[rows])
        over = free & (y[rows] >= room[rows])
        held = np.where(over, room[rows], 0.0)
        left[rows] = np.maximum(left[rows] - rowwise(held**target.power, target.each), 0.0)
        y[rows] = np.where(over, held, y[rows])
        rising[rows] = free & ~over
        rows = rows[over.any(axis=1) & rising[rows].any(axis=1)]
    return y, ~rising, rising.any(axis=1) | (left <= SLACK)
