"""Information as a lever: what to tell people so that effort goes where it should."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, get_args

import numpy as np
import pandas as pd

from surefoot.ground.errors import InputError, one_of
from surefoot.incentives.agents import Agents, as_rule
from surefoot.incentives.beliefs import Belief, FullInformation
from surefoot.incentives.disclosure import Item, disclosed, doubts, knows
from surefoot.incentives.measures import Desirable, Measure
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.shares import population_shares

_MOST_SETS = 2_000


@dataclass(frozen=True, eq=False)
class Disclosure:
    """What telling people would do.

    Attributes
    ----------
    table : DataFrame
        One row a set of things told, best first: ``told`` (its words), ``items``, ``share``
        (wanted, of all effort), ``change`` (of the share), ``movers`` (share of agents who move),
        ``cost`` (mean cost of movers) and ``unsure`` (share of agents whom no effort makes sure).
    nothing, everything : Series
        The same for telling nothing, and for full information.
    exhaustive : bool
        Whether all sets of that size were tried; else the best was grown one item at a time.
    measure : str
    """

    table: pd.DataFrame
    nothing: pd.Series
    everything: pd.Series
    exhaustive: bool
    measure: str

    @property
    def best(self) -> str:
        """What to tell, in words; "nothing" if all of it makes things worse."""
        # The share is NaN while nobody moves: any wanted effort is better.
        before = np.nan_to_num(self.nothing["share"], nan=0.0)
        if not self.table["share"].iloc[0] > before:
            return "nothing"
        return str(self.table["told"].iloc[0])

    def to_dict(self) -> dict[str, Any]:
        """Return the table in JSON's types."""
        return {
            "measure": self.measure,
            "exhaustive": self.exhaustive,
            "nothing": self.nothing.drop("items").to_dict(),
            "everything": self.everything.drop("items").to_dict(),
            "told": self.table.drop(columns="items").to_dict("records"),
        }


def reveal(
    rule: Any,
    agents: Agents,
    desirable: Mapping[str, int],
    *,
    items: Sequence[Item] | None = None,
    at_most: int = 1,
    measure: Measure = "effort",
) -> Disclosure:
    """Rank what could be disclosed by the wanted share of the effort that would follow.

    Parameters
    ----------
    rule : LinearRule, fitted linear classifier, or pipeline of scalers that ends in one
    agents : Agents
        In doubt of something.
    desirable : mapping of effort node to direction
    items : sequence of Item, optional
        What may be disclosed; by default everything agents are in doubt of.
    at_most : int
        How many things may be told together.
    measure : {"effort", "cost"}

    Returns
    -------
    Disclosure

    Notes
    -----
    Telling the truth can make things worse: certainty about an unwanted lever draws effort there.
    """
    known = as_rule(rule)
    if not len(agents):
        raise InputError("agents", "nobody", "at least one agent")
    one_of("measure", measure, get_args(Measure))
    wanted = Desirable.parse(desirable, agents.effects.efforts)
    for cost in agents.costs().values():
        Desirable.parse(desirable, agents.effects.efforts, cost)
    if isinstance(at_most, bool) or not isinstance(at_most, int) or at_most < 1:
        raise InputError("at_most", at_most, "a positive number of things to tell")
    by_group = agents.belief if isinstance(agents.belief, Mapping) else {None: agents.belief}
    if items is None:
        found = [item for b in by_group.values() for item in doubts(b, known, agents.effects)]
        items = list(dict.fromkeys(found))
    if not items:
        raise InputError("agents.belief", "no doubt", "a belief that leaves something to disclose")
    for item in items:
        if all(knows(belief, item.kind) for belief in by_group.values()):
            raise InputError("items", str(item), "something that not all agents know")

    def row(told: Sequence[Item]) -> dict[str, Any]:
        words = " and ".join(str(item) for item in told) or "nothing"
        return {"told": words, "items": tuple(told)} | _effect(
            known, _told(agents, told, known), wanted, measure
        )

    nothing = row(())
    sizes = range(1, min(at_most, len(items)) + 1)
    exhaustive = sum(math.comb(len(items), size) for size in sizes) <= _MOST_SETS
    rows: list[dict[str, Any]] = []
    if exhaustive:
        rows = [row(told) for size in sizes for told in combinations(items, size)]
    else:
        grown: tuple[Item, ...] = ()
        for _ in sizes:
            step = [row((*grown, item)) for item in items if item not in grown]
            rows += step
            grown = max(step, key=lambda r: np.nan_to_num(r["share"], nan=-1.0))["items"]
    table = pd.DataFrame(rows)
    table.insert(3, "change", table["share"] - nothing["share"])
    table = table.sort_values("share", ascending=False, kind="stable", ignore_index=True)
    full = dataclasses.replace(agents, belief=FullInformation())
    everything = {"told": "everything", "items": ()} | _effect(known, full, wanted, measure)
    return Disclosure(table, pd.Series(nothing), pd.Series(everything), exhaustive, measure)


def _told(agents: Agents, items: Sequence[Item], rule: LinearRule) -> Agents:
    if not items:
        return agents

    def told(belief: Belief) -> Belief:
        return disclosed(belief, items, rule, agents.effects)

    if isinstance(agents.belief, Mapping):
        belief: Any = {label: told(known) for label, known in agents.belief.items()}
    else:
        belief = told(agents.belief)
    return dataclasses.replace(agents, belief=belief)


def _effect(
    rule: LinearRule, agents: Agents, wanted: Desirable, measure: Measure
) -> dict[str, float]:
    response = agents.best_response(rule)
    movers = response.moves
    unsure = response.counts["never sure enough"] / len(response)
    return {
        "share": population_shares(response, agents.costs(), wanted)[measure],
        "movers": float(movers.mean()),
        "cost": float(response.cost[movers].mean()) if movers.any() else float("nan"),
        "unsure": unsure,
    }
