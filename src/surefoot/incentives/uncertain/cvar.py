"""Confidence by the mean of the worst: convex, conservative, and true to any distribution.

Asked for is that the mean of the worst share ``1 − confidence`` of the margins be 0 or more (the
conditional value at risk; Rockafellar and Uryasev 2000). Then at most that share is below 0: the
confidence is kept, with room to spare.

The mean of the worst is the least mean of any so many draws: linear in effort for each choice of
draws. Choices that matter are added one by one (Künzi-Bay and Mayer 2006), so that programs stay
as small as the effort, however many draws there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.costs import EffortCost
from surefoot.incentives.found import Found
from surefoot.incentives.margins import MarginDraws
from surefoot.incentives.rowwise import rowwise
from surefoot.incentives.status import Status
from surefoot.incentives.uncertain.calibration import allowed
from surefoot.incentives.uncertain.programs import cheapest, movable

Floats = NDArray[np.float64]
# Cuts end a program when the worst are short of 0 by this share of what they were without effort.
_SHORT, _CUTS = 1e-7, 300


def cvar_respond(draws: MarginDraws, X: Floats, confidence: float, cost: EffortCost) -> Found:
    """Return the least efforts after which the mean of the worst margins is 0 or more.

    Parameters
    ----------
    draws : MarginDraws
        A few thousand are enough.
    X : ndarray of shape (N, n)
        Features of the rule.
    confidence : float
        In [0.5, 1).
    cost : EffortCost

    Returns
    -------
    Found
        With NEVER_SURE where no effort is enough in these draws.
    """
    allowed(confidence)
    n, m = len(X), cost.size
    effort, status = np.zeros((n, m)), np.full(n, Status.PASSES, dtype=np.int8)
    extended = np.column_stack([X, np.full(n, -1.0)])
    rule_known = not np.any(draws.theta - draws.theta[0])
    if rule_known and cost.homogeneous:
        gap = -rowwise(extended, draws.theta[0])
        unit = _least(_Worst(np.full(len(draws.theta), -1.0), draws.gains, confidence), cost, 0)
        short = gap > 0
        status[short] = Status.NEVER_SURE if unit is None else Status.MOVES
        if unit is not None:
            effort[short] = np.outer(gap[short], unit)
    else:
        for agent in range(n):
            worst = _Worst(draws.theta @ extended[agent], draws.gains, confidence)
            least = _least(worst, cost, agent)
            if least is None:
                status[agent] = Status.NEVER_SURE
            elif np.any(least):
                effort[agent], status[agent] = least, Status.MOVES
    price = np.where(status == Status.NEVER_SURE, np.inf, cost.of(effort))
    return Found(effort, price, status)


@dataclass(frozen=True, eq=False)
class _Worst:
    """The worst share of the margins ``base + gains @ e``."""

    base: Floats
    gains: Floats
    confidence: float

    def mean(self, effort: Floats) -> tuple[float, Floats]:
        """Return mean base and mean gains of the draws that are worst after an effort."""
        margins = self.base + self.gains @ effort
        count = (1 - self.confidence) * len(margins)
        whole = min(int(count), len(margins) - 1)
        order = np.argpartition(margins, whole)
        weights = np.append(np.ones(whole), count - whole) / count
        worst = order[: whole + 1]
        return float(weights @ self.base[worst]), weights @ self.gains[worst]


def _least(worst: _Worst, cost: EffortCost, agent: int) -> Floats | None:
    lower, upper = (limits[0] for limits in cost.rows(slice(agent, agent + 1)).limits(1))
    nodes, unit = movable(lower, upper, cost)
    effort = np.zeros(cost.size)
    base, gains = worst.mean(effort)
    if base >= 0:
        return effort
    size = -base
    steep = float(np.max(np.abs(gains[nodes]) * unit, initial=0.0))
    if steep == 0:
        return None
    unit *= size / steep
    rows: list[Floats] = []
    sides: list[float] = []
    for _ in range(_CUTS):
        rows.append(-gains[nodes] * unit / size)
        sides.append(base / size)
        program, pick = cheapest(cost, nodes, unit, lower, upper)
        program.at_most(np.array(rows) @ pick, sides)
        solution = program.solve()
        if solution.outcome != "solved":
            return None
        effort[nodes] = np.clip(solution.x[: len(nodes)] * unit, lower[nodes], upper[nodes])
        base, gains = worst.mean(effort)
        if base + gains @ effort >= -_SHORT * size:
            return effort
    return None
