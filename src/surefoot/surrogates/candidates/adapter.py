"""Regressors from elsewhere as candidates: any of scikit-learn's, and what the extras build on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import KFold

from surefoot.ground.errors import InputError
from surefoot.ground.streams import subseed

Floats = NDArray[np.float64]
Mean = Callable[[Floats], Floats]
Law = Callable[[Floats], tuple[Floats, Floats]]

_FOLDS = 5
_LEAST_SD = 1e-12


@dataclass(frozen=True, eq=False)
class FittedElsewhere:
    """A fit that lives in another library's objects; it can't be stored without pickle.

    Attributes
    ----------
    name : str
        Of the candidate.
    law : callable
        Z (m, d) ↦ mean and standard deviation, each of shape (m,), for m > 0.
    told : dict
        What `describe` returns.
    """

    name: str
    law: Law
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def start(self) -> None:
        """None: every fit begins anew."""
        return None

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of a response."""
        if len(Z) == 0:
            return np.zeros(0), np.zeros(0)
        mean, sd = self.law(Z)
        return np.asarray(mean, float), np.maximum(np.asarray(sd, float), _LEAST_SD)

    def describe(self) -> dict[str, Any]:
        """Return what the candidate told of the fit."""
        return self.told

    def state(self) -> dict[str, Any]:
        """Refuse: the fit is not made of arrays."""
        refuse_to_store(self.name)


@dataclass(frozen=True, eq=False)
class SklearnCandidate:
    """Any regressor that keeps scikit-learn's contract.

    A clone is fitted, its `random_state` set from the seed where it is None. If the fitted
    estimator's `predict` takes ``return_std``, that is the standard deviation. Otherwise it is the
    root mean square of the errors in five folds: the same everywhere, but of responses that
    had no part in the fit.

    Parameters
    ----------
    estimator : estimator
    name : str
    cost : int
        See `Candidate`.
    """

    estimator: Any
    name: str
    cost: int = 5

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedElsewhere:
        """Return the fit; nothing is taken from an earlier one."""
        told = {"estimator": str(self.estimator)}
        model = self._fresh(seed).fit(Z, t)
        if _tells_sd(model):
            return FittedElsewhere(self.name, lambda Z: model.predict(Z, return_std=True), told)

        def fit_mean(Z: Floats, t: Floats) -> Mean:
            mean: Mean = self._fresh(seed).fit(Z, t).predict
            return mean

        return FittedElsewhere(
            self.name, with_residual_sd(model.predict, fit_mean, Z, t, seed), told
        )

    def restore(self, state: dict[str, Any]) -> NoReturn:
        """Refuse: see `FittedElsewhere`."""
        refuse_to_store(self.name)

    def _fresh(self, seed: int) -> Any:
        model = clone(self.estimator)
        undecided = [
            key
            for key, value in model.get_params().items()
            if key.split("__")[-1] == "random_state" and value is None
        ]
        return model.set_params(**dict.fromkeys(undecided, subseed(seed, self.name) % 2**32))


def with_residual_sd(
    mean: Mean, fit_mean: Callable[[Floats, Floats], Mean], Z: Floats, t: Floats, seed: int
) -> Law:
    """Return the law with that mean, and as deviation the error of `fit_mean` in five folds."""
    squares = np.empty(len(t))
    folds = KFold(min(_FOLDS, len(t)), shuffle=True, random_state=subseed(seed, "folds") % 2**32)
    for kept, left_out in folds.split(Z):
        squares[left_out] = (t[left_out] - fit_mean(Z[kept], t[kept])(Z[left_out])) ** 2
    sd = float(np.sqrt(squares.mean()))
    return lambda Z: (mean(Z), np.full(len(Z), sd))


def refuse_to_store(name: str) -> NoReturn:
    """Say that a fit of the candidate `name` can't be stored."""
    allowed = (
        "candidates of Surefoot's own: others could only be stored with pickle, which runs code"
    )
    raise InputError("candidate to store", name, allowed)


def _tells_sd(model: Any) -> bool:
    # A pipeline hands what it does not know on to its last step.
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    return "return_std" in inspect.signature(last.predict).parameters
