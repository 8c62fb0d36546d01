"""Populations whose truth is known: models to draw from, and tables to draw rows of.

A table is a population of its own: rows drawn with replacement, so that the fit to the whole table
is the truth, exactly, whatever the rows look like.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.losses import LogLoss, Loss, Quantile, Squared, sigmoid
from surefoot.confidence.m_estimates import m_estimate
from surefoot.ground.errors import InputError, one_of

Floats = NDArray[np.float64]
Sample = tuple[Floats, Floats]

# Degrees of freedom of the Student noises; both have a variance.
_STUDENT = {"t3": 3.0, "t2.5": 2.5}
NOISES = ("normal", *_STUDENT, "skewed", "heteroskedastic")
_AUTHORS_SEED = 12345


class Population(ABC):
    """Rows can be drawn from it, and its truth is known.

    Attributes
    ----------
    loss : Loss
    truth : ndarray of shape (d,)
        The minimiser of the expected loss.
    names : tuple of str
        Of the parameters.
    """

    loss: Loss
    truth: Floats
    names: tuple[str, ...]

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Return `n` independent rows, X of shape (n, d) and y of shape (n,)."""

    @property
    def directions(self) -> Floats:
        """What is looked at, a row each, shape (k, d): every parameter, unless said otherwise."""
        return np.eye(len(self.truth))

    def variance(self) -> Floats | None:
        """Return n · the limit covariance of the best estimate (d, d), where it is known."""
        return None


class _Model(Population):
    """A linear predictor of normal features, neighbours correlated by ½."""

    loss_of: ClassVar[Loss]

    def __init__(self, d: int = 5, spread: float | None = None) -> None:
        if d < 1:
            raise InputError("d", d, "a positive number of parameters")
        distance = np.abs(np.subtract.outer(np.arange(d), np.arange(d)))
        self.loss = self.loss_of
        self.gram = 0.5**distance
        self._root = np.linalg.cholesky(self.gram)
        self.truth = np.linspace(0, 1, d)
        if spread is not None:  # of the predictor
            self.truth *= spread / np.sqrt(self.truth @ self.gram @ self.truth)
        self.names = tuple(f"x{j + 1}" for j in range(d))

    def features(self, n: int, rng: np.random.Generator) -> Floats:
        """Return rows of features."""
        X: Floats = rng.normal(size=(n, len(self.truth))) @ self._root.T
        return X


class LinearModel(_Model):
    """y = x'θ + noise, and the mean is wanted.

    Parameters
    ----------
    d : int
    noise : {"normal", "t3", "t2.5", "skewed", "heteroskedastic"}
        The last is normal with standard deviation |x₁|.
    spread : float, optional
        Standard deviation of x'θ.
    """

    loss_of = Squared()

    def __init__(self, d: int = 5, noise: str = "normal", spread: float | None = None) -> None:
        super().__init__(d, spread)
        self.noise = one_of("noise", noise, NOISES)

    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Return rows."""
        X = self.features(n, rng)
        if self.noise in _STUDENT:
            noise = rng.standard_t(_STUDENT[self.noise], n)
        elif self.noise == "skewed":
            noise = rng.exponential(size=n) - 1
        else:
            noise = rng.normal(size=n)
            if self.noise == "heteroskedastic":
                noise *= np.abs(X[:, 0])
        return X, X @ self.truth + noise


class LogisticModel(_Model):
    """y is 1 with log-odds x'θ, else 0.

    Parameters
    ----------
    d : int
    spread : float, optional
        Standard deviation of the log-odds; 3 is a hard case.
    """

    loss_of = LogLoss()

    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Return rows."""
        X = self.features(n, rng)
        return X, (rng.random(n) < sigmoid(X @ self.truth)).astype(np.float64)


class MedianModel(_Model):
    """y = x'θ + normal noise, and the median is wanted."""

    loss_of = Quantile(0.5)

    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Return rows."""
        X = self.features(n, rng)
        return X, X @ self.truth + rng.normal(size=n)

    def variance(self) -> Floats:
        """Return τ(1 − τ)/f(0)² · E[x x']⁻¹, f(0) = 1/√(2π)."""
        return np.asarray(0.25 * 2 * np.pi * np.linalg.inv(self.gram), dtype=np.float64)


class AuthorsModel(Population):
    """The linear model of the paper's own experiments.

    Features are uniform on [−1, 3]⁵, the noise is N(0, 0.02²), and one direction is looked at.

    Source: the authors' code, https://github.com/marina-shesha/SGD_bootstrap_exp.
    """

    def __init__(self) -> None:
        self.loss = Squared()
        self.truth = np.array([1.0, 1.0, -0.1, -0.1, -0.1])
        self.names = tuple(f"x{j + 1}" for j in range(5))
        direction = np.random.default_rng(_AUTHORS_SEED).normal(size=5)
        self._direction = direction / np.linalg.norm(direction)

    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Return rows."""
        X = rng.uniform(-1, 3, size=(n, 5))
        return X, X @ self.truth + 0.02 * rng.normal(size=n)

    @property
    def directions(self) -> Floats:
        """The paper's one direction."""
        return self._direction[None]


@dataclass(eq=False)
class TablePopulation(Population):
    """Rows of a table, drawn with replacement; the fit to the table is the truth.

    Parameters
    ----------
    X : ndarray of shape (rows, d)
        With a column of ones if there is to be an intercept.
    y : ndarray of shape (rows,)
    loss : Loss
    names : tuple of str

    Raises
    ------
    InputError
        If the columns are collinear, or classes can be told apart: then there is no truth.
    """

    X: Floats
    y: Floats
    loss: Loss
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        fitted = m_estimate(self.X, self.y, self.loss)
        if fitted.deficient:
            allowed = "features of which none is a combination of others"
            raise InputError("table", f"{fitted.deficient} collinear columns", allowed)
        if fitted.separated:
            allowed = "classes that overlap; otherwise the coefficients have no finite truth"
            raise InputError("table", "classes that can be told apart without error", allowed)
        self.truth = fitted.theta

    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Return rows, some of them repeated."""
        rows = rng.integers(len(self.y), size=n)
        return self.X[rows], self.y[rows]


_MODELS: Mapping[str, type[Population]] = {
    "linear": LinearModel,
    "logistic": LogisticModel,
    "median": MedianModel,
    "authors": AuthorsModel,
}


def model(kind: str, **options: Any) -> Population:
    """Return a model by its name: linear, logistic, median or authors."""
    return _MODELS[one_of("model", kind, _MODELS)](**options)
