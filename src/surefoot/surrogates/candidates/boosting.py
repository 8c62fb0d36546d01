"""Boosted trees: for responses that jump, and for many rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from surefoot.ground.streams import subseed
from surefoot.surrogates.candidates.forest import forest_arrays, forest_mean, grow, out_of_bag
from surefoot.surrogates.candidates.tree_arrays import Trees

Floats = NDArray[np.float64]

_FOLDS = 4
_SCALE_TREES = 50
_LEAST_SD = 1e-12


@dataclass(frozen=True, eq=False)
class FittedBoosting:
    """Boosted trees, and a forest for the logarithm of their error.

    Attributes
    ----------
    baseline : float
        What the trees are added to.
    trees : Trees
    log_errors : Trees
        Their mean is the expected ln|error|, up to a constant.
    scale : float
        The deviation is scale·exp(that mean).
    """

    baseline: float
    trees: Trees
    log_errors: Trees
    scale: float

    @property
    def start(self) -> None:
        """None."""
        return None

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of a response."""
        mean = np.full(len(Z), self.baseline)
        for response in self.trees.responses(Z):
            mean += response
        sd = self.scale * np.exp(forest_mean(self.log_errors, Z))
        return mean, np.maximum(sd, _LEAST_SD)

    def describe(self) -> dict[str, Any]:
        """Return how many trees there are."""
        return {"trees": len(self.trees.roots), "nodes": len(self.trees.feature)}

    def state(self) -> dict[str, Any]:
        """Return the arrays of both sets of trees, the baseline and the scale."""
        own = {"baseline": self.baseline, "scale": self.scale}
        return own | self.trees.state("trees") | self.log_errors.state("log_errors")


@dataclass(frozen=True)
class BoostedTrees:
    """Gradient boosting on histograms (scikit-learn), its deviation learned out of fold.

    Four folds give every row an error its trees had not seen. A small forest with large leaves
    learns ln|error|, since errors grow where the response is steep or noisy; its out-of-bag
    predictions, again of rows not seen, set the scale.
    """

    @property
    def name(self) -> str:
        """``boosted-trees``."""
        return "boosted-trees"

    @property
    def cost(self) -> int:
        """Four: trees."""
        return 4

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedBoosting:
        """Return the trees; nothing is taken from an earlier fit."""
        state = subseed(seed, self.name) % 2**32
        # scikit-learn's boosting takes every core it sees.
        with threadpool_limits(1, "openmp"):
            full = _boosting(len(t), state).fit(Z, t)
            errors = np.empty(len(t))
            folds = KFold(min(_FOLDS, len(t)), shuffle=True, random_state=state)
            for kept, left_out in folds.split(Z):
                fold = _boosting(len(kept), state).fit(Z[kept], t[kept])
                errors[left_out] = t[left_out] - fold.predict(Z[left_out])
        typical = np.sqrt(np.mean(errors**2)) + _LEAST_SD
        # A rare tiny error must not rule its neighbourhood.
        logs = np.log(np.maximum(np.abs(errors), 0.05 * typical))
        leaf = max(5, len(t) // 20)
        forest = grow(_SCALE_TREES, leaf, state).fit(Z, logs)
        scale = np.sqrt(np.mean((errors / np.exp(out_of_bag(forest, Z)[0])) ** 2))
        return FittedBoosting(
            float(full._baseline_prediction.item()),
            Trees.join([_histogram_tree(stage[0].nodes) for stage in full._predictors]),
            forest_arrays(forest),
            float(scale),
        )

    def restore(self, state: dict[str, Any]) -> FittedBoosting:
        """Return the fit whose state this is."""
        trees, log_errors = (Trees.from_state(state, name) for name in ("trees", "log_errors"))
        return FittedBoosting(state["baseline"], trees, log_errors, state["scale"])


def _boosting(n: int, state: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        max_iter=int(np.clip(n // 10, 100, 300)),
        min_samples_leaf=int(np.clip(n // 20, 3, 20)),
        early_stopping=False,
        random_state=state,
    )


def _histogram_tree(nodes: Any) -> tuple[Any, ...]:
    left = np.where(nodes["is_leaf"], 0, nodes["left"].astype(np.int64))
    right = nodes["right"].astype(np.int64)
    return nodes["feature_idx"], nodes["num_threshold"], left, right, nodes["value"]
