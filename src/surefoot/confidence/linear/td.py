"""Temporal-difference learning of a linear value function, with intervals for the values.

    θ_k = θ_{k−1} + α_k δ_k z_k,   δ_k = r_k + γ θ'φ⁺_k − θ'φ_k,   z_k = ρ_k (γλ z_{k−1} + φ_k),

with φ⁺ the features of the next state, is linear stochastic approximation with u = φ − γφ⁺.

Sources: Sutton & Barto, Reinforcement Learning, 2nd ed. (2018), chapter 12; Samsonov et al., arXiv
2405.16644 (bootstrap).
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.confidence.linear.linear_sa import LinearSA
from surefoot.confidence.linear.rows import of_shape
from surefoot.confidence.parameters import share, whole
from surefoot.confidence.result import InferenceResult
from surefoot.ground.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


class TDLearner:
    """TD(λ) with linear features, and M perturbed copies of it.

    Parameters
    ----------
    n_features : int
        d. For a table of states: one a state, 1 where it is and 0 elsewhere.
    discount : float
        γ in [0, 1).
    trace_decay : float
        λ in [0, 1]. Beyond 0 rows have to come in the order of a trajectory.
    **options
        Of `LinearSA`. If features can't express the values, the errors δ of a trajectory are
        correlated, and `block_length` has to span several times as many rows as that lasts.

    Notes
    -----
    With one feature a state the target is the value itself. Otherwise it is the TD fixed point,
    which is not the best approximation unless λ = 1. States that hardly ever occur are learned
    slowly: the predicted bias says so.

    Examples
    --------
    >>> from surefoot.confidence.linear.garnet import garnet
    >>> problem = garnet(seed=100)
    >>> seen = problem.trajectory(20_000, seed=0)
    >>> learner = TDLearner(problem.n_states, problem.discount)
    >>> learner.learn(*problem.tabular(seen))
    >>> frame = learner.values(np.eye(problem.n_states))
    >>> bool(((frame["estimate"] - problem.values).abs() < 4 * frame["std_error"]).all())
    True
    """

    def __init__(
        self, n_features: int, discount: float, trace_decay: float = 0.0, **options: Any
    ) -> None:
        self.n_features = whole("n_features", n_features, 1)
        self.discount = share("discount", discount)
        self.trace_decay = _decay(trace_decay)
        self.approximation = LinearSA(n_features, **options)
        self._trace = np.zeros(n_features)

    def learn(
        self,
        features: ArrayLike,
        rewards: ArrayLike,
        next_features: ArrayLike,
        *,
        row_ids: ArrayLike | None = None,
        starts: ArrayLike | None = None,
        ratios: ArrayLike | None = None,
    ) -> None:
        """Take in transitions; any chunking gives the same bits.

        Parameters
        ----------
        features : array-like of shape (n, d)
        rewards : array-like of shape (n,)
        next_features : array-like of shape (n, d)
            Zeros where an episode ended.
        row_ids : array-like of int of shape (n,), optional
            Decide the weights, see `LinearSA.consume`.
        starts : array-like of bool of shape (n,), optional
            Where an episode begins: the trace is forgotten. Default: the trajectory goes on.
        ratios : array-like of shape (n,), optional
            Off-policy: probability of the action under the policy that is evaluated over that under
            the one that acted. Plain TD may then diverge, of which `result` warns; the gain of the
            pilot turns it to the fixed point.

        Raises
        ------
        InputError
            If anything is not finite or not of these shapes, or a ratio is negative.
        """
        phi = of_shape("features", features, (None, self.n_features))
        n = len(phi)
        following = of_shape("next_features", next_features, phi.shape)
        r = of_shape("rewards", rewards, (n,))
        begins = np.zeros(n, dtype=bool) if starts is None else np.asarray(starts)
        if begins.shape != (n,) or begins.dtype != bool:
            found = f"shape {begins.shape} of {begins.dtype}"
            raise InputError("starts", found, f"{n} truth values")
        rho = np.ones(n) if ratios is None else of_shape("ratios", ratios, (n,))
        if (rho < 0).any():
            raise InputError("ratios", float(rho.min()), "numbers from 0")
        traces = self._traces(phi, begins, rho)
        self.approximation.consume(traces, phi - self.discount * following, r, row_ids)
        if n:
            self._trace = traces[-1].copy()

    def result(self) -> InferenceResult:
        """Return the weights of the features and their confidence sets; see `LinearSA.result`."""
        return self.approximation.result()

    def values(self, features: ArrayLike, level: float | None = None) -> pd.DataFrame:
        """Return intervals for the values of states.

        Parameters
        ----------
        features : array-like or DataFrame of shape (n, d)
        level : float, optional

        Returns
        -------
        DataFrame
            A row a state: estimate, std_error, lower, upper.
        """
        return self.result().predict_interval(features, level)

    def _traces(self, phi: Floats, begins: NDArray[np.bool_], ratios: Floats) -> Floats:
        decay = self.discount * self.trace_decay
        if decay == 0:
            return phi * ratios[:, None]
        traces, trace = np.empty_like(phi), self._trace
        for k, (begin, ratio) in enumerate(zip(begins.tolist(), ratios.tolist(), strict=True)):
            trace = phi[k] * ratio if begin else (decay * trace + phi[k]) * ratio
            traces[k] = trace
        return traces


def _decay(value: Any) -> float:
    if not (isinstance(value, Real) and 0 <= float(value) <= 1):
        raise InputError("trace_decay", value, "a number in [0, 1]")
    return float(value)
