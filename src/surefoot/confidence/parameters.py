"""The estimators' parameters, and the engine they describe."""

from __future__ import annotations

import dataclasses
import numbers
from abc import ABCMeta
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from surefoot.confidence.companions import COMPANIONS
from surefoot.confidence.engine import Precision, nbytes_needed
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.intervals_of_chains import check_level
from surefoot.confidence.losses import Loss, Quantile
from surefoot.confidence.multipliers import Multiplier, QuantileFunction, as_multiplier
from surefoot.confidence.pilot import Pilot, Precondition, fit_pilot, pilot_size
from surefoot.confidence.rows import Rows
from surefoot.confidence.schedule import StepSchedule, batch_size_for
from surefoot.ground.errors import InputError, one_of
from surefoot.ground.notices import warn
from surefoot.ground.numerals import counted

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
        How many rows the warm start is fitted to; "auto": 20 a parameter, 200, and for a quantile
        so many that 2 lie beyond it. 0 starts at 0 in the coordinates of the features: the rows of
        "auto" then decide no more than the step size.
    precondition : {"whiten", "diag", None}
        See `fit_pilot`. Beyond 2,000 parameters "whiten" becomes "diag", with a warning.
    burn_in : float
        Share of the rows of each epoch left out of the average, in [0, 1). Not in `partial_fit`,
        nor for a stream that doesn't know its length.
    n_epochs : int
        Passes; a row keeps its weights in all of them. Not in `partial_fit`, nor for a stream that
        can't be replayed.
    alpha : float
        Of the penalty ½ α ‖coef‖², on the scale of the features; the intercept is free.
    fit_intercept : bool
    companions : sequence of str
        Other methods on the same pass, see `surefoot.confidence.companions`. Their standard errors
        are what makes a normal interval as long as theirs.
    confidence_level : float
    block_length : int
        So many consecutive rows share their weights, for dependent rows.
    dtype : {"float64", "float32"}
        Of the chains; averages are float64 always.
    compiled : bool
        With ``batch_size=1``: loops compiled by numba. See `ChainEngine`.
    shuffle : bool
        Whether `fit` and `fit_dask` shuffle the rows they hold, before the pilot is cut and in
        every epoch. Without it, and for streams, the first rows have to be like all others.
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
    block_length: int = 1
    dtype: Precision = "float64"
    compiled: bool = False
    shuffle: bool = True
    random_state: Any = 0

    def memory_needed(self, n_features: int) -> int:
        """Return about how many bytes a run over a stream takes at its peak, besides its batches.

        However many rows there are. The peak is the fit of the pilot if there are many features,
        else the results, for which a copy of the run takes in the last rows.

        Parameters
        ----------
        n_features : int
        """
        d = whole("n_features", n_features, 1) + int(self.fit_intercept)
        options = self._engine_options()
        n_chains = options["n_chains"]
        run = nbytes_needed(d, n_chains, self._batch_size(None), dtype=options["dtype"])
        for name in options["companions"]:
            kind = COMPANIONS[name]
            run += 8 * (kind.matrices * d**2 + kind.chains * d * n_chains)
        results = 2 * run + 8 * (8 * d * n_chains + 4 * d**2)
        pilot = 8 * (4 * self._pilot_rows(d) * d + 6 * d**2)
        return max(results, pilot)

    def _pilot_rows(self, d: int) -> int:
        if isinstance(self.pilot, str):
            one_of("pilot", self.pilot, ["auto"])
        elif whole("pilot", self.pilot, 0):
            return int(self.pilot)
        return pilot_size(d)

    def _batch_size(self, n_rows: int | None) -> int:
        if isinstance(self.batch_size, str):
            one_of("batch_size", self.batch_size, ["auto"])
            return batch_size_for(n_rows)
        return whole("batch_size", self.batch_size, 1)

    def _check(self) -> None:
        """Check what needs no rows, before a pilot is fitted to some."""
        check_level(self.confidence_level, "confidence_level")
        share("alpha", self.alpha, below=np.inf)
        share("burn_in", self.burn_in)
        whole("n_epochs", self.n_epochs, 1)
        self._batch_size(None)
        self._engine_options()

    def _engine_options(self) -> dict[str, Any]:
        return {
            "n_chains": whole("n_chains", self.n_chains, 2),
            "schedule": StepSchedule(self.c0, self.gamma, self.k0),
            "multiplier": as_multiplier(self.multiplier),
            "block_length": whole("block_length", self.block_length, 1),
            "dtype": one_of("dtype", self.dtype, get_args(Precision)),
            "companions": self._companions(),
            "compiled": self.compiled,
        }

    def _companions(self) -> list[str]:
        if isinstance(self.companions, str):
            raise InputError("companions", self.companions, "a list of names")
        return [one_of("companions", name, COMPANIONS) for name in self.companions]

    def _ridge(self, d: int) -> NDArray[np.float64]:
        ridge = np.full(d, float(self.alpha))
        if self.fit_intercept:
            ridge[0] = 0
        return ridge

    def _new_pilot(self, loss: Loss, head: Rows) -> Pilot:
        """Return a pilot fitted to the rows `head`."""
        if not head.sample_weight.any():
            raise InputError("sample_weight", "0 for every row of the pilot", "some above 0")
        if isinstance(loss, Quantile) and len(head) * loss.tail < 1:
            rare = f"beyond it lies one row in {1 / loss.tail:,.0f}"
            found = f"{counted(len(head), 'pilot row')} for the quantile {loss.tau:g}, and {rare}"
            warn(f"{found}: intervals may be off-centre; a larger pilot helps", ConfidenceWarning)
        d = head.X.shape[1]
        precondition = self.precondition if self.pilot else None
        if precondition == "whiten" and d > _MOST_WHITENED:
            warn(f"{d} parameters: precondition='diag' instead of 'whiten'", ConfidenceWarning)
            precondition = "diag"
        pilot = fit_pilot(
            head.X, head.y, loss,
            precondition=precondition, ridge=self._ridge(d), sample_weight=head.sample_weight,
        )  # fmt: skip
        # Of no pilot the curvature stays: it says whether a cold start is forgotten.
        return pilot if self.pilot else dataclasses.replace(pilot, theta=np.zeros(d))


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
