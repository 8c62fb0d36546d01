"""Whether units of effort can be compared."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from surefoot.ground.notices import warn
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.effects import Effects
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.notices import IncentiveWarning
from surefoot.incentives.tables import columns_of

_FACTOR = 100.0


def warn_of_scales(effects: Effects, costs: Iterable[EffortCost], X: pd.DataFrame) -> None:
    """Warn where a unit of every node costs the same, and means something quite different.

    That is so if nobody has said what a unit is, all costs are equal, and the standard deviation of
    one node is more than a hundred times that of another.
    """
    if not isinstance(effects, CausalGraph) or np.any(effects.units != 1):
        return
    if any(np.ptp(np.diag(cost.Q)[cost.movable]) > 0 for cost in costs if cost.movable.any()):
        return
    spread = pd.DataFrame(columns_of(X, effects.nodes), columns=effects.nodes).std()
    spread = spread[spread > 0]
    if len(spread) and spread.max() > _FACTOR * spread.min():
        warn(
            f"one unit of {spread.idxmin()} costs what one of {spread.idxmax()} does, though they "
            f"vary {spread.max() / spread.min():,.0f} times as much: say what a unit of effort is "
            "(CausalGraph.in_sd), or what it costs",
            IncentiveWarning,
        )
