"""Losses of a linear predictor z = x'θ: value, score and curvature.

The gradient of a row is score · x, its Hessian curvature · x x'.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of

Array = NDArray[Any]


@dataclass(frozen=True)
class Loss(ABC):
    """A convex loss of one row.

    Attributes
    ----------
    name : str
    curvature_bound : float or None
        The largest curvature; None if the loss has none and a density has to stand in for it.
    """

    name: ClassVar[str]
    curvature_bound: ClassVar[float | None]

    @abstractmethod
    def value(self, z: Array, y: Array) -> Array:
        """Return the loss."""

    @abstractmethod
    def score(self, z: Array, y: Array, out: Array | None = None) -> Array:
        """Return the derivative in z; `out` may be `z` itself."""

    @abstractmethod
    def curvature(self, z: Array, y: Array) -> Array:
        """Return the second derivative in z."""

    def working_weights(self, z: Array, y: Array) -> Array:
        """Return the weights of a reweighted least-squares step: the curvature of a bound."""
        return self.curvature(z, y)

    def allows(self, y: Array) -> Array:
        """Return for each target whether there is a loss for it."""
        return np.isfinite(y)

    def to_dict(self) -> dict[str, Any]:
        """Return the loss as plain values, for `loss_from_dict`."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Squared(Loss):
    """½ (z − y)²: the mean."""

    name: ClassVar[str] = "squared"
    curvature_bound: ClassVar[float | None] = 1.0

    def value(self, z: Array, y: Array) -> Array:
        """Return ½ (z − y)²."""
        loss: Array = np.square(z - y) / 2
        return loss

    def score(self, z: Array, y: Array, out: Array | None = None) -> Array:
        """Return z − y."""
        return np.subtract(z, y, out=out)

    def curvature(self, z: Array, y: Array) -> Array:
        """Return 1."""
        return np.ones(np.broadcast(z, y).shape)


@dataclass(frozen=True)
class Huber(Loss):
    """½ r² up to |r| = `epsilon`, linear beyond: the mean, less moved by outliers.

    Parameters
    ----------
    epsilon : float
        In units of the target.
    """

    epsilon: float = 1.35
    name: ClassVar[str] = "huber"
    curvature_bound: ClassVar[float | None] = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < np.inf:
            raise InputError("epsilon", self.epsilon, "a positive number")

    def value(self, z: Array, y: Array) -> Array:
        """Return ½ r² or ε |r| − ½ ε², with r = z − y."""
        r: Array = np.abs(z - y)
        near = np.minimum(r, self.epsilon)
        loss: Array = near * (r - near / 2)
        return loss

    def score(self, z: Array, y: Array, out: Array | None = None) -> Array:
        """Return r between −ε and ε."""
        r = np.subtract(z, y, out=out)
        return np.clip(r, -self.epsilon, self.epsilon, out=r)

    def curvature(self, z: Array, y: Array) -> Array:
        """Return 1 where |r| ≤ ε, else 0."""
        r: Array = np.abs(z - y)
        return np.less_equal(r, self.epsilon).astype(np.float64)

    def working_weights(self, z: Array, y: Array) -> Array:
        """Return score / r."""
        r: Array = np.abs(z - y)
        weights: Array = self.epsilon / np.maximum(r, self.epsilon)
        return weights


@dataclass(frozen=True)
class Quantile(Loss):
    """The check loss: the conditional quantile.

    At a tie z = y every number from −τ to 1 − τ is a subgradient; the score takes −τ.

    Parameters
    ----------
    tau : float
        Which quantile, in (0, 1).
    """

    tau: float = 0.5
    name: ClassVar[str] = "quantile"
    curvature_bound: ClassVar[float | None] = None

    def __post_init__(self) -> None:
        if not 0 < self.tau < 1:
            raise InputError("quantile", self.tau, "a number in (0, 1)")

    @property
    def tail(self) -> float:
        """Share of rows on the rarer side."""
        return min(self.tau, 1 - self.tau)

    def value(self, z: Array, y: Array) -> Array:
        """Return τ (y − z) above and (1 − τ) (z − y) below."""
        r: Array = y - z
        return np.maximum(self.tau * r, (self.tau - 1) * r)

    def score(self, z: Array, y: Array, out: Array | None = None) -> Array:
        """Return 1{y < z} − τ."""
        score = np.empty(np.broadcast(z, y).shape) if out is None else out
        np.greater(z, y, out=score)
        score -= self.tau
        return score

    def curvature(self, z: Array, y: Array) -> Array:
        """Refuse: the check loss has no second derivative."""
        raise InputError("loss", self.name, "a loss with a second derivative")

    def working_weights(self, z: Array, y: Array) -> Array:
        """Return 1 / (2 |r|), kept from its pole at ties (Hunter & Lange, JCGS 9, 2000)."""
        r: Array = np.abs(z - y)
        weights: Array = 0.5 / np.maximum(r, 1e-2 * r.mean() + np.finfo(float).tiny)
        return weights


@dataclass(frozen=True)
class LogLoss(Loss):
    """−log-likelihood of a target in {0, 1} whose log-odds are z."""

    name: ClassVar[str] = "log_loss"
    curvature_bound: ClassVar[float | None] = 0.25

    def value(self, z: Array, y: Array) -> Array:
        """Return log(1 + exp z) − y z."""
        loss: Array = np.logaddexp(0, z) - y * z
        return loss

    def score(self, z: Array, y: Array, out: Array | None = None) -> Array:
        """Return p − y, with p = 1 / (1 + exp(−z))."""
        p = sigmoid(z, out)
        p -= y
        return p

    def curvature(self, z: Array, y: Array) -> Array:
        """Return p (1 − p)."""
        p = sigmoid(z)
        curvature: Array = p * (1 - p)
        return curvature

    def allows(self, y: Array) -> Array:
        """Return which targets are 0 or 1."""
        allowed: Array = (y == 0) | (y == 1)
        return allowed


def sigmoid(z: Array, out: Array | None = None) -> Array:
    """Return 1/(1 + exp(−z)), accurate to the last few bits for every z.

    Several times as fast as `scipy.special.expit`, which computes one number at a time. Where exp
    overflows the limit is right.
    """
    with np.errstate(over="ignore"):
        e = np.negative(z, out=out)
        np.exp(e, out=e)
        e += 1
        return np.reciprocal(e, out=e)


_LOSSES: dict[str, type[Loss]] = {loss.name: loss for loss in (Squared, Huber, Quantile, LogLoss)}


def loss_from_dict(values: Mapping[str, Any]) -> Loss:
    """Return the loss written by `Loss.to_dict`."""
    parameters = {key: value for key, value in values.items() if key != "name"}
    return _LOSSES[one_of("loss", values.get("name"), _LOSSES)](**parameters)
