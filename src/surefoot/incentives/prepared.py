"""Plans that are settled once and followed by any table, file after file, on any machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from surefoot.incentives.agents import Agents, as_rule
from surefoot.incentives.plans import Plan
from surefoot.incentives.response import Response
from surefoot.incentives.rules import LinearRule


@dataclass(frozen=True, eq=False)
class Prepared:
    """Agents without a table, who know what they make of a rule; small enough to be sent about.

    Attributes
    ----------
    rule : LinearRule
    agents : Agents
        Of an empty table: how they decide.
    plans : mapping of group to Plan
    """

    rule: LinearRule
    agents: Agents
    plans: Mapping[Any, Plan]

    @classmethod
    def of(cls, agents: Agents, rule: Any) -> Prepared:
        """Settle the plans on the table of `agents`.

        Raises
        ------
        InputError
            Labels or budgets are arrays: they belong to the rows of that one table.
        """
        known = as_rule(rule)
        return cls(known, agents.with_table(agents.X.iloc[:0]), agents.plans(known))

    def respond(self, X: pd.DataFrame) -> Response:
        """Return what the agents in another table do."""
        return self.agents.with_table(X).follow(self.rule, self.plans)
