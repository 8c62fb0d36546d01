"""The deployed rule: accept whoever scores at least the threshold, ``h.x >= b``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError
from surefoot.incentives.rowwise import rowwise
from surefoot.incentives.tables import columns_of

Floats = NDArray[np.float64]
# Rounding of a score: relative to the size of what was added up.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class LinearRule:
    """Accept iff ``weights . x >= threshold``.

    Parameters
    ----------
    weights : array-like of shape (n,)
        Score gained for one unit of each feature.
    threshold : float
        Least score that is accepted.
    names : sequence of str
        The features, in the order of the weights. Tables are matched by these names.

    Examples
    --------
    >>> import pandas as pd
    >>> rule = LinearRule([1.0, 2.0], 2.0, ["income", "savings"])
    >>> rule.gap(pd.DataFrame({"savings": [0.0, 1.0], "income": [1.0, 1.0]})).tolist()
    [1.0, -1.0]
    """

    weights: Floats
    threshold: float
    names: tuple[str, ...]

    def __init__(self, weights: ArrayLike, threshold: float, names: Sequence[str]) -> None:
        values = np.asarray(weights, dtype=float)
        named = tuple(str(name) for name in names)
        if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
            raise InputError("LinearRule.weights", weights, "finite numbers, one a feature")
        if len(named) != len(values):
            raise InputError("LinearRule.names", named, f"{len(values)} names, one a weight")
        if len(set(named)) < len(named):
            raise InputError("LinearRule.names", named, "names that differ")
        if not np.isfinite(threshold):
            raise InputError("LinearRule.threshold", threshold, "a finite number")
        object.__setattr__(self, "weights", values)
        object.__setattr__(self, "threshold", float(threshold))
        object.__setattr__(self, "names", named)

    def weights_of(self, features: Sequence[str], where: str = "graph") -> Floats:
        """Return the weights of `features`, shape (len(features),), by name."""
        place = {name: i for i, name in enumerate(self.names)}
        missing = [name for name in features if name not in place]
        if missing:
            raise InputError(where, missing, f"features of the rule: {', '.join(self.names)}")
        return self.weights[[place[name] for name in features]]

    def matrix(self, X: pd.DataFrame | ArrayLike) -> Floats:
        """Return the features of `X` in the order of the weights, shape (N, n)."""
        return columns_of(X, self.names)

    def score(self, X: pd.DataFrame | ArrayLike) -> Floats:
        """Return the scores ``h.x``, shape (N,)."""
        return rowwise(self.matrix(X), self.weights)

    def gap(self, X: pd.DataFrame | ArrayLike) -> Floats:
        """Return what is missing to the threshold, shape (N,); 0 where rounding decides."""
        matrix = self.matrix(X)
        gap = self.threshold - rowwise(matrix, self.weights)
        size = abs(self.threshold) + rowwise(np.abs(matrix), np.abs(self.weights))
        return np.where(np.abs(gap) <= _ROUNDING * size, 0.0, gap)

    def accepts(self, X: pd.DataFrame | ArrayLike) -> NDArray[np.bool_]:
        """Return who is accepted, shape (N,)."""
        return self.gap(X) <= 0

    def shifted(self, by: float) -> LinearRule:
        """Return the rule with a threshold higher by `by`."""
        return LinearRule(self.weights, self.threshold + by, self.names)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        names: Sequence[str] | None = None,
        *,
        accept: Any = None,
        probability: float = 0.5,
    ) -> LinearRule:
        """Return the rule of a fitted linear classifier of two classes, in the units of its data.

        Parameters
        ----------
        estimator : object
            Any with ``coef_`` and ``intercept_`` (logistic regression, linear SVM, ridge, LDA, …),
            or a pipeline of scalers that ends in one.
        names : sequence of str, optional
            The features; not needed where the estimator was fitted on a DataFrame.
        accept : label, optional
            The class whose members are accepted; the second of ``classes_`` by default.
        probability : float
            Least probability of that class, for log-odds: the score's threshold is its logit.
        """
        from surefoot.incentives.linear_estimators import linear_parts

        weights, intercept, known = linear_parts(estimator, accept)
        named = names if names is not None else known
        if named is None:
            raise InputError("names", None, "names of the features: the estimator holds none")
        if not 0 < probability < 1:
            raise InputError("probability", probability, "a number between 0 and 1")
        if probability != 0.5 and not hasattr(estimator, "predict_proba"):
            raise InputError("probability", probability, "0.5: this estimator has no probabilities")
        logit = float(np.log(probability / (1 - probability)))
        return cls(weights, logit - intercept, named)
