"""One problem for every separable cost: effort measured by what it costs.

Nodes of negative gain are mirrored, and ``y = w |e|``. With ``r = |v| / w``, the gain for a unit of
cost, agents solve ``min ||y||_p`` subject to ``r.y >= gap`` and ``0 <= y <= room``. The best y is

- p > 1: ``min(s d, room)`` with ``d = r^(1 / (p − 1))`` and the least s that makes up for the gap;
- p = 1: one node after another, the best r first.

Both are piecewise linear in the gap, so that no exponent needs a solver. A quadratic cost is the
square of the norm with p = 2 and ``w = √diag(Q)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.costs import EffortCost

Floats = NDArray[np.float64]
# A gap this little beyond what effort can make up for, relative, is beyond it by rounding only.
SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Levers:
    """The k nodes whose effort gains anything, the best gain for its cost first.

    Attributes
    ----------
    nodes : ndarray of int, shape (k,)
    signs : ndarray of shape (k,)
        Direction of effort that gains, +1 or −1.
    weights, rates : ndarray of shape (k,)
        Cost of a unit of effort, w; gain for a unit of cost, r.
    logs : ndarray of shape (k,)
        Logarithms of d relative to the greatest: for p near 1, d itself would overflow. Zeros for
        p = 1, where nodes don't share.
    p : float
    """

    nodes: NDArray[np.intp]
    signs: Floats
    weights: Floats
    rates: Floats
    logs: Floats
    p: float

    @classmethod
    def of(cls, gain: Floats, cost: EffortCost) -> Levers:
        """Return the levers of a separable `cost`, for the gain v of shape (m,)."""
        lower = cost.lower if cost.lower.ndim == 1 else cost.lower.min(axis=0, initial=0.0)
        upper = cost.upper if cost.upper.ndim == 1 else cost.upper.max(axis=0, initial=0.0)
        weights = np.sqrt(np.diag(cost.Q)) if cost.p is None else cost.weights
        rates = np.abs(gain) / weights
        useful = (rates > 0) & (np.where(gain > 0, upper, -lower) > 0)
        order = np.argsort(-rates, kind="stable")
        nodes = order[useful[order]]
        p = 2.0 if cost.p is None else cost.p
        logs = np.log(rates[nodes]) - np.log(rates[nodes[:1]])
        logs = logs / (p - 1) if p > 1 else np.zeros(len(nodes))
        return cls(nodes, np.sign(gain[nodes]), weights[nodes], rates[nodes], logs, p)

    def take(self, order: NDArray[np.intp]) -> Levers:
        """Return the levers in another order."""
        return Levers(
            nodes=self.nodes[order],
            signs=self.signs[order],
            weights=self.weights[order],
            rates=self.rates[order],
            logs=self.logs[order],
            p=self.p,
        )

    def caps(self, lower: Floats, upper: Floats) -> Floats:
        """Return the most effort each lever may see, shape (..., k); limits are (..., m)."""
        return np.where(self.signs > 0, upper[..., self.nodes], -lower[..., self.nodes])


def farthest(gain: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return the effort that gains most whatever it costs, of the shape of the limits."""
    return np.where(gain > 0, upper, np.where(gain < 0, lower, 0.0))


def joined(a: Floats, b: Floats, p: float) -> Floats:
    """Return ``||(a, b)||_p``, element by element, of numbers of at least 0."""
    if p == 1:
        return a + b
    larger, smaller = np.maximum(a, b), np.minimum(a, b)
    if np.isinf(p):
        return larger
    return larger * (1 + (smaller / np.where(larger > 0, larger, 1.0)) ** p) ** (1 / p)


def parted(total: Floats, a: Floats, p: float) -> Floats:
    """Return the b for which ``||(a, b)||_p`` is `total`, element by element; p is finite."""
    if p == 1:
        return total - a
    share = np.minimum(a / np.where(total > 0, total, 1.0), 1.0)
    return total * (1 - share**p) ** (1 / p)
