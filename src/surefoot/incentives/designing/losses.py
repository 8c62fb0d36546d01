"""What a design minimises: the loss of a linear rule, on data or around another rule.

The variables are weights for one *standard deviation* of each feature, so that they are of one size
whatever the units; a loss on data has the intercept as its last variable.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from surefoot.ground.errors import InputError, one_of
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.tables import columns_of

Floats = NDArray[np.float64]
Loss = Literal["logistic", "squared", "hinge"]
# Margins below 1 within which the kink of the hinge is rounded off, by half of this at most.
_ROUNDED = 0.1
# Curvature taken for its straight parts, times the distance from the kink: a tenth of that of the
# parabola that touches at this margin and lies above, so that Newton steps know where to stop.
_FLAT = 0.05


class Objective(Protocol):
    """A smooth convex loss of a linear rule."""

    @property
    def names(self) -> tuple[str, ...]:
        """Features of the rule."""
        ...

    @property
    def scale(self) -> Floats:
        """What a variable stands for, shape (n,): the weight of a feature is ``x / scale``."""
        ...

    @property
    def size(self) -> int:
        """Number of variables, n or, with an intercept, n + 1."""
        ...

    @property
    def quadratic(self) -> bool:
        """Whether second derivatives are the same everywhere."""
        ...

    def value(self, x: Floats) -> float:
        """Return the loss."""
        ...

    def expand(self, x: Floats) -> tuple[float, Floats, Floats]:
        """Return the loss with its gradient and its Hessian, or something like it."""
        ...

    def rule(self, x: Floats) -> LinearRule:
        """Return the rule in the features' own units."""
        ...

    def at(self, rule: LinearRule) -> Floats:
        """Return the variables of a rule."""
        ...


@dataclass(frozen=True, eq=False)
class DataLoss:
    """Mean loss on data, plus ``penalty / 2`` times the squared weights per standard deviation.

    Attributes
    ----------
    loss : {"logistic", "squared", "hinge"}
        Of the signed margin m: ``log(1 + exp(−m))``, ``(1 − m)² / 2``, or ``max(1 − m, 0)`` with
        a parabola in place of its kink, from m = 0.9 to 1.
    penalty : float
    names : tuple of str
    """

    loss: Loss
    penalty: float
    names: tuple[str, ...]
    _design: Floats  # (N, n + 1), standardised, times the sign of the label
    _shares: Floats  # (N,), weights of rows that add up to 1
    _center: Floats
    scale: Floats

    @classmethod
    def of(
        cls,
        X: pd.DataFrame,
        y: ArrayLike,
        *,
        loss: Loss = "logistic",
        penalty: float = 1e-6,
        accept: Any = 1,
        sample_weight: ArrayLike | None = None,
    ) -> DataLoss:
        """Return the loss on a table; `accept` is the label of whom the rule should accept."""
        one_of("loss", loss, get_args(Loss))
        if not (np.isfinite(penalty) and penalty > 0):
            raise InputError("penalty", penalty, "a number above 0: data may be separable")
        names = tuple(str(name) for name in getattr(X, "columns", ()))
        matrix = columns_of(X, names)
        signs = _signs(y, accept, len(matrix))
        shares = _shares(sample_weight, len(matrix))
        center = shares @ matrix
        spread = np.sqrt(shares @ (matrix - center) ** 2)
        scale = np.where(spread > 1e-12 * (1 + np.abs(center)), spread, 1.0)
        standard = np.column_stack([(matrix - center) / scale, np.ones(len(matrix))])
        return cls(loss, float(penalty), names, standard * signs[:, None], shares, center, scale)

    @property
    def size(self) -> int:
        """Number of variables."""
        return len(self.names) + 1

    @property
    def quadratic(self) -> bool:
        """Whether second derivatives are the same everywhere."""
        return self.loss == "squared"

    def value(self, x: Floats) -> float:
        """Return the loss."""
        each = _LOSSES[self.loss](self._design @ x)[0]
        return float(self._shares @ each + self.penalty / 2 * (x[:-1] @ x[:-1]))

    def expand(self, x: Floats) -> tuple[float, Floats, Floats]:
        """Return the loss with its gradient and its Hessian."""
        each, slope, curvature = _LOSSES[self.loss](self._design @ x)
        ridge = np.append(np.full(len(x) - 1, self.penalty), 0.0)
        value = self._shares @ each + ridge @ x**2 / 2
        gradient = self._design.T @ (self._shares * slope) + ridge * x
        weighted = self._design * (self._shares * curvature)[:, None]
        return float(value), gradient, weighted.T @ self._design + np.diag(ridge)

    def rule(self, x: Floats) -> LinearRule:
        """Return the rule in the features' own units."""
        weights = x[:-1] / self.scale
        return LinearRule(weights, float(weights @ self._center - x[-1]), self.names)

    def at(self, rule: LinearRule) -> Floats:
        """Return the variables of a rule."""
        weights = rule.weights_of(self.names, "rule")
        return np.append(weights * self.scale, weights @ self._center - rule.threshold)


