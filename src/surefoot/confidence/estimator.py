"""What the estimators of the room share: scikit-learn's contract around one `ChainEngine`."""

from __future__ import annotations

import copy
import numbers
import warnings
from abc import abstractmethod
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from surefoot.confidence.coordinates import as_names
from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.health import FEWEST_STEPS, ConfidenceWarning, health_of
from surefoot.confidence.intervals_of_chains import check_level
from surefoot.confidence.losses import Loss
from surefoot.confidence.parameters import SGDParameters, share, whole
from surefoot.confidence.result import InferenceResult
from surefoot.confidence.rows import Rows
from surefoot.confidence.schedule import batch_size_for
from surefoot.ground.errors import InputError, UnmetError
from surefoot.ground.streams import stream

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

# Finiteness is checked by ourselves, to say where.
_ANY_NUMBERS: dict[str, Any] = {"dtype": np.float64, "ensure_all_finite": False}


@dataclass(kw_only=True, eq=False, repr=False)
class SGDInference(SGDParameters):
    """Base of the room's estimators: a linear model by SGD, with its uncertainty on the way.

    Parameters are those of `SGDParameters`.

    Attributes
    ----------
    coef_, intercept_, coef_std_ : ndarray or float
        The averaged run, and standard errors of its coefficients.
    result_ : InferenceResult
        Over all parameters, the intercept first as "const".
    diagnostics_ : dict
        Numbers of `surefoot.confidence.health`.
    n_seen_, n_steps_ : int
        Rows seen and minibatches processed.
    """

    def conf_int(self, level: float | None = None, **options: Any) -> pd.DataFrame:
        """Return confidence intervals; options as in `InferenceResult.conf_int`."""
        return self._fitted().conf_int(level, **options)

    def summary(self, level: float | None = None) -> str:
        """Return the estimates as a table of text, with what is known about the run."""
        return self._fitted().summary(level)

    @abstractmethod
    def _loss(self) -> Loss:
        """Return the loss the parameters describe."""

    @abstractmethod
    def _publish(self, coef: Floats, intercept: float, std_errors: Floats) -> None:
        """Set the fitted attributes that bear scikit-learn's names."""

    def _begin(self) -> int:
        """Forget everything, check what needs no rows, and return the key of the run."""
        check_level(self.confidence_level)
        share("alpha", self.alpha, below=np.inf)
        self._names()
        # A failing fit must not leave the results of an earlier one.
        self.__dict__.pop("result_", None)
        self._engine: ChainEngine | None = None
        self._waiting: Rows | None = None
        self._n_rows, self._warned = 0, set[str]()
        if isinstance(self.random_state, numbers.Integral):
            self._seed = int(self.random_state)
        else:
            self._seed = int(check_random_state(self.random_state).randint(2**31))
        return self._seed

    def _fit(self, rows: Rows) -> None:
        """Run over the rows, of which there are no more."""
        n, seed = len(rows), self._begin()
        if n < 2:
            raise InputError("X", f"n_samples = {n}", "two rows or more")
        epochs = whole("n_epochs", self.n_epochs, 1)
        burn_in = int(share("burn_in", self.burn_in) * n)
        for epoch in range(epochs):
            ordered = rows
            if self.shuffle:
                order = stream(seed, "shuffle", epoch).permutation(n)
                ordered = Rows(*(column[order] for column in vars(rows).values()))
            if self._engine is None:
                head = ordered[: self._pilot_rows(self._d)]
                options = {"batch_size": batch_size_for(n), "burn_in": burn_in, "seed": seed}
                self._engine = self._new_engine(self._loss(), head, **options)
            else:
                self._engine.start_epoch()
            self._engine.consume(**_arguments(ordered))
        self._n_rows = n
        self._settle(judge_from=0)

    def _partial_fit(self, rows: Rows) -> None:
        """Run over the rows, of which there may be more; a pilot waits until it is complete."""
        for name, only in (("burn_in", 0), ("n_epochs", 1)):
            if getattr(self, name) != only:
                allowed = f"{only} in partial_fit, which does not know the whole stream"
                raise InputError(name, getattr(self, name), allowed)
        if not hasattr(self, "_n_rows"):
            self._begin()
        seen = self._n_rows + len(rows)
        rows = Rows(rows.X, rows.y, rows.ids + self._n_rows, rows.sample_weight)
        if self._engine is None:
            rows = rows if self._waiting is None else self._waiting.then(rows)
            n_pilot = self._pilot_rows(self._d)
            if len(rows) < n_pilot:
                self._waiting, self._n_rows = rows.copy(), seen
                return
            options = {"batch_size": batch_size_for(None), "burn_in": 0, "seed": self._seed}
            self._engine = self._new_engine(self._loss(), rows[:n_pilot], **options)
            self._waiting = None
        self._engine.consume(**_arguments(rows))
        self._n_rows = seen
        self._settle(judge_from=FEWEST_STEPS)

    def _settle(self, judge_from: int) -> None:
        """Set the results of all rows so far, and warn of what was not warned of before."""
        # A copy takes in the rows that wait for a full minibatch, and the run goes on without:
        # chunking changes nothing.
        engine = copy.deepcopy(self._engine)
        assert engine is not None
        engine.finish()
        averages = engine.averages()
        if not np.isfinite(averages.estimate).all():
            msg = "the run is not finite: take smaller steps (c0, k0), or a pilot like all rows"
            raise UnmetError(msg)
        names = self._names()
        health = health_of(engine, averages, names)
        self.n_seen_, self.n_steps_ = self._n_rows, engine.n_steps
        self.diagnostics_ = health.diagnostics
        self.result_ = InferenceResult(
            averages.estimate,
            averages.chains,
            names,
            n_seen=self.n_seen_,
            n_steps=self.n_steps_,
            confidence_level=self.confidence_level,
            companions={name: self._spread(engine, name) for name in engine.companions},
            diagnostics=self.diagnostics_,
        )
        first = int(self.fit_intercept)
        intercept = self.result_.center[0] if first else 0.0
        self._publish(self.result_.center[first:], intercept, self.result_.std_errors[first:])
        judged = health.of_run() if engine.n_steps >= judge_from else {}
        for topic, remark in (health.of_rows() | judged).items():
            self._warn(topic, remark)

    def _spread(self, engine: ChainEngine, name: str) -> Floats:
        """Return half the length of a companion's intervals in units of the normal quantile."""
        try:
            lower, upper = engine.companion_interval(name, self.confidence_level)
        except np.linalg.LinAlgError:
            return np.full(self._d, np.nan)
        reach = NormalDist().inv_cdf((1 + self.confidence_level) / 2)
        return (upper - lower) / (2 * reach)

    def _warn(self, topic: str, remark: str) -> None:
        if topic not in self._warned:
            self._warned.add(topic)
            warnings.warn(remark, ConfidenceWarning, stacklevel=5)

    def _checked(self, X: Any, y: Any, reset: bool, **options: Any) -> tuple[Floats, NDArray[Any]]:
        if (targets := np.asarray(y)).dtype.kind == "f":
            all_finite("y", targets)
        X, y = validate_data(self, X, y, reset=reset, **_ANY_NUMBERS, **options)
        return all_finite("X", X), y

    def _as_rows(self, X: Floats, y: Floats, sample_weight: Any) -> Rows:
        """Return rows of the design, numbered from 0."""
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return Rows(self._design(X), y, np.arange(len(X)), weight)

    def _design(self, X: Floats) -> Floats:
        return np.column_stack([np.ones(len(X)), X]) if self.fit_intercept else X

    def _linear(self, X: Any) -> Floats:
        center = self._fitted().center
        X = validate_data(self, X, reset=False, **_ANY_NUMBERS)
        predictor: Floats = self._design(all_finite("X", X)) @ center
        return predictor

    def _fitted(self) -> InferenceResult:
        msg = None
        if waiting := len(getattr(self, "_waiting", None) or ()):
            needed = self._pilot_rows(self._d)
            msg = f"The pilot of this %(name)s needs {needed} rows and has {waiting}."
        check_is_fitted(self, "result_", msg=msg)
        return self.result_

    @property
    def _d(self) -> int:
        return int(self.n_features_in_) + int(self.fit_intercept)

    def _names(self) -> tuple[str, ...]:
        d = self.n_features_in_
        features = getattr(self, "feature_names_in_", [f"x{j + 1}" for j in range(d)])
        return as_names(["const", *features] if self.fit_intercept else features, self._d)


def _arguments(rows: Rows) -> dict[str, Any]:
    return {"X": rows.X, "y": rows.y, "row_ids": rows.ids, "sample_weight": rows.sample_weight}


def all_finite(where: str, values: Floats) -> Floats:
    """Refuse NaN and infinities, saying where the first one stands."""
    if not np.isfinite(values).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise InputError(where, f"NaN or infinity at {place}", "finite numbers; drop or impute")
    return values
