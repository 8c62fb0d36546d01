"""What a population does in all: sums that merge, so that no agent has to be kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from surefoot.incentives.response import Response
from surefoot.incentives.status import Status


@dataclass
class Totals:
    """Totals over chunks of responses; adding chunks and merging totals commute.

    Attributes
    ----------
    agents : int
    statuses : dict of Status to int
    effort : dict of node to float
        Sum of absolute effort.
    signed : dict of node to float
        Sum of effort, so that directions show.
    cost, score_gain : float
    accepted_before, accepted : int
    """

    agents: int = 0
    statuses: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    effort: dict[str, float] = field(default_factory=dict)
    signed: dict[str, float] = field(default_factory=dict)
    cost: float = 0.0
    score_gain: float = 0.0
    accepted_before: int = 0
    accepted: int = 0

    def add(self, response: Response) -> None:
        """Add a chunk."""
        counts = np.bincount(response.status, minlength=len(Status))
        chunk = Totals(
            agents=len(response),
            statuses={status: int(counts[status]) for status in Status},
            effort=dict(
                zip(response.efforts, np.abs(response.effort).sum(0).tolist(), strict=True)
            ),
            signed=dict(zip(response.efforts, response.effort.sum(0).tolist(), strict=True)),
            cost=float(response.cost.sum()),
            score_gain=float(response.score_gain.sum()),
            accepted_before=int(response.accepted_before.sum()),
            accepted=int(response.accepted.sum()),
        )
        self.merge(chunk)

    def merge(self, other: Totals) -> None:
        """Add the totals of other chunks."""
        self.agents += other.agents
        for status in Status:
            self.statuses[status] += other.statuses[status]
        for mine, theirs in ((self.effort, other.effort), (self.signed, other.signed)):
            for node, value in theirs.items():
                mine[node] = mine.get(node, 0.0) + value
        self.cost += other.cost
        self.score_gain += other.score_gain
        self.accepted_before += other.accepted_before
        self.accepted += other.accepted

    def to_dict(self) -> dict[str, Any]:
        """Return the totals in JSON's types."""
        return {
            "agents": self.agents,
            "statuses": {status.words: count for status, count in self.statuses.items()},
            "effort": dict(self.effort),
            "signed effort": dict(self.signed),
            "cost": self.cost,
            "score gain": self.score_gain,
            "accepted before": self.accepted_before,
            "accepted after": self.accepted,
        }
