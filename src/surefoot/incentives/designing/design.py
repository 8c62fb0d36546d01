"""The most accurate rule whose response is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import UnmetError
from surefoot.incentives.costs import Cost
from surefoot.incentives.designing import hidden_convexity
from surefoot.incentives.designing.branching import CLOSE, Search
from surefoot.incentives.designing.cells import whole
from surefoot.incentives.designing.certificate import Certificate, Proof
from surefoot.incentives.designing.demand import Demand, Method
from surefoot.incentives.designing.losses import DataLoss, Loss, Objective
from surefoot.incentives.designing.programs import Optimum, minimise
from surefoot.incentives.designing.reasons import why_nothing
from surefoot.incentives.designing.regions import Region
from surefoot.incentives.designing.scenarios import SHORT, ScenarioCheck, best_under_all
from surefoot.incentives.effects import Effects
from surefoot.incentives.measures import Measure
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.scales import warn_of_scales

Floats = NDArray[np.float64]
# Convex programs after which a search ends with the gap it has.
_LIMITS: Mapping[Method, int] = {"auto": 500, "exact": 20_000, "restriction": 50}


@dataclass(frozen=True, eq=False)
class Design:
    """A rule, what it induces, and what is proved about it.

    Attributes
    ----------
    rule : LinearRule
    base : LinearRule
        The most accurate rule without a demand on effort, forbidden features and monotone weights
        kept to.
    loss, base_loss : float
        Of the two, penalty included.
    share : float
        Wanted share of the exact best response to the rule; of groups, the smallest. NaN if the
        rule pays for no effort at all.
    shares : dict
        By group; empty without groups.
    certificate : Certificate
    scenarios : ScenarioCheck or None
    beta : float
        What was asked for.
    """

    rule: LinearRule
    base: LinearRule
    loss: float
    base_loss: float
    share: float
    shares: dict[Any, float]
    certificate: Certificate
    scenarios: ScenarioCheck | None
    beta: float

    @property
    def price(self) -> float:
        """What the demand costs: the rise of the loss, relative to that of the base rule."""
        return (self.loss - self.base_loss) / self.base_loss if self.base_loss > 0 else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return the design as plain values."""
        return {
            "weights": dict(zip(self.rule.names, self.rule.weights.tolist(), strict=True)),
            "threshold": self.rule.threshold,
            "base_weights": dict(zip(self.base.names, self.base.weights.tolist(), strict=True)),
            "base_threshold": self.base.threshold,
            "beta": self.beta,
            "share": self.share,
            "shares": {str(label): share for label, share in self.shares.items()},
            "loss": self.loss,
            "base_loss": self.base_loss,
            "certificate": self.certificate.to_dict(),
            "scenarios": asdict(self.scenarios) if self.scenarios else None,
        }


def design(
    X: pd.DataFrame,
    y: ArrayLike,
    *,
    effects: Effects,
    cost: Cost,
    desirable: Mapping[str, int] | None,
    beta: float,
    measure: Measure = "effort",
    directed: bool = True,
    loss: Loss = "logistic",
    penalty: float = 1e-6,
    accept: Any = 1,
    sample_weight: ArrayLike | None = None,
    forbidden: Sequence[str] = (),
    monotone: Mapping[str, int] | None = None,
    scenarios: ArrayLike | None = None,
    groups: Mapping[Any, Cost] | None = None,
    margin: float = 1e-3,
    method: Method = "auto",
) -> Design:
    """Return the most accurate linear rule to which the best response is wanted effort.

    Parameters
    ----------
    X : DataFrame of shape (N, n)
        All columns are features of the rule, matched by name; those that `effects` does not know
        never move.
    y : array-like of shape (N,)
        Labels of two classes.
    effects : Effects
        A graph or matrix of effects; of an uncertain one, the mean.
    cost : LpCost or QuadraticCost
        Of effort. Directions and immutable nodes count; limits on the size of effort do not, so
        that the share has to be checked on the population if there are any.
    desirable : mapping of node to direction
        ``{"smoking": -1}``. Without it nothing is asked for.
    beta : float
        Least wanted share, 0 to 1. At p = 1 all effort goes to one node: any beta above 0 asks for
        a wanted one.
    measure : {"effort", "cost"}
    directed : bool, default True
        Whether wanted nodes must be worked on in the wanted direction, all of them: no rule then
        pays for the wrong one. False: effort either way counts.
    loss : {"logistic", "squared", "hinge"}
        Mean loss over rows; "hinge" is rounded off at its kink, see `DataLoss`.
    penalty : float, default 1e-6
        ``penalty / 2`` times the squared weights of standardised features is added to the mean
        loss, so that separable data have a best rule; 1 / (N C) in scikit-learn's terms.
    accept : label, default 1
        The class whose members should be accepted.
    sample_weight : array-like of shape (N,), optional
    forbidden : sequence of str
        Features that get no weight.
    monotone : mapping of feature to sign, optional
        Weights that must not have the other sign.
    scenarios : array-like of shape (B, m, n features), optional
        Matrices of effects, such as a bootstrap, under all of which the demand must hold.
    groups : mapping of label to cost, optional
        The demand must hold for the cost of every group, besides `cost`.
    margin : float, default 1e-3
        At p = 1 the node to be worked on beats others by this, relatively: a tie is no incentive.
        At p = inf, how much each node that should move is worth at least, beside the others.
    method : {"auto", "exact", "restriction"}
        How long to search where one convex program is not enough: until the best rule is certain
        to a millionth, but no longer than some 500 programs; up to 20,000, and insist on it; or
        some 50, which give a rule inside a convex restriction and its gap.

    Raises
    ------
    InputError
        An argument is not allowed.
    UnmetError
        No rule of these features induces what is asked for, and why; or the gap was not closed.
    """
    objective = DataLoss.of(
        X, y, loss=loss, penalty=penalty, accept=accept, sample_weight=sample_weight
    )
    demand = Demand(
        effects=effects, cost=cost, desirable=desirable, beta=beta, measure=measure,
        directed=directed, forbidden=forbidden, monotone=monotone, scenarios=scenarios,
        groups=groups, margin=margin, method=method, agents=X,
    )  # fmt: skip
    warn_of_scales(effects, demand.costs.values(), X)
    return design_for(objective, demand)


