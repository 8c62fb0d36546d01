"""Rules that keep their promise under every one of many matrices of effects, by cutting planes.

Effects are estimates. A rule that meets its demand under B matrices drawn from what is not known of
them (a bootstrap, a posterior) breaks it under a new one with small probability (Calafiore and
Campi, 2006), if the demand is convex.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.incentives.designing.branching import Search
from surefoot.incentives.designing.cells import whole
from surefoot.incentives.designing.programs import Optimum
from surefoot.incentives.designing.regions import Region

Floats = NDArray[np.float64]
# A share short of beta by no more than this keeps the promise.
SHORT = 1e-5
CONFIDENCE = 0.95
_MOST_CUTS = 200


@dataclass(frozen=True)
class ScenarioCheck:
    """What became of the scenarios a rule was designed under.

    Attributes
    ----------
    count : int
        Scenarios.
    cuts : int
        Those that had to be put into the program.
    violated : float
        Share of scenarios whose desirable share is short of beta by more than 1e-5.
    worst : float
        Smallest desirable share.
    probability : float or None
        With 95 % confidence a new scenario violates the demand with no more than this probability;
        None if the demand is not convex, for which the theorem says nothing.
    """

    count: int
    cuts: int
    violated: float
    worst: float
    probability: float | None


def scenario_count(eps: float, alpha: float, d: int) -> int:
    """Return how many scenarios are enough, ``(2 / eps) (ln 1/alpha + d)``.

    Then a rule with `d` free weights that meets a convex demand under all of them violates it under
    a new scenario with a probability of `eps` at most, with confidence ``1 − alpha``.
    """
    for name, value in (("eps", eps), ("alpha", alpha)):
        if not 0 < value < 1:
            raise InputError(name, value, "a number between 0 and 1")
    return math.ceil(2 / eps * (math.log(1 / alpha) + d))


def best_under_all(
    search: Search, nominal: Sequence[Region], scenarios: Sequence[Region], start: Floats
) -> tuple[Optimum, ScenarioCheck]:
    """Return the best rule found for the nominal regions and all scenarios at once.

    The scenario with the smallest share is put into the program until none is short. `scenarios`
    has as many regions of each scenario, one after the other, as there are nominal ones.
    """
    cells, cuts, bound = [whole(region) for region in nominal], 0, -np.inf
    while True:
        found = search.best(cells, start)
        bound, start = max(bound, found.bound), found.x
        shares = np.nan_to_num([region.share(found.x) for region in scenarios], nan=1.0)
        short = np.array([region.beta for region in scenarios]) - shares > SHORT
        if not short.any() or cuts == _MOST_CUTS:
            break
        cells.append(whole(scenarios[int(np.argmin(shares))]))
        cuts += 1
    violated = short.reshape(-1, len(nominal)).any(axis=1)
    convex = all(cell.exact for cell in cells)
    d = search.objective.size - len(search.common.equal)
    eps = 2 / len(violated) * (math.log(1 / (1 - CONFIDENCE)) + d)
    check = ScenarioCheck(
        len(violated),
        cuts,
        float(violated.mean()),
        float(shares.min()),
        min(eps, 1.0) if convex and not violated.any() else None,
    )
    return replace(found, bound=min(bound, found.value)), check
