"""Audit a rule: what effort it calls forth, and how much of that is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.streams import stream
from surefoot.incentives.agents import Agents, as_rule
from surefoot.incentives.audit_parts import Target, target, weights_table
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.measures import Desirable
from surefoot.incentives.response import Response
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.scales import warn_of_scales
from surefoot.incentives.sensitivity import COLUMNS as SENSITIVITY
from surefoot.incentives.sensitivity import edge_sensitivity
from surefoot.incentives.shares import population_shares
from surefoot.incentives.status import Status

Floats = NDArray[np.float64]
_DRAWS = 500


@dataclass(frozen=True, eq=False)
class AuditReport:
    """What a rule does to people, and whether it is wanted.

    Attributes
    ----------
    rule : LinearRule
    desirable : Desirable
    nodes : DataFrame
        One row an effort node: ``direct`` and ``effective`` weight, interval of the latter, the
        wanted direction, whether the rule is perverse there (pays for the opposite), and
        ``effort``: mean |effort| of all agents, ``score``: share of the score gained there.
    shares : dict of str to float
        Wanted share by measure: ``effort``, ``cost``, and ``outcome`` with an outcome model. NaN if
        nobody moves.
    groups : DataFrame
        One row a group (one in all without groups): who moves, burden, shares, acceptance.
    target : Target
        Where effort would go if costs were linear, and what it takes to change that; by the cost
        of the first group, where each has its own. So is `sensitivity`.
    ceiling : dict of group to float
        The surest acceptance that any effort reaches, where the graph is in doubt; 1 otherwise.
    accuracy : dict of str to float
        ``before`` and ``after`` the response, against the labels as they were; empty without y.
    outcome : dict of str to float
        With an outcome model: mean ``gain`` in the outcome's latent score, and the share of the
        score gained by ``gaming``: on nodes whose effort does the outcome no good.
    sensitivity : DataFrame
        The smallest change of each edge that moves the target; see `edge_sensitivity`.
    response : Response
    """

    rule: LinearRule
    desirable: Desirable
    nodes: pd.DataFrame
    shares: Mapping[str, float]
    groups: pd.DataFrame
    target: Target
    ceiling: Mapping[Any, float]
    accuracy: Mapping[str, float]
    outcome: Mapping[str, float]
    sensitivity: pd.DataFrame
    response: Response = field(repr=False)

    @property
    def perverse(self) -> list[str]:
        """Wanted nodes for whose opposite the rule pays."""
        return self.nodes.loc[self.nodes["perverse"] != "", "node"].tolist()

    def to_dict(self) -> dict[str, Any]:
        """Return the report, without single agents, in JSON's types."""
        return {
            "rule": {
                "weights": dict(zip(self.rule.names, self.rule.weights.tolist(), strict=True)),
                "threshold": self.rule.threshold,
            },
            "nodes": self.nodes.to_dict("records"),
            "shares": dict(self.shares),
            "perverse": self.perverse,
            "target": vars(self.target),
            "groups": self.groups.to_dict("records"),
            "statuses": self.response.counts,
            "ceiling": {str(label): value for label, value in self.ceiling.items()},
            "accuracy": dict(self.accuracy),
            "outcome": dict(self.outcome),
            "sensitivity": self.sensitivity.to_dict("records"),
        }

    def write_page(self, path: str | Path, *, command: str | None = None) -> None:
        """Write the report as one HTML page that needs nothing outside itself."""
        from surefoot.ground.page import write
        from surefoot.incentives.audit_page import audit_page

        write(audit_page(self, command=command), path)

    def __str__(self) -> str:
        from surefoot.incentives.audit_words import report_text

        return report_text(self)


