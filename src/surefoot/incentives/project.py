"""The project file: people, what causes what, what effort costs and which is wanted, in TOML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.project_files import checked, read_project
from surefoot.incentives import project_keys as keys
from surefoot.incentives.project_keys import known_names
from surefoot.incentives.topology import some_cycle, topological_order

_COST = {"kind": "norm", "p": 2.0}
_BELIEF = {"know": "everything", "confidence": 0.9, "method": "auto"}
_BUDGET = {"value": float("inf"), "groups": {}, "aim": "pass"}
_RULE = {"penalty": 1e-4, "probability": 0.5}
_DESIGN = {
    "measure": "effort", "loss": "logistic", "penalty": 1e-4, "scenarios": 0, "forbidden": [],
    "monotone": {}, "threshold": "static", "betas": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
}  # fmt: skip
# The three ways to name a rule.
_RULES = ("fit", "weights", "file")


@dataclass(frozen=True)
class Project:
    """What a project file says; no table has been read yet.

    Attributes
    ----------
    path : Path
        Of the file. Relative paths in it start from its folder.
    data, graph, cost, belief, budget, rule, design : mapping
        The tables of the file, what is left out filled in.
    groups : mapping of str to mapping
        Tables ``[cost.groups.LABEL]``: what costs a group differently.
    desirable : mapping of node to direction
        +1 or -1.
    outcome : mapping of feature to float, or None
    """

    path: Path
    data: Mapping[str, Any]
    graph: Mapping[str, Any]
    cost: Mapping[str, Any]
    groups: Mapping[str, Mapping[str, Any]]
    desirable: Mapping[str, int]
    belief: Mapping[str, Any]
    budget: Mapping[str, Any]
    rule: Mapping[str, Any]
    outcome: Mapping[str, float] | None
    design: Mapping[str, Any]

    @classmethod
    def load(cls, path: str | Path) -> Project:
        """Read a project file.

        Raises
        ------
        InputError
            If there is no such file, it is not TOML, or something in it is unknown, missing or not
            allowed; the message names table and key.
        """
        path = Path(path)
        content = checked(
            f"{path}, table",
            read_project(path, "surefoot incentives init"),
            keys.TABLES,
            ["data", "graph", "desirable", "rule"],
        )
        read = _Reader(path, content)
        data, graph = read.data(), read.graph()
        cost, groups = read.cost(data, graph["nodes"])
        costs = [cost, *groups.values()]
        return cls(
            path, data, graph, cost, groups, read.desirable(graph["nodes"], costs),
            read.belief(graph["nodes"]), read.budget(data, costs), read.rule(data),
            read.outcome(graph["nodes"]), read.design(data),
        )  # fmt: skip

    def place(self, table: str) -> str:
        """Return how an error names a table of the file."""
        return f"{self.path}, [{table}]"

    @property
    def table(self) -> Path:
        """Where the people's table is."""
        return self.path.parent / self.data["table"]