def design_for(objective: Objective, demand: Demand, start: LinearRule | None = None) -> Design:
    """Return the design for any objective; `start` is a rule to begin from."""
    regions = demand.regions(objective)
    scenarios = demand.scenario_regions(objective)
    common = demand.common(objective)
    base = minimise(objective, common, np.zeros(objective.size))
    search = Search(objective, common, base, _LIMITS[demand.method])
    first = base.x if start is None else objective.at(start)
    check = None
    if not regions:
        found, method = base, "no demand on effort"
    elif scenarios:
        found, check = best_under_all(search, regions, scenarios, first)
        method = f"{_route(regions[0])}; cutting planes over scenarios"
    else:
        found, method = _best(search, regions, first)
    if demand.beta > 0 and regions and all(np.isnan(region.share(found.x)) for region in regions):
        reason = why_nothing(regions, common)
        if reason is not None:
            msg = f"beta: {demand.beta:g} can't be reached: {reason}"
            raise UnmetError(msg)
    rule = objective.rule(found.x)
    shares = demand.shares(rule)
    # Nothing is certified that the best response, computed apart, does not show.
    short = [share for share in shares.values() if share < demand.beta - SHORT]
    if regions and short:
        msg = f"beta: the rule found calls forth {min(short):.6g}, short of {demand.beta:g}"
        raise UnmetError(msg)
    return Design(
        rule,
        objective.rule(search.settled([], base.x)),
        found.value,
        base.value,
        min((share for share in shares.values() if not np.isnan(share)), default=float("nan")),
        {label: share for label, share in shares.items() if label is not None},
        _certificate(found, search, method, demand.notes(shares), demand.method),
        check,
        float(demand.beta),
    )


def _best(search: Search, regions: Sequence[Region], start: Floats) -> tuple[Optimum, str]:
    cells = [whole(region) for region in regions]
    P = hidden_convexity.form(regions[0])
    if P is None or len(regions) > 1 or len(search.common.at_most):
        return search.best(cells, start), _route(regions[0])
    objective = search.objective
    x = search.settled(regions, hidden_convexity.design(objective, P, search.common.equal, start))
    value = objective.value(x)
    if objective.quadratic and regions[0].meets(x):
        search.statuses["secular equation"] += 1
        return Optimum(x, value, value, ""), "hidden convexity"
    found = search.best(cells, start, incumbent=x)
    if objective.quadratic:  # it ignored directions alone
        found = replace(found, bound=max(found.bound, value))
    return found, _route(regions[0])


def _route(region: Region) -> str:
    """Return how a region is searched, in words."""
    if whole(region).exact:
        return "one convex program"
    if np.isinf(region.power):
        return "one convex program a wanted node"
    if region.power == 0:
        return "one convex program a choice of nodes that move"
    if region.power == 1 or region.convex(tuple(way[0] for way in region.useful)) is not None:
        return "signs of the wanted nodes, branch and bound"
    return "convex restriction and relaxation, branching on cones"


def _certificate(
    found: Optimum, search: Search, method: str, notes: tuple[str, ...], wish: Method
) -> Certificate:
    gap = found.value - found.bound
    status: Proof = "global" if gap <= 2 * CLOSE * max(1.0, abs(found.value)) else "gap"
    if wish == "exact" and status == "gap":
        msg = f"method: the gap is still {gap:.2g} after {search.programs} convex programs"
        raise UnmetError(msg)
    statuses = tuple(sorted(search.statuses.items()))
    return Certificate(status, found.bound, gap, method, search.programs, statuses, notes)
