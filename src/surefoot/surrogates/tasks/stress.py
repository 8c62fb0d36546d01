"""How does a surrogate do where it is asked more than its folds ask of it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from surefoot.ground.errors import InputError
from surefoot.ground.numerals import number
from surefoot.ground.streams import stream
from surefoot.surrogates.simulation.space import Categorical, Space
from surefoot.surrogates.tasks.asking import Result, moments

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Fit = Callable[[Any, Floats], Any]

_OUTSIDE = 0.3
_WORSE = 2.0
_COVERED = 0.8


@dataclass(frozen=True)
class Probe:
    """Scores on rows that were not learned from.

    Attributes
    ----------
    name : str
    n : int
        How many rows were predicted.
    nrmse : float
        Root mean square error in standard deviations of all responses.
    nlpd : float
        Mean negative log density of the response, in the same unit, under a normal law with the
        surrogate's moments.
    coverage : float
        Share of responses in its 95% interval.
    flagged : bool
        Whether the error is more than twice that of ordinary folds, or less than 80% are covered.
    """

    name: str
    n: int
    nrmse: float
    nlpd: float
    coverage: float
    flagged: bool = False

    def __str__(self) -> str:
        mark = " (!)" if self.flagged else ""
        return f"{self.name} {number(self.nrmse)}, {self.coverage:.0%} covered{mark}"


@dataclass(frozen=True)
class StressResult(Result):
    """Ordinary folds and the three probes.

    Attributes
    ----------
    folds : Probe
        What the probes are held against.
    outward : Probe
        From the inner 70% of the rows to the outer ones.
    corner : Probe
        From the rest to the tenth of the rows nearest to the corner of all largest inputs.
    noise : Probe
        The folds again, predicted at inputs that are slightly off.
    """

    folds: Probe
    outward: Probe
    corner: Probe
    noise: Probe

    def __str__(self) -> str:
        probes = (self.folds, self.outward, self.corner, self.noise)
        return f"NRMSE in stress: {'; '.join(map(str, probes))}"


@dataclass(frozen=True)
class Stress:
    """Refit a surrogate without the rows it will be asked about, harder ones each time.

    Parameters
    ----------
    n_folds : int
        Of the ordinary folds.
    input_noise : float
        Standard deviation of the inputs' error, in shares of their ranges. Levels have none.
    seed : int
    """

    n_folds: int = 5
    input_noise: float = 0.01
    seed: int = 0

    def run(self, fit: Fit, X: pd.DataFrame, y: ArrayLike, space: Space) -> StressResult:
        """Return the scores of all probes.

        Parameters
        ----------
        fit : callable
            ``fit(X, y)`` returns a new surrogate, fitted.
        X : DataFrame of shape (n, d)
            Inputs, as `space` names them.
        y : array-like of shape (n,)
            One output.
        space : Space

        Raises
        ------
        InputError
            If there are fewer than ten rows, or `y` does not vary.
        """
        responses = np.asarray(y, dtype=float)
        X, U = space.check(X), space.to_unit(X)
        if responses.shape != (len(X),):
            raise InputError("y", responses.shape, f"({len(X)},), one output")
        if len(X) < 10:
            raise InputError("rows", len(X), "ten or more")
        if not responses.std() > 0:
            raise InputError("y", "one value in all rows", "responses that differ")
        table = _Table(fit, X, responses)
        exact, noisy = self._over_folds(table, space, U)
        folds = table.scored("folds", exact)
        outward, corner = _outermost(U), _nearest_to_corner(U)
        return StressResult(
            folds,
            table.scored("outward", table.predicted(outward), folds),
            table.scored("corner", table.predicted(corner), folds),
            table.scored("input noise", noisy, folds),
        )

    def _over_folds(self, table: _Table, space: Space, U: Floats) -> tuple[_Answers, _Answers]:
        """Return what the folds' surrogates say at the rows left out, and beside them."""
        random = stream(self.seed, "stress")
        order = random.permutation(len(U))
        numeric = np.array([not isinstance(one, Categorical) for one in space.dimensions.values()])
        errors = self.input_noise * random.standard_normal(U.shape) * numeric
        beside = space.from_unit(np.clip(U + errors, 0, 1))
        exact, noisy = [], []
        for held in np.array_split(order, self.n_folds):
            surrogate = table.without(held)
            exact.append((held, *moments(surrogate, table.X.iloc[held], 0)))
            noisy.append((held, *moments(surrogate, beside.iloc[held], 0)))
        return _joined(exact), _joined(noisy)


_Answers = tuple[Rows, Floats, Floats]


@dataclass(frozen=True, eq=False)
class _Table:
    """The runs, and how to learn from some of them."""

    fit: Fit
    X: pd.DataFrame
    y: Floats

    def without(self, held: Rows) -> Any:
        kept = np.setdiff1d(np.arange(len(self.y)), held)
        return self.fit(self.X.iloc[kept].reset_index(drop=True), self.y[kept])

    def predicted(self, held: Rows) -> _Answers:
        return (held, *moments(self.without(held), self.X.iloc[held], 0))

    def scored(self, name: str, answers: _Answers, folds: Probe | None = None) -> Probe:
        (rows, mean, sd), unit = answers, self.y.std()
        # A surrogate that claims to be certain is scored as one that is nearly so.
        z, spread = (self.y[rows] - mean) / unit, np.maximum(sd / unit, 1e-12)
        nrmse = float(np.sqrt(np.mean(z**2)))
        coverage = float(np.mean(np.abs(z) <= norm.ppf(0.975) * spread))
        flagged = folds is not None and (nrmse > _WORSE * folds.nrmse or coverage < _COVERED)
        nlpd = float(-norm.logpdf(z, scale=spread).mean())
        return Probe(name, len(rows), nrmse, nlpd, coverage, flagged)


def _outermost(U: Floats) -> Rows:
    """Return the rows outside of the inner box that holds 70% of them."""
    radius = np.abs(U - 0.5).max(axis=1)
    return np.argsort(radius, kind="stable")[-round(_OUTSIDE * len(U)) :]


def _nearest_to_corner(U: Floats) -> Rows:
    return np.argsort(np.linalg.norm(1 - U, axis=1), kind="stable")[: max(len(U) // 10, 2)]


def _joined(parts: list[_Answers]) -> _Answers:
    rows, means, sds = (np.concatenate(one) for one in zip(*parts, strict=True))
    return rows, means, sds
