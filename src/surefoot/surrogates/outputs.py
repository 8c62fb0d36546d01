"""Several responses: each on its own, or keeping what is linear and true of all runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.surrogates.ensemble.mixture import Component, Mixture
from surefoot.surrogates.ensemble.temperature import temper
from surefoot.surrogates.ensemble.warps import Warp
from surefoot.surrogates.stack import Comparison, Predictor

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_MOST_COORDINATES = 20
# A direction is worth keeping if it takes three times as much of unseen rows as one drawn blindly,
# and as long as more than a hundred-millionth of their variance is left.
_BLIND = 3.0
_NOTHING = 1e-8
_ROUNDING = 1e-10


@dataclass(frozen=True, eq=False)
class SeparateOutputs:
    """One predictive law a response, nothing shared.

    Parameters
    ----------
    predictors : tuple of Predictor
        One a response.
    """

    predictors: tuple[Predictor, ...]

    def laws(self, Z: Floats) -> list[Mixture]:
        """Return the law of each of the p responses at the rows of `Z`, (m, d)."""
        return [predictor.law(Z) for predictor in self.predictors]

    def moments(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return means and standard deviations, each of shape (m, p)."""
        laws = self.laws(Z)
        return (
            np.stack([law.mean() for law in laws], axis=1),
            np.stack([law.std() for law in laws], axis=1),
        )

    def sample(self, Z: Floats, n: int, rng: np.random.Generator) -> Floats:
        """Draw responses that hang together over the rows, shape (n, m, p)."""
        return np.stack([each.joint_sample(Z, n, rng) for each in self.predictors], axis=2)

    def covariance(self, Z: Floats) -> Floats:
        """Return the covariance over the rows, shape (p, m, m)."""
        return np.stack([predictor.covariance(Z) for predictor in self.predictors])


@dataclass(frozen=True, eq=False)
class Directions:
    """What is linear and true of all runs, kept: y = centre + (q − origin) · map + rest.

    Every principal direction of the responses is a sum of the runs' deviations from their mean.
    What is linear and true of all runs, such as parts that sum to one, is therefore true of all
    that the directions reach from the mean, whatever predicts q.

    Attributes
    ----------
    centre, scale : ndarray of shape (p,)
        Mean and standard deviation of the responses.
    origin : ndarray of shape (r,)
    map : ndarray of shape (r, p)
    rest : ndarray of shape (p,)
        Standard deviation of what the directions leave of unseen rows.
    """

    centre: Floats
    scale: Floats
    origin: Floats
    map: Floats
    rest: Floats

    @classmethod
    def projecting(cls, Y: Floats) -> tuple[Directions, Floats]:
        """Return the projection onto what the runs reach, and the responses: they are q themselves.

        The truth is among what the runs reach, so the projection moves no prediction away from it.

        Parameters
        ----------
        Y : ndarray of shape (n, p)
        """
        centre, scale = _moments(Y)
        basis = _basis((Y - centre) / scale)
        nearest = (basis.T @ basis) / scale[:, None] * scale
        return cls(centre, scale, centre, nearest, np.zeros(Y.shape[1])), Y

    @classmethod
    def reducing(cls, Y: Floats, fold: Ints) -> tuple[Directions, Floats]:
        """Return the directions that also describe unseen rows, and the coordinates q on them.

        They end with the first that does no better on the rows of a fold than noise would, and at
        20; the directions tried there are those of the other folds.

        Parameters
        ----------
        Y : ndarray of shape (n, p)
        fold : ndarray of int of shape (n,)
        """
        centre, scale = _moments(Y)
        U = (Y - centre) / scale
        left = _left_over(U, fold)
        rank = _worthwhile((left**2).mean(axis=(1, 2)), Y.shape[1])
        basis, rest = _basis(U)[:rank], scale * np.sqrt((left[rank] ** 2).mean(axis=0))
        return cls(centre, scale, np.zeros(len(basis)), basis * scale, rest), U @ basis.T

    def responses(self, q: Floats) -> Floats:
        """Return the responses at predictions of shape (..., r), shape (..., p)."""
        responses: Floats = self.centre + (q - self.origin) @ self.map
        return responses

    def deviations(self, sd: Floats) -> Floats:
        """Return the responses' deviations from independent ones of q, of shape (m, r)."""
        return np.sqrt(sd**2 @ self.map**2 + self.rest**2)


