"""`SurrogateRegressor`: many candidates in, one calibrated predictive law out."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.notices import warn
from surefoot.ground.saved import PathName
from surefoot.ground.streams import stream
from surefoot.surrogates import flags, intake, leaderboard, saved_regressor
from surefoot.surrogates.choice import CONSTANT, choose_members
from surefoot.surrogates.domain import Domain
from surefoot.surrogates.ensemble.conformal import cv_plus
from surefoot.surrogates.ensemble.folds import assign_folds, replicate_groups
from surefoot.surrogates.ensemble.mixture import Mixture
from surefoot.surrogates.ensemble.scores import score_law
from surefoot.surrogates.inputs import UnitCube
from surefoot.surrogates.outputs import ReachedOutputs, fit_outputs
from surefoot.surrogates.stack import Comparison, compare

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.surrogates.simulation.space import Space

Floats = NDArray[np.float64]
Extrapolation = Literal["warn", "raise", "nan", "ignore"]


class SurrogateWarning(UserWarning):
    """A table or a question that makes a surrogate doubtful; what was done about it is said."""


class SurrogateRegressor(RegressorMixin, BaseEstimator):
    """Compare many surrogates on one table of folds, and predict with their calibrated mixture.

    In every fold each candidate is learned again: warp of the response, polynomial basis, length
    scales. All rows decide only which are tried, and with `field` the coordinates. Each candidate's
    deviations are calibrated out of fold, weights maximise the out-of-fold log score, and the
    predictive law is the mixture: its mean, quantiles, density and samples all come from it. Naive
    baselines compete too.

    Parameters
    ----------
    candidates : "default" or sequence of str, Candidate, estimator or (name, estimator)
        Names as in `surefoot.surrogates.candidates.registry`; "default" among them stands for the
        default list, which depends on the size of the table and on a first look at it. Any
        scikit-learn regressor may compete. The naive baselines always do.
    cv : int, optional
        Number of folds. Without it 10, or leave-one-out below 15 distinct inputs.
    warps : "auto" or sequence of str
        Warps of the response that every candidate is tried under, see
        `surefoot.surrogates.ensemble.warps`. "auto": those that the responses call for.
    space : Space, optional
        Declared inputs: ranges, scales, categories. Without it the range of the rows is taken, and
        columns of text are categories. With it, columns are put in order by name.
    noise : {"auto", "none", "free"}
        Whether a repeated run gives another response. "none" refuses a table that shows it does;
        "free" adds candidates for noise; "auto" looks.
    linear_constraints : {None, "preserve"}
        With "preserve", whatever is linear and true of all responses of the table, such as parts
        that sum to one, is true of every prediction: it is projected onto what the runs reach.
    field : bool
        Whether the responses are one field or curve: they are reduced to as many principal
        coordinates as describe unseen rows (at most 20).
    n_jobs : int, optional
        Of `joblib.Parallel`; the numbers don't depend on it.
    random_state : int, RandomState or None
        Keys folds and everything random.

    Attributes
    ----------
    comparisons_ : list of Comparison
        Of each response (of each principal coordinate): members, out-of-fold table, weights.
    scores_ : list of Scores
        Of each response, out of fold.
    remarks_ : list of str
        What was found in the table, and what was done about it.
    domain_ : Domain
    fold_ : ndarray of int of shape (n,)
    output_names_ : list of str
        Of the responses; ``y0`` … where they have none.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(size=(30, 2))
    >>> y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
    >>> model = SurrogateRegressor(candidates=["pce", "gp-se"], cv=5).fit(X, y)
    >>> mean, sd = model.predict([[0.5, 0.5]], return_std=True)
    >>> abs(float(mean[0]) - (np.sin(1.5) + 0.25)) < 0.01
    True

    References
    ----------
    Semenova et al., arXiv 2502.06753 (what must be reported); Yao et al., "Using stacking to
    average Bayesian predictive distributions", Bayesian Analysis 2018.
    """

    def __init__(
        self,
        candidates: str | Sequence[Any] = "default",
        *,
        cv: int | None = None,
        warps: str | Sequence[str] = "auto",
        space: Space | None = None,
        noise: Literal["auto", "none", "free"] = "auto",
        linear_constraints: Literal["preserve"] | None = None,
        field: bool = False,
        n_jobs: int | None = None,
        random_state: Any = 0,
    ) -> None:
        self.candidates = candidates
        self.cv = cv
        self.warps = warps
        self.space = space
        self.noise = noise
        self.linear_constraints = linear_constraints
        self.field = field
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, failed: ArrayLike | None = None) -> Self:
        """Compare the candidates and keep their mixture.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
        y : array-like of shape (n,) or (n, p)
            Finite; leave failed runs out.
        failed : array-like or DataFrame of shape (k, d), optional
            Inputs of runs that failed: where others would too is outside of the domain.

        Raises
        ------
        InputError
            NaN or infinity, fewer than five rows, more folds than distinct inputs, unknown
            categories, and with ``noise="none"`` equal inputs with different responses.

        Warns
        -----
        SurrogateWarning
            If all responses are equal.
        """
        self._check_parameters()
        self._seed = _seed(self.random_state)
        X, Y = intake.learn(self, X, y)
        self._cube = UnitCube.learn(X, intake.names(self), self._space)
        Z, groups = self._cube.encode(X), replicate_groups(self._cube.encode(X))
        Z, Y, groups, self._noisy, self.remarks_ = intake.settle_replicates(
            Z, Y, groups, self.noise, [*self._fixed, *self._cube.dropped]
        )
        intake.refuse_too_few(len(np.unique(groups)))
        self.fold_ = assign_folds(groups, self.cv, self._seed)
        self.domain_ = Domain.learn(
            Z,
            self.fold_,
            declared=self.space is not None,
            failed=None if failed is None else self._failed(failed),
        )
        self._model, self.comparisons_, laws = fit_outputs(
            Y,
            self.fold_,
            partial(self._compare, Z, groups),
            preserve=self.linear_constraints is not None,
            field=self.field,
        )
        self.scores_ = [score_law(y, law, groups) for y, law in zip(Y.T, laws, strict=True)]
        for name, response in zip(self.output_names_, Y.T, strict=True):
            self.remarks_ += flags.of_response(name, response)
        for name, compared in zip(self._response_names(), self.comparisons_, strict=True):
            self.remarks_ += flags.of_fit(name, compared)
        self.remarks_ = list(dict.fromkeys(self.remarks_))
        if CONSTANT in self.remarks_:
            warn(CONSTANT, SurrogateWarning)
        return self

    def predict(
        self,
        X: ArrayLike,
        return_std: bool = False,
        return_cov: bool = False,
        *,
        on_extrapolation: Extrapolation = "warn",
    ) -> Any:
        """Return the mean of the predictive law.

        Parameters
        ----------
        X : array-like or DataFrame of shape (m, d)
        return_std : bool
            Whether to return the law's standard deviation too.
        return_cov : bool
            Whether to return the covariance over the rows too, of shape (m, m), or (p, m, m).
        on_extrapolation : {"warn", "raise", "nan", "ignore"}
            What to do about rows outside of `in_domain`.

        Returns
        -------
        mean : ndarray of shape (m,) or (m, p)
        std or cov : ndarray
        """
        check_is_fitted(self)
        X = intake.check(self, X)
        Z = self._cube.encode(X)
        outside = self._handle_outside(X, Z, on_extrapolation)
        mean, std = self._model.moments(Z)
        if outside is not None:
            mean[outside] = std[outside] = np.nan
        if return_cov:
            covariance = self._model.covariance(Z)
            if outside is not None:
                covariance[:, outside] = covariance[:, :, outside] = np.nan
            return self._shaped(mean), covariance[0] if self._single else covariance
        return (self._shaped(mean), self._shaped(std)) if return_std else self._shaped(mean)

    def predict_law(self, X: ArrayLike) -> Mixture | list[Mixture]:
        """Return the predictive law itself at the rows of `X`; for several responses, a list."""
        laws = self._model.laws(self._points(X))
        return laws[0] if self._single else laws

    def predict_quantiles(self, X: ArrayLike, q: ArrayLike) -> Floats:
        """Return quantiles of shape (m, len(q)), or (m, p, len(q)).

        Parameters
        ----------
        q : array-like of float
            Probabilities in (0, 1).
        """
        quantiles = [law.quantile(q) for law in self._model.laws(self._points(X))]
        return quantiles[0] if self._single else np.stack(quantiles, axis=1)

    def predict_interval(
        self,
        X: ArrayLike,
        level: float = 0.95,
        method: Literal["model", "conformal"] = "model",
    ) -> tuple[Floats, Floats]:
        """Return lower and upper ends, each of shape (m,) or (m, p).

        Parameters
        ----------
        X : array-like or DataFrame of shape (m, d)
        level : float
        method : {"model", "conformal"}
            The central interval of the predictive law; or CV+, which needs no law to be right:
            in practice it covers the level, see `surefoot.surrogates.ensemble.conformal` for what
            is proved. The weights have seen all rows, which the proof does not foresee.
        """
        Z = self._points(X)
        if one_of("method", method, ("model", "conformal")) == "model":
            ends = [law.interval(level) for law in self._model.laws(Z)]
        else:
            ends = [self._conformal(each, Z, level) for each in self._separate("conformal")]
        lower, upper = (np.stack(end, axis=1) for end in zip(*ends, strict=True))
        return self._shaped(lower), self._shaped(upper)

    def sample(self, X: ArrayLike, n: int = 1, seed: int = 0) -> Floats:
        """Draw whole functions: responses that hang together over the rows of `X`.

        Returns
        -------
        ndarray of shape (n, m) or (n, m, p)
        """
        if n < 0:
            raise InputError("n", n, "a number of draws, 0 or more")
        drawn = self._model.sample(self._points(X), n, stream(seed, "surrogate sample"))
        return drawn[:, :, 0] if self._single else drawn

    def log_prob(self, X: ArrayLike, y: ArrayLike) -> Floats:
        """Return the log density of responses `y`, of shape (m,) or (m, p)."""
        Y = np.asarray(y, dtype=np.float64)
        Y = Y[:, None] if self._single and Y.ndim == 1 else Y
        laws = self._model.laws(self._points(X))
        if Y.shape != (len(laws[0]), len(laws)):
            raise InputError("y", f"shape {Y.shape}", f"shape {(len(laws[0]), len(laws))}")
        logs = [law.log_density(column) for law, column in zip(laws, Y.T, strict=True)]
        return self._shaped(np.stack(logs, axis=1))

    def in_domain(self, X: ArrayLike) -> NDArray[np.bool_]:
        """Return whether each row is inside the declared box and near enough to the rows fitted.

        Near enough is what the out-of-fold scores were measured at, see `Domain`. It is false where
        the runs that failed say that others would fail too, and where a column that was constant in
        the fit has another value.
        """
        check_is_fitted(self)
        X = intake.check(self, X)
        return self._inside(X, self._cube.encode(X))

    @property
    def leaderboard_(self) -> pd.DataFrame:
        """Out-of-fold scores of the stack and every member, see `leaderboard.leaderboard`.

        Of several responses, one below the other with the column ``output``.
        """
        return leaderboard.of_all(self._compared(), self._response_names())

    @property
    def estimate_(self) -> list[dict[str, Any]]:
        """Of each response: nrmse and nlpd of the stack, corrected for choosing its weights."""
        return [leaderboard.corrected(each, self._seed) for each in self._separate("estimate_")]

    @property
    def weights_(self) -> list[dict[str, float]]:
        """Of each response (or coordinate): the members of the mixture and their shares."""
        check_is_fitted(self)
        return [
            {
                member.member.name: float(weight)
                for member, weight in zip(each.members, each.weights, strict=True)
            }
            for each in self._model.predictors
        ]

    def save(self, path: PathName) -> None:
        """Write what predictions need into one .npz file: arrays and JSON, no pickle.

        The folds are not in it: conformal intervals and the leaderboard need the fit.
        """
        check_is_fitted(self)
        saved_regressor.save(self, path)

    @classmethod
    def load(cls, path: PathName) -> Self:
        """Return the regressor that `save` wrote; it predicts bit for bit the same."""
        return saved_regressor.load(cls, path)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _compare(self, Z: Floats, groups: NDArray[np.intp], y: Floats) -> Comparison:
        members, remarks = choose_members(
            self.candidates, self.warps, Z, y, noisy=self._noisy, noise=self.noise, seed=self._seed
        )
        compared = compare(
            members, Z, y, fold=self.fold_, groups=groups, seed=self._seed, n_jobs=self.n_jobs
        )
        self.remarks_ += remarks
        self.remarks_ += [
            f"candidate {name} was left out: {why}" for name, why in compared.left_out.items()
        ]
        return compared

    def _conformal(self, comparison: Comparison, Z: Floats, level: float) -> tuple[Floats, Floats]:
        law = comparison.law
        scores = np.abs(comparison.y - law.mean()) / law.std()
        laws = [each.law(Z) for each in comparison.fold_predictors]
        mean, sd = np.stack([w.mean() for w in laws]), np.stack([w.std() for w in laws])
        return cv_plus(scores, comparison.fold, mean, sd, level)

    def _check_parameters(self) -> None:
        one_of("noise", self.noise, ("auto", "none", "free"))
        if self.linear_constraints is not None:
            one_of("linear_constraints", self.linear_constraints, ("preserve",))
        if self.cv is not None and not (isinstance(self.cv, numbers.Integral) and self.cv >= 2):
            raise InputError("cv", self.cv, "a whole number of folds, 2 or more")

    def _points(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        return self._cube.encode(intake.check(self, X))

    def _inside(self, X: Any, Z: Floats) -> NDArray[np.bool_]:
        return self.domain_.contains(Z) & ~self._cube.strays(X)

    def _failed(self, X: ArrayLike) -> Floats:
        # Failures elsewhere in a constant column would stand for this side of it.
        X = intake.check(self, X)
        return self._cube.encode(X)[~self._cube.strays(X)]

    def _handle_outside(self, X: Any, Z: Floats, rule: str) -> NDArray[np.bool_] | None:
        one_of("on_extrapolation", rule, ("warn", "raise", "nan", "ignore"))
        if rule == "ignore":
            return None
        outside = ~self._inside(X, Z)
        if not outside.any():
            return None
        first = int(np.argmax(outside))
        found = f"{int(outside.sum())} of {len(Z)} rows outside the domain (the first: row {first})"
        if rule == "raise":
            raise InputError("X", found, "rows of which in_domain is true")
        if rule == "warn":
            warn(f"{found}: the scores say nothing about them", SurrogateWarning)
            return None
        return outside

    def _compared(self) -> list[Comparison]:
        check_is_fitted(self)
        if not self.comparisons_:
            raise InputError("a loaded surrogate", "no folds in its file", "one that was fitted")
        return self.comparisons_

    def _separate(self, what: str) -> list[Comparison]:
        compared = self._compared()
        if isinstance(self._model, ReachedOutputs):
            found = "responses that were fitted as one field, or projected to preserve identities"
            raise InputError(what, found, "responses fitted each on its own")
        return compared

    def _response_names(self) -> list[str]:
        if self.field:
            return [f"coordinate {k}" for k in range(len(self.comparisons_))]
        return list(self.output_names_)

    def _shaped(self, values: Floats) -> Floats:
        return values[:, 0] if self._single else values


def _seed(random_state: Any) -> int:
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))
