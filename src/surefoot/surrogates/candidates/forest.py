"""Random forests: for responses that jump, and for many rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from surefoot.ground.streams import subseed
from surefoot.surrogates.candidates.tree_arrays import Trees

Floats = NDArray[np.float64]

_LEAST_SD = 1e-12
_LEAST_NOISE = 0.1


@dataclass(frozen=True, eq=False)
class FittedForest:
    """A forest, whose trees' disagreement tells where it knows little.

    Attributes
    ----------
    trees : Trees
    spread, noise : float
        The variance is spread·(variance between trees) + noise.
    """

    trees: Trees
    spread: float
    noise: float

    @property
    def start(self) -> None:
        """None."""
        return None

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of a response."""
        total, squares = np.zeros(len(Z)), np.zeros(len(Z))
        for response in self.trees.responses(Z.astype(np.float32)):
            total += response
            squares += response**2
        mean = total / len(self.trees.roots)
        between = np.maximum(squares / len(self.trees.roots) - mean**2, 0)
        return mean, np.maximum(np.sqrt(self.spread * between + self.noise), _LEAST_SD)

    def describe(self) -> dict[str, Any]:
        """Return how many trees there are, and the two parts of the variance."""
        return {"trees": len(self.trees.roots), "spread": self.spread, "noise": self.noise}

    def state(self) -> dict[str, Any]:
        """Return the arrays of the trees and the two parts of the variance."""
        return {"spread": self.spread, "noise": self.noise} | self.trees.state("trees")


@dataclass(frozen=True)
class RandomForest:
    """A random forest (scikit-learn); the variance is the trees' own plus noise.

    Both parts are set out of bag: noise is what the squared errors exceed the variance between
    trees by, a tenth of them at least, and the sum is scaled to their mean.
    """

    trees: int = 200

    @property
    def name(self) -> str:
        """``random-forest``."""
        return "random-forest"

    @property
    def cost(self) -> int:
        """Four: trees."""
        return 4

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedForest:
        """Return the forest; nothing is taken from an earlier fit."""
        forest = grow(self.trees, 1, subseed(seed, self.name) % 2**32).fit(Z, t)
        mean, between = out_of_bag(forest, Z)
        squares = float(np.mean((t - mean) ** 2))
        expected = float(between.mean())
        noise = max(squares - expected, _LEAST_NOISE * squares)
        ratio = squares / (expected + noise) if squares > 0 else 0.0
        return FittedForest(forest_arrays(forest), ratio, ratio * noise)

    def restore(self, state: dict[str, Any]) -> FittedForest:
        """Return the fit whose state this is."""
        return FittedForest(Trees.from_state(state, "trees"), state["spread"], state["noise"])


def grow(trees: int, leaf: int, state: int) -> RandomForestRegressor:
    """Return a forest on one thread, to be fitted."""
    return RandomForestRegressor(
        trees, min_samples_leaf=leaf, max_features=0.5, random_state=state, n_jobs=1
    )


def forest_mean(trees: Trees, Z: Floats) -> Floats:
    """Return the mean of the trees at the rows of `Z`, shape (m,)."""
    total = np.zeros(len(Z))
    for response in trees.responses(Z.astype(np.float32)):  # as scikit-learn's trees see it
        total += response
    return total / len(trees.roots)


def out_of_bag(forest: RandomForestRegressor, Z: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance between the trees that had not drawn the row."""
    count, total, squares = np.zeros(len(Z)), np.zeros(len(Z)), np.zeros(len(Z))
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        out = np.ones(len(Z), bool)
        out[drawn] = False
        if not out.any():  # of a handful of rows all may be drawn
            continue
        response = tree.predict(Z[out])
        count[out] += 1
        total[out] += response
        squares[out] += response**2
    # With 50 trees one row in 10¹⁰ is in every bag; it then counts as predicted by nothing.
    count = np.maximum(count, 1)
    mean = total / count
    return mean, np.maximum(squares / count - mean**2, 0)


def forest_arrays(forest: RandomForestRegressor) -> Trees:
    """Return the trees of a fitted forest."""
    parts = []
    for tree in (each.tree_ for each in forest.estimators_):
        children = tree.children_left, tree.children_right
        parts.append((tree.feature, tree.threshold, *children, tree.value.ravel()))
    return Trees.join(parts)