@dataclass(frozen=True)
class _Reader:
    """Checks the tables of a file, one after the other."""

    path: Path
    content: Mapping[str, Any]

    def place(self, table: str) -> str:
        return f"{self.path}, [{table}]"

    def data(self) -> dict[str, Any]:
        place = self.place("data")
        data = checked(place, self.content["data"], keys.DATA, ["table"])
        if features := data.get("features"):
            known_names(f"{place} features", features, features)
        if "target" in data and "accept" not in data:
            raise InputError(f"{place} accept", "nothing", keys.DATA["accept"][1])
        if data.get("target", "") in data.get("features", []):
            raise InputError(f"{place} features", data["target"], "columns other than the target")
        return {"missing": "refuse", **data}

    def graph(self) -> dict[str, Any]:
        place = self.place("graph")
        graph = checked(place, self.content["graph"], keys.GRAPH, ["nodes"])
        nodes = graph["nodes"]
        known_names(f"{place} nodes", nodes, nodes)
        edges: dict[tuple[str, str], Mapping[str, Any]] = {}
        for number, edge in enumerate(graph.get("edges", []), start=1):
            where = f"{place} edges, number {number},"
            checked(where, edge, keys.EDGE, ["cause", "effect"])
            pair = (edge["cause"], edge["effect"])
            for end, node in zip(("cause", "effect"), pair, strict=True):
                one_of(f"{where} {end}", node, nodes)
            if pair in edges or pair[0] == pair[1]:
                raise InputError(where, " -> ".join(pair), "two nodes, each pair once")
            if "sd" in edge and "weight" not in edge:
                raise InputError(f"{where} sd", edge["sd"], "a weight too, or neither: then fitted")
            edges[pair] = edge
        if cycle := _cycle(nodes, edges):
            raise InputError(f"{place} edges", f"the cycle {cycle}", "arrows without a cycle")
        if (target := self.content["data"].get("target")) in nodes:
            raise InputError(f"{place} nodes", target, "columns other than the target")
        if both := [name for name in graph.get("exogenous", []) if name in nodes]:
            raise InputError(f"{place} exogenous", both, "columns that are no nodes")
        if isinstance(graph.get("units"), dict):
            known_names(f"{place} units", graph["units"], nodes)
        return {"units": "sd", "exogenous": [], **graph, "edges": list(edges.values())}

    def cost(
        self, data: Mapping[str, Any], nodes: list[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        place = self.place("cost")
        given = dict(self.content.get("cost", {}))
        of_groups = given.pop("groups", {})
        base = self._cost(place, given, nodes, _COST)
        if not isinstance(of_groups, dict):
            raise InputError(f"{place} groups", of_groups, "tables: [cost.groups.LABEL]")
        if of_groups and "groups" not in data:
            allowed = "also `groups` in [data]: the column that has the labels"
            raise InputError(f"{place} groups", list(of_groups), allowed)
        groups = {}
        for label, table in of_groups.items():
            where = self.place(f"cost.groups.{label}")
            if not isinstance(table, dict):
                raise InputError(where, table, "a table")
            groups[label] = self._cost(where, table, nodes, base)
        return base, groups

    def _cost(
        self, place: str, table: Mapping[str, Any], nodes: list[str], rest: Mapping[str, Any]
    ) -> dict[str, Any]:
        given = checked(place, table, keys.COST)
        for key, value in given.items():
            if isinstance(value, dict | list):
                known_names(f"{place} {key}", value, nodes)
        if "directions" in given:
            given["directions"] = _signs(given["directions"])
        cost = {**rest, **given}
        if cost["kind"] == "quadratic" and cost["p"] != _COST["p"]:
            raise InputError(f"{place} p", cost["p"], 'no p with kind = "quadratic"')
        return cost

    def desirable(self, nodes: list[str], costs: list[dict[str, Any]]) -> dict[str, int]:
        place, table = self.place("desirable"), self.content["desirable"]
        known_names(place, table, nodes)
        checked(place, table, dict.fromkeys(nodes, keys.DIRECTION))
        if not table or len(table) == len(nodes):
            found = "every node" if table else "nothing"
            raise InputError(place, found, "some of the nodes: not none, not all")
        for node, sign in _signs(table).items():
            for cost in costs:
                one_way = cost.get("directions", {}).get(node, sign)
                if one_way != sign or node in cost.get("immutable", []):
                    allowed = "a node that every cost lets people move that way"
                    raise InputError(f"{place} {node}", table[node], allowed)
        return _signs(table)

    def belief(self, nodes: list[str]) -> dict[str, Any]:
        place = self.place("belief")
        belief = {**_BELIEF, **checked(place, self.content.get("belief", {}), keys.BELIEF)}
        for name, allowed in (("graph", keys.DOUBT_OF_GRAPH), ("rule", keys.DOUBT_OF_RULE)):
            where = self.place(f"belief.{name}")
            belief[name] = checked(where, belief.get(name, {}), allowed)
        if isinstance(cv := belief["graph"].get("cv"), dict):
            known_names(f"{self.place('belief.graph')} cv", cv, nodes)
        return belief

    def budget(self, data: Mapping[str, Any], costs: list[dict[str, Any]]) -> dict[str, Any]:
        place = self.place("budget")
        budget = {**_BUDGET, **checked(place, self.content.get("budget", {}), keys.BUDGET)}
        if budget["groups"] and "groups" not in data:
            allowed = "also `groups` in [data]: the column that has the labels"
            raise InputError(f"{place} groups", list(budget["groups"]), allowed)
        if budget["aim"] == "budget" and budget["value"] == _BUDGET["value"]:
            raise InputError(f"{place} value", "none", "a number: people spend all of it")
        if budget["aim"] == "utility" and any(cost["kind"] == "norm" for cost in costs):
            allowed = 'pass or budget, unless [cost] has kind = "quadratic"'
            raise InputError(f"{place} aim", "utility", allowed)
        return budget

    def rule(self, data: Mapping[str, Any]) -> dict[str, Any]:
        place = self.place("rule")
        rule = checked(place, self.content["rule"], keys.RULE)
        ways = [name for name in _RULES if name in rule]
        if len(ways) != 1:
            found = " and ".join(ways) or "none of them"
            raise InputError(place, found, "one of fit, weights and file")
        needed = {"fit": ("features", "target"), "weights": (), "file": ()}[ways[0]]
        for key in needed:
            if key not in data:
                allowed = f"{keys.DATA[key][1]}: the rule is fitted"
                raise InputError(f"{self.place('data')} {key}", "nothing", allowed)
        for key in rule:
            if key in ("penalty", "probability") and ways != ["fit"]:
                raise InputError(f"{place} {key}", rule[key], 'only with fit = "logistic"')
        if ("threshold" in rule) != (ways == ["weights"]):
            allowed = "a threshold with weights, and only with them"
            raise InputError(f"{place} threshold", rule.get("threshold", "nothing"), allowed)
        if ways == ["weights"] and not rule["weights"]:
            raise InputError(f"{place} weights", "nothing", keys.RULE["weights"][1])
        return {**_RULE, **rule}

    def outcome(self, nodes: list[str]) -> dict[str, float] | None:
        if "outcome" not in self.content:
            return None
        place, table = self.place("outcome"), self.content["outcome"]
        return checked(place, table, dict.fromkeys(nodes, keys.NUMBER))

    def design(self, data: Mapping[str, Any]) -> dict[str, Any]:
        place = self.place("design")
        design = {**_DESIGN, **checked(place, self.content.get("design", {}), keys.DESIGN)}
        if features := data.get("features"):
            for key in ("forbidden", "monotone"):
                known_names(f"{place} {key}", design[key], features)
            if set(design["forbidden"]) >= set(features):
                raise InputError(f"{place} forbidden", "every feature", "some of the features")
        return {**design, "monotone": _signs(design["monotone"])}


def _cycle(nodes: list[str], edges: Iterable[tuple[str, str]]) -> str:
    """Return a cycle of the arrows in words; nothing if there is none."""
    adjacency = np.zeros((len(nodes), len(nodes)), dtype=bool)
    for cause, effect in edges:
        adjacency[nodes.index(cause), nodes.index(effect)] = True
    if topological_order(adjacency) is not None:
        return ""
    return " -> ".join(nodes[i] for i in some_cycle(adjacency))


def _signs(directions: Mapping[str, Any]) -> dict[str, int]:
    return {name: keys.DIRECTIONS[word] for name, word in directions.items()}
