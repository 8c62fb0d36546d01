"""One conic program an agent: for limits, directions and norms that have no shorter way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.conic import Conic
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.margins import MarginMoments
from surefoot.incentives.rowwise import rowwise
from surefoot.incentives.uncertain.programs import cheapest, movable, root_of, within

Floats = NDArray[np.float64]
# Beyond this many standard deviations a double can't tell the chance from 1.
SURE = 38.0
# Margins below 0 by more than this share of their terms aren't met.
_SHORT = 1e-8


@dataclass(frozen=True, eq=False)
class ConicAgents:
    """Programs of agents; the margin has mean ``a0 + a.e`` and standard deviation ``||R e + r||``.

    Attributes
    ----------
    gain : ndarray of shape (m,)
        a.
    root : ndarray of shape (k, m)
        R, the same for all.
    mean : ndarray of shape (N,)
        a0.
    offset : ndarray of shape (N, k)
        r.
    cost : EffortCost
    lower, upper : ndarray of shape (N, m)
    """

    gain: Floats
    root: Floats
    mean: Floats
    offset: Floats
    cost: EffortCost
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, moments: MarginMoments, X: Floats, cost: EffortCost) -> Self:
        """Return the programs of the agents with features `X`, shape (N, n)."""
        joint = np.block([[moments.theta_cov, moments.cross.T], [moments.cross, moments.gain_cov]])
        root = root_of(joint)
        known = len(moments.theta)
        extended = np.column_stack([X, np.full(len(X), -1.0)])
        offset = rowwise(extended, root[:, :known].T)
        # Only what effort can touch needs its own rows; of the rest the length is enough.
        q, r = np.linalg.qr(root[:, known:])
        inside = rowwise(offset, q)
        rest = np.linalg.norm(offset - rowwise(inside, q.T), axis=1)
        return cls(
            moments.gain, np.vstack([r, np.zeros(cost.size)]), rowwise(extended, moments.theta),
            np.column_stack([inside, rest]), cost, *cost.limits(len(X)),
        )  # fmt: skip

    def least(self, agent: int, z: float) -> Floats | None:
        """Return the cheapest effort with ``mean >= z sd``; None if there is none.

        A program on which the solver gives up counts as one without solution, unless the margin of
        what it had found is right: that happens where efforts explode.
        """
        lower, upper = self.lower[agent], self.upper[agent]
        nodes, unit = movable(lower, upper, self.cost)
        mean, offset = self.mean[agent], self.offset[agent]
        size = abs(mean) + z * float(np.linalg.norm(offset))
        gain, root = self.gain[nodes] / size, self.root[:, nodes] / size
        steep = (np.abs(gain) + z * np.linalg.norm(root, axis=0)) * unit
        if not np.any(steep):
            return None
        unit /= np.max(steep)
        program, pick = cheapest(self.cost, nodes, unit, lower, upper)
        program.norm(z * (root * unit) @ pick, z / size * offset, gain * unit @ pick, mean / size)
        effort = self._solved(program, agent, nodes, unit)
        reached, sd = self.margin(agent, effort)
        terms = size + np.abs(self.gain) @ np.abs(effort)
        return effort if reached - z * sd >= -_SHORT * terms else None

    def surest(self, agent: int, budget: float) -> tuple[Floats, float]:
        """Return the effort within the budget with the largest ``z = mean / sd``, and that z.

        The largest ratio is where the best ``mean − z sd`` is 0; Dinkelbach's steps rise to it.
        Where no effort has a positive mean the chance is below one half, and its maximum no convex
        program: effort then raises the mean as far as it goes.
        """
        best = np.zeros(self.cost.size)
        z = _ratio(*self.margin(agent, best))
        if z < 0:
            best = self._highest(agent, 0.0, budget)
            z = _ratio(*self.margin(agent, best))
        while 0 <= z < SURE:
            effort = self._highest(agent, z, budget)
            risen = _ratio(*self.margin(agent, effort))
            if risen <= z * (1 + 1e-9) + 1e-12:  # no further than the solver's tolerance
                break
            best, z = effort, risen
        return best, z

    def margin(self, agent: int, effort: Floats) -> tuple[float, float]:
        """Return mean and standard deviation of the margin after an effort."""
        mean = self.mean[agent] + self.gain @ effort
        return float(mean), float(np.linalg.norm(self.root @ effort + self.offset[agent]))

    def _highest(self, agent: int, z: float, budget: float) -> Floats:
        """Return the effort within the budget with the largest ``mean − z sd``."""
        lower, upper = self.lower[agent], self.upper[agent]
        nodes, unit = movable(lower, upper, self.cost)
        k, p = len(nodes), self.cost.p
        if not k or budget == 0:
            return np.zeros(self.cost.size)
        unit *= budget if p is not None else np.sqrt(budget)
        gain, root, offset = self.gain[nodes] * unit, self.root[:, nodes] * unit, self.offset[agent]
        program, pick = Conic(k + 1), np.eye(k, k + 1)
        sd, free = np.eye(k + 1)[k], np.zeros(k + 1)  # the last variable is the sd
        size = float(np.linalg.norm(root) + np.linalg.norm(offset)) or 1.0
        price = np.append(-gain, z * size)
        program.linear(price / (np.max(np.abs(price)) or 1.0))
        program.norm(root @ pick / size, offset / size, sd, 0.0)
        if p is None:
            Q = self.cost.Q[np.ix_(nodes, nodes)] * np.outer(unit, unit) / budget
            program.norm(np.linalg.cholesky(Q).T @ pick, np.zeros(k), free, 1.0)
        else:
            program.norm(pick, np.zeros(k), free, 1.0, p=p)
        within(program, pick, lower[nodes] / unit, upper[nodes] / unit)
        return self._solved(program, agent, nodes, unit)

    def _solved(self, program: Conic, agent: int, nodes: NDArray[np.intp], unit: Floats) -> Floats:
        """Return the effort of a program, kept within the agent's limits."""
        effort, x = np.zeros(self.cost.size), program.solve().x[: len(nodes)]
        if np.all(np.isfinite(x)):
            effort[nodes] = x * unit
        return np.clip(effort, self.lower[agent], self.upper[agent])


def _ratio(mean: float, sd: float) -> float:
    if sd > 0:
        return mean / sd
    return float("inf") if mean >= 0 else -float("inf")
