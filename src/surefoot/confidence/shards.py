"""What a run on some of the rows leaves for others to be merged with: no rows, and little else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import special

from surefoot.confidence.averages import Averages, merge
from surefoot.confidence.bias import TransientBias, chain_tails, exploded, in_spreads
from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.health import RunHealth, health_of
from surefoot.ground.errors import UnmetError

Floats = NDArray[np.float64]

# Pivotal for one run alone: no error that those of other runs could be added to.
_NOT_ADDED = "random_scaling"


@dataclass(frozen=True, eq=False)
class Shard:
    """A finished run, or several that were merged.

    Attributes
    ----------
    averages : Averages
    n_seen : int
        Rows, whether they are in the average or not.
    health : RunHealth
    companions : dict of str to ndarray of shape (d,)
        Standard errors by other methods.
    between : ndarray of shape (d,)
        Σ n_s (θ̄_s − θ̄)² over the merged runs.
    """

    averages: Averages
    n_seen: int
    health: RunHealth
    companions: dict[str, Floats]
    between: Floats

    def merged(self, other: Shard) -> Shard:
        """Return both as one: commutative and, up to rounding, associative.

        Averages and predicted bias are means weighted by rows. Standard errors of companions are
        those of such a mean of independent runs; `RandomScaling` has none to add and is dropped.
        Of the other checks the worse counts. The chains of the mean have tails of their own, and
        the runs, should their rows be in random order, differ by chance alone.
        """
        both = merge(self.averages, other.averages)
        share, rest = (part.averages.n_rows / both.n_rows for part in (self, other))
        apart = self.averages.estimate - other.averages.estimate
        between = self.between + other.between + share * rest * both.n_rows * apart**2
        companions = {
            name: np.hypot(share * errors, rest * other.companions[name])
            for name, errors in self.companions.items()
            if name != _NOT_ADDED
        }
        a, b = self.health, other.health
        n_runs = a.n_runs + b.n_runs
        bias = share * a.bias.bias + rest * b.bias.bias
        health = RunHealth(
            n_steps=a.n_steps + b.n_steps,
            n_chains=a.n_chains,
            d=a.d,
            bias=TransientBias(bias, in_spreads(bias, both)),
            drift=float(np.fmax(a.drift, b.drift)),
            tails=chain_tails(both),
            rank=min(a.rank, b.rank),
            condition=max(a.condition, b.condition),
            constant=tuple(sorted({*a.constant, *b.constant})),
            separated=a.separated or b.separated,
            growing=a.growing or b.growing,
            rows_outside=a.rows_outside + b.rows_outside,
            penalised=a.penalised or b.penalised,
            alike=a.alike and b.alike,
            rounding=max(a.rounding, b.rounding),
            n_runs=n_runs,
            n_short=a.n_short + b.n_short,
            chance=_chance(between, n_runs, both),
        )
        return Shard(both, self.n_seen + other.n_seen, health, companions, between)


def shard_of(engine: ChainEngine, names: Sequence[str], n_seen: int, level: float) -> Shard:
    """Return what a finished engine leaves.

    Parameters
    ----------
    engine : ChainEngine
    names : sequence of str
        Of the parameters.
    n_seen : int
    level : float
        The standard errors of a companion are half the length of its intervals at this level, in
        units of the normal quantile.

    Raises
    ------
    UnmetError
        If the run has exploded.
    """
    averages = engine.averages()
    if exploded(averages, engine.pilot):
        msg = (
            "the run has exploded: take smaller steps (c0, k0), or rows in random order, such as "
            "RowStream.shuffle gives"
        )
        raise UnmetError(msg)
    reach = NormalDist().inv_cdf((1 + level) / 2)
    errors = {name: _half_length(engine, name, level) / reach for name in engine.companions}
    health = health_of(engine, averages, names)
    return Shard(averages, n_seen, health, errors, np.zeros(len(names)))


def _half_length(engine: ChainEngine, name: str, level: float) -> Floats:
    try:
        lower, upper = engine.companion_interval(name, level)
    except np.linalg.LinAlgError:
        return np.full(engine.pilot.d, np.nan)
    half: Floats = (upper - lower) / 2
    return half


def _chance(between: Floats, n_runs: int, both: Averages) -> float:
    """Return the p-value of the parameter that differs most between runs, times d (Bonferroni)."""
    variance = both.n_rows * both.spread**2
    excess = np.divide(between, variance, out=np.zeros_like(between), where=variance > 0)
    return min(1.0, len(between) * float(special.chdtrc(n_runs - 1, excess.max())))