def audit(
    rule: Any,
    agents: Agents,
    desirable: Mapping[str, int],
    *,
    y: ArrayLike | None = None,
    accept: Any = 1,
    outcome: Mapping[str, float] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> AuditReport:
    """Tell what effort a rule calls forth, and how much of it is wanted.

    Parameters
    ----------
    rule : LinearRule, fitted linear classifier, or pipeline of scalers that ends in one
    agents : Agents
    desirable : mapping of effort node to direction
        ``{"smoking": -1, "exercise": +1}``. Without directions a rule that pays people to smoke
        would count as wanted effort.
    y : array-like of shape (N,), optional
        True labels: they give accuracy, and the burden of those who deserve acceptance.
    accept : label
        The value of `y` that deserves acceptance.
    outcome : mapping of feature to float, optional
        Causal effect of each feature on the outcome (its latent score), 0 where not named.
    level : float
        Of the intervals of effective weights, from the graph's own uncertainty.
    seed : int
        Key of the draws behind them.

    Returns
    -------
    AuditReport
    """
    known = as_rule(rule)
    if not len(agents):
        raise InputError("agents", "nobody", "at least one agent")
    effects = agents.effects
    costs = agents.costs()
    warn_of_scales(effects, costs.values(), agents.X)
    wanted = Desirable.parse(desirable, effects.efforts)
    for cost in costs.values():
        Desirable.parse(desirable, effects.efforts, cost)
    if not 0 < level < 1:
        raise InputError("level", level, "a number between 0 and 1")
    theta = _outcome_weights(outcome, effects.features)
    deserving = _deserving(y, accept, len(agents))
    plans = agents.plans(known, costs)
    response = agents.follow(known, plans)
    draws = None if effects.certain else effects.draws(_DRAWS, stream(seed, "audit", "graph"))
    nodes = weights_table(known, effects, wanted, draws, level)
    gain = nodes["effective"].to_numpy()
    won = np.abs(response.effort * gain).sum(axis=0)
    nodes["effort"] = np.abs(response.effort).mean(axis=0)
    nodes["score"] = won / won.sum() if won.sum() > 0 else np.nan
    first = next(iter(costs.values()))
    better = None if theta is None else effects.contribution() @ theta
    sensitivity = (
        edge_sensitivity(effects, known, first, wanted)
        if isinstance(effects, CausalGraph) and not effects.allow_cycles
        else pd.DataFrame(columns=SENSITIVITY)
    )
    return AuditReport(
        rule=known,
        desirable=wanted,
        nodes=nodes,
        shares=_shares(response, costs, wanted, better),
        groups=_groups(response, costs, wanted, better, deserving),
        target=target(gain, first, wanted),
        ceiling={label: plan.ceiling for label, plan in plans.items()},
        accuracy={} if deserving is None else {
            "before": float((response.accepted_before == deserving).mean()),
            "after": float((response.accepted == deserving).mean()),
        },
        outcome={} if better is None else _outcome(response, better, gain),
        sensitivity=sensitivity,
        response=response,
    )  # fmt: skip


def _shares(
    response: Response,
    costs: Mapping[Any, EffortCost],
    wanted: Desirable,
    better: Floats | None,
    rows: Any = slice(None),
) -> dict[str, float]:
    found = population_shares(response, costs, wanted, rows)
    if better is not None:
        won = float(response.score_gain[rows].sum())
        improved = float((response.effort[rows] @ better).sum())
        found["outcome"] = improved / won if won else float("nan")
    return found


def _groups(
    response: Response,
    costs: Mapping[Any, EffortCost],
    wanted: Desirable,
    better: Floats | None,
    deserving: NDArray[np.bool_] | None,
) -> pd.DataFrame:
    labels = response.groups
    members: list[tuple[str, Any]] = [("all", np.ones(len(response), dtype=bool))]
    if labels is not None:
        members += [(str(label), labels == label) for label in costs]
    rows = []
    for name, of in members:
        n = int(of.sum())
        row: dict[str, Any] = {"group": name, "agents": n}
        row |= {status.words: float((response.status[of] == status).mean()) for status in Status}
        row["accepted before"] = float(response.accepted_before[of].mean())
        row["accepted after"] = float(response.accepted[of].mean())
        for measure, share in _shares(response, costs, wanted, better, of).items():
            row[f"{measure} share"] = share
        if deserving is not None:
            prices = response.price[of & deserving]
            reach = np.isfinite(prices)
            row["burden"] = float(prices[reach].mean()) if reach.any() else np.nan
            row["deserving out of reach"] = float((~reach).mean()) if len(reach) else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _outcome(response: Response, better: Floats, gain: Floats) -> dict[str, float]:
    """Return the mean outcome gain, and the share of the score won without any."""
    won = response.effort * gain
    idle = response.effort * better <= 0
    total = float(won.sum())
    return {
        "gain": float((response.effort @ better).mean()),
        "gaming": float(won[idle].sum()) / total if total else float("nan"),
    }


def _outcome_weights(
    outcome: Mapping[str, float] | None, features: tuple[str, ...]
) -> Floats | None:
    if outcome is None:
        return None
    for name, value in outcome.items():
        one_of("outcome", name, features)
        if not np.isfinite(value):
            raise InputError(f"outcome[{name!r}]", value, "a finite number")
    return np.array([float(outcome.get(name, 0.0)) for name in features])


def _deserving(y: ArrayLike | None, accept: Any, n: int) -> NDArray[np.bool_] | None:
    if y is None:
        return None
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise InputError("y", labels.shape, f"one label an agent: ({n},)")
    deserving = labels == accept
    if deserving.all() or not deserving.any():
        raise InputError("y", f"no label, or only labels, equal to accept = {accept!r}", "both")
    return deserving
