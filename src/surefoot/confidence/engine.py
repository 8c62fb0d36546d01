"""The engine: one pass of SGD with averaging, and its multiplier bootstrap on the way.

Weights are keyed by row, so neither the order in which rows arrive nor the chunks they come in
change them. Minibatches are cut by counting rows, so any chunking gives the same bits.

Source: Sheshukova, Samsonov, Belomestny, Moulines, Shao, Zhang & Naumov, arXiv 2502.06719. Pilot,
delay and minibatches are ours, see `surefoot.confidence.pilot` and `surefoot.confidence.schedule`:
without them the intervals are up to a thousand times too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.confidence.averages import Averages
from surefoot.confidence.bias import Path
from surefoot.confidence.chains import Chains
from surefoot.confidence.companions import COMPANIONS, Companion, Minibatch
from surefoot.confidence.losses import Loss
from surefoot.confidence.multipliers import Multiplier, RowWeights, as_multiplier
from surefoot.confidence.pilot import Pilot
from surefoot.confidence.rows import Rows, as_rows
from surefoot.confidence.schedule import StepSchedule
from surefoot.confidence.single_rows import SingleRows
from surefoot.ground.errors import InputError, one_of

Floats = NDArray[np.float64]
Precision = Literal["float64", "float32"]

# Weights of several minibatches are made at once: hashing has a cost a call.
_ROWS_OF_WEIGHTS = 128


class ChainEngine:
    """SGD with averaging, and M perturbed copies of it.

    Parameters
    ----------
    loss : Loss
    pilot : Pilot
        From `fit_pilot`. Its rows are to be fed like all others.
    n_chains : int
        M, how many perturbed copies.
    schedule : StepSchedule, optional
        If its k0 is "auto" the pilot and the multiplier decide.
    multiplier : str or Multiplier
        See `as_multiplier`.
    batch_size : int
        B, rows a step. See `batch_size_for`.
    ridge : float or array-like of shape (d,)
        α of the penalty ½ Σ α_j θ_j²; the sets are then for the penalised optimum.
    burn_in : int
        So many rows of every epoch are left out of the average.
    companions : sequence of str
        Names of `surefoot.confidence.companions.COMPANIONS`.
    block_length : int
        So many consecutive row ids share their weights, for dependent rows.
    first_chain : int
        Number of the first chain, from 1. An engine with the chains 201 … 400 adds to one with
        1 … 200: same run, same rows, other weights.
    seed : int
    dtype : {"float64", "float32"}
        Of the chains; averages are float64 always.
    compiled : bool
        For steps of one row each: loops compiled by numba, five times as fast. Not with companions
        or a ridge.

    Attributes
    ----------
    schedule : StepSchedule
        With a number for k0.
    n_rows, n_steps : int
        What was processed so far, over all epochs.
    first_averaged : int
        The first step that is in the average.
    rows_outside : int
        How many rows were unlike any in the pilot, see `Pilot.outside`.
    companions : dict of str to Companion
    path : Path
        Where the run itself was when, see `half_sample_drift`.

    Examples
    --------
    ::

        pilot = fit_pilot(X[:400], y[:400], Squared())
        engine = ChainEngine(Squared(), pilot, seed=0)
        for X_chunk, y_chunk in stream:
            engine.consume(X_chunk, y_chunk)
        engine.finish()
        run = engine.averages()
        run.estimate, run.chains.std(0)
    """

    def __init__(
        self,
        loss: Loss,
        pilot: Pilot,
        *,
        n_chains: int = 200,
        schedule: StepSchedule | None = None,
        multiplier: str | Multiplier = "mammen",
        batch_size: int = 32,
        ridge: ArrayLike = 0.0,
        burn_in: int = 0,
        companions: Sequence[str] = (),
        block_length: int = 1,
        first_chain: int = 1,
        seed: int = 0,
        dtype: Precision = "float64",
        compiled: bool = False,
    ) -> None:
        _check_count("n_chains", n_chains, 2)
        _check_count("batch_size", batch_size, 1)
        _check_count("burn_in", burn_in, 0)
        _check_count("first_chain", first_chain, 1)
        self.loss, self.pilot, self.n_chains = loss, pilot, n_chains
        self.multiplier = as_multiplier(multiplier)
        self.batch_size, self.burn_in, self.first_chain = batch_size, burn_in, first_chain
        self.block_length, self.seed = block_length, seed
        self.dtype: Precision = one_of("dtype", dtype, ("float64", "float32"))
        self.ridge = np.broadcast_to(np.asarray(ridge, dtype=np.float64), (pilot.d,)).copy()
        # Rows that share a weight multiply the mean step too.
        shared = self.multiplier.largest if block_length > 1 else 1.0
        self.schedule = (schedule or StepSchedule()).resolved(
            largest_weight=self.multiplier.largest,
            row_curvature=pilot.row_curvature,
            top_curvature=shared * pilot.top_curvature,
            batch_size=batch_size,
        )
        self.companions = {name: self._companion(name) for name in companions}
        self.n_rows = self.n_steps = self.rows_outside = 0
        self.path = Path()
        penalty = pilot.quadratic_to_whitened(self.ridge) if self.ridge.any() else None
        start = pilot.to_whitened(pilot.theta)
        self._chains = Chains(start, n_chains, batch_size, loss, penalty, self.dtype)
        self._sums = np.zeros((pilot.d, n_chains + 1))
        self._raw = np.empty((batch_size, pilot.d))
        self._rows = np.empty((batch_size, pilot.d), self.dtype)
        self._group = max(1, _ROWS_OF_WEIGHTS // batch_size) * batch_size
        self._weights = np.empty((self._group, n_chains + 1), self.dtype)
        # Slots are numbered from 0 and column 0 is overwritten: chain m owns slot m.
        slots = slice(first_chain - 1, first_chain + n_chains)
        self._source = RowWeights(self.multiplier, seed, slots, block_length)
        self._pending = Rows.empty(pilot.d)
        self._epoch_rows = 0
        self.compiled = compiled
        if compiled and (batch_size > 1 or self.companions or self.ridge.any()):
            found = f"batch_size={batch_size}, companions {list(self.companions)}"
            allowed = "False; or batch_size=1, no companions and no ridge"
            raise InputError("compiled", f"True with {found}", allowed)
        self._single = SingleRows(loss, pilot)
        self._begin_average()

    def consume(
        self,
        X: ArrayLike,
        y: ArrayLike,
        row_ids: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Take in rows; the last few wait until their minibatch is full.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
        row_ids : array-like of int of shape (n,), optional
            Decide the weights. Default: rows are numbered as they come, from 0 in every epoch.
        sample_weight : array-like of shape (n,), optional
            Multiplies the gradient.

        Raises
        ------
        InputError
            If anything is not finite, not of these shapes, or no target of the loss.
        """
        first_id = self._epoch_rows + len(self._pending)
        rows = as_rows(X, y, row_ids, sample_weight, self.pilot.d, first_id)
        if not (allowed := self.loss.allows(rows.y)).all():
            raise InputError("y", rows.y[~allowed][0], f"targets of the {self.loss.name} loss")
        missing = -len(self._pending) % self.batch_size
        if len(rows) < missing:
            self._pending = self._pending.then(rows)
            return
        if missing:
            self._run(self._pending.then(rows[:missing]))
            rows = rows[missing:]
        full = len(rows) - len(rows) % self.batch_size
        self._run(rows[:full])
        self._pending = rows[full:].copy()

    def finish(self) -> None:
        """Process the rows that wait for a full minibatch.

        Their step is shorter in proportion: every row weighs the same, and the guard against large
        steps holds.
        """
        if len(self._pending):
            self._run(self._pending)
            self._pending = Rows.empty(self.pilot.d)

    @property
    def n_waiting(self) -> int:
        """How many rows wait for a full minibatch."""
        return len(self._pending)

    def start_epoch(self) -> None:
        """Begin another pass: the chains go on, the average starts afresh.

        Rows must come with the ids they had, or in the order they had, to get the same weights:
        fresh weights in every epoch would make the spread too small.
        """
        self.finish()
        self._epoch_rows = 0
        self._begin_average()

    def averages(self) -> Averages:
        """Return the averaged run and chains as they are now, without the rows that wait."""
        if self._averaged == 0:
            raise InputError("engine", "no averaged row", "rows beyond the burn-in")
        means = self.pilot.to_user(self._sums / self._averaged)
        # Counted in minibatches, of which a last short one is a fraction.
        n_rows = round(self._averaged * self.batch_size)
        return Averages(n_rows, means[:, 0], means[:, 1:].T.copy())

    def companion_covariance(self, name: str) -> Floats:
        """Return a companion's covariance matrix in the user's coordinates, shape (d, d)."""
        companion = self.companions[one_of("companion", name, self.companions)]
        return self.pilot.covariance_to_user(companion.covariance())

    def companion_interval(self, name: str, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return a companion's lower and upper bounds for every coordinate."""
        center = self.averages().estimate
        spread = np.sqrt(np.diagonal(self.companion_covariance(name)))
        reach = self.companions[name].critical_value(level) * spread
        return center - reach, center + reach

    def _companion(self, name: str) -> Companion:
        kind = COMPANIONS[one_of("companions", name, COMPANIONS)]
        if kind.needs_curvature and self.loss.curvature_bound is None:
            raise InputError("companions", name, f"one that the {self.loss.name} loss allows")
        return kind()

    def _begin_average(self) -> None:
        self._sums[:] = 0
        self._averaged, self.first_averaged = 0.0, self.n_steps + 1
        start = self._chains.phi[:, 0].astype(np.float64)
        self.path.begin(start)
        for companion in self.companions.values():
            companion.begin(start, self.n_chains, self._chains.penalty, self.schedule)

    def _run(self, rows: Rows) -> None:
        # A chain that overflows shows in its average; it is no warning in mid-run.
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(rows), self._group):
                group = rows[start : start + self._group]
                weights = self._weights[: len(group)]
                self._source.fill(group.ids, weights)
                weights[:, 0] = 1
                if (group.sample_weight != 1).any():
                    weights *= group.sample_weight[:, None]
                last = len(group)
                if self.compiled:
                    last = min(max(self.burn_in - self._epoch_rows, 0), last)
                for first in range(0, last, self.batch_size):
                    part = slice(first, first + self.batch_size)
                    self._step(group[part], weights[part])
                if self.compiled:
                    self._single_rows(group[last:], weights[last:])

    def _step(self, batch: Rows, weights: NDArray[Any]) -> None:
        b = len(batch)
        # A product of copies: memory layout can't change a bit of the result.
        raw, rows = self._raw[:b], self._rows[:b]
        raw[:] = batch.X
        self.pilot.whiten(raw, out=rows)
        self.rows_outside += self.pilot.outside(rows)
        self.n_steps += 1
        self.n_rows += b
        self._epoch_rows += b
        rate = self.schedule.step(self.n_steps) / self.batch_size
        self._chains.step(rows, batch.y, weights, rate)
        if self._epoch_rows <= self.burn_in:
            self._begin_average()
        else:
            self._average(batch, weights)

    def _single_rows(self, rows: Rows, weights: NDArray[Any]) -> None:
        b = len(rows)
        whitened = self._single.whiten(rows.X, self.dtype)
        self.rows_outside += self.pilot.outside(whitened)
        rates = np.array([self.schedule.step(self.n_steps + k) for k in range(1, b + 1)])
        phi = self._chains.phi
        for iterate in self._single.steps(whitened, rows.y, weights, rates, phi, self._sums):
            self.path.update(iterate)
        self.n_steps += b
        self.n_rows += b
        self._epoch_rows += b
        self._averaged += b

    def _average(self, batch: Rows, weights: NDArray[Any]) -> None:
        b, chains = len(batch), self._chains
        self._sums += chains.phi if b == self.batch_size else chains.phi * (b / self.batch_size)
        self._averaged += b / self.batch_size
        self.path.update(chains.phi[:, 0])
        if not self.companions:
            return
        smooth = self.loss.curvature_bound is not None
        seen = Minibatch(
            rows=self._rows[:b],
            scores=chains.score[:b],
            curvatures=self.loss.curvature(chains.predictor[:b], batch.y) if smooth else None,
            sample_weight=batch.sample_weight,
            weights=weights[:, 1:],
            iterate=chains.phi[:, 0],
        )
        for companion in self.companions.values():
            companion.update(seen)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return everything a run needs to go on, as arrays that `numpy.savez` takes.

        Resuming from it gives the same bits as not having stopped.
        """
        from surefoot.confidence.state import state_of

        return state_of(self)

    @classmethod
    def from_state(cls, state: dict[str, NDArray[Any]]) -> ChainEngine:
        """Return the engine whose `state` this is."""
        from surefoot.confidence.state import engine_from

        return engine_from(state)


def nbytes_needed(
    d: int, n_chains: int, batch_size: int = 32, n0: int = 0, dtype: Precision = "float64"
) -> int:
    """Return about how many bytes a run holds, however many rows it sees.

    Parameters
    ----------
    d, n_chains, batch_size : int
    n0 : int
        Rows of the pilot, held until it is fitted.
    dtype : {"float64", "float32"}
    """
    size, columns = np.dtype(dtype).itemsize, n_chains + 1
    weights = max(_ROWS_OF_WEIGHTS, batch_size)
    iterates = d * columns * (2 * size + 8)  # Φ, gradient, sums
    between = (batch_size + weights) * columns * size + _ROWS_OF_WEIGHTS * columns * 6
    return iterates + between + 8 * (n0 * d + 3 * d * d)


def _check_count(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(name, value, f"a whole number from {least}")
