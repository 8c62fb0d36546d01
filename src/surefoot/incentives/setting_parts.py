"""What a project's tables come to: columns, labels, graph, rule, costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.project_files import within
from surefoot.incentives.costs import Cost, LpCost, QuadraticCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.people import columns_in, parts_of
from surefoot.incentives.project import Project
from surefoot.incentives.rule_files import load_rule
from surefoot.incentives.rules import LinearRule

Floats = NDArray[np.float64]
_ALL_ROWS = 1 << 40


def group_column(project: Project) -> str | None:
    """Return the name under which labels of groups stand, as text, beside the features."""
    name = project.data.get("groups")
    return None if name is None else f"group: {name}"


def columns_of_people(project: Project, scored: Sequence[str]) -> list[str]:
    """Return the columns of a table that make people: features, nodes, labels of groups."""
    groups = [project.data["groups"]] if "groups" in project.data else []
    return list(dict.fromkeys([*scored, *project.graph["nodes"], *groups]))


def people_of(project: Project, frame: pd.DataFrame, scored: Sequence[str]) -> pd.DataFrame:
    """Return the features and nodes of a table, with labels of groups as text."""
    people = frame[list(dict.fromkeys([*scored, *project.graph["nodes"]]))]
    column = group_column(project)
    if column is None:
        return people
    labels = _labels(project, frame, "groups")
    return people.assign(**{column: labels.map(_as_text)})


def _labels(project: Project, frame: pd.DataFrame, key: str) -> pd.Series:
    """Return the column of labels that `key` names, none of them missing."""
    labels = frame[project.data[key]]
    if labels.isna().any():
        row = labels.index[int(labels.isna().to_numpy().argmax())]
        allowed = 'a label; or missing = "drop"'
        raise InputError(f"{project.place('data')} {key}, row {row}", "nothing", allowed)
    return labels


def _as_text(label: Any) -> str:
    # A column of whole numbers may be read as floats.
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def given_rule(project: Project, file: Path | None) -> LinearRule | None:
    """Return the rule of `file`, or the one that the project gives; None if one is to be fitted."""
    rule = project.rule
    if file is not None:
        return load_rule(file)
    if "file" in rule:
        with within(f"{project.place('rule')} file:"):
            return load_rule(project.path.parent / rule["file"])
    if "weights" in rule:
        return LinearRule(list(rule["weights"].values()), rule["threshold"], list(rule["weights"]))
    return None


def scored_features(project: Project, rule: LinearRule | None) -> tuple[str, ...]:
    """Return the features that a rule may weigh, and see that this one weighs no other."""
    names = [] if rule is None else list(rule.names)
    features = project.data.get("features", names)
    nodes = project.graph["nodes"]
    for name in names:
        # A node that the project's rules don't score may stand in a file, with a weight of 0.
        weight = 0.0 if rule is None else float(rule.weights[names.index(name)])
        if not (weight == 0 and name in nodes):
            one_of(f"{project.place('rule')} weights", name, features)
    return tuple(features)


def read_people(project: Project, scored: Sequence[str]) -> tuple[pd.DataFrame, int]:
    """Return all rows of the project's table, and how many were dropped as incomplete."""
    place, data = project.place("data"), project.data
    with within(f"{place} table:"):
        have = columns_in(project.table)
    named = {
        "features": scored, "target": [data["target"]] if "target" in data else [],
        "groups": [data["groups"]] if "groups" in data else [],
    }  # fmt: skip
    for key, names in named.items():
        for name in names:
            one_of(f"{place} {key}", name, have)
    for key in ("nodes", "exogenous"):
        for name in project.graph[key]:
            one_of(f"{project.place('graph')} {key}", name, have)
    wanted = dict.fromkeys([*columns_of_people(project, scored), *project.graph["exogenous"],
                            *named["target"]])  # fmt: skip
    with within(f"{place} table:"):
        frame = pd.concat(list(parts_of(project.table, list(wanted), _ALL_ROWS)))
        kept = frame.dropna() if data["missing"] == "drop" else frame
        if kept.empty:
            found = "no row" if frame.empty else "no complete row"
            raise InputError(project.table.name, found, "people, one a row")
        for name in dict.fromkeys([*scored, *project.graph["nodes"], *project.graph["exogenous"]]):
            _check_numbers(project.table.name, kept[name])
    return kept, len(frame) - len(kept)


