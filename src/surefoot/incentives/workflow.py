"""What the commands do with a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    setting = Setting.of(Project.load(project), rule)
    known: Know | None = None if know is None else one_of("--know", know, get_args(Know))
    return setting, setting.agents(know=known, confidence=confidence, seed=seed)


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
    X, y, asked = demands(setting, seed)
    found = design_of(X, y, beta=wanted, **asked)
    rule = found.rule.shifted(_shift(setting, found.rule))
    agents = setting.agents(seed=seed)
    shares = population_shares(
        agents.best_response(rule), agents.costs(),
        Desirable.parse(setting.project.desirable, setting.graph.efforts),
    )  # fmt: skip
    return Designed(found, rule, shares, asked["measure"], seed)


def frontier(setting: Setting, betas: Sequence[float] | None, *, seed: int = 0) -> Frontier:
    """Return what each wanted share costs; by default of the project's list."""
    X, y, asked = demands(setting, seed)
    wanted = setting.project.design["betas"] if betas is None else betas
    return frontier_of(X, y, betas=wanted, **asked)


def reveal(setting: Setting, agents: Agents, at_most: int = 1) -> Disclosure:
    """Rank what people in doubt could be told."""
    project = setting.project
    measure = project.design["measure"]
    return reveal_of(setting.rule, agents, project.desirable, at_most=at_most, measure=measure)


def demands(
    setting: Setting, seed: int, cost: Cost | None = None
) -> tuple[pd.DataFrame, NDArray[np.int64], dict[str, Any]]:
    """Return features, labels (1 deserves acceptance), and what a project asks of a design.

    Parameters
    ----------
    setting : Setting
    seed : int
        Of the scenarios.
    cost : LpCost or QuadraticCost, optional
        Instead of the project's.
    """
    project, asked = setting.project, setting.project.design
    if setting.deserving is None:
        raise InputError(f"{project.place('data')} target", "nothing", "labels to design a rule by")
    costs = setting.costs() if cost is None else cost
    first, *others = costs.items() if isinstance(costs, dict) else [(None, costs)]
    unscored = [name for name in setting.rule.names if name not in setting.scored]
    return setting.people[list(setting.rule.names)], setting.deserving.astype(int), {
        "effects": setting.graph, "cost": first[1], "groups": dict(others),
        "desirable": project.desirable, "measure": asked["measure"], "loss": asked["loss"],
        "penalty": asked["penalty"], "forbidden": [*asked["forbidden"], *unscored],
        "monotone": asked["monotone"], "scenarios": _scenarios(setting, seed),
    }  # fmt: skip


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
