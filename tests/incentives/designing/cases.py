"""Random designs, and what they induce by the room's own best response."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.incentives.costs import EffortCost, LpCost
from surefoot.incentives.designing.demand import Demand
from surefoot.incentives.designing.losses import QuadraticLoss
from surefoot.incentives.designing.regions import Region
from surefoot.incentives.effort_matrix import EffortMatrix
from surefoot.incentives.full.unit import unit_response
from surefoot.incentives.measures import Desirable

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A graph of `d` nodes, a cost and a base rule; the first `k` nodes are wanted."""

    seed: int
    d: int = 4
    k: int = 2
    p: float = 2.0
    one_way: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(f"x{i}" for i in range(self.d))

    @cached_property
    def _parts(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        rng = np.random.default_rng(self.seed)
        edges = np.triu(rng.normal(0, 0.4, (self.d, self.d)), 1)
        factor = rng.normal(size=(self.d, self.d))
        return (
            np.linalg.inv(np.eye(self.d) - edges),
            rng.uniform(0.5, 2, self.d),
            factor @ factor.T / self.d + 0.1 * np.eye(self.d),
            rng.normal(size=self.d),
            rng.choice([-1.0, 1.0], self.d),
        )

    @property
    def effects(self) -> EffortMatrix:
        return EffortMatrix(self._parts[0], self.names, self.names)

    @property
    def cost(self) -> LpCost:
        cost = LpCost(self.p, dict(zip(self.names, self._parts[1].tolist(), strict=True)))
        return cost.directions({name: self.desirable.get(name, 1) for name in self.one_way})

    @property
    def objective(self) -> QuadraticLoss:
        return QuadraticLoss(self._parts[2], self._parts[3], self.names)

    @property
    def desirable(self) -> dict[str, int]:
        return {name: int(s) for name, s in zip(self.names[: self.k], self._parts[4], strict=False)}

    def demand(self, beta: float, **more: Any) -> Demand:
        given = {"effects": self.effects, "cost": self.cost, "desirable": self.desirable}
        return Demand(**(given | more), beta=beta)

    def region(self, beta: float, **more: Any) -> Region:
        return self.demand(beta, **more).regions(self.objective)[0]

    def share(self, h: Floats, measure: str = "effort", directed: bool = True) -> float:
        """Return the share of the response to weights h, in raw units."""
        cost = self.cost.resolve(self.names)
        unit = unit_response(self._parts[0] @ h, cost)
        return float("nan") if unit is None else self.share_of(unit.effort, cost, measure, directed)

    def share_of(self, effort: Floats, cost: EffortCost, measure: str, directed: bool) -> float:
        wanted = Desirable.parse(self.desirable, self.names)
        if not directed:
            wanted = Desirable(np.abs(wanted.signs) * np.where(effort < 0, -1, 1), self.names)
        return wanted.share(effort, cost, measure)


def table(n: int, seed: int = 0) -> tuple[pd.DataFrame, NDArray[np.int_]]:
    """Return five features in units of their own, with labels."""
    rng = np.random.default_rng(seed)
    units, centers = [1.0, 10.0, 100.0, 0.01, 1.0], [0.0, 5.0, 1000.0, 0.0, 0.0]
    standard = rng.normal(size=(n, 5))
    y = (standard @ [1.0, 0.5, -1.0, 0.5, 0.5] + rng.logistic(size=n) > 0).astype(int)
    return pd.DataFrame(standard * units + centers, columns=list("abcde")), y


def effects_of(X: pd.DataFrame, nodes: str = "abcd", seed: int = 0) -> EffortMatrix:
    """Return effects of one standard deviation of each node."""
    rng = np.random.default_rng(seed)
    m = len(nodes)
    matrix = np.linalg.inv(np.eye(m) - np.triu(rng.normal(0, 0.4, (m, m)), 1))
    return EffortMatrix(matrix * X[list(nodes)].std().to_numpy(), list(nodes), list(nodes))
