"""What the commands do with a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from surefoot.ground import page
from surefoot.ground.blocks import Page
from surefoot.ground.errors import InputError, one_of
from surefoot.ground.streams import stream
from surefoot.incentives.agents import Agents
from surefoot.incentives.auditing import AuditReport
from surefoot.incentives.auditing import audit as audit_of
from surefoot.incentives.classifier import strategic_shift
from surefoot.incentives.costs import Cost
from surefoot.incentives.designed import Designed
from surefoot.incentives.designing.design import design as design_of
from surefoot.incentives.designing.sweep import Frontier
from surefoot.incentives.designing.sweep import frontier as frontier_of
from surefoot.incentives.disclosure import doubts
from surefoot.incentives.measures import Desirable
from surefoot.incentives.project import Project
from surefoot.incentives.revealing import Disclosure
from surefoot.incentives.revealing import reveal as reveal_of
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.setting import Know, Setting
from surefoot.incentives.shares import population_shares


def audit(setting: Setting, agents: Agents, *, seed: int = 0) -> AuditReport:
    """Audit the rule of a setting, as it meets `agents`."""
    return audit_of(
        setting.rule, agents, setting.project.desirable, y=setting.deserving, accept=True,
        outcome=setting.project.outcome, seed=seed,
    )  # fmt: skip


def opened(
    project: Path, rule: Path | None, know: str | None, confidence: float | None, seed: int
) -> tuple[Setting, Agents]:
    """Return a project with its table, and its people; what is None is the project's."""
    told = Project.load(project)
    given: dict[str, Any] = {}
    if know is not None:
        given["know"] = one_of("--know", know, get_args(Know))
    if confidence is not None:
        if not 0.5 <= confidence < 1:
            raise InputError("--confidence", confidence, "a number from 0.5 to below 1")
        given["confidence"] = confidence
    # What is asked for instead is the project's from here on, in everything that follows.
    setting = Setting.of(replace(told, belief={**told.belief, **given}), rule)
    return setting, setting.agents(seed=seed)


def design(setting: Setting, beta: float | None, *, seed: int = 0) -> Designed:
    """Return the most accurate rule with a wanted share of at least `beta`, or of the project's.

    Raises
    ------
    UnmetError
        If no rule has so large a share, with the reason.
    """
    wanted = setting.project.design.get("beta") if beta is None else beta
    if wanted is None:
        place = setting.project.place("design")
        raise InputError(f"{place} beta", "nothing", "a share from 0 to 1, there or by --beta")
    _check_beta(beta)
    X, y, asked = demands(setting, seed)
    found = design_of(X, y, beta=wanted, **asked)
    higher = _log_odds(setting) + _shift(setting, found.rule)
    rule = found.rule.shifted(higher)
    agents = setting.agents(seed=seed)
    shares = population_shares(
        agents.best_response(rule), agents.costs(),
        Desirable.parse(setting.project.desirable, setting.graph.efforts),
    )  # fmt: skip
    return Designed(found, rule, shares, asked["measure"], seed)


def frontier(setting: Setting, betas: Sequence[float] | None, *, seed: int = 0) -> Frontier:
    """Return what each wanted share costs; by default of the project's list.

    The table has a column more, ``accuracy``: of each rule, before people respond to it.
    """
    for beta in betas or ():
        _check_beta(beta)
    X, y, asked = demands(setting, seed)
    wanted = setting.project.design["betas"] if betas is None else betas
    found = frontier_of(X, y, betas=wanted, **asked)
    accuracy = pd.Series(np.nan, index=found.table.index)
    met = found.table["status"] != "unmet"
    rules = [each.rule.shifted(_log_odds(setting)) for each in found.designs]
    accuracy[met] = [float((rule.accepts(X) == y).mean()) for rule in rules]
    return replace(found, table=found.table.assign(accuracy=accuracy))


def reveal(setting: Setting, agents: Agents, at_most: int = 1) -> Disclosure:
    """Rank what people in doubt could be told."""
    if at_most < 1:
        raise InputError("--at-most", at_most, "a positive number of things to tell")
    project = setting.project
    if not doubts(setting.belief(project.belief["know"]), setting.rule, setting.graph):
        place, allowed = project.place("belief"), "rule, graph or neither, there or by --know"
        raise InputError(f"{place} know", project.belief["know"], allowed)
    measure = project.design["measure"]
    return reveal_of(setting.rule, agents, project.desirable, at_most=at_most, measure=measure)


def demands(
    setting: Setting, seed: int, cost: Cost | Mapping[str, Cost] | None = None
) -> tuple[pd.DataFrame, NDArray[np.int64], dict[str, Any]]:
    """Return features, labels (1 deserves acceptance), and what a project asks of a design.

    Parameters
    ----------
    setting : Setting
    seed : int
        Of the scenarios.
    cost : LpCost or QuadraticCost, or mapping of group to either, optional
        Instead of the project's.
    """
    project, asked = setting.project, setting.project.design
    if setting.deserving is None:
        raise InputError(f"{project.place('data')} target", "nothing", "labels to design a rule by")
    costs = setting.costs() if cost is None else cost
    first, *others = costs.items() if isinstance(costs, Mapping) else [(None, costs)]
    unscored = [name for name in setting.rule.names if name not in setting.scored]
    return setting.people[list(setting.rule.names)], setting.deserving.astype(int), {
        "effects": setting.graph, "cost": first[1], "groups": dict(others),
        "desirable": project.desirable, "measure": asked["measure"], "loss": asked["loss"],
        "penalty": asked["penalty"], "forbidden": [*asked["forbidden"], *unscored],
        "monotone": asked["monotone"], "scenarios": _scenarios(setting, seed),
    }  # fmt: skip


def _check_beta(beta: float | None) -> None:
    if beta is not None and not 0 <= beta <= 1:
        raise InputError("--beta", beta, "a share from 0 to 1")


def _scenarios(setting: Setting, seed: int) -> NDArray[np.float64] | None:
    count = setting.project.design["scenarios"]
    if not count:
        return None
    if setting.graph.certain:
        where = f"{setting.project.place('design')} scenarios"
        raise InputError(where, count, "0: the graph is certain")
    if setting.graph.regressions is not None:
        return setting.graph.bootstrap(count, seed).values
    return setting.graph.draws(count, stream(seed, "incentives", "scenarios"))


def _log_odds(setting: Setting) -> float:
    """Return how much the project's probability raises a threshold of log-odds."""
    asked = setting.project.rule["probability"]
    return float(logit(asked)) if setting.project.design["loss"] == "logistic" else 0.0


def _shift(setting: Setting, rule: LinearRule) -> float:
    """Return how much a strategic threshold is higher than a static one."""
    project, budget = setting.project, setting.project.budget
    if project.design["threshold"] == "static":
        return 0.0
    where = f"{project.place('design')} threshold"
    limits = [key for key in ("floors", "ceilings") if project.cost.get(key)]
    if project.groups or budget["groups"] or budget["value"] == np.inf or limits:
        allowed = "static, unless all have one cost and one budget, without floors or ceilings"
        raise InputError(where, "strategic", allowed)
    gain = setting.graph.contribution() @ rule.weights_of(setting.graph.features)
    return strategic_shift(gain, setting.cost(), setting.graph, budget["value"])


def written(made: Page, path: Path) -> Path:
    """Write a page and return where it is."""
    page.write(made, path)
    return path
