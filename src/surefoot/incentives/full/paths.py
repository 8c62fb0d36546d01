"""Limits in common: one path of efforts, on which every agent is a point.

With the same limits for all, the best effort is a piecewise linear function of the gap. Its few
pieces are found once; an agent then costs a look-up and one multiplication a node. Without limits
there is a single piece: the gap times the effort that gains one unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.incentives.costs import EffortCost, norm
from surefoot.incentives.full.coupled import unit_effort
from surefoot.incentives.full.levers import Levers, joined, parted

Floats = NDArray[np.float64]
# Agents at a time: their efforts stay in the processor's cache.
_BLOCK = 8192


@dataclass(frozen=True, eq=False)
class Path:
    """Best efforts by gap: ``held[j] + (gap − gains[j]) rises[j]`` on piece j.

    Attributes
    ----------
    starts, prices : ndarray of shape (J,)
        Gap at which each piece begins, and the norm of the effort there.
    held, rises : ndarray of shape (J, m)
        Effort of the nodes that are at their limits; effort of the others for one unit of score.
    gains, held_norms, rise_norms : ndarray of shape (J,)
        Score gained by `held`; the norms of `held` and of `rises`.
    lower, upper : ndarray of shape (m,)
    reach : float
        The greatest gap that effort makes up for.
    p : float
    """

    starts: Floats
    prices: Floats
    held: Floats
    rises: Floats
    gains: Floats
    held_norms: Floats
    rise_norms: Floats
    lower: Floats
    upper: Floats
    reach: float
    p: float

    @classmethod
    def of(cls, gain: Floats, cost: EffortCost) -> Path | None:
        """Return the path, or None: limits differ, or nodes with limits help one another."""
        if cost.lower.ndim + cost.upper.ndim > 2:
            return None
        if cost.separable:
            return cls._bent(Levers.of(gain, cost), cost.lower, cost.upper)
        return cls._straight(unit_effort(gain, cost), cost) if cost.homogeneous else None

    def at_gap(self, gap: Floats) -> tuple[Floats, Floats]:
        """Return efforts that make up for gaps within reach, and their norms."""
        piece = np.searchsorted(self.starts, gap, side="right") - 1
        rest = np.maximum(gap - self.gains[piece], 0.0)
        norms = joined(self.held_norms[piece], rest * self.rise_norms[piece], self.p)
        return self._efforts(piece, rest), norms

    def at_norm(self, norms: Floats) -> Floats:
        """Return the efforts of these norms that gain most; p is finite."""
        piece = np.searchsorted(self.prices, norms, side="right") - 1
        slopes = self.rise_norms[piece]
        rest = parted(norms, self.held_norms[piece], self.p) / np.where(slopes > 0, slopes, 1.0)
        return self._efforts(piece, rest)

    def _efforts(self, piece: NDArray[np.intp], rest: Floats) -> Floats:
        efforts = np.empty((len(rest), len(self.lower)))
        for start in range(0, len(rest), _BLOCK):
            part = slice(start, start + _BLOCK)
            block = efforts[part]
            np.take(self.rises, piece[part], axis=0, out=block, mode="clip")
            block *= rest[part, None]
            block += self.held[piece[part]]
            # Beyond a limit is what rounding, or a target past the end of the path, puts there.
            np.clip(block, self.lower, self.upper, out=block)
        return efforts

    @classmethod
    def _bent(cls, levers: Levers, lower: Floats, upper: Floats) -> Path:
        """Return the path of a separable cost: from one limit that is met to the next."""
        if levers.p > 1:
            room = levers.weights * levers.caps(lower, upper)
            levers = levers.take(np.argsort(np.log(room) - levers.logs, kind="stable"))
        caps = levers.caps(lower, upper)
        room = levers.weights * caps
        # A node without a limit ends the path; a path of no nodes has one piece too.
        endless = np.flatnonzero(np.isinf(room))
        pieces = endless[0] + 1 if len(endless) else max(len(room), 1)
        node, piece = np.arange(len(room)), np.arange(pieces)[:, None]
        full = node < piece
        sharing = ~full if levers.p > 1 else node == piece
        logs = np.where(sharing, levers.logs, -np.inf)
        rises = np.exp(logs - logs.max(axis=1, initial=-np.inf, keepdims=True))
        rises /= (rises @ levers.rates)[:, None]
        held = np.where(full, room, 0.0)
        gains = held @ levers.rates
        held_norms, rise_norms = norm(held, levers.p), norm(rises, levers.p)
        with np.errstate(divide="ignore", over="ignore"):  # some wait for the others for ever
            ends = room[: pieces - 1] / np.diagonal(rises)[: pieces - 1]
        starts, prices = np.zeros(pieces), np.zeros(pieces)
        starts[1:] = np.maximum.accumulate(gains[:-1] + ends)
        prices[1:] = np.maximum.accumulate(
            joined(held_norms[:-1], ends * rise_norms[:-1], levers.p)
        )
        path = cls(
            starts=starts,
            prices=prices,
            held=np.zeros((pieces, len(lower))),
            rises=np.zeros((pieces, len(lower))),
            gains=gains,
            held_norms=held_norms,
            rise_norms=rise_norms,
            lower=lower,
            upper=upper,
            reach=float(levers.rates @ room),
            p=levers.p,
        )
        path.held[:, levers.nodes] = np.where(full, levers.signs * caps, 0.0)
        path.rises[:, levers.nodes] = levers.signs * rises / levers.weights
        return path

    @classmethod
    def _straight(cls, unit: Floats | None, cost: EffortCost) -> Path:
        """Return the path of a cost without limits, from the effort that gains one unit."""
        zero, nothing = np.zeros(1), np.zeros((1, cost.size))
        rises = nothing if unit is None else unit[None]
        return cls(
            starts=zero,
            prices=zero,
            held=nothing,
            rises=rises,
            gains=zero,
            held_norms=zero,
            rise_norms=np.sqrt(cost.of(rises)),
            lower=cost.lower,
            upper=cost.upper,
            reach=0.0 if unit is None else np.inf,
            p=2.0,
        )
