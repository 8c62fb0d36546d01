"""Agents: a population, what effort does and costs them, what they know, and what they want."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.incentives.beliefs import Belief, FullInformation
from surefoot.incentives.costs import Cost, EffortCost, LpCost, QuadraticCost
from surefoot.incentives.effects import Effects
from surefoot.incentives.plans import Aim, Method, Plan
from surefoot.incentives.response import Response
from surefoot.incentives.rowwise import rowwise
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.tables import columns_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Agents:
    """People who respond to a rule.

    Parameters
    ----------
    X : DataFrame of N rows
        Their features, by name: those of the rule, whether effort moves them or not.
    effects : CausalGraph or EffortMatrix
        What effort does to features, in truth.
    cost : LpCost or QuadraticCost, or mapping of group to either
        What effort costs and what is possible.
    belief : belief, or mapping of group to belief, optional
        What agents know of the rule and of the graph, everything by default; see
        `surefoot.incentives.beliefs`.
    budget : float, array of shape (N,) or mapping of group to float
        With the aim ``pass``: what acceptance is worth; who would have to spend more stays put.
        With the aim ``budget``: what is spent.
    groups : array-like of shape (N,) or name of a column of `X`, optional
        Labels of groups, where costs, beliefs or budgets differ, or reports should.
    aim : {"pass", "budget", "utility"}
        ``pass``: the least cost at which acceptance is as sure as `confidence` asks.
        ``budget``: the surest acceptance for the budget; without doubt, the highest score.
        ``utility``: the most score less cost, threshold or not (quadratic costs only).
    confidence : float
        Chance of acceptance that agents in doubt ask for, from .5 up to 1.
    method : {"auto", "gaussian", "calibrated", "cantelli", "cvar"}
        How that chance is assessed; see `surefoot.incentives.plans`.
    seed : int
        Key of the draws of the last methods.

    Examples
    --------
    >>> import pandas as pd
    >>> from surefoot.incentives import CausalGraph, LinearRule, LpCost
    >>> graph = CausalGraph.from_dag(["study", "score"], {("study", "score"): 0.5})
    >>> rule = LinearRule([0.0, 1.0], 1.0, ["study", "score"])
    >>> people = pd.DataFrame({"study": [0.0, 0.0], "score": [0.0, 2.0]})
    >>> response = Agents(people, graph, LpCost(1)).best_response(rule)
    >>> response.effort.tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """

    X: pd.DataFrame
    effects: Effects
    cost: Cost | Mapping[Any, Cost]
    belief: Belief | Mapping[Any, Belief] = field(default_factory=FullInformation)
    budget: float | ArrayLike | Mapping[Any, float] = np.inf
    groups: ArrayLike | str | None = None
    aim: Aim = "pass"
    confidence: float = 0.9
    method: Method = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if not hasattr(self.effects, "contribution"):
            raise InputError("effects", self.effects, "a CausalGraph or an EffortMatrix")
        columns_of(self.X, self.effects.features)
        one_of("aim", self.aim, get_args(Aim))
        one_of("method", self.method, get_args(Method))
        if not (
            isinstance(self.confidence, int | float | np.number) and 0.5 <= self.confidence < 1
        ):
            allowed = "from 0.5 (risk-neutral) to below 1; below a half the problem is not convex"
            raise InputError("confidence", self.confidence, allowed)
        if self.groups is None:
            for name in ("cost", "belief", "budget"):
                if isinstance(getattr(self, name), Mapping):
                    raise InputError("groups", None, f"labels of the agents: {name} goes by group")
        self._budgets()
        for label, _ in self._members():
            cost, belief = (
                self._of(self.cost, label, "cost"),
                self._of(self.belief, label, "belief"),
            )
            if not isinstance(cost, LpCost | QuadraticCost):
                raise InputError("cost", cost, "an LpCost or a QuadraticCost")
            if not hasattr(belief, "moments"):
                raise InputError("belief", belief, "one of surefoot.incentives.beliefs")

    def __len__(self) -> int:
        return len(self.X)

    @property
    def labels(self) -> NDArray[Any] | None:
        """The group of each agent, shape (N,)."""
        if self.groups is None:
            return None
        if isinstance(self.groups, str):
            if self.groups not in self.X.columns:
                raise InputError("groups", self.groups, f"a column of X: {list(self.X.columns)}")
            return self.X[self.groups].to_numpy()
        labels = np.asarray(self.groups)
        if labels.shape != (len(self.X),):
            raise InputError("groups", labels.shape, f"one label an agent: ({len(self.X)},)")
        return labels

    def best_response(self, rule: Any) -> Response:
        """Return what every agent does under `rule`.

        Parameters
        ----------
        rule : LinearRule, fitted linear classifier, or pipeline of scalers that ends in one

        Returns
        -------
        Response
        """
        known, costs = as_rule(rule), self.costs()
        return self._respond(known, self.plans(known, costs), costs, slice(0, len(self)))

    def iter_chunks(self, rule: Any, size: int = 100_000) -> Iterator[Response]:
        """Yield the response of `size` agents after the other, so that memory is bounded.

        The chunks together are the same, digit for digit, as `best_response`.
        """
        if size < 1:
            raise InputError("size", size, "at least 1 agent")
        known, costs = as_rule(rule), self.costs()
        plans = self.plans(known, costs)
        for start in range(0, len(self), size):
            yield self._respond(known, plans, costs, slice(start, min(start + size, len(self))))

    def with_table(self, X: pd.DataFrame) -> Agents:
        """Return agents who decide alike and start from other features, such as the next file.

        Labels, budgets and bounds must not be arrays: those belong to the rows of one table.
        """
        own: dict[str, Any] = {"groups": self.groups, "budget": self.budget}
        for cost in self.cost.values() if isinstance(self.cost, Mapping) else [self.cost]:
            for side in ("lower", "upper"):
                own |= {f"{side}[{node!r}]": bound for node, bound in getattr(cost, side).items()}
        for name, value in own.items():
            if not callable(value) and np.ndim(value):
                allowed = "a column, a number, a mapping or a function"
                raise InputError(name, "one entry an agent", allowed)
        return dataclasses.replace(self, X=X)

    def plans(
        self, rule: LinearRule, costs: Mapping[Any, EffortCost] | None = None
    ) -> dict[Any, Plan]:
        """Return what agents of each group make of `rule`; None is the label without groups.

        A plan is settled on all agents and then serves any part of them.
        """
        costs = self.costs() if costs is None else costs
        matrix = rule.matrix(self.X)
        return {
            label: Plan.make(
                rule,
                self.effects,
                self._of(self.belief, label, "belief"),
                costs[label] if rows is None else costs[label].rows(rows),
                matrix if rows is None else matrix[rows],
                confidence=self.confidence,
                method=self.method,
                seed=self.seed,
            )
            for label, rows in self._members()
        }

    def follow(self, rule: LinearRule, plans: Mapping[Any, Plan]) -> Response:
        """Return what the agents do by plans that were settled before, on others maybe."""
        costs = self.costs()
        for label in costs:
            if label not in plans:
                raise InputError("groups", label, f"groups with a plan: {list(plans)}")
        return self._respond(rule, plans, costs, slice(0, len(self)))

    def costs(self) -> dict[Any, EffortCost]:
        """Return the cost of each group as arrays; limits of single agents are those of all N."""
        return {
            label: self._of(self.cost, label, "cost").resolve(self.effects.efforts, self.X)
            for label, _ in self._members()
        }

    def _respond(
        self,
        rule: LinearRule,
        plans: Mapping[Any, Plan],
        costs: Mapping[Any, EffortCost],
        part: slice,
    ) -> Response:
        X = self.X.iloc[part]
        matrix, budgets = rule.matrix(X), self._budgets()[part]
        labels = None if self.labels is None else self.labels[part]
        n, m = len(X), len(self.effects.efforts)
        effort, cost, price = np.zeros((n, m)), np.zeros(n), np.zeros(n)
        status, confidence = np.zeros(n, dtype=np.int8), np.zeros(n)
        for label, resolved in costs.items():
            rows: Any = slice(None) if labels is None else np.flatnonzero(labels == label)
            limited = resolved.rows(part).rows(rows)
            done = plans[label].respond(matrix[rows], limited, budgets[rows], self.aim)
            effort[rows], cost[rows], price[rows] = done.effort, done.cost, done.price
            status[rows], confidence[rows] = done.status, done.confidence
        contribution = self.effects.contribution()
        gain = rowwise(effort, contribution @ rule.weights_of(self.effects.features))
        gap = rule.gap(X)
        # An agent on the threshold is over it: what decides is rounding.
        scale = abs(rule.threshold) + rowwise(np.abs(matrix), np.abs(rule.weights))
        return Response(
            X=X,
            efforts=self.effects.efforts,
            effort=effort,
            cost=cost,
            price=price,
            status=status,
            confidence=confidence,
            score_gain=gain,
            accepted_before=gap <= 0,
            accepted=gap - gain <= 1e-9 * scale,
            contribution=contribution,
            features=self.effects.features,
            groups=labels,
        )

    def _members(self) -> list[tuple[Any, NDArray[np.intp] | None]]:
        labels = self.labels
        if labels is None:
            return [(None, None)]
        return [(label, np.flatnonzero(labels == label)) for label in _distinct(labels)]

    def _of(self, given: Any, label: Any, where: str) -> Any:
        """Return what is given for a group: the same for all, or its own."""
        if not isinstance(given, Mapping):
            return given
        if label not in given:
            raise InputError(where, list(given), f"an entry for the group {label!r}")
        return given[label]

    def _budgets(self) -> Floats:
        if isinstance(self.budget, Mapping):
            budgets = np.empty(len(self.X))
            for label, rows in self._members():
                budgets[rows] = self._of(self.budget, label, "budget")
        else:
            try:
                given = np.asarray(self.budget, dtype=float)
            except (TypeError, ValueError):
                raise InputError("budget", self.budget, "numbers of at least 0") from None
            if given.ndim > 1 or (given.ndim == 1 and len(given) != len(self.X)):
                raise InputError("budget", given.shape, f"one number, or one of {len(self.X)}")
            budgets = np.broadcast_to(given, len(self.X))
        bad = ~(budgets >= 0)
        if bad.any():
            raise InputError("budget", float(budgets[bad][0]), "numbers of at least 0")
        return budgets


def as_rule(rule: Any, names: Sequence[str] | None = None) -> LinearRule:
    """Return `rule` as a `LinearRule`, whatever linear classifier it is."""
    return rule if isinstance(rule, LinearRule) else LinearRule.from_estimator(rule, names)


def _distinct(labels: NDArray[Any]) -> list[Any]:
    """Return the labels in order."""
    codes, values = pd.factorize(labels, sort=True)
    if (codes < 0).any():
        raise InputError("groups", "a missing label", "a label for every agent")
    return values.tolist()