@dataclass(frozen=True, eq=False)
class ReachedOutputs:
    """Responses that stay within the runs' directions; their laws are normal.

    Parameters
    ----------
    predictors : tuple of Predictor
        One for each q of the directions.
    directions : Directions
    temperatures : ndarray of shape (p,)
        Factor on each response's deviation: the q were taken for independent.
    """

    predictors: tuple[Predictor, ...]
    directions: Directions
    temperatures: Floats

    @classmethod
    def of(cls, comparisons: list[Comparison], directions: Directions, Y: Floats) -> ReachedOutputs:
        """Calibrate the responses' deviations out of fold."""
        mean, sd = _out_of_fold(comparisons, directions)
        temperatures = temper(
            (Y - directions.centre) / directions.scale,
            (mean - directions.centre) / directions.scale,
            np.maximum(sd / directions.scale, _ROUNDING),
        )
        return cls(tuple(each.predictor for each in comparisons), directions, temperatures)

    def out_of_fold(self, comparisons: list[Comparison]) -> list[Mixture]:
        """Return the out-of-fold law of each response."""
        mean, sd = _out_of_fold(comparisons, self.directions)
        return self._normal(mean, sd * self.temperatures)

    def laws(self, Z: Floats) -> list[Mixture]:
        """Return the law of each of the p responses at the rows of `Z`, (m, d)."""
        return self._normal(*self.moments(Z))

    def moments(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return means and standard deviations, each of shape (m, p)."""
        mean, sd = SeparateOutputs(self.predictors).moments(Z)
        return (
            self.directions.responses(mean),
            self.directions.deviations(sd) * self.temperatures,
        )

    def sample(self, Z: Floats, n: int, rng: np.random.Generator) -> Floats:
        """Draw responses that hang together over rows and outputs, shape (n, m, p).

        What the directions leave of the responses is not drawn: linear identities hold in a draw.
        """
        drawn = SeparateOutputs(self.predictors).sample(Z, n, rng)
        return self.directions.responses(drawn)

    def covariance(self, Z: Floats) -> Floats:
        """Return the covariance over the rows, shape (p, m, m)."""
        parts = SeparateOutputs(self.predictors).covariance(Z)
        shares = self.directions.map**2
        rest = self.directions.rest[:, None, None] ** 2 * np.eye(len(Z))
        factor = self.temperatures[:, None, None] ** 2
        covariance: Floats = factor * (np.einsum("rp,rmk->pmk", shares, parts) + rest)
        return covariance

    def _normal(self, mean: Floats, sd: Floats) -> list[Mixture]:
        laws = []
        for j, (centre, scale) in enumerate(
            zip(self.directions.centre, self.directions.scale, strict=True)
        ):
            warp = Warp("identity", centre, scale, 1.0, 0.0, 1.0, -np.inf, np.inf)
            deviation = np.maximum(sd[:, j] / scale, _ROUNDING)
            laws.append(Mixture((Component(warp, 1.0, (mean[:, j] - centre) / scale, deviation),)))
        return laws


Outputs = SeparateOutputs | ReachedOutputs


def fit_outputs(
    Y: Floats,
    fold: Ints,
    compare_one: Callable[[Floats], Comparison],
    *,
    preserve: bool,
    field: bool,
) -> tuple[Outputs, list[Comparison], list[Mixture]]:
    """Fit all responses; return predictor, comparisons, and the laws of the responses out of fold.

    Parameters
    ----------
    Y : ndarray of shape (n, p)
    fold : ndarray of int of shape (n,)
    compare_one : callable
        Compares the members on one response of shape (n,).
    preserve, field : bool
        See `SurrogateRegressor`; a field preserves too.
    """
    if not (preserve or field):
        comparisons = [compare_one(y) for y in Y.T]
        separate = SeparateOutputs(tuple(each.predictor for each in comparisons))
        return separate, comparisons, [each.law for each in comparisons]
    directions, Q = Directions.reducing(Y, fold) if field else Directions.projecting(Y)
    comparisons = [compare_one(q) for q in Q.T]
    outputs = ReachedOutputs.of(comparisons, directions, Y)
    return outputs, comparisons, outputs.out_of_fold(comparisons)


def _moments(Y: Floats) -> tuple[Floats, Floats]:
    scale = Y.std(axis=0)
    return Y.mean(axis=0), np.where(scale > 0, scale, 1.0)


def _basis(U: Floats) -> Floats:
    _, values, basis = np.linalg.svd(U, full_matrices=False)
    rank = max(int((values > _ROUNDING * values[0]).sum()), 1)
    kept: Floats = basis[:rank]
    return kept


def _worthwhile(left: Floats, p: int) -> int:
    """Return how many directions to keep when 0, 1, … leave so much variance of unseen rows."""
    for rank in range(1, len(left)):
        blind = left[rank - 1] / (p - rank + 1)
        nothing = left[rank - 1] <= _NOTHING * left[0]
        if nothing or left[rank - 1] - left[rank] <= _BLIND * blind:
            return max(rank - 1, 1)
    return len(left) - 1


def _left_over(U: Floats, fold: Ints) -> Floats:
    """Return what 0, 1, … directions of the other folds leave of every row, (ranks, n, p)."""
    bases, centres = [], []
    for k in range(int(fold.max()) + 1):
        centres.append(U[fold != k].mean(axis=0))
        bases.append(_basis(U[fold != k] - centres[k]))
    most = min(_MOST_COORDINATES, *(len(basis) for basis in bases))
    left = np.empty((most + 1, *U.shape))
    for k, (basis, centre) in enumerate(zip(bases, centres, strict=True)):
        rows = U[fold == k] - centre
        left[0, fold == k] = rows
        for rank in range(1, most + 1):
            left[rank, fold == k] = rows - (rows @ basis[:rank].T) @ basis[:rank]
    return left


def _out_of_fold(comparisons: list[Comparison], directions: Directions) -> tuple[Floats, Floats]:
    laws = [each.law for each in comparisons]
    mean = np.stack([law.mean() for law in laws], axis=1)
    sd = np.stack([law.std() for law in laws], axis=1)
    return directions.responses(mean), directions.deviations(sd)
