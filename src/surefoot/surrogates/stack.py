"""One response: members tried on shared folds, calibrated, and mixed into one predictive law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import UnmetError
from surefoot.surrogates.ensemble.mixture import Mixture, mixture_of
from surefoot.surrogates.ensemble.stacking import stack
from surefoot.surrogates.ensemble.temperature import temper
from surefoot.surrogates.ensemble.warps import by_row
from surefoot.surrogates.members import FittedMember, Member, Trial, try_members

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Predictor:
    """The predictive law of one response, wherever it is asked for.

    Parameters
    ----------
    members : tuple of FittedMember
    weights, temperatures : ndarray of shape (K,)
        Share of each member in the mixture, above zero, and the factor on its deviations.
    """

    members: tuple[FittedMember, ...]
    weights: Floats
    temperatures: Floats

    def law(self, Z: Floats) -> Mixture:
        """Return the law at the rows of `Z`, of shape (m, d)."""
        predicted = [member.predict(Z) for member in self.members]
        mean = np.stack([mean for mean, _ in predicted], axis=1)
        sd = np.stack([sd for _, sd in predicted], axis=1) * self.temperatures
        return mixture_of([member.warp for member in self.members], self.weights, mean, sd)

    def joint_sample(self, Z: Floats, n: int, rng: np.random.Generator) -> Floats:
        """Draw whole responses over the rows of `Z`, shape (n, m).

        A draw is of one member throughout. Its values hang together as that member's posterior
        says; those of members without a joint law, such as trees, are independent.
        """
        drawn = rng.choice(len(self.members), size=n, p=self.weights / self.weights.sum())
        paths = np.empty((n, len(Z)))
        for k, member in enumerate(self.members):
            mine = drawn == k
            mean, root = self._joint(member, Z)
            noise = rng.standard_normal((int(mine.sum()), len(Z)))
            warped = mean + self.temperatures[k] * (noise @ root.T)
            paths[mine] = member.warp.inverse(warped)
        return paths

    def covariance(self, Z: Floats) -> Floats:
        """Return the covariance of new responses at the rows of `Z`, shape (m, m).

        Between the members' means as the mixture has it; within a member its correlation in the
        warped response is taken for that of the response.
        """
        law = self.law(Z)
        total = np.zeros((len(Z), len(Z)))
        for component, member in zip(law.components, self.members, strict=True):
            mean, variance = component.moments()
            _, root = self._joint(member, Z)
            correlation = root @ root.T
            scale = np.sqrt(np.diag(correlation))
            sd = np.sqrt(variance) / scale
            shift = mean - law.mean()
            total += component.weight * (np.outer(shift, shift) + correlation * np.outer(sd, sd))
        return total

    @staticmethod
    def _joint(member: FittedMember, Z: Floats) -> tuple[Floats, Floats]:
        """Return the mean and a square root of the covariance of a member's warped response."""
        if not hasattr(member.model, "predict_cov"):
            mean, sd = member.predict(Z)
            return mean, np.diag(sd)
        mean, cov = member.model.predict_cov(Z)
        values, vectors = np.linalg.eigh(cov)
        return mean, vectors * np.sqrt(np.maximum(values, 0))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every member on the same folds: what weights, intervals and scores rest on.

    Attributes
    ----------
    y : ndarray of shape (n,)
    fold, groups : ndarray of int of shape (n,)
        Replicates have one group, and never two folds.
    trials : tuple of Trial
    left_out : dict of str to str
        Members that could not be tried, and why.
    """

    y: Floats
    fold: Ints
    groups: Ints
    trials: tuple[Trial, ...]
    left_out: dict[str, str]

    @property
    def names(self) -> list[str]:
        """Names of the members."""
        return [trial.full.member.name for trial in self.trials]

    @cached_property
    def temperatures(self) -> Floats:
        """The factor on each member's deviations, shape (K,)."""
        return temper(self._table("warped"), self._table("mean"), self._table("sd"))

    @cached_property
    def log_density(self) -> Floats:
        """Out-of-fold log density of every row under every tempered member, shape (n, K)."""
        laws = [self.member_law(k) for k in range(len(self.trials))]
        return np.stack([law.log_density(self.y) for law in laws], axis=1)

    @cached_property
    def weights(self) -> Floats:
        """Of the mixture with the best out-of-fold log score, shape (K,)."""
        return stack(self.log_density)

    def member_law(self, k: int) -> Mixture:
        """Return the out-of-fold law of member `k` at the n rows."""
        return self._out_of_fold(np.eye(len(self.trials))[k])

    @cached_property
    def law(self) -> Mixture:
        """The out-of-fold law of the mixture at the n rows."""
        return self._out_of_fold(self.weights)

    @cached_property
    def predictor(self) -> Predictor:
        """The mixture of the members that were fitted to all rows."""
        return self._mixed([trial.full for trial in self.trials])

    @cached_property
    def fold_predictors(self) -> list[Predictor]:
        """The mixtures of the members that never saw fold 0, 1, …"""
        count = int(self.fold.max()) + 1
        return [self._mixed([trial.folds[k] for trial in self.trials]) for k in range(count)]

    def _mixed(self, members: Sequence[FittedMember]) -> Predictor:
        used = np.flatnonzero(self.weights).tolist()
        few = tuple(members[k] for k in used)
        return Predictor(few, self.weights[used], self.temperatures[used])

    def _out_of_fold(self, weights: Floats) -> Mixture:
        warps = [by_row([fit.warp for fit in trial.folds], self.fold) for trial in self.trials]
        sd = self._table("sd") * self.temperatures
        return mixture_of(warps, weights, self._table("mean"), sd)

    def _table(self, name: str) -> Floats:
        return np.stack([getattr(trial, name) for trial in self.trials], axis=1)


def compare(
    members: Sequence[Member],
    Z: Floats,
    y: Floats,
    *,
    fold: Ints,
    groups: Ints,
    seed: int,
    n_jobs: int | None = None,
) -> Comparison:
    """Try every member on the same folds.

    Parameters
    ----------
    members : sequence of Member
    Z : ndarray of shape (n, d)
        In the unit cube.
    y : ndarray of shape (n,)
    fold, groups : ndarray of int of shape (n,)
    seed : int
    n_jobs : int, optional
        See `joblib.Parallel`; the numbers do not depend on it.

    Raises
    ------
    UnmetError
        If no member could be tried.
    """
    outcomes = try_members(members, Z, y, fold, seed=seed, n_jobs=n_jobs)
    named = list(zip([member.name for member in members], outcomes, strict=True))
    left_out = {name: outcome for name, outcome in named if isinstance(outcome, str)}
    trials = tuple(outcome for _, outcome in named if isinstance(outcome, Trial))
    if not trials:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        msg = f"no candidate could be fitted: {reasons}"
        raise UnmetError(msg)
    return Comparison(y, fold, groups, trials, left_out)
