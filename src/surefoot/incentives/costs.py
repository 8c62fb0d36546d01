"""What effort costs, and what effort is possible.

===============  =====================  =========================================================
cost             of effort e            remark
===============  =====================  =========================================================
`LpCost`         ``||w o e||_p``        p = 1: the cheapest lever only; larger p: spread out
`QuadraticCost`  ``e'Qe``               levers that help or hinder one another
===============  =====================  =========================================================

Both take limits: bounds on effort, directions, nodes that can't be moved. Weights are costs of one
*unit* of effort; the graph says what a unit is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError, one_of

Floats = NDArray[np.float64]
Bound: TypeAlias = float | ArrayLike | Callable[[pd.DataFrame], ArrayLike]


@dataclass(frozen=True, eq=False)
class EffortCost:
    """A cost and its limits as arrays, one entry an effort node: what the kernels see.

    Attributes
    ----------
    p : float or None
        Exponent of the norm; None for a quadratic cost.
    weights : ndarray of shape (m,)
        Of the norm; ones for a quadratic cost. Positive and finite.
    Q : ndarray of shape (m, m)
        ``e'Qe`` is the quadratic cost, or the square of the norm for p = 2; else ``diag(w²)``.
    lower, upper : ndarray of shape (m,) or (N, m)
        ``lower <= e <= upper``, ``lower <= 0 <= upper``; of every agent, or one row an agent.
    """

    p: float | None
    weights: Floats
    Q: Floats
    lower: Floats
    upper: Floats

    @property
    def size(self) -> int:
        """Number of effort nodes."""
        return len(self.weights)

    @property
    def movable(self) -> NDArray[np.bool_]:
        """Whether anybody can move the node, shape (m,)."""
        either = np.atleast_2d((self.lower < 0) | (self.upper > 0))
        return np.asarray(either.any(axis=0))

    @property
    def homogeneous(self) -> bool:
        """Whether limits are directions only, so that twice an effort is possible too."""
        return self.lower.ndim == 1 and self.upper.ndim == 1 and bool(
            np.all((self.lower == 0) | np.isneginf(self.lower))
            and np.all((self.upper == 0) | np.isposinf(self.upper))
        )  # fmt: skip

    @property
    def free(self) -> bool:
        """Whether every node that can move can move both ways, without end."""
        both = np.isneginf(self.lower) & np.isposinf(self.upper)
        return self.homogeneous and bool(np.all(both == self.movable))

    @property
    def separable(self) -> bool:
        """Whether the cost is a sum over nodes, or the norm of one."""
        return self.p is not None or not np.any(self.Q - np.diag(np.diag(self.Q)))

    def limits(self, n: int) -> tuple[Floats, Floats]:
        """Return lower and upper bounds as arrays of shape (n, m), without copying them."""
        shape = (n, self.size)
        return np.broadcast_to(self.lower, shape), np.broadcast_to(self.upper, shape)

    def rows(self, part: slice | NDArray[np.intp]) -> EffortCost:
        """Return the cost of the agents in `part`."""
        lower = self.lower if self.lower.ndim == 1 else self.lower[part]
        upper = self.upper if self.upper.ndim == 1 else self.upper[part]
        return replace(self, lower=lower, upper=upper)

    def of(self, effort: Floats) -> Floats:
        """Return the cost of efforts of shape (..., m), shape (...)."""
        if self.p is None:
            # Two steps, so that an agent's sum does not depend on its company; see `rowwise`.
            return np.sum(effort * np.einsum("...i,ij->...j", effort, self.Q), axis=-1)
        return norm(np.abs(effort) * self.weights, self.p)


def norm(y: Floats, p: float) -> Floats:
    """Return ``||y||_p`` of rows of y >= 0; no power overflows or vanishes."""
    if p == 1:
        return y.sum(axis=-1)
    largest = y.max(axis=-1, initial=0.0)
    if np.isinf(p):
        return largest
    scale = np.where(largest > 0, largest, 1.0)
    return scale * ((y / scale[..., None]) ** p).sum(axis=-1) ** (1 / p)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Limited:
    """Limits on effort that every cost has."""

    lower: Mapping[str, Bound] = field(default_factory=dict)
    upper: Mapping[str, Bound] = field(default_factory=dict)

    def bounds(
        self, lower: Mapping[str, Bound] | None = None, upper: Mapping[str, Bound] | None = None
    ) -> Self:
        """Return the cost with bounds on the effort of some nodes, in units of effort.

        Parameters
        ----------
        lower, upper : mapping of node to bound, optional
            A number, one number an agent, or a function of the table of agents that returns one
            number an agent: ``{"BMI": lambda X: 18.5 - X["BMI"]}``. Lower bounds are at most 0 and
            upper ones at least 0, so that no effort is always possible.
        """
        return replace(
            self, lower={**self.lower, **(lower or {})}, upper={**self.upper, **(upper or {})}
        )

    def directions(self, signs: Mapping[str, int]) -> Self:
        """Return the cost with nodes that move one way only: +1 up, -1 down."""
        for node, sign in signs.items():
            if sign not in (1, -1):
                raise InputError(f"directions[{node!r}]", sign, "+1 or -1")
        return self.bounds(
            lower={node: 0.0 for node, sign in signs.items() if sign > 0},
            upper={node: 0.0 for node, sign in signs.items() if sign < 0},
        )

    def immutable(self, *nodes: str) -> Self:
        """Return the cost with nodes that no effort moves."""
        return self.bounds(dict.fromkeys(nodes, 0.0), dict.fromkeys(nodes, 0.0))

    def _limits(
        self, efforts: Sequence[str], X: pd.DataFrame | None, fixed: NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        m = len(efforts)
        sides = []
        for side, given, free in (
            ("lower", self.lower, -np.inf), ("upper", self.upper, np.inf)
        ):  # fmt: skip
            for node in given:
                one_of(f"cost.{side}", node, efforts)
            columns = [
                np.zeros(()) if fixed[i] else _bound(given.get(node, free), X, side, node)
                for i, node in enumerate(efforts)
            ]
            if all(column.ndim == 0 for column in columns):
                sides.append(np.array([float(column) for column in columns]).reshape(m))
            else:
                sides.append(np.column_stack(np.broadcast_arrays(*columns)).astype(float))
        return sides[0], sides[1]


@dataclass(frozen=True, eq=False)
class LpCost(_Limited):
    """The weighted norm ``||w o e||_p`` of an effort.

    Parameters
    ----------
    p : float
        Exponent, 1 to infinity. At 1 agents put everything on the node with the best gain for its
        cost; at 2 they spread effort in proportion to ``v_i / w_i²``.
    weights : float or mapping of node to float
        Cost of one unit of effort; nodes not named cost 1. ``inf``: the node can't be moved.
    lower, upper : mapping of node to bound, optional
        See `bounds`.

    Examples
    --------
    >>> cost = LpCost(1, {"sysBP": 0.3}).directions({"cigsPerDay": -1}).immutable("age")
    >>> cost.resolve(["cigsPerDay", "sysBP", "age"]).upper.tolist()
    [0.0, inf, 0.0]
    """

    p: float = 2.0
    weights: float | Mapping[str, float] = 1.0

    def __post_init__(self) -> None:
        if not (isinstance(self.p, int | float | np.number) and self.p >= 1):
            raise InputError("LpCost.p", self.p, "a number from 1 to infinity")
        named = self.weights if isinstance(self.weights, Mapping) else {"": self.weights}
        for node, weight in named.items():
            if not (isinstance(weight, int | float | np.number) and weight > 0):
                where = f"LpCost.weights[{node!r}]" if node else "LpCost.weights"
                raise InputError(where, weight, "a number above 0 (inf: the node can't be moved)")

    def resolve(self, efforts: Sequence[str], X: pd.DataFrame | None = None) -> EffortCost:
        """Return the cost of these effort nodes as arrays; bounds may ask for the table `X`."""
        if isinstance(self.weights, Mapping):
            for node in self.weights:
                one_of("LpCost.weights", node, efforts)
            weights = np.array([float(self.weights.get(node, 1.0)) for node in efforts])
        else:
            weights = np.full(len(efforts), float(self.weights))
        fixed = np.isinf(weights)
        lower, upper = self._limits(efforts, X, fixed)
        weights = np.where(fixed, 1.0, weights)
        return EffortCost(float(self.p), weights, np.diag(weights**2), lower, upper)


@dataclass(frozen=True, eq=False)
class QuadraticCost(_Limited):
    """The quadratic cost ``e'Qe`` of an effort.

    Parameters
    ----------
    Q : array-like of shape (m, m) or mapping of node to float
        Symmetric and positive definite; or its diagonal by node, nodes not named being 1.
    nodes : sequence of str, optional
        What the rows of `Q` stand for; needed for a matrix.
    lower, upper : mapping of node to bound, optional
        See `bounds`.
    """

    Q: ArrayLike | Mapping[str, float] = field(default_factory=dict)
    nodes: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.Q, Mapping):
            for node, value in self.Q.items():
                if not (isinstance(value, int | float | np.number) and 0 < value < np.inf):
                    raise InputError(f"QuadraticCost.Q[{node!r}]", value, "a number above 0")
            return
        Q = np.asarray(self.Q, dtype=float)
        if self.nodes is None:
            raise InputError("QuadraticCost.nodes", None, "what the rows of Q stand for")
        if Q.shape != (len(self.nodes),) * 2:
            raise InputError("QuadraticCost.Q", Q.shape, f"a square of {len(self.nodes)} nodes")
        if not np.isfinite(Q).all():
            raise InputError("QuadraticCost.Q", "an entry that is not finite", "finite numbers")
        if np.abs(Q - Q.T).max() > 1e-10 * np.abs(Q).max():
            raise InputError("QuadraticCost.Q", "not symmetric", "a symmetric matrix")
        if np.linalg.eigvalsh(Q)[0] <= 0:
            smallest = np.linalg.eigvalsh(Q)[0]
            raise InputError("QuadraticCost.Q", f"eigenvalue {smallest:g}", "positive definite")

    def resolve(self, efforts: Sequence[str], X: pd.DataFrame | None = None) -> EffortCost:
        """Return the cost of these effort nodes as arrays; bounds may ask for the table `X`."""
        m = len(efforts)
        if isinstance(self.Q, Mapping):
            for node in self.Q:
                one_of("QuadraticCost.Q", node, efforts)
            Q = np.diag([float(self.Q.get(node, 1.0)) for node in efforts])
        else:
            assert self.nodes is not None  # checked above
            nodes = list(self.nodes)
            if set(nodes) != set(efforts) or len(nodes) != m:
                raise InputError("QuadraticCost.nodes", nodes, f"these: {', '.join(efforts)}")
            order = [nodes.index(node) for node in efforts]
            Q = np.asarray(self.Q, dtype=float)[np.ix_(order, order)]
            Q = (Q + Q.T) / 2
        lower, upper = self._limits(efforts, X, np.zeros(m, dtype=bool))
        return EffortCost(None, np.ones(m), Q, lower, upper)


Cost: TypeAlias = LpCost | QuadraticCost


def _bound(given: Bound, X: pd.DataFrame | None, side: str, node: str) -> NDArray[np.float64]:
    where = f"{side}[{node!r}]"
    if callable(given):
        if X is None:
            raise InputError(where, "a function of the agents", "numbers: no agents are at hand")
        given = given(X)
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise InputError(where, given, "one number, or one an agent") from None
    if values.ndim > 1 or (values.ndim == 1 and X is not None and len(values) != len(X)):
        raise InputError(where, values.shape, "one number, or one an agent")
    wrong = np.isnan(values) | (values > 0 if side == "lower" else values < 0)
    if wrong.any():
        allowed = "at most 0" if side == "lower" else "at least 0"
        found = values if values.ndim == 0 else values[np.flatnonzero(wrong)[0]]
        raise InputError(where, float(found), f"{allowed}, so that no effort is possible too")
    return values
