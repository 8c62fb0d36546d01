"""What is asked of a rule besides accuracy, by name; and the same for a solver, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.incentives.costs import Cost, EffortCost
from surefoot.incentives.designing.losses import Objective
from surefoot.incentives.designing.programs import Piece
from surefoot.incentives.designing.regions import Region
from surefoot.incentives.effects import Effects
from surefoot.incentives.full.unit import unit_response
from surefoot.incentives.measures import Desirable, Measure
from surefoot.incentives.rules import LinearRule

Floats = NDArray[np.float64]
Method = Literal["auto", "exact", "restriction"]
# A gain this small beside what was added up is one of rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class Demand:
    """What a rule has to induce, and what it may use.

    The parameters are those of `surefoot.incentives.designing.design.design`.
    """

    effects: Effects
    cost: Cost
    desirable: Mapping[str, int] | None
    beta: float
    measure: Measure = "effort"
    directed: bool = True
    forbidden: Sequence[str] = ()
    monotone: Mapping[str, int] | None = None
    scenarios: ArrayLike | None = None
    groups: Mapping[Any, Cost] | None = None
    margin: float = 1e-3
    method: Method = "auto"
    agents: pd.DataFrame | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not (isinstance(self.beta, int | float | np.number) and 0 <= self.beta <= 1):
            raise InputError("beta", self.beta, "a share from 0 to 1")
        if not (np.isfinite(self.margin) and 0 < self.margin < 1):
            raise InputError("margin", self.margin, "a small number above 0, such as 1e-3")
        one_of("measure", self.measure, get_args(Measure))
        one_of("method", self.method, get_args(Method))

    @cached_property
    def costs(self) -> dict[Any, EffortCost]:
        """The cost of everybody (None) and of each group."""
        given = {None: self.cost, **(self.groups or {})}
        return {
            label: cost.resolve(self.effects.efforts, self.agents) for label, cost in given.items()
        }

    @property
    def directions(self) -> dict[Any, EffortCost]:
        """The costs with directions and immutable nodes as their only limits."""
        return {label: _directions_of(cost) for label, cost in self.costs.items()}

    def wanted(self, cost: EffortCost) -> Desirable | None:
        """Return what is wanted, checked against a cost; None if nothing is."""
        if self.desirable is None:
            return None
        if self.directed:
            return Desirable.parse(self.desirable, self.effects.efforts, cost)
        wanted = Desirable.parse(self.desirable, self.effects.efforts)
        for i in np.flatnonzero(wanted.wanted & ~cost.movable):
            name = wanted.names[i]
            raise InputError(f"desirable[{name!r}]", "immovable", "a node that agents can move")
        return wanted

    def regions(self, objective: Objective, effects: Floats | None = None) -> list[Region]:
        """Return a region a cost, for one matrix of effects, by default the mean."""
        matrix = self.effects.contribution() if effects is None else effects
        places = _places(objective.names, self.effects.features, "effects.features")
        variables = np.zeros((len(self.effects.efforts), objective.size))
        variables[:, places] = matrix / objective.scale[places]
        found = []
        for cost in self.directions.values():
            wanted = self.wanted(cost)
            if wanted is not None:
                found.append(Region.of(
                    variables, cost, wanted, beta=self.beta, measure=self.measure,
                    directed=self.directed, margin=self.margin,
                ))  # fmt: skip
        return found

    def scenario_regions(self, objective: Objective) -> list[Region]:
        """Return the regions of all scenarios."""
        if self.scenarios is None:
            return []
        matrices = np.asarray(self.scenarios, dtype=float)
        shape = (len(self.effects.efforts), len(self.effects.features))
        if matrices.ndim != 3 or matrices.shape[1:] != shape or not np.isfinite(matrices).all():
            allowed = f"finite matrices of effects, shape (B, {shape[0]}, {shape[1]})"
            raise InputError("scenarios", matrices.shape, allowed)
        return [region for matrix in matrices for region in self.regions(objective, matrix)]

    def common(self, objective: Objective) -> Piece:
        """Return the rules without forbidden features and with monotone weights."""
        eye = np.eye(objective.size)
        zero = _places(objective.names, self.forbidden, "forbidden")
        signs = self.monotone or {}
        for name, sign in signs.items():
            if sign not in (1, -1):
                raise InputError(f"monotone[{name!r}]", sign, "+1 or -1: the sign of its weight")
        rows = eye[_places(objective.names, list(signs), "monotone")]
        rows = -rows * np.array(list(signs.values()), dtype=float).reshape(-1, 1)
        return Piece(objective.size, at_most=rows, equal=eye[zero])

    def shares(self, rule: LinearRule) -> dict[Any, float]:
        """Return the wanted share of the exact response to a rule, of everybody (None) and groups.

        NaN where the rule pays for no effort, or nothing is wanted.
        """
        h, C = rule.weights_of(self.effects.features), self.effects.contribution()
        gain = C @ h
        gain = np.where(np.abs(gain) <= _ROUNDING * (np.abs(C) @ np.abs(h)), 0.0, gain)
        return {label: self._share(gain, cost) for label, cost in self.directions.items()}

    def notes(self, shares: Mapping[Any, float]) -> tuple[str, ...]:
        """Return what is not proved of a rule with these shares."""
        notes = []
        if not all(cost.homogeneous for cost in self.costs.values()):
            notes.append("limits on the size of effort are left out: check the share on people")
        if not self.effects.certain and self.scenarios is None:
            notes.append("effects are uncertain: the demand holds for their mean")
        if self.desirable and np.isnan(list(shares.values())).all():
            notes.append("the most accurate rule pays for no effort at all")
        return tuple(notes)

    def _share(self, gain: Floats, cost: EffortCost) -> float:
        wanted, unit = self.wanted(cost), unit_response(gain, cost)
        if wanted is None or unit is None:
            return float("nan")
        if not self.directed:
            either = np.where(unit.effort < 0, -1.0, 1.0)
            wanted = replace(wanted, signs=np.where(wanted.wanted, either, 0.0))
        return wanted.share(unit.effort, cost, self.measure)


def _directions_of(cost: EffortCost) -> EffortCost:
    lower, upper = np.atleast_2d(cost.lower).min(0), np.atleast_2d(cost.upper).max(0)
    return replace(
        cost, lower=np.where(lower < 0, -np.inf, 0.0), upper=np.where(upper > 0, np.inf, 0.0)
    )


def _places(names: Sequence[str], chosen: Sequence[str], where: str) -> list[int]:
    for name in chosen:
        one_of(where, name, names)
    return [list(names).index(name) for name in chosen]
