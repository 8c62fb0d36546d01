"""Which rules induce wanted effort: a union of convex pieces.

Without bounds an agent's effort on a node is in proportion to ``c_i |y_i|^power``, y linear in the
weights of the rule: ``y = v / w`` under a norm, ``Q⁻¹v`` under a quadratic cost; a share of *cost*
has other powers than one of *effort*. With D the wanted nodes, U the others and
k = beta / (1 − beta), the response is wanted iff ``sum_D c|y|^power >= k sum_U c|y|^power``:

=====  ==========  ============  ================================================================
power  effort at   cost at       rules whose share is beta or more, where signs of y on D are known
=====  ==========  ============  ================================================================
inf    p = 1       p = 1         one polyhedron a wanted node: it must beat all others
> 1    p < 2       1 < p < inf   a norm cone if one node is wanted; else see `relaxation`
1      p = 2                     one polyhedron
< 1    p > 2                     see `relaxation`
0      p = inf     p = inf       one polyhedron a choice of nodes that move
=====  ==========  ============  ================================================================

At beta = 1 all are one polyhedron, ``y = 0`` on U. Signs are known where directions are asked for:
then every wanted node has its sign, so that no rule ever pays for the wrong direction. Otherwise
every pattern of signs has pieces of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.designing.programs import Norm, Piece
from surefoot.incentives.measures import Desirable, Measure

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Signs = tuple[int, ...]
# Asked for on top of beta; more where the share is not linear in y.
_ON_TOP, _ON_TOP_BENT = 2e-8, 2e-7
_ROUNDING = 1e-9
# Nodes whose supports are tried one by one at p = inf: 2^14 choices.
_MOST_NODES = 14
# Below it, twice the cost of a node is like a thousandth of its gain: numbers no solver can hold.
_LEAST_POWER = 0.1


@dataclass(frozen=True, eq=False)
class Region:
    """Rules whose response is wanted, under one matrix of effects and one cost.

    Attributes
    ----------
    wanted, unwanted : ndarray of shape (k, n), (l, n)
        Rows of y, of the nodes that can move. An unwanted node that moves one way only is worked on
        where its y is positive.
    signs : tuple of int
        Wanted directions; zeros where either will do.
    ways : tuple of tuple of int
        Directions in which each wanted node can move.
    free : ndarray of shape (l,)
        Whether an unwanted node moves both ways.
    factors : tuple of ndarray
        c of the wanted and of the unwanted nodes.
    names : tuple of tuple of str
        Of the wanted and of the unwanted nodes; "-BMI" where only less of it is possible.
    power, beta, margin : float
        A node that must be worked on beats others by the margin: ties are no incentive.
    """

    wanted: Floats
    unwanted: Floats
    signs: Signs
    ways: tuple[tuple[int, ...], ...]
    free: Bools
    factors: tuple[Floats, Floats]
    names: tuple[tuple[str, ...], tuple[str, ...]]
    power: float
    beta: float
    margin: float

    @classmethod
    def of(
        cls,
        effects: Floats,
        cost: EffortCost,
        desirable: Desirable,
        *,
        beta: float,
        measure: Measure = "effort",
        directed: bool = True,
        margin: float = 1e-3,
    ) -> Region:
        """Return the region; `effects`, shape (m, n), gives the gains v from the variables."""
        rows, factors, power = _worked_on(effects, cost, measure)
        up, down = np.atleast_2d(cost.upper).max(0) > 0, np.atleast_2d(cost.lower).min(0) < 0
        wanted, unwanted = desirable.wanted & (up | down), ~desirable.wanted & (up | down)
        rows = rows / max(float(np.abs(rows).max()), np.finfo(float).tiny)
        rows = np.where((unwanted & ~up)[:, None], -rows, rows)
        signs = tuple(int(sign) if directed else 0 for sign in desirable.signs[wanted])
        ways = tuple(
            tuple(sign for sign, can in ((1, up[i]), (-1, down[i])) if can)
            for i in np.flatnonzero(wanted)
        )
        others = [(name if up[i] else f"-{name}") for i, name in enumerate(desirable.names)]
        return cls(
            rows[wanted],
            rows[unwanted],
            signs,
            ways,
            (up & down)[unwanted],
            (factors[wanted], factors[unwanted]),
            (
                tuple(itertools.compress(desirable.names, wanted)),
                tuple(itertools.compress(others, unwanted)),
            ),
            power,
            float(beta),
            margin,
        )

    @property
    def target(self) -> float:
        """Share asked of a solver, whose tolerance must not leave beta unmet."""
        return min(self.beta + (_ON_TOP if self.power == 1 else _ON_TOP_BENT), 1.0)

    @property
    def n(self) -> int:
        """Number of variables."""
        return self.wanted.shape[1]

    @property
    def rows(self) -> Floats:
        """Rows of y of all nodes that can move."""
        return np.vstack([self.wanted, self.unwanted])

    @property
    def useful(self) -> tuple[tuple[int, ...], ...]:
        """Directions in which each wanted node counts."""
        return tuple(
            tuple(sign for sign in way if sign != -wanted)
            for way, wanted in zip(self.ways, self.signs, strict=True)
        )

    @property
    def listed(self) -> bool:
        """Whether the region is a short list of polyhedra, whatever the signs."""
        return self.beta in (0.0, 1.0) or self.power in (0.0, np.inf)

    def counts(self, signs: Signs) -> Bools:
        """Return which wanted nodes count where their y has these signs."""
        return self._move(signs) & (np.array(signs) != -np.array(self.signs))

    def counted(self, signs: Signs) -> Floats:
        """Return |y| of the wanted nodes that count, as rows."""
        return (self.wanted * np.array(signs, dtype=float)[:, None])[self.counts(signs)]

    def sides(self, signs: Signs) -> Piece:
        """Return the rules with these signs of y on the wanted nodes; 0 leaves one open."""
        rows = self.wanted * np.array(signs, dtype=float)[:, None]
        return Piece(self.n, at_most=-rows[np.array(signs) != 0])

    def sizes(
        self, weights: Floats, credit: Floats, p: float = 1.0, also: Floats | None = None
    ) -> Piece:
        """Return the rules with ``||weights o y_U||_p <= credit.(x, u)`` and ``also (x, u) <= 0``.

        Of a node that moves one way only the positive part counts: one more auxiliary variable.
        """
        n, m, one_way = self.n, len(credit), np.flatnonzero(~self.free)
        k = len(one_way)
        rows = np.zeros((len(self.unwanted), m + k))
        rows[:, :n] = self.unwanted * weights[:, None]
        parts = np.hstack([np.zeros((k, m)), np.eye(k)])
        at_most = [rows[one_way] - parts, -parts]
        if also is not None:
            at_most.append(np.hstack([also, np.zeros((len(also), k))]))
        rows[one_way] = parts
        norm = Norm(rows, np.concatenate([credit, np.zeros(k)]), p)
        return Piece(n, m - n + k, at_most=np.vstack(at_most), norms=(norm,))

    def still(self, which: Bools) -> Piece:
        """Return the rules that move none of the unwanted nodes `which`."""
        rows, free = self.unwanted[which], self.free[which]
        return Piece(self.n, at_most=rows[~free], equal=rows[free])

    def convex(self, signs: Signs) -> Piece | None:
        """Return the region within these signs if it is one convex piece, else None."""
        counts = self.counts(signs)
        if not counts.any():  # nothing wanted can move: neither may anything else
            return self.sides(signs) & self.still(np.ones(len(self.unwanted), dtype=bool))
        if self.power != 1 and not (self.power > 1 and counts.sum() == 1):
            return None
        ours, theirs = (
            (c * share) ** (1 / self.power)
            for c, share in zip(
                (self.factors[0][counts], self.factors[1]),
                (1 - self.target, self.target),
                strict=True,
            )
        )
        return self.sides(signs) & self.sizes(theirs, ours @ self.counted(signs), self.power)

    def polyhedra(self) -> Iterator[Piece]:
        """Yield the pieces of a region that is `listed`."""
        base = self.sides(self.signs)
        if self.beta == 0:
            yield base
        elif np.isinf(self.power):
            for row, ways in zip(self.wanted, self.useful, strict=True):
                for sign in ways:
                    yield base & self._beats(sign * row, 1 + self.margin)
        elif self.beta == 1:
            yield base & self.still(np.ones(len(self.unwanted), dtype=bool))
        else:
            for ours, theirs in _supports(*self.factors, self.beta):
                rest = base & self.still(~theirs)
                for signs in itertools.product(*itertools.compress(self.useful, ours)):
                    piece = rest
                    for sign, row in zip(signs, self.wanted[ours], strict=True):
                        piece &= self._beats(sign * row, self.margin)
                    yield piece

    def share(self, x: Floats) -> float:
        """Return the wanted share of the response to x; NaN if it moves nobody."""
        y = _without_rounding(self.wanted, x)
        signs = tuple(np.sign(y).astype(int))
        ours = np.where(self.counts(signs), np.abs(y), 0.0)
        wrong = np.where(self._move(signs) & ~self.counts(signs), np.abs(y), 0.0)
        y = _without_rounding(self.unwanted, x)
        theirs = np.concatenate([np.maximum(np.where(self.free, np.abs(y), y), 0.0), wrong])
        most, rival = ours.max(initial=0.0), theirs.max(initial=0.0)
        if max(most, rival) <= 0:
            return float("nan")
        least = self.margin * (1 - 1e-4)  # a solver's margin is not exact
        if np.isinf(self.power):
            return float(most >= (1 + least) * rival)
        if self.power == 0:
            ours, theirs = (ours > 0) & (ours >= least * rival), theirs > 0
        else:
            ours, theirs = ((y / max(most, rival)) ** self.power for y in (ours, theirs))
        kept = self.factors[0] @ ours
        rest = np.concatenate([self.factors[1], self.factors[0]]) @ theirs
        return float(kept / (kept + rest)) if kept + rest > 0 else 0.0

    def meets(self, x: Floats) -> bool:
        """Return whether the response to x is wanted, or there is none."""
        if np.any(_without_rounding(self.wanted, x) * np.array(self.signs) < 0):
            return False
        return not self.share(x) < self.beta - _ROUNDING

    def _move(self, signs: Signs) -> Bools:
        return np.array([s in way for s, way in zip(signs, self.ways, strict=True)], dtype=bool)

    def _beats(self, row: Floats, factor: float) -> Piece:
        rows = self.unwanted * factor
        return Piece(self.n, at_most=np.vstack([-row, rows - row, -rows[self.free] - row]))


def _without_rounding(rows: Floats, x: Floats) -> Floats:
    y = rows @ x
    size = np.abs(rows).sum(axis=1) * np.abs(x).max(initial=0.0)
    return np.where(np.abs(y) <= 1e-12 * size, 0.0, y)


def _worked_on(effects: Floats, cost: EffortCost, measure: Measure) -> tuple[Floats, Floats, float]:
    """Return rows of y, factors c and the power."""
    p, ones = cost.p, np.ones(cost.size)
    if p is not None:
        rows = effects / cost.weights[:, None]
        factors = 1.0 / cost.weights if measure == "effort" else ones
        if p == 1:
            return rows, factors, np.inf
        if np.isinf(p):
            return rows, factors, 0.0
        power = (1.0 if measure == "effort" else p) / (p - 1)
        if power < _LEAST_POWER:
            allowed = f"at most {1 + 1 / _LEAST_POWER:g}, or inf, which is much the same"
            raise InputError("cost.p", p, allowed)
        return rows, factors, power
    if cost.separable:
        root = np.sqrt(np.diag(cost.Q))
        rows = effects / root[:, None]
        return (rows, 1.0 / root, 1.0) if measure == "effort" else (rows, ones, 2.0)
    if measure == "cost":
        allowed = "'effort': a cost that couples nodes is not split over them by convex programs"
        raise InputError("measure", measure, allowed)
    if not cost.free:
        allowed = "nodes that move both ways, under a quadratic cost that couples them"
        raise InputError("cost", "a direction that is not possible", allowed)
    movable, rows = np.flatnonzero(cost.movable), np.zeros_like(effects)
    rows[movable] = np.linalg.solve(cost.Q[np.ix_(movable, movable)], effects[movable])
    return rows, ones, 1.0


def _supports(ours: Floats, theirs: Floats, beta: float) -> Iterator[tuple[Bools, Bools]]:
    """Yield smallest sets of wanted nodes that move with largest sets of others that may."""
    k, m = len(ours), len(ours) + len(theirs)
    if m > _MOST_NODES:
        allowed = f"at most {_MOST_NODES} nodes that can move at p = inf"
        raise InputError("cost", f"{m} nodes that can move", allowed)
    weights = np.concatenate([(1 - beta) * ours, -beta * theirs])
    sets = np.array(list(itertools.product((False, True), repeat=m)))
    enough = (sets @ weights >= -_ROUNDING * weights.max()) & sets[:, :k].any(1)
    index = 1 << np.arange(m)[::-1]
    for number in np.flatnonzero(enough):
        # A wanted node less, or another one more, would be too little.
        neighbours = number ^ index
        neighbours = neighbours[sets[number] == (np.arange(m) < k)]
        if not enough[neighbours].any():
            yield sets[number, :k], sets[number, k:]
