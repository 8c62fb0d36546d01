"""What a population does: effort, its cost, and why some stay put."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.incentives.rowwise import rowwise
from surefoot.incentives.status import Status

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Response:
    """Best responses of N agents, in the order of their table.

    Attributes
    ----------
    X : DataFrame of N rows
        The agents before their effort.
    efforts : tuple of str
        The m nodes.
    effort : ndarray of shape (N, m)
        In units of effort; zeros for whoever stays put. Never NaN.
    cost : ndarray of shape (N,)
        Of that effort.
    price : ndarray of shape (N,)
        Least cost of passing as the agent sees it: 0 for who passes, inf for who can't. NaN never;
        for the aims ``budget`` and ``utility`` it is the cost of the effort.
    status : ndarray of shape (N,), int8
        See `surefoot.incentives.status.Status`.
    confidence : ndarray of shape (N,)
        Chance of passing after the effort, as the agent believes.
    score_gain : ndarray of shape (N,)
        What the effort adds to the true score.
    accepted_before, accepted : ndarray of bool, shape (N,)
        By the true rule, before and after the effort worked through the true graph.
    contribution : ndarray of shape (m, f)
        What a unit of each effort adds to `features`.
    features : tuple of str
    groups : ndarray of shape (N,) or None
    """

    X: pd.DataFrame
    efforts: tuple[str, ...]
    effort: Floats
    cost: Floats
    price: Floats
    status: NDArray[np.int8]
    confidence: Floats
    score_gain: Floats
    accepted_before: NDArray[np.bool_]
    accepted: NDArray[np.bool_]
    contribution: Floats
    features: tuple[str, ...]
    groups: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.effort)

    @cached_property
    def moves(self) -> NDArray[np.bool_]:
        """Who invests effort, shape (N,)."""
        return self.status == Status.MOVES

    @property
    def counts(self) -> dict[str, int]:
        """How many agents there are of each status, by its words."""
        return {status.words: int((self.status == status).sum()) for status in Status}

    def moved(self) -> pd.DataFrame:
        """Return the table after the effort: ``x' = x + C'e``."""
        shift = rowwise(self.effort, self.contribution)
        moved = self.X.copy()
        for i, name in enumerate(self.features):
            moved[name] = moved[name].to_numpy(dtype=float) + shift[:, i]
        return moved

    def to_frame(self) -> pd.DataFrame:
        """Return one row an agent: status, price, cost, confidence, and the effort on each node."""
        frame = pd.DataFrame(
            {
                "status": [Status(code).words for code in self.status],
                "price": self.price,
                "cost": self.cost,
                "confidence": self.confidence,
                "accepted_before": self.accepted_before,
                "accepted": self.accepted,
            },
            index=self.X.index,
        )
        if self.groups is not None:
            frame.insert(0, "group", self.groups)
        efforts = {f"effort:{node}": self.effort[:, i] for i, node in enumerate(self.efforts)}
        return frame.assign(**efforts)