@dataclass(frozen=True, eq=False)
class QuadraticLoss:
    """``(h − h0)'M(h − h0)``: what straying from the weights h0 costs; the threshold stays.

    Parameters
    ----------
    M : array-like of shape (n, n)
        Symmetric, positive definite; such as half the Hessian of a fitted loss.
    h0 : array-like of shape (n,)
    names : sequence of str
        The features.
    threshold : float, default 0
        Of the rule.
    """

    M: Floats
    h0: Floats
    names: tuple[str, ...]
    threshold: float = 0.0

    def __post_init__(self) -> None:
        M, h0 = np.asarray(self.M, dtype=float), np.asarray(self.h0, dtype=float)
        if M.shape != (len(h0),) * 2 or len(self.names) != len(h0):
            raise InputError("QuadraticLoss.M", M.shape, f"a square of {len(h0)} features")
        if not np.allclose(M, M.T) or np.linalg.eigvalsh(M)[0] <= 0:
            raise InputError("QuadraticLoss.M", "another matrix", "symmetric, positive definite")
        for name, value in (("M", (M + M.T) / 2), ("h0", h0), ("names", tuple(self.names))):
            object.__setattr__(self, name, value)

    quadratic = True

    @property
    def size(self) -> int:
        """Number of variables."""
        return len(self.h0)

    @cached_property
    def scale(self) -> Floats:
        """What a variable stands for: one at which every feature has the same curvature."""
        return np.sqrt(np.diag(self.M))

    def value(self, x: Floats) -> float:
        """Return the loss."""
        strayed = x / self.scale - self.h0
        return float(strayed @ self.M @ strayed)

    def expand(self, x: Floats) -> tuple[float, Floats, Floats]:
        """Return the loss with its gradient and its Hessian."""
        gradient = 2 * (self.M @ (x / self.scale - self.h0)) / self.scale
        return self.value(x), gradient, 2 * self.M / np.outer(self.scale, self.scale)

    def rule(self, x: Floats) -> LinearRule:
        """Return the rule in the features' own units."""
        return LinearRule(x / self.scale, self.threshold, self.names)

    def at(self, rule: LinearRule) -> Floats:
        """Return the variables of a rule."""
        return rule.weights_of(self.names, "rule") * self.scale


def _logistic(margins: Floats) -> tuple[Floats, Floats, Floats]:
    misses = expit(-margins)
    return np.logaddexp(0.0, -margins), -misses, misses * (1.0 - misses)


def _squared(margins: Floats) -> tuple[Floats, Floats, Floats]:
    short = 1.0 - margins
    return short**2 / 2, -short, np.ones_like(short)


def _hinge(margins: Floats) -> tuple[Floats, Floats, Floats]:
    short = np.maximum(1.0 - margins, 0.0)
    bent = (short > 0) & (short < _ROUNDED)
    value = np.where(bent, short**2 / (2 * _ROUNDED), np.maximum(short - _ROUNDED / 2, 0.0))
    away = np.maximum(np.abs(1.0 - margins - _ROUNDED / 2), _ROUNDED / 2)
    return value, -np.minimum(short / _ROUNDED, 1.0), np.where(bent, 1 / _ROUNDED, _FLAT / away)


# Value, slope and curvature at each margin.
_LOSSES = {"logistic": _logistic, "squared": _squared, "hinge": _hinge}


def _signs(y: ArrayLike, accept: Any, n: int) -> Floats:
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise InputError("y", labels.shape, f"one label a row of X, shape ({n},)")
    if pd.isna(labels).any():
        raise InputError("y", "missing labels", "a label for every row")
    classes = pd.unique(labels)
    if len(classes) != 2:
        raise InputError("y", f"{len(classes)} classes", "two classes")
    if accept not in classes:
        raise InputError(
            "accept", accept, f"a label of y: {', '.join(map(repr, classes.tolist()))}"
        )
    return np.where(labels == accept, 1.0, -1.0)


def _shares(sample_weight: ArrayLike | None, n: int) -> Floats:
    if sample_weight is None:
        return np.full(n, 1.0 / n)
    weights = np.asarray(sample_weight, dtype=float)
    if weights.shape != (n,) or not np.isfinite(weights).all() or weights.min() < 0:
        raise InputError("sample_weight", sample_weight, "one number of at least 0 a row")
    if weights.sum() <= 0:
        raise InputError("sample_weight", "zeros", "a weight above 0 somewhere")
    return weights / weights.sum()
