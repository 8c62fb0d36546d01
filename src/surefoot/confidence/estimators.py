"""Linear models by SGD that know how sure they are: a regressor and a classifier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from surefoot.confidence.estimator import SGDInference
from surefoot.confidence.intake import as_floats
from surefoot.confidence.losses import Huber, LogLoss, Loss, Quantile, Squared, sigmoid
from surefoot.confidence.streams.on_dask import fit_dask
from surefoot.confidence.streams.on_stream import fit_stream
from surefoot.ground.errors import InputError, one_of
from surefoot.ground.finite import all_finite

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
RegressionLoss = Literal["squared", "huber", "quantile"]

# With less than one pilot row beyond its quantile a run starts, and stays, too far inside.
_BEYOND_QUANTILE = 2


@dataclass(kw_only=True, eq=False, repr=False)
class SGDInferenceRegressor(RegressorMixin, SGDInference):
    """Linear regression in one pass, with confidence sets for its coefficients.

    All other parameters and attributes are those of `SGDParameters` and `SGDInference`.

    Parameters
    ----------
    loss : {"squared", "huber", "quantile"}
        What is predicted: the mean, a mean less moved by outliers, or a quantile.
    quantile : float
        Which one, in (0, 1).
    epsilon : float
        Residuals beyond are outliers to "huber", in units of the target.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(10_000, 2))
    >>> y = X @ [1, 0] + rng.normal(size=10_000)
    >>> model = SGDInferenceRegressor().fit(X, y)
    >>> intervals = model.conf_int()
    >>> list(intervals.index), bool(intervals.lower["x1"] < 1 < intervals.upper["x1"])
    (['const', 'x1', 'x2'], True)
    """

    loss: RegressionLoss = "squared"
    quantile: float = 0.5
    epsilon: float = 1.35

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        row_ids: ArrayLike | None = None,
    ) -> Self:
        """Train on a table.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), optional
            Multiplies the gradient.
        row_ids : array-like of int of shape (n,), optional
            Decide the weights of the chains; default: rows are numbered from 0.

        Warns
        -----
        ConfidenceWarning
            If rows or run make the confidence sets doubtful.
        """
        X, y = self._checked(X, y, reset=True)
        self._fit(self._as_rows(X, self._encoded(y), sample_weight, row_ids))
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        row_ids: ArrayLike | None = None,
    ) -> Self:
        """Go on with the next rows of a stream; how it is cut into chunks does not matter.

        Parameters and warnings as in `fit`; without ids rows are numbered on. Nothing is fitted
        before the pilot is complete. Rows that come again, as in a second pass, need the ids they
        had: with new ones they count as new rows, and intervals are too short.
        """
        X, y = self._checked(X, y, reset=not hasattr(self, "n_features_in_"))
        first_id = getattr(self, "_n_rows", 0)
        self._partial_fit(self._as_rows(X, self._encoded(y), sample_weight, row_ids, first_id))
        return self

    def fit_stream(self, stream: Any, *, progress: bool = False) -> Self:
        """Train on a stream of rows larger than memory.

        Parameters
        ----------
        stream : RowStream, or what `RowStream.from_batches` takes
            The first rows are the pilot, and have to be like all others: see `RowStream.shuffle`.
        progress : bool
            Whether to show a bar of rows, if the stream knows how many there are.

        Raises
        ------
        UnmetError
            If the run explodes, as rows in order of time may make it.

        Warns
        -----
        ConfidenceWarning
            As in `fit`, and if the rows are not in random order.
        """
        return fit_stream(self, stream, progress=progress)

    def fit_dask(self, data: Any, target: str, *, features: Sequence[str] | None = None) -> Self:
        """Train on a Dask collection; see `surefoot.confidence.streams.on_dask.fit_dask`."""
        return fit_dask(self, data, target, features=features)

    @overload
    def predict(self, X: ArrayLike, return_interval: Literal[False] = ...) -> Floats: ...
    @overload
    def predict(
        self, X: ArrayLike, return_interval: Literal[True], level: float | None = ...
    ) -> pd.DataFrame: ...
    def predict(
        self, X: ArrayLike, return_interval: bool = False, level: float | None = None
    ) -> Floats | pd.DataFrame:
        """Return the mean, or the quantile, for each row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
        return_interval : bool
            Whether to return a DataFrame with estimate, std_error, lower and upper: how sure the
            mean is, not where a new observation will fall.
        level : float, optional
            Of the intervals.
        """
        return self._mean_frame(X, level) if return_interval else self._linear(X)

    def _pilot_rows(self, d: int) -> int:
        rows, loss = super()._pilot_rows(d), self._loss()
        if isinstance(loss, Quantile) and self.pilot in ("auto", 0):
            return max(rows, math.ceil(_BEYOND_QUANTILE / loss.tail))
        return rows

    def _encoded(self, y: NDArray[Any]) -> Floats:
        return all_finite("y", as_floats("y", y))

    def _labels(self, y: NDArray[Any]) -> NDArray[Any]:
        return y[:0]

    def _learn_classes(self, labels: NDArray[Any], where: str = "classes") -> None:
        """Learn nothing: there are none."""

    def _loss(self) -> Loss:
        name = one_of("loss", self.loss, ("squared", "huber", "quantile"))
        if name == "squared":
            return Squared()
        return Huber(self.epsilon) if name == "huber" else Quantile(self.quantile)

    def _set_coefficients(self, coef: Floats, intercept: float, std_errors: Floats) -> None:
        self.coef_, self.intercept_, self.coef_std_ = coef, float(intercept), std_errors


@dataclass(kw_only=True, eq=False, repr=False)
class SGDInferenceClassifier(ClassifierMixin, SGDInference):
    """Logistic regression of two classes in one pass, with confidence sets for its coefficients.

    Parameters and attributes are those of `SGDParameters` and `SGDInference`. Coefficients are
    log-odds of the second of `classes_`; `coef_` and `coef_std_` have shape (1, d), `intercept_`
    (1,).

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
    """

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        row_ids: ArrayLike | None = None,
    ) -> Self:
        """Train on a table.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
        y : array-like of shape (n,)
            Labels of any type, two of them.
        sample_weight : array-like of shape (n,), optional
            Multiplies the gradient.
        row_ids : array-like of int of shape (n,), optional
            Decide the weights of the chains; default: rows are numbered from 0.

        Warns
        -----
        ConfidenceWarning
            If rows or run make the confidence sets doubtful.
        """
        X, y = self._labelled(X, y, reset=True)
        self.classes_ = _two_classes("y", y)
        rows = self._as_rows(X, self._encoded(y), sample_weight, row_ids)
        _two_classes("y where sample_weight > 0", y[rows.sample_weight > 0])
        self._fit(rows)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        row_ids: ArrayLike | None = None,
    ) -> Self:
        """Go on with the next rows of a stream; how it is cut into chunks does not matter.

        Nothing is fitted before the pilot is complete. Rows that come again, as in a second pass,
        need the ids they had: with new ones they count as new rows, and intervals are too short.

        Parameters
        ----------
        X, y, sample_weight, row_ids
            As in `fit`; without ids rows are numbered on.
        classes : array-like of shape (2,), optional
            Both labels; the first call needs them.
        """
        X, y = self._labelled(X, y, reset=not hasattr(self, "n_features_in_"))
        known = getattr(self, "classes_", None)
        if classes is not None:
            given = _two_classes("classes", np.asarray(classes))
            if known is not None and not np.array_equal(known, given):
                raise InputError("classes", given.tolist(), f"{known.tolist()}, as before")
            self.classes_ = given
        elif known is None:
            raise InputError("classes", None, "both labels in the first call of partial_fit")
        first_id = getattr(self, "_n_rows", 0)
        self._partial_fit(self._as_rows(X, self._encoded(y), sample_weight, row_ids, first_id))
        return self

    def fit_stream(
        self, stream: Any, *, classes: ArrayLike | None = None, progress: bool = False
    ) -> Self:
        """Train on a stream of rows larger than memory.

        Parameters
        ----------
        stream : RowStream, or what `RowStream.from_batches` takes
            The first rows are the pilot, and have to be like all others: see `RowStream.shuffle`.
        classes : array-like of shape (2,), optional
            Both labels; default: those of the pilot.
        progress : bool
            Whether to show a bar of rows, if the stream knows how many there are.

        Raises
        ------
        UnmetError
            If the run explodes, as rows in order of time may make it.

        Warns
        -----
        ConfidenceWarning
            As in `fit`, and if the rows are not in random order.
        """
        return fit_stream(self, stream, classes=classes, progress=progress)

    def fit_dask(
        self,
        data: Any,
        target: str,
        *,
        features: Sequence[str] | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train on a Dask collection; see `surefoot.confidence.streams.on_dask.fit_dask`."""
        return fit_dask(self, data, target, features=features, classes=classes)

    def decision_function(self, X: ArrayLike) -> Floats:
        """Return the log-odds of the second class for each row."""
        return self._linear(X)

    @overload
    def predict_proba(self, X: ArrayLike, return_interval: Literal[False] = ...) -> Floats: ...
    @overload
    def predict_proba(
        self, X: ArrayLike, return_interval: Literal[True], level: float | None = ...
    ) -> pd.DataFrame: ...
    def predict_proba(
        self, X: ArrayLike, return_interval: bool = False, level: float | None = None
    ) -> Floats | pd.DataFrame:
        """Return probabilities of shape (n, 2), in the order of `classes_`.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
        return_interval : bool
            Whether to return a DataFrame with estimate, std_error, lower and upper of the
            probability of the second class: how sure it is itself.
        level : float, optional
            Of the intervals.
        """
        if return_interval:
            return self._mean_frame(X, level, link="logit")
        z = self._linear(X)
        # Not 1 − p, which would lose small probabilities.
        return np.column_stack([sigmoid(-z), sigmoid(z)])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the more probable label for each row."""
        second = self._linear(X) > 0
        labels: NDArray[Any] = self.classes_[second.astype(int)]
        return labels

    def _labelled(self, X: Any, y: Any, reset: bool) -> tuple[Floats, NDArray[Any]]:
        X, y = self._checked(X, y, reset=reset)
        check_classification_targets(y)
        return X, column_or_1d(y)

    def _labels(self, y: NDArray[Any]) -> NDArray[Any]:
        return np.unique(y)

    def _learn_classes(self, labels: NDArray[Any], where: str = "classes") -> None:
        self.classes_ = _two_classes(where, labels)

    def _encoded(self, y: NDArray[Any]) -> Floats:
        if not (known := np.isin(y, self.classes_)).all():
            raise InputError("y", y[~known].tolist()[0], f"one of {self.classes_.tolist()}")
        codes: Floats = np.equal(y, self.classes_[1]).astype(np.float64)
        return codes

    def _loss(self) -> Loss:
        return LogLoss()

    def _set_coefficients(self, coef: Floats, intercept: float, std_errors: Floats) -> None:
        self.coef_, self.coef_std_ = coef[None], std_errors[None]
        self.intercept_ = np.array([intercept])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _two_classes(where: str, labels: NDArray[Any]) -> NDArray[Any]:
    classes: NDArray[Any] = np.unique(labels)
    if len(classes) > 2:
        # scikit-learn looks for these very words.
        kind = type_of_target(labels)
        found = f"{len(classes)} classes"
        allowed = f"Only binary classification is supported. The type of the target is {kind}."
        raise InputError(where, found, allowed)
    if len(classes) < 2:
        raise InputError(where, f"{len(classes)} class {classes.tolist()}", "two classes")
    return classes
