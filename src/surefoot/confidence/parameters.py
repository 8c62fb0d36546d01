"""The estimators' parameters, and the engine they describe."""

from __future__ import annotations

import numbers
import warnings
from abc import ABCMeta
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator

from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.losses import Loss
from surefoot.confidence.multipliers import Multiplier, QuantileFunction, as_multiplier
from surefoot.confidence.pilot import Precondition, fit_pilot, pilot_size
from surefoot.confidence.rows import Rows
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError, one_of

# Beyond, whitening costs more than the chains.
_MOST_WHITENED = 2000


# A dataclass writes the explicit constructor that scikit-learn's contract asks of every subclass.
@dataclass(kw_only=True, eq=False, repr=False)
class SGDParameters(BaseEstimator, metaclass=ABCMeta):
    """What `SGDInferenceRegressor` and `SGDInferenceClassifier` can be told.

    Parameters
    ----------
    n_chains : int
        How many perturbed copies run along.
    multiplier : str, Multiplier, callable or array-like
        Law of their weights, see `as_multiplier`.
    batch_size : int or "auto"
        Rows a step. "auto" looks at the number of rows in `fit`; 32 in `partial_fit`.
    c0, gamma, k0
        Step sizes c0 / (k + k0)^gamma, see `StepSchedule`.
    pilot : int or "auto"
        How many rows the warm start is fitted to; "auto": 20 a parameter, and 200.
    precondition : {"whiten", "diag", None}
        See `fit_pilot`. Beyond 2,000 parameters "whiten" becomes "diag", with a warning.
    burn_in : float
        Share of the rows of each epoch left out of the average, in [0, 1). Only for `fit`.
    n_epochs : int
        Passes; a row keeps its weights in all of them. Only for `fit`.
    alpha : float
        Of the penalty ½ α ‖coef‖², on the scale of the features; the intercept is free.
    fit_intercept : bool
    companions : sequence of str
        Other methods on the same pass, see `surefoot.confidence.companions`. Their standard errors
        are what makes a normal interval as long as theirs.
    confidence_level : float
    shuffle : bool
        Whether `fit` shuffles the rows, before the pilot is cut and in every epoch. Without it, and
        in `partial_fit`, the first rows have to be like all others.
    random_state : int, RandomState or None
        Keys weights and shuffling. None draws a new key at each fit.
    """

    n_chains: int = 200
    multiplier: str | Multiplier | QuantileFunction | Sequence[float] = "mammen"
    batch_size: int | Literal["auto"] = "auto"
    c0: float = 1.0
    gamma: float = 0.6
    k0: float | Literal["auto"] = "auto"
    pilot: int | Literal["auto"] = "auto"
    precondition: Precondition | None = "whiten"
    burn_in: float = 0.0
    n_epochs: int = 1
    alpha: float = 0.0
    fit_intercept: bool = True
    companions: Sequence[str] = ()
    confidence_level: float = 0.95
    shuffle: bool = True
    random_state: Any = 0

    def _pilot_rows(self, d: int) -> int:
        if isinstance(self.pilot, str):
            one_of("pilot", self.pilot, ["auto"])
            return pilot_size(d)
        return whole("pilot", self.pilot, 1)

    def _new_engine(
        self, loss: Loss, head: Rows, *, batch_size: int, burn_in: int, seed: int
    ) -> ChainEngine:
        """Return an engine whose pilot is fitted to the rows `head`, which it has not seen yet."""
        # What needs no pilot is checked before one is fitted.
        schedule = StepSchedule(self.c0, self.gamma, self.k0)
        multiplier = as_multiplier(self.multiplier)
        n_chains = whole("n_chains", self.n_chains, 2)
        if self.batch_size != "auto":
            batch_size = whole("batch_size", self.batch_size, 1)
        if not head.sample_weight.any():
            raise InputError("sample_weight", "0 for every row of the pilot", "some above 0")
        d = head.X.shape[1]
        ridge = np.full(d, float(self.alpha))
        if self.fit_intercept:
            ridge[0] = 0
        precondition = self.precondition
        if precondition == "whiten" and d > _MOST_WHITENED:
            remark = f"{d} parameters: precondition='diag' instead of 'whiten'"
            warnings.warn(remark, ConfidenceWarning, stacklevel=4)
            precondition = "diag"
        pilot = fit_pilot(
            head.X, head.y, loss,
            precondition=precondition, ridge=ridge, sample_weight=head.sample_weight,
        )  # fmt: skip
        return ChainEngine(
            loss,
            pilot,
            n_chains=n_chains,
            schedule=schedule,
            multiplier=multiplier,
            batch_size=batch_size,
            ridge=ridge,
            burn_in=burn_in,
            companions=self.companions,
            seed=seed,
        )


def whole(name: str, value: Any, least: int) -> int:
    """Return `value` if it is a whole number from `least`."""
    integral = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (integral and value >= least):
        raise InputError(name, value, f"a whole number from {least}")
    return int(value)


def share(name: str, value: Any, below: float = 1) -> float:
    """Return `value` if it is a number in [0, below)."""
    if not (isinstance(value, numbers.Real) and 0 <= float(value) < below):
        raise InputError(name, value, f"a number in [0, {below})")
    return float(value)