def _check_numbers(table: str, column: pd.Series) -> None:
    where = f"{table}, column {column.name!r}"
    if not is_numeric_dtype(column):
        raise InputError(where, column.dropna().iloc[:1].tolist(), "numbers")
    wrong = ~np.isfinite(column.to_numpy(dtype=float, na_value=np.nan))
    if wrong.any():
        row = int(wrong.argmax())
        missing = bool(column.isna().iloc[row])
        found, hint = (
            ("nothing", '; or missing = "drop"') if missing else (float(column.iloc[row]), "")
        )
        raise InputError(f"{where}, row {column.index[row]}", found, f"a finite number{hint}")


def deserving_rows(project: Project, frame: pd.DataFrame) -> NDArray[np.bool_] | None:
    """Return who has the label that deserves acceptance, shape (N,); None without a target."""
    if "target" not in project.data:
        return None
    labels, accept = _labels(project, frame, "target"), project.data["accept"]
    deserving, place = (labels == accept).to_numpy(), f"{project.place('data')} accept"
    if deserving.all():
        allowed = "a label that other rows have not: else there is nobody to tell apart"
        raise InputError(place, f"{accept!r}, which every row has", allowed)
    if not deserving.any():
        present = ", ".join(map(repr, labels.unique()[:5].tolist()))
        raise InputError(place, f"{accept!r}, which no row has", f"one of the labels {present}")
    return np.asarray(deserving)


def graph_of(project: Project, frame: pd.DataFrame) -> CausalGraph:
    """Return the graph: edges with a weight as given, the others learnt from the table."""
    nodes, edges, units = (project.graph[key] for key in ("nodes", "edges", "units"))
    given = [edge for edge in edges if "weight" in edge]
    pairs = [(edge["cause"], edge["effect"]) for edge in edges]
    with within(f"{project.place('graph')}:"):
        if len(given) < len(edges):
            graph = CausalGraph.fit(frame, pairs, project.graph["exogenous"], nodes)
        else:
            graph = CausalGraph.from_dag(nodes, dict.fromkeys(pairs, 0.0))
        for edge in given:
            pair = (edge["cause"], edge["effect"])
            graph = graph.with_prior(pair, float(edge["weight"]), float(edge.get("sd", 0.0)))
        if units == "sd":
            return graph.in_sd(frame)
        return graph if units == "raw" else graph.in_units(units)


def fitted_rule(project: Project, X: pd.DataFrame, deserving: NDArray[np.bool_]) -> LinearRule:
    """Return a logistic regression of who deserves acceptance, as a rule."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rule = project.rule
    # The same penalty as a design's: on weights per standard deviation, for the mean loss.
    strength = 1 / (rule["penalty"] * len(X))
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, tol=1e-9, max_iter=10_000)
    )
    model.fit(X.astype(float), deserving)
    return LinearRule.from_estimator(model, accept=True, probability=rule["probability"])


def cost_of(place: str, table: Mapping[str, Any], graph: CausalGraph) -> Cost:
    """Return the cost in a table of the project; floors and ceilings become limits of effort."""
    weights = table.get("weights", 1.0)
    with within(f"{place} weights:"):
        if table["kind"] == "norm":
            cost: Cost = LpCost(float(table["p"]), weights)
        else:
            diagonal = weights if isinstance(weights, dict) else dict.fromkeys(graph.nodes, weights)
            cost = QuadraticCost(diagonal)
    unit = dict(zip(graph.nodes, graph.units.tolist(), strict=True))
    floors = {n: _room(n, low, unit[n], -1) for n, low in table.get("floors", {}).items()}
    ceilings = {n: _room(n, high, unit[n], 1) for n, high in table.get("ceilings", {}).items()}
    cost = cost.bounds(floors, ceilings)
    return cost.directions(table.get("directions", {})).immutable(*table.get("immutable", []))


def _room(node: str, limit: float, unit: float, sign: int) -> Callable[[pd.DataFrame], Floats]:
    """Return how much effort brings each agent to a limit of the node; 0 for who is beyond it."""

    def room(X: pd.DataFrame) -> Floats:
        left = (limit - X[node].to_numpy(dtype=float)) / unit
        return np.maximum(left, 0.0) if sign > 0 else np.minimum(left, 0.0)

    return room
