"""Wanted shares of what a whole population does, groups with costs of their own included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.costs import EffortCost
from surefoot.incentives.measures import Desirable, Measure
from surefoot.incentives.response import Response

Floats = NDArray[np.float64]


def population_shares(
    response: Response,
    costs: Mapping[Any, EffortCost],
    wanted: Desirable,
    rows: NDArray[np.bool_] | slice = slice(None),
) -> dict[str, float]:
    """Return the wanted share of the effort of `rows` together, by measure.

    Parameters
    ----------
    costs : mapping of group to EffortCost
        As `Agents.costs` gives them; the only entry, without groups.

    Returns
    -------
    dict of measure to float
        NaN where nobody exerts any effort.
    """
    found = {}
    for measure in get_args(Measure):
        part, total = np.zeros(len(response)), np.zeros(len(response))
        for label, cost in costs.items():
            of = slice(None) if response.groups is None else response.groups == label
            part[of], total[of] = wanted.parts(response.effort[of], cost, measure)
        whole = float(total[rows].sum())
        found[measure] = float(part[rows].sum()) / whole if whole > 0 else float("nan")
    return found
