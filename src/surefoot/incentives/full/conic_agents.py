"""Nodes that help one another *and* have limits: a conic program for each agent.

Nothing is shared between agents here but the cost, and there is no order in which nodes meet their
limits: one that is at its limit may leave it when others move.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import UnmetError
from surefoot.incentives.conic import Conic, Solution
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.full.levers import SLACK, farthest

Floats = NDArray[np.float64]


def make_up_for(
    gain: Floats, gap: Floats, cost: EffortCost
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return efforts of shape (N, m), their norms ``√(e'Qe)``, and who can make up for the gap.

    Whoever can't is left with zeros.
    """
    effort, met = np.zeros((len(gap), cost.size)), np.ones(len(gap), dtype=bool)
    lower, upper = cost.limits(len(gap))
    for n in np.flatnonzero(gap > 0):
        most = farthest(gain, lower[n], upper[n])
        met[n] = gap[n] <= most @ gain * (1 + SLACK)
        if met[n]:
            agent = _Agent(gain, cost.Q, lower[n], upper[n])
            effort[n] = np.clip(agent.least_cost(gap[n]), lower[n], upper[n])
    return effort, np.sqrt(cost.of(effort)), met


def spend_all(gain: Floats, norms: Floats, cost: EffortCost) -> Floats:
    """Return the efforts of these norms, or less, that gain most: shape (N, m)."""
    effort = np.zeros((len(norms), cost.size))
    lower, upper = cost.limits(len(norms))
    for n in np.flatnonzero(norms > 0):
        agent = _Agent(gain, cost.Q, lower[n], upper[n])
        effort[n] = np.clip(agent.most_gain(norms[n]), lower[n], upper[n])
    return effort


class _Agent:
    """An agent's programs in units of each node's own cost and of the best gain for it."""

    def __init__(self, gain: Floats, Q: Floats, lower: Floats, upper: Floats) -> None:
        self.free = lower < upper
        self.units = np.sqrt(np.diag(Q)[self.free])
        self.Q = Q[np.ix_(self.free, self.free)] / np.outer(self.units, self.units)
        rates = gain[self.free] / self.units
        self.best = np.abs(rates).max(initial=0.0)
        self.rates = rates / self.best if self.best > 0 else rates
        self.lower, self.upper = lower[self.free], upper[self.free]

    def least_cost(self, gap: float) -> Floats:
        """Return the cheapest effort that gains `gap`."""
        size = gap / self.best
        program = self._limited(size)
        program.quadratic(2 * self.Q)
        program.at_most(-self.rates, [-1.0])
        return self._effort(program.solve(), size)

    def most_gain(self, size: float) -> Floats:
        """Return the effort of a norm of at most `size` that gains most."""
        if self.best == 0:
            return np.zeros(len(self.free))
        program = self._limited(size)
        program.linear(-self.rates)
        zero = np.zeros(len(self.rates))
        program.norm(np.linalg.cholesky(self.Q).T, zero, zero, 1.0)
        return self._effort(program.solve(), size)

    def _limited(self, size: float) -> Conic:
        program = Conic(len(self.rates))
        eye = np.eye(len(self.rates))
        for sign, limits in ((1, self.upper), (-1, self.lower)):
            finite = np.isfinite(limits)
            if finite.any():
                program.at_most(sign * eye[finite], (sign * limits * self.units / size)[finite])
        return program

    def _effort(self, found: Solution, size: float) -> Floats:
        if found.outcome != "solved":
            raise UnmetError(f"the effort of an agent was not found: Clarabel says {found.status}")
        effort = np.zeros(len(self.free))
        effort[self.free] = found.x * size / self.units
        return effort
