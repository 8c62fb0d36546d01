"""Everything that the whole report shows, computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from surefoot.ground.errors import UnmetError
from surefoot.ground.progress import progress
from surefoot.incentives.agents import Agents
from surefoot.incentives.auditing import AuditReport
from surefoot.incentives.costs import LpCost, QuadraticCost
from surefoot.incentives.designed import Designed
from surefoot.incentives.designing.design import design as design_of
from surefoot.incentives.designing.sweep import Frontier
from surefoot.incentives.disclosure import doubts
from surefoot.incentives.measures import Desirable
from surefoot.incentives.response import Response
from surefoot.incentives.revealing import Disclosure
from surefoot.incentives.setting import Know, Setting
from surefoot.incentives.shares import population_shares
from surefoot.incentives.workflow import audit, demands, design, frontier, reveal

KINDS: Mapping[Know, str] = {
    "everything": "know rule and graph",
    "rule": "doubt the graph",
    "graph": "doubt the rule",
    "neither": "doubt both",
}
# Doubting both at once takes Monte Carlo: only if the project says that people do.
_COMPARED: tuple[Know, ...] = ("everything", "rule", "graph")
_CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_CHEAPER = (1.0, 0.5, 0.3, 0.2)
# Curves over confidence and what could be told ask people anew dozens of times.
_ENOUGH = 2_000
# One in doubt may take a program of their own: some milliseconds, once for each kind of doubt.
_MANY = 10_000
# Designs take all rows, up to so many: two dozen of them show what costs do.
LONG = 50_000


@dataclass(frozen=True, eq=False)
class FullReport:
    """What the page of ``surefoot incentives report`` is made of.

    Attributes
    ----------
    setting : Setting
    audit : AuditReport
        Of people as the project describes them.
    knowing : dict of str to Response
        What people do who know more or less, the project's doubts taken: see `KINDS`. Of some ten
        thousand people at most.
    confidence : DataFrame
        ``know``, ``confidence``, ``share`` (NaN if nobody moves), ``unsure`` (share of people whom
        no effort makes sure enough) and ``ceiling``.
    thinned : int
        On how many people `confidence` and `disclosure` rest.
    frontier : Frontier or None
        None without labels; then there is no design either.
    designed : Designed or None
    after : AuditReport or None
        Of the designed rule.
    unmet : str
        Why there is no design, if it was asked for.
    costs : DataFrame
        ``weight`` of the node `cheaper`, times that of the project; ``share`` of the rule as it is,
        of people who know rule and graph; and for each beta the relative rise of the loss. Of some
        `LONG` people at most.
    cheaper : str
        The unwanted node that `costs` makes cheaper; empty if no rule was designed.
    disclosure : Disclosure or None
        None if the project leaves people in no doubt.
    """

    setting: Setting
    audit: AuditReport
    knowing: Mapping[Know, Response]
    confidence: pd.DataFrame
    thinned: int
    frontier: Frontier | None
    designed: Designed | None
    after: AuditReport | None
    unmet: str
    costs: pd.DataFrame
    cheaper: str
    disclosure: Disclosure | None

    def to_dict(self) -> dict[str, Any]:
        """Return the report, without single people, in JSON's types."""
        frames = {"confidence": self.confidence, "costs": self.costs}
        return {
            "audit": self.audit.to_dict(),
            **{name: frame.to_dict("records") for name, frame in frames.items()},
            "frontier": self.frontier and self.frontier.table.to_dict("records"),
            "design": self.designed and self.designed.to_dict(),
            "after": self.after and self.after.to_dict(),
            "unmet": self.unmet,
            "cheaper": self.cheaper,
            "disclosure": self.disclosure and self.disclosure.to_dict(),
        }


