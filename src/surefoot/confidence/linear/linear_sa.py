"""Linear stochastic approximation: solves A θ = b from noisy A(ξ) and b(ξ), with its uncertainty.

    θ_k = θ_{k−1} − α_k K (A(ξ_k) θ_{k−1} − b(ξ_k)),

averaged, and M copies of it with the increments multiplied by random weights that are keyed by row.
K is a gain that a pilot fixes. Where an observation comes as factors A(ξ) = z u', b(ξ) = r z, all
chains take a minibatch in two matrix products, as in `surefoot.confidence.chains`.

Sources: Samsonov, Moulines, Shao, Zhang & Naumov, arXiv 2405.16644 (the bootstrap of linear
stochastic approximation). The pilot is ours, see `surefoot.confidence.linear.pilot`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.confidence.averages import Averages
from surefoot.confidence.bias import Path
from surefoot.confidence.coordinates import as_names
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.intervals_of_chains import check_level
from surefoot.confidence.linear.health import MeanRecursion, diagnostics, remarks, run_health
from surefoot.confidence.linear.pilot import LinearPilot, fit_linear_pilot, linear_pilot_size
from surefoot.confidence.linear.rows import Observations, dense, factored, of_shape
from surefoot.confidence.multipliers import Multiplier, RowWeights, as_multiplier
from surefoot.confidence.parameters import whole
from surefoot.confidence.result import InferenceResult
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError, UnmetError, one_of
from surefoot.ground.notices import warn

Floats = NDArray[np.float64]

# Weights of several minibatches are made at once: hashing has a cost a call.
_ROWS_OF_WEIGHTS = 128


class LinearSA:
    """Averaged linear stochastic approximation, and M perturbed copies of it.

    Parameters
    ----------
    d : int
        How many parameters.
    n_chains : int
        M.
    schedule : StepSchedule, optional
        Steps for minibatches k = 1, 2, … Default: ``StepSchedule()``, for a preconditioned run.
    multiplier : str or Multiplier
        See `as_multiplier`.
    batch_size : int
        Rows a step. With fewer than 300 steps intervals may be too short.
    burn_in : int
        So many rows are left out of the average. With a pilot 0 is fine.
    pilot : int or "auto"
        How many rows decide the start, the gain and the delay k0; "auto": 50 a parameter, and 500,
        or what there is. They are fed to the run like all others.
    precondition : bool
        Without, the run is plain and starts at 0; steps have to suit the slowest direction, and the
        burn-in the start.
    block_length : int
        So many consecutive row ids share their weights. Needed where the noise A(ξ) θ* − b(ξ) is
        correlated from row to row: intervals are too short otherwise.
    theta : array-like of shape (d,), optional
        Where to start instead.
    seed : int
        Keys the weights.
    names : sequence of str, optional
        Of the parameters.
    confidence_level : float

    Attributes
    ----------
    schedule : StepSchedule
        With a number for k0 once there is a pilot.
    n_rows, n_steps : int
        What was processed so far.
    first_averaged : int
        The first step that is in the average.
    pilot : LinearPilot or None
        None until its rows are there.

    Examples
    --------
    Instrumental variables: E z (x'θ − y) = 0.

    >>> rng = np.random.default_rng(0)
    >>> Z = rng.normal(size=(20_000, 2))
    >>> hidden = rng.normal(size=20_000)
    >>> X = Z + hidden[:, None]
    >>> run = LinearSA(2, names=["x1", "x2"])
    >>> run.consume(Z, X, X @ [1, 2] + hidden)
    >>> run.result().conf_int().round(2).loc["x2", ["lower", "upper"]].tolist()
    [1.98, 2.01]
    """

    def __init__(
        self,
        d: int,
        *,
        n_chains: int = 200,
        schedule: StepSchedule | None = None,
        multiplier: str | Multiplier = "mammen",
        batch_size: int = 32,
        burn_in: int = 0,
        pilot: int | Literal["auto"] = "auto",
        precondition: bool = True,
        block_length: int = 1,
        theta: ArrayLike | None = None,
        seed: int = 0,
        names: Sequence[str] | None = None,
        confidence_level: float = 0.95,
    ) -> None:
        self.d, self.n_chains = whole("d", d, 1), whole("n_chains", n_chains, 2)
        self.batch_size = whole("batch_size", batch_size, 1)
        self.burn_in = whole("burn_in", burn_in, 0)
        self.block_length = whole("block_length", block_length, 1)
        self.schedule = schedule or StepSchedule()
        self.multiplier, self.seed = as_multiplier(multiplier), seed
        self.precondition = precondition
        self.confidence_level = check_level(confidence_level, "confidence_level")
        default = [f"theta{j + 1}" for j in range(self.d)]
        self.names = as_names(default if names is None else names, self.d)
        if isinstance(pilot, str):
            one_of("pilot", pilot, ["auto"])
            self._pilot_rows = linear_pilot_size(self.d)
        else:
            self._pilot_rows = whole("pilot", pilot, 1)
        self._start = None if theta is None else of_shape("theta", theta, (self.d,))

        self.pilot: LinearPilot | None = None
        self.n_rows = self.n_steps = 0
        self.path = Path()
        columns = self.n_chains + 1
        self._group = max(1, _ROWS_OF_WEIGHTS // self.batch_size) * self.batch_size
        self._weights = np.empty((self._group, columns))
        # Column 0 is overwritten: chain m owns slot m.
        self._source = RowWeights(self.multiplier, seed, slice(0, columns), self.block_length)
        self._sums, self._averaged = np.zeros((self.d, columns)), 0.0
        self._A, self._b = np.zeros((self.d, self.d)), np.zeros(self.d)
        self._waiting: Observations | None = None

    def consume(
        self, Z: ArrayLike, U: ArrayLike, r: ArrayLike, row_ids: ArrayLike | None = None
    ) -> None:
        """Take in observations A = z u', b = r z; any chunking gives the same bits.

        Parameters
        ----------
        Z, U : array-like of shape (n, d)
            Instruments (eligibility traces) and what multiplies θ (differences of features).
        r : array-like of shape (n,)
        row_ids : array-like of int of shape (n,), optional
            Decide the weights. Default: rows are numbered as they come, from 0.
        """
        self._take(factored(Z, U, r, row_ids, self.d, self._next_id))

    def consume_dense(self, A: ArrayLike, b: ArrayLike, row_ids: ArrayLike | None = None) -> None:
        """Take in observations as matrices, at d times the cost.

        Parameters
        ----------
        A : array-like of shape (n, d, d) or (d, d)
        b : array-like of shape (n, d) or (d,)
        row_ids : array-like of int of shape (n,), optional
        """
        self._take(dense(A, b, row_ids, self.d, self._next_id))

    def finish(self) -> None:
        """Process the rows that wait for a full minibatch, with a step in proportion."""
        if self._waiting is None or len(self._waiting) == 0:
            return
        if self.pilot is None:
            self._begin(self._waiting)
        self._run(self._waiting)
        self._waiting = self._waiting[:0]

    def averages(self) -> Averages:
        """Return the averaged run and chains as they are now, without the rows that wait."""
        if self._averaged == 0:
            raise InputError("LinearSA", "no averaged row", "rows beyond the pilot and the burn-in")
        means = self._sums / self._averaged
        n_rows = round(self._averaged * self.batch_size)
        return Averages(n_rows, means[:, 0], means[:, 1:].T.copy())

    def result(self) -> InferenceResult:
        """Return the estimate and its confidence sets, of all rows so far.

        Raises
        ------
        UnmetError
            If the run diverged.

        Warns
        -----
        ConfidenceWarning
            For whatever makes the sets doubtful.
        """
        # A copy takes in the rows that wait, and the run goes on without.
        done = copy.deepcopy(self)
        done.finish()
        averages, recursion = done.averages(), done.mean_recursion()
        if not np.isfinite(averages.estimate).all():
            msg = "the run diverged: its average is not finite; smaller steps (c0) may help"
            raise UnmetError(msg)
        health = run_health(averages, done.path, recursion, done.first_averaged, done.n_steps)
        contraction = recursion.contraction
        for remark in remarks(health, contraction):
            warn(remark, ConfidenceWarning)
        return InferenceResult(
            averages.estimate,
            averages.chains,
            self.names,
            n_seen=done.n_rows,
            n_steps=done.n_steps,
            confidence_level=self.confidence_level,
            diagnostics=diagnostics(health, contraction),
        )

    def mean_recursion(self) -> MeanRecursion:
        """Return the recursion without noise, from the mean A and b of the rows so far."""
        assert self.pilot is not None
        gain = self.pilot.gain / self.n_rows
        return MeanRecursion(gain @ self._A, gain @ self._b, self._theta0, self.schedule)

    @property
    def _next_id(self) -> int:
        return self.n_rows + (0 if self._waiting is None else len(self._waiting))

    def _take(self, rows: Observations) -> None:
        if self._waiting is not None:
            rows = self._waiting.then(rows)
        if self.pilot is None:
            if len(rows) < self._pilot_rows:
                self._waiting = rows.copy()
                return
            self._begin(rows[: self._pilot_rows])
        full = len(rows) - len(rows) % self.batch_size
        self._run(rows[:full])
        self._waiting = rows[full:].copy()

    def _begin(self, head: Observations) -> None:
        self.pilot = fit_linear_pilot(
            head, batch_size=self.batch_size, precondition=self.precondition
        )
        # Weights that rows share multiply the mean too, others what minibatches add to it.
        mean = self.pilot.top_curvature if self.block_length == 1 else 0.0
        self.schedule = self.schedule.resolved(
            largest_weight=self.multiplier.largest,
            row_curvature=max(self.pilot.batch_curvature - mean, 0) * self.batch_size,
            top_curvature=mean,
            batch_size=self.batch_size,
        )
        self._gain = self.pilot.gain.T.copy()
        columns = self.n_chains + 1
        self._residuals = np.empty((self.batch_size * head.r.shape[1], columns))
        self._increment = np.empty((self.d, columns))
        self._theta0 = self.pilot.theta if self._start is None else self._start
        self._theta = np.repeat(self._theta0[:, None], columns, axis=1)
        self._begin_average()

    def _begin_average(self) -> None:
        self.first_averaged = self.n_steps + 1
        self.path.begin(self._theta[:, 0].copy())

    def _run(self, rows: Observations) -> None:
        # A chain that overflows shows in its average; it is no warning in mid-run.
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(rows), self._group):
                group = rows[start : start + self._group]
                weights = self._weights[: len(group)]
                self._source.fill(group.ids, weights)
                weights[:, 0] = 1
                for first in range(0, len(group), self.batch_size):
                    part = slice(first, first + self.batch_size)
                    self._step(group[part], weights[part])

    def _step(self, batch: Observations, weights: Floats) -> None:
        b, per_row = len(batch), batch.r.shape[1]
        Z, U, r = batch.terms
        residuals = self._residuals[: len(r)]
        np.matmul(U, self._theta, out=residuals)
        residuals -= r[:, None]
        residuals *= weights if per_row == 1 else np.repeat(weights, per_row, axis=0)
        self.n_steps += 1
        self.n_rows += b
        rate = self.schedule.step(self.n_steps) / self.batch_size
        np.matmul((Z @ self._gain * rate).T, residuals, out=self._increment)
        self._theta -= self._increment
        self._A += Z.T @ U
        self._b += Z.T @ r
        if self.n_rows <= self.burn_in:
            self._begin_average()
        else:
            share = b / self.batch_size
            self._sums += self._theta if share == 1 else self._theta * share
            self._averaged += share
            self.path.update(self._theta[:, 0])
