"""What the estimators of the room share: scikit-learn's contract around one `ChainEngine`."""

from __future__ import annotations

import copy
import numbers
from abc import abstractmethod
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from surefoot.confidence.coordinates import as_names
from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.health import FEWEST_STEPS, ConfidenceWarning
from surefoot.confidence.intake import arguments, naming_words, refuse_dates
from surefoot.confidence.losses import Loss
from surefoot.confidence.merged import merged
from surefoot.confidence.parameters import SGDParameters
from surefoot.confidence.pilot import Pilot
from surefoot.confidence.pushed import Link
from surefoot.confidence.result import InferenceResult
from surefoot.confidence.result_methods import ResultMethods
from surefoot.confidence.rows import Rows, as_rows
from surefoot.confidence.saved_models import load, save
from surefoot.confidence.shards import Shard, shard_of
from surefoot.ground.errors import InputError
from surefoot.ground.finite import all_finite
from surefoot.ground.notices import warn
from surefoot.ground.saved import PathName
from surefoot.ground.streams import Name, stream

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

# Finiteness is checked by ourselves, to say where.
_ANY_NUMBERS: dict[str, Any] = {"dtype": np.float64, "ensure_all_finite": False}


@dataclass(kw_only=True, eq=False, repr=False)
class SGDInference(ResultMethods, SGDParameters):
    """Base of the room's estimators: a linear model by SGD, with its uncertainty on the way.

    Parameters are those of `SGDParameters`, confidence sets and tests those of `ResultMethods`.

    Attributes
    ----------
    coef_, intercept_, coef_std_ : ndarray or float
        The averaged run, and standard errors of its coefficients.
    result_ : InferenceResult
        Over all parameters, the intercept first as "const".
    cov_, chains_, pvalues_ : ndarray
        Of the result.
    diagnostics_ : dict
        Numbers of `surefoot.confidence.health`.
    n_seen_, n_steps_ : int
        Rows seen and minibatches processed.
    """

    @abstractmethod
    def _loss(self) -> Loss:
        """Return the loss the parameters describe."""

    @abstractmethod
    def _encoded(self, y: NDArray[Any]) -> Floats:
        """Return targets as the loss takes them."""

    @abstractmethod
    def _labels(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return the classes that appear among targets, if there are classes."""

    @abstractmethod
    def _learn_classes(self, labels: NDArray[Any], where: str = "classes") -> None:
        """Set the classes that appear in `labels`, if there are classes."""

    @abstractmethod
    def _set_coefficients(self, coef: Floats, intercept: float, std_errors: Floats) -> None:
        """Set the fitted attributes that bear scikit-learn's names."""

    def merge(self, other: Self) -> Self:
        """Return the model of the rows of both, as if one run had seen them.

        The averages, chain by chain, are means weighted by rows; see `Shard.merged` for the rest.
        Merging is commutative and, up to rounding, associative. It can't be seen whether a row is
        in both: it then counts twice, and intervals are too short.

        Parameters
        ----------
        other : SGDInferenceRegressor or SGDInferenceClassifier
            Fitted, with the same parameters but for `random_state`, and the same features.

        Returns
        -------
        SGDInferenceRegressor or SGDInferenceClassifier
            A new model. It can be merged again, but not go on with `partial_fit`.
        """
        return merged(self, other)

    def save(self, path: PathName) -> None:
        """Write the model, and the run as far as it got, to an .npz without pickle.

        A `random_state` is saved as the key that it gave, and a multiplier that has no name as its
        values.

        Parameters
        ----------
        path : path

        Raises
        ------
        StorageError
        """
        save(self, path)

    @classmethod
    def load(cls, path: PathName) -> Self:
        """Return a model that was saved; everything goes on as if it had not been.

        Parameters
        ----------
        path : path

        Raises
        ------
        InputError
            If there is no such file, or it is damaged, of another kind or of a later version.
        """
        return load(cls, path)

    def _begin(self) -> None:
        """Forget everything, check what needs no rows, and choose the key of the run."""
        self._check()
        self._forget()
        if isinstance(self.random_state, numbers.Integral):
            self._seed = int(self.random_state)
        else:
            self._seed = int(check_random_state(self.random_state).randint(2**31))

    def _forget(self) -> None:
        # A failing fit must not leave the results of an earlier one.
        for name in ("result_", "_shard"):
            self.__dict__.pop(name, None)
        self._engine: ChainEngine | None = None
        self._waiting: Rows | None = None
        self._n_rows, self._warned = 0, set[str]()

    def _adopt(self, shard: Shard, warned: Set[str] = frozenset()) -> None:
        """Take over the results of runs that were merged."""
        self._forget()
        self._n_rows, self._warned = shard.n_seen, set(warned)
        self._publish(shard)

    def _fit(self, rows: Rows) -> None:
        """Run over the rows, of which there are no more."""
        self._begin()
        self._names()  # refused here if two are alike
        if len(rows) < 2:
            raise InputError("X", f"n_samples = {len(rows)}", "two rows or more")
        self._engine = self._run(rows, len(rows))
        self._n_rows = len(rows)
        self._settle(judge_from=0)

    def _run(self, rows: Rows, n_rows: int, pilot: Pilot | None = None, *key: Name) -> ChainEngine:
        """Return an engine that has run over all epochs of `rows`.

        Without a pilot the first rows are it; `n_rows` decides the size of minibatches, and `key`
        the order if rows are shuffled.
        """
        engine = None
        for epoch in range(self.n_epochs):
            ordered = rows
            if self.shuffle:
                order = stream(self._seed, "shuffle", epoch, *key).permutation(len(rows))
                ordered = Rows(*(column[order] for column in vars(rows).values()))
            if engine is None:
                pilot = pilot or self._new_pilot(self._loss(), ordered[: self._pilot_rows(self._d)])
                engine = self._new_engine(pilot, n_rows, int(self.burn_in * len(rows)))
            else:
                engine.start_epoch()
            engine.consume(**arguments(ordered))
        assert engine is not None
        return engine

    def _partial_fit(self, rows: Rows) -> None:
        """Run over the rows, of which there may be more; a pilot waits until it is complete."""
        for name, only in (("burn_in", 0), ("n_epochs", 1)):
            if getattr(self, name) != only:
                allowed = f"{only} in partial_fit, which does not know the whole stream"
                raise InputError(name, getattr(self, name), allowed)
        if not hasattr(self, "_n_rows"):
            self._begin()
            self._names()
        elif self._engine is None and hasattr(self, "result_"):
            raise InputError("partial_fit", "a merged model", "a model that was fitted as one run")
        seen = self._n_rows + len(rows)
        if self._engine is None:
            rows = rows if self._waiting is None else self._waiting.then(rows)
            if len(rows) < self._pilot_rows(self._d):
                self._waiting, self._n_rows = rows.copy(), seen
                return
            self._start(rows, None)
            self._waiting = None
        assert self._engine is not None
        self._engine.consume(**arguments(rows))
        self._n_rows = seen
        self._settle(judge_from=FEWEST_STEPS)

    def _start(self, head: Rows, n_rows: int | None) -> ChainEngine:
        """Return the engine of a run over `n_rows` rows that begins with `head`."""
        pilot = self._new_pilot(self._loss(), head[: self._pilot_rows(self._d)])
        self._engine = self._new_engine(pilot, n_rows, int(self.burn_in * (n_rows or 0)))
        return self._engine

    def _new_engine(self, pilot: Pilot, n_rows: int | None, burn_in: int) -> ChainEngine:
        return ChainEngine(
            self._loss(),
            pilot,
            batch_size=self._batch_size(n_rows),
            ridge=self._ridge(pilot.d),
            burn_in=burn_in,
            seed=self._seed,
            **self._engine_options(),
        )

    def _settle(self, judge_from: int) -> None:
        """Set the results of all rows so far; judge how far a run got from so many steps on."""
        engine = self._engine
        assert engine is not None
        if engine.n_waiting:
            # A copy takes in the rows that wait for a full minibatch, and the run goes on without:
            # chunking changes nothing.
            engine = copy.deepcopy(engine)
            engine.finish()
        shard = shard_of(engine, self._names(), self._n_rows, self.confidence_level)
        self._publish(shard, judged=engine.n_steps >= judge_from)

    def _publish(self, shard: Shard, *, judged: bool = True) -> None:
        """Set the results, and warn of what was not warned of before."""
        averages, health = shard.averages, shard.health
        self._shard = shard
        self.n_seen_, self.n_steps_ = shard.n_seen, health.n_steps
        self.diagnostics_ = health.diagnostics
        self.result_ = InferenceResult(
            averages.estimate,
            averages.chains,
            self._names(),
            n_seen=self.n_seen_,
            n_steps=self.n_steps_,
            confidence_level=self.confidence_level,
            companions=shard.companions,
            diagnostics=self.diagnostics_,
        )
        first = int(self.fit_intercept)
        intercept = self.result_.center[0] if first else 0.0
        self._set_coefficients(
            self.result_.center[first:], intercept, self.result_.std_errors[first:]
        )
        for topic, remark in (health.of_rows() | (health.of_run() if judged else {})).items():
            self._warn(topic, remark)

    def _warn(self, topic: str, remark: str) -> None:
        if topic not in self._warned:
            self._warned.add(topic)
            warn(remark, ConfidenceWarning)

    def _learn_features(self, names: Sequence[str]) -> None:
        """Set what scikit-learn knows of a table, for one that it did not see."""
        self.n_features_in_ = len(names)
        self.__dict__.pop("feature_names_in_", None)
        if tuple(names) != tuple(self._default_names()):
            self.feature_names_in_ = np.array(names, dtype=object)
        self._names()

    def _checked(self, X: Any, y: Any, reset: bool, **options: Any) -> tuple[Floats, NDArray[Any]]:
        refuse_dates("y", y)
        if (targets := np.asarray(y)).dtype.kind == "f":
            all_finite("y", targets)
        with naming_words(X):
            X, y = validate_data(self, X, y, reset=reset, **_ANY_NUMBERS, **options)
        return all_finite("X", X), y

    def _as_rows(
        self, X: Floats, y: Floats, sample_weight: Any, row_ids: Any, first_id: int = 0
    ) -> Rows:
        """Return rows of the design; without ids they are numbered from `first_id`."""
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return as_rows(self._design(X), y, row_ids, weight, self._d, first_id)

    def _design(self, X: Floats) -> Floats:
        return np.column_stack([np.ones(len(X)), X]) if self.fit_intercept else X

    def _linear(self, X: Any) -> Floats:
        predictor: Floats = self._known_design(X) @ self.result_.center
        return predictor

    def _mean_frame(self, X: Any, level: float | None, link: Link = "identity") -> pd.DataFrame:
        """Return intervals for the mean at each row, with the index of X if it has one."""
        design = self._known_design(X)
        frame = self.result_.predict_interval(design, level, link)
        return frame.set_axis(X.index) if hasattr(X, "columns") else frame

    def _known_design(self, X: Any) -> Floats:
        self._fitted()
        with naming_words(X):
            X = validate_data(self, X, reset=False, **_ANY_NUMBERS)
        return self._design(all_finite("X", X))

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
        features = getattr(self, "feature_names_in_", self._default_names())
        return as_names(["const", *features] if self.fit_intercept else features, self._d)

    def _default_names(self) -> list[str]:
        return [f"x{j + 1}" for j in range(self.n_features_in_)]
