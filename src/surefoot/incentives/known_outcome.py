"""A simulated population whose outcome is known, before and after any response.

::

    u, z1 ~ N(0, 1)                    u is hidden from every rule
    z2 = 0.3 z1 + N(0, 1)
    p1 = 0.8 z1 + 0.6 N(0, 1)
    p2 = 0.5 z2 + 0.8 N(0, 1)
    p3 = 0.9 u + 0.45 N(0, 1)
    quality = z1 + 0.7 z2 + u
    label = 1 where quality + 0.5 logistic > 0

z1 and z2 are causes of the outcome, p1 and p2 consequences of them that cause nothing, and p3 is a
sign of the hidden u that is cheap to fake. A rule learnt from the past leans on p3. What effort
does is told by ``CausalGraph.from_dag(FEATURES, EDGES)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.streams import stream
from surefoot.incentives.outcomes import OutcomeModel

Floats = NDArray[np.float64]

FEATURES = ("z1", "z2", "p1", "p2", "p3")
EDGES = {("z1", "z2"): 0.3, ("z1", "p1"): 0.8, ("z2", "p2"): 0.5}
OUTCOME = OutcomeModel({"z1": 1.0, "z2": 0.7}, noise=0.5)
DESIRABLE = {"z1": +1, "z2": +1}
# What one unit of effort costs, and what acceptance is worth.
WEIGHTS = {"z1": 1.0, "z2": 1.0, "p1": 0.5, "p2": 0.5, "p3": 0.3}
BUDGET = 1.0


@dataclass(frozen=True, eq=False)
class KnownOutcome:
    """N simulated people.

    Attributes
    ----------
    X : DataFrame of shape (N, 5)
        What a rule sees.
    hidden : ndarray of shape (N,)
        u.
    latent : ndarray of shape (N,)
        Quality, u included.
    y : ndarray of int, shape (N,)
        Label of the past: 1 or 0.
    """

    X: pd.DataFrame
    hidden: Floats
    latent: Floats
    y: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, part: slice) -> KnownOutcome:
        """Return the people in `part`."""
        X = self.X.iloc[part].reset_index(drop=True)
        return KnownOutcome(X, self.hidden[part], self.latent[part], self.y[part])


def known_outcome(n: int = 100_000, seed: int = 0) -> KnownOutcome:
    """Return `n` people; the first of them are the same whatever `n` is."""
    if n < 1:
        raise InputError("n", n, "at least 1 person")

    def normal(name: str) -> Floats:
        return stream(seed, "known outcome", name).standard_normal(n)

    u, z1 = normal("u"), normal("z1")
    z2 = EDGES["z1", "z2"] * z1 + normal("z2")
    columns = {
        "z1": z1,
        "z2": z2,
        "p1": EDGES["z1", "p1"] * z1 + 0.6 * normal("p1"),
        "p2": EDGES["z2", "p2"] * z2 + 0.8 * normal("p2"),
        "p3": 0.9 * u + 0.45 * normal("p3"),
    }
    latent = OUTCOME.theta["z1"] * z1 + OUTCOME.theta["z2"] * z2 + u
    noise = stream(seed, "known outcome", "label").logistic(scale=OUTCOME.noise, size=n)
    return KnownOutcome(pd.DataFrame(columns), u, latent, (latent + noise > 0).astype(np.int64))
