"""A project and its table together: the graph, the rule and the people, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.project_files import within
from surefoot.incentives.agents import Agents
from surefoot.incentives.beliefs import (
    Belief,
    ClassifierBelief,
    FullInformation,
    GraphBelief,
    JointBelief,
)
from surefoot.incentives.costs import Cost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.project import Project
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.setting_parts import (
    columns_of_people,
    cost_of,
    deserving_rows,
    fitted_rule,
    given_rule,
    graph_of,
    group_column,
    people_of,
    read_people,
    scored_features,
)

Know = Literal["everything", "rule", "graph", "neither"]


@dataclass(frozen=True, eq=False)
class Setting:
    """What a project comes to on its own table.

    Attributes
    ----------
    project : Project
    people : DataFrame of N rows
        Features, nodes and, if there are any, labels of groups.
    deserving : ndarray of bool, shape (N,), or None
        Who has the label that deserves acceptance; None without a target.
    graph : CausalGraph
    rule : LinearRule
        Nodes that it does not score have a weight of 0.
    scored : tuple of str
        The features that a rule may weigh.
    dropped : int
        Rows left out for missing values.
    """

    project: Project
    people: pd.DataFrame
    deserving: NDArray[np.bool_] | None
    graph: CausalGraph
    rule: LinearRule
    scored: tuple[str, ...]
    dropped: int

    @classmethod
    def of(cls, project: Project, rule: Path | None = None) -> Setting:
        """Read the project's table, fit what is to be fitted.

        Parameters
        ----------
        project : Project
        rule : Path, optional
            A rule as JSON, instead of the project's own.

        Raises
        ------
        InputError
            If table and project do not fit together; the message names table and key.
        """
        given = given_rule(project, rule)
        scored = scored_features(project, given)
        frame, dropped = read_people(project, scored)
        deserving = deserving_rows(project, frame)
        graph = graph_of(project, frame)
        if given is None:
            assert deserving is not None  # fitted rules have a target
            given = fitted_rule(project, frame[list(scored)], deserving)
        people = people_of(project, frame, scored)
        _check_groups(project, people)
        weights = dict(zip(given.names, given.weights.tolist(), strict=True))
        names = list(dict.fromkeys([*scored, *graph.nodes]))
        whole = LinearRule([weights.get(name, 0.0) for name in names], given.threshold, names)
        return cls(project, people, deserving, graph, whole, scored, dropped)

    @property
    def columns(self) -> list[str]:
        """The columns of a table that says all about people that a response asks for."""
        return columns_of_people(self.project, self.scored)

    @property
    def labels(self) -> list[str]:
        """The groups, in order; none where the project names none."""
        if (column := group_column(self.project)) is None:
            return []
        return sorted(set(self.people[column]))

    def agents(
        self,
        *,
        know: Know | None = None,
        confidence: float | None = None,
        cost: Cost | Mapping[str, Cost] | None = None,
        seed: int = 0,
    ) -> Agents:
        """Return the people of the table as agents; what is not given is the project's.

        Parameters
        ----------
        know : {"everything", "rule", "graph", "neither"}, optional
        confidence : float, optional
        cost : LpCost or QuadraticCost, or mapping of group to either, optional
        seed : int
        """
        budget, belief = self.project.budget, self.project.belief
        groups = {label: budget["groups"].get(label, budget["value"]) for label in self.labels}
        return Agents(
            self.people,
            self.graph,
            (self.costs() if cost is None else cost),
            belief=self.belief(belief["know"] if know is None else know),
            budget=groups or budget["value"],
            groups=group_column(self.project),
            aim=budget["aim"],
            confidence=belief["confidence"] if confidence is None else confidence,
            method=belief["method"],
            seed=seed,
        )

    def cost(self, label: str | None = None) -> Cost:
        """Return the cost of a group, or that of whoever has no cost of its own."""
        if label is None or label not in self.project.groups:
            return cost_of(self.project.place("cost"), self.project.cost, self.graph)
        place = self.project.place(f"cost.groups.{label}")
        return cost_of(place, self.project.groups[label], self.graph)

    def costs(self) -> Cost | dict[str, Cost]:
        """Return the one cost of everybody, or one a group if some group has its own."""
        if not self.project.groups:
            return self.cost()
        return {label: self.cost(label) for label in self.labels}

    def belief(self, know: Know) -> Belief:
        """Return what people believe who know this much.

        Raises
        ------
        InputError
            If nothing is in doubt of what they are said not to know.
        """
        place = self.project.place("belief")
        doubts = self.project.belief
        cv = doubts["graph"].get("cv")
        if isinstance(cv, int | float):
            cv = dict.fromkeys(self.graph.nodes, float(cv))
        of_graph = GraphBelief(cv=cv)
        with within(f"{place} rule:"):
            of_rule = ClassifierBelief(**doubts["rule"])
            _, covariance = of_rule.rule(self.rule)
        if know in ("rule", "neither") and cv is None and self.graph.certain:
            allowed = "graph.cv, or edges with sd or without weight: nothing is in doubt"
            raise InputError(f"{place} know", know, allowed)
        if know in ("graph", "neither") and not covariance.any():
            raise InputError(f"{place} know", know, "rule.cv: nothing is in doubt")
        beliefs: Mapping[Know, Belief] = {
            "everything": FullInformation(), "rule": of_graph, "graph": of_rule,
            "neither": JointBelief(of_graph, of_rule),
        }  # fmt: skip
        return beliefs[know]

    def thinned(self, n: int) -> Setting:
        """Return the setting with at most about `n` of its people, evenly spaced."""
        step = -(-len(self.people) // n) or 1
        deserving = None if self.deserving is None else self.deserving[::step]
        return replace(self, people=self.people.iloc[::step], deserving=deserving)

    def together(self) -> Setting:
        """Return the setting without groups, if they differ in neither costs nor budgets.

        What people in doubt make of the rule is then settled once for all of them.
        """
        project = self.project
        if not self.labels or project.groups or project.budget["groups"]:
            return self
        data = {key: value for key, value in project.data.items() if key != "groups"}
        people = self.people.drop(columns=str(group_column(project)))
        return replace(self, project=replace(project, data=data), people=people)

    def can_doubt(self, know: Know) -> bool:
        """Return whether there are people who know just this much."""
        try:
            self.belief(know)
        except InputError:
            return False
        return True


def _check_groups(project: Project, people: pd.DataFrame) -> None:
    column = group_column(project)
    if column is None:
        return
    present = sorted(set(people[column]))
    for place, named in (("cost.groups", project.groups), ("budget", project.budget["groups"])):
        for label in named:
            one_of(f"{project.place(place)}, group", label, present)
