"""Where the simulator is likely to succeed, learned from the runs that did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import PolynomialFeatures

from surefoot.surrogates.simulation.space import Space

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_BUMPS = 100


@dataclass(frozen=True)
class Feasibility:
    """The probability that a run succeeds, anywhere in the space.

    Parameters
    ----------
    space : Space
    runs, failures : int
        What it was learned from.

    Notes
    -----
    Logistic regression on squares, products and radial bumps around up to 100 of the runs
    (Nyström features): the former follow a smooth border, the latter an island. Little shrinkage,
    as simulators fail for a reason and the border is sharp. A Gaussian process classifier with
    Laplace's approximation was far less sure of itself than the runs allowed.
    """

    space: Space
    runs: int
    failures: int
    _model: Any = field(repr=False, compare=False)

    @classmethod
    def of_runs(cls, space: Space, table: pd.DataFrame) -> Feasibility | None:
        """Learn from a table of runs, see `runs.table`; None if none has failed, or all have."""
        done = table[table["status"] != "missing"]
        ok = (done["status"] == "ok").to_numpy()
        if ok.all() or not ok.any():
            return None
        model = success_model(space.encode(done[space.names]), ok)
        return cls(space, len(ok), int((~ok).sum()), model)

    def probability(self, X: pd.DataFrame) -> Floats:
        """Return the probability of success at each row of `X`, shape (m,)."""
        Z = self.space.encode(X)
        return probability(self._model, Z)


def success_model(Z: Floats, ok: NDArray[np.bool_]) -> Any:
    """Return a classifier of the rows of `Z`, in the unit cube, at which a run succeeds."""
    bumps = Nystroem(gamma=5.0 / Z.shape[1], n_components=min(len(Z), _BUMPS), random_state=0)
    features = make_union(PolynomialFeatures(2, include_bias=False), bumps)
    return make_pipeline(features, LogisticRegression(C=10.0, max_iter=5000)).fit(Z, ok)


def probability(model: Any, Z: Floats) -> Floats:
    """Return the probability of success by a `success_model` at each row of `Z`."""
    return model.predict_proba(Z)[:, 1] if len(Z) else np.empty(0)
