"""Which efforts a rule can bring about at all.

Agents with a linear cost (p = 1) put everything on one activity. Activity j can be that one iff no
mixture of others does all that j does for the features at no more than its cost (Kleinberg and
Raghavan 2020). A graph's matrix of effects is square and invertible, so that every node can; where
efforts share features, the mixture is the reason that one of them can't.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.incentives.conic import Conic
from surefoot.incentives.costs import LpCost
from surefoot.incentives.effects import Effects

Floats = NDArray[np.float64]
Weights = Literal["nonnegative", "free"]
# A substitute this close to the cost of what it stands for is a tie, not a lead.
_TIE = 1e-7


@dataclass(frozen=True)
class Implementable:
    """Whether some rule makes an activity the single best one.

    Attributes
    ----------
    node : str
    direction : int
    possible : bool
    substitute : float
        Cost of the cheapest mixture of other activities that does all that this one does, as a
        multiple of its own cost; inf if none does. The activity can lead others by this factor.
    dominated_by : dict of str to float
        If it is not possible: that mixture, in what each activity gets of what the node's effort
        would have cost; "-BMI" is less of BMI. Empty if the activity does nothing for any rule.
    weights : dict of feature to float
        If it is possible: a rule that brings it about.
    """

    node: str
    direction: int
    possible: bool
    substitute: float
    dominated_by: dict[str, float]
    weights: dict[str, float]


def implementable(
    effects: Effects,
    node: str,
    cost: LpCost | None = None,
    *,
    direction: int = 1,
    weights: Weights = "nonnegative",
) -> Implementable:
    """Return whether a linear rule can make one activity the single best.

    Parameters
    ----------
    effects : Effects
        Of an uncertain one, the mean.
    node : str
        The activity.
    cost : LpCost, optional
        Weights, directions and immutable nodes; its exponent does not matter. 1 a unit by default.
    direction : {1, -1}
        More of the node, or less.
    weights : {"nonnegative", "free"}
        Whether rules must have weights of at least 0, or may have any.

    Examples
    --------
    >>> from surefoot.incentives.effort_matrix import EffortMatrix
    >>> matrix = [[1.0, 0.0], [0.0, 1.0], [0.4, 0.4]]
    >>> found = implementable(EffortMatrix(matrix, ["x", "y", "z"], ["a", "b"]), "z")
    >>> found.possible, {name: round(share, 6) for name, share in found.dominated_by.items()}
    (False, {'x': 0.4, 'y': 0.4})
    """
    one_of("weights", weights, get_args(Weights))
    names = list(effects.efforts)
    one_of("node", node, names)
    resolved = (cost or LpCost(1)).resolve(names)
    ways = {
        1: np.atleast_2d(resolved.upper).max(0) > 0,
        -1: np.atleast_2d(resolved.lower).min(0) < 0,
    }
    place = names.index(node)
    if direction not in ways or not ways[direction][place]:
        raise InputError("direction", direction, f"+1 or -1, a way in which {node!r} can move")
    rates = effects.contribution() / resolved.weights[:, None]
    rivals = [
        (name if way > 0 else f"-{name}", way * rates[i])
        for i, name in enumerate(names) for way in ways
        if i != place and ways[way][i]
    ]  # fmt: skip
    rows = np.array([row for _, row in rivals]).reshape(-1, rates.shape[1])
    signs = np.full(rates.shape[1], 1 if weights == "nonnegative" else 0)
    factor, mixture = cheapest_substitute(direction * rates[place], rows, signs)
    possible = factor > 1 + _TIE
    rule = _leading(direction * rates[place], rows, signs, min(factor, 2.0)) if possible else ()
    return Implementable(
        node,
        direction,
        possible,
        factor,
        {} if possible else named(mixture, [name for name, _ in rivals]),
        dict(zip(effects.features, rule, strict=True)) if possible else {},
    )


def cheapest_substitute(
    row: Floats, rivals: Floats, signs: NDArray[np.int_]
) -> tuple[float, Floats]:
    """Return the least total of rivals that does all that `row` does, and the mixture.

    Parameters
    ----------
    row : ndarray of shape (n,)
        What an activity does for each feature, per unit of cost.
    rivals : ndarray of shape (r, n)
    signs : ndarray of shape (n,)
        Sign of each weight of a rule, 0 if it is free. To do "all" is to do as much of a feature
        whose weight is free, and at least as much of one with a sign.

    Returns
    -------
    tuple
        (inf, zeros) if no mixture does.
    """
    size = np.abs(np.vstack([row, rivals])).max(initial=0.0)
    if size == 0 or not row.any():
        return 0.0, np.zeros(len(rivals))
    program = Conic(len(rivals))
    program.linear(np.ones(len(rivals)))
    program.at_most(-np.eye(len(rivals)), np.zeros(len(rivals)))
    free, signed = signs == 0, signs != 0
    program.equal(rivals.T[free] / size, row[free] / size)
    toward = signs[signed][:, None] * rivals.T[signed]
    program.at_most(-toward / size, -signs[signed] * row[signed] / size)
    found = program.solve()
    if found.outcome != "solved":
        return np.inf, np.zeros(len(rivals))
    return found.value, found.x


def named(mixture: Floats, names: Sequence[str]) -> dict[str, float]:
    """Return the parts of a mixture that matter, by name."""
    return {name: float(part) for name, part in zip(names, mixture, strict=True) if part > 1e-6}


def _leading(row: Floats, rivals: Floats, signs: NDArray[np.int_], factor: float) -> list[float]:
    """Return the smallest rule that pays `row` well above 1, and rivals 1 at most."""
    n = len(row)
    program = Conic(n)
    program.quadratic(np.eye(n))
    program.at_most(-row, -np.sqrt([factor]))
    program.at_most(rivals, np.ones(len(rivals)))
    program.at_most(-np.diag(signs)[signs != 0], np.zeros(np.count_nonzero(signs)))
    return program.solve().x.tolist()