def full_report(
    setting: Setting, agents: Agents, beta: float | None, *, seed: int = 0
) -> FullReport:
    """Audit a rule, design another, and ask what doubts, costs and disclosure do.

    Parameters
    ----------
    setting : Setting
    agents : Agents
        Of that setting.
    beta : float, optional
        Least wanted share of the design; by default the project's, none without.
    seed : int
    """
    found = audit(setting, agents, seed=seed)
    own = setting.project.belief["know"]
    known = [know for know in KINDS if know in (*_COMPARED, own) and setting.can_doubt(know)]
    few, many = setting.thinned(_ENOUGH).together(), setting.thinned(_MANY)
    knowing = {
        know: found.response
        if know == own and len(many.people) == len(agents)
        else many.agents(know=know, seed=seed).best_response(setting.rule)
        for know in known
    }
    labelled = setting.deserving is not None
    wanted = setting.project.design.get("beta") if beta is None else beta
    designed, after, unmet = None, None, ""
    if labelled and wanted is not None:
        try:
            designed = design(setting, wanted, seed=seed)
            after = audit(replace(setting, rule=designed.rule), agents, seed=seed)
        except UnmetError as error:
            unmet = str(error)
    cheaper = _cheapest_unwanted(found) if labelled else ""
    return FullReport(
        setting=setting,
        audit=found,
        knowing=knowing,
        confidence=_over_confidence(few, [know for know in known if know != "everything"], seed),
        thinned=len(few.people),
        frontier=frontier(setting, None, seed=seed) if labelled else None,
        designed=designed,
        after=after,
        unmet=unmet,
        costs=_over_costs(setting.thinned(LONG), cheaper, seed) if cheaper else pd.DataFrame(),
        cheaper=cheaper,
        disclosure=_told(few, seed),
    )


def _over_confidence(setting: Setting, known: list[Know], seed: int) -> pd.DataFrame:
    wanted = Desirable.parse(setting.project.desirable, setting.graph.efforts)
    measure, rows = setting.project.design["measure"], []
    asked = [(know, confidence) for know in known for confidence in _CONFIDENCES]
    with progress("people in doubt", len(asked)) as step:
        for know, confidence in asked:
            agents = setting.agents(know=know, confidence=confidence, seed=seed)
            costs = agents.costs()
            plans = agents.plans(setting.rule, costs)
            response = agents.follow(setting.rule, plans)
            rows.append(
                {
                    "know": know,
                    "confidence": confidence,
                    "share": population_shares(response, costs, wanted)[measure],
                    "unsure": response.counts["never sure enough"] / len(response),
                    "ceiling": min(plan.ceiling for plan in plans.values()),
                }
            )
            step()
    return pd.DataFrame(rows, columns=["know", "confidence", "share", "unsure", "ceiling"])


def _over_costs(setting: Setting, node: str, seed: int) -> pd.DataFrame:
    """Return what becomes of shares and losses as one unwanted node gets cheaper."""
    project = setting.project
    wanted = Desirable.parse(project.desirable, setting.graph.efforts)
    rows = []
    for factor in _CHEAPER:
        given = setting.costs()
        cost: Any = (
            {label: _with_cheaper(each, setting, node, factor) for label, each in given.items()}
            if isinstance(given, dict)
            else _with_cheaper(given, setting, node, factor)
        )
        agents = setting.agents(know="everything", cost=cost, seed=seed)
        shares = population_shares(agents.best_response(setting.rule), agents.costs(), wanted)
        row = {"weight": factor, "share": shares[project.design["measure"]]}
        X, y, asked = demands(setting, seed, cost)
        for beta in project.design["betas"]:
            try:
                row[f"beta {beta:g}"] = design_of(X, y, beta=beta, **asked).price
            except UnmetError:
                row[f"beta {beta:g}"] = np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _with_cheaper(cost: Any, setting: Setting, node: str, factor: float) -> LpCost | QuadraticCost:
    weights = cost.weights if isinstance(cost, LpCost) else cost.Q
    by_node = {
        name: weights.get(name, 1.0) if isinstance(weights, Mapping) else weights
        for name in setting.graph.nodes
    }
    by_node[node] *= factor
    return replace(cost, **{"weights" if isinstance(cost, LpCost) else "Q": by_node})


def _cheapest_unwanted(report: AuditReport) -> str:
    """Return the unwanted node on which a unit of cost wins most score; none: an empty name."""
    nodes = report.nodes[report.nodes["wanted"] == 0]
    if report.target.node in set(nodes["node"]):
        return str(report.target.node)
    return str(nodes.loc[nodes["score"].fillna(0).idxmax(), "node"]) if len(nodes) else ""


def _told(setting: Setting, seed: int) -> Disclosure | None:
    """Return what could be told to people in doubt as the project says, or as it could."""
    own = setting.project.belief["know"]
    for each in (own,) if own != "everything" else _COMPARED[1:]:
        if setting.can_doubt(each):
            asked = replace(setting.project, belief={**setting.project.belief, "know": each})
            doubtful = replace(setting, project=asked)
            if doubts(setting.belief(each), setting.rule, setting.graph):
                return reveal(doubtful, doubtful.agents(seed=seed))
    return None
