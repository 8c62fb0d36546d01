"""Which effort is wanted, and how much of an effort is.

============  ==================================  ================================================
measure       share                               depends on
============  ==================================  ================================================
``effort``    wanted |e| over all |e|             the units of effort
``cost``      the same, weighted by cost          the costs
``outcome``   outcome gained over score gained    a causal model of the outcome
============  ==================================  ================================================

The three differ, so that every figure names its measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.incentives.costs import EffortCost

Floats = NDArray[np.float64]
Measure = Literal["effort", "cost"]


@dataclass(frozen=True, eq=False)
class Desirable:
    """Effort nodes that are wanted, each with the direction that is.

    Attributes
    ----------
    signs : ndarray of shape (m,)
        +1 or −1 for a wanted direction, 0 for a node that is not wanted.
    names : tuple of str
        The effort nodes.
    """

    signs: Floats
    names: tuple[str, ...]

    @classmethod
    def parse(
        cls, desirable: Mapping[str, int], efforts: Sequence[str], cost: EffortCost | None = None
    ) -> Desirable:
        """Read ``{"cigsPerDay": -1, ...}``.

        Raises
        ------
        InputError
            Nothing or everything is wanted, an unknown node, a direction that is not +1 or −1, or
            one in which the cost lets nobody move.
        """
        if not isinstance(desirable, Mapping):
            allowed = "a mapping of node to direction, such as {'smoking': -1}"
            raise InputError("desirable", desirable, allowed)
        if not desirable:
            raise InputError("desirable", "nothing", "at least one node with its direction")
        signs = np.zeros(len(efforts))
        for node, sign in desirable.items():
            one_of("desirable", node, efforts)
            if isinstance(sign, bool | np.ndarray) or sign not in (1, -1):
                raise InputError(f"desirable[{node!r}]", sign, "+1 (more of it) or -1 (less)")
            signs[list(efforts).index(node)] = sign
        if np.all(signs != 0):
            raise InputError("desirable", "every node", "some of them: else any effort is wanted")
        if cost is not None:
            up, down = np.atleast_2d(cost.upper).max(0) > 0, np.atleast_2d(cost.lower).min(0) < 0
            for i, node in enumerate(efforts):
                if (signs[i] > 0 and not up[i]) or (signs[i] < 0 and not down[i]):
                    allowed = "a node that the cost lets agents move that way"
                    raise InputError(f"desirable[{node!r}]", int(signs[i]), allowed)
        return cls(signs, tuple(efforts))

    @property
    def wanted(self) -> NDArray[np.bool_]:
        """Which nodes are wanted at all, shape (m,)."""
        return self.signs != 0

    def parts(
        self, effort: Floats, cost: EffortCost, measure: Measure = "effort"
    ) -> tuple[Floats, Floats]:
        """Return wanted effort and all effort of each agent, shapes (...), in the measure's unit.

        An agent's cost is split over nodes as the norm's ``(w_i |e_i|)^p``, or ``e_i (Qe)_i``.
        """
        one_of("measure", measure, get_args(Measure))
        if measure == "effort":
            each = np.abs(effort)
        elif cost.p is None:
            each = effort * (effort @ cost.Q)
        else:
            weighted = np.abs(effort) * cost.weights
            largest = weighted.max(-1, keepdims=True)
            part = weighted / np.where(largest > 0, largest, 1.0)
            # The limit of the split, for p = inf, is over the nodes at the largest w|e|.
            split = part >= 1 - 1e-9 if np.isinf(cost.p) else part**cost.p
            each = split * (cost.of(effort) / np.maximum(split.sum(-1), 1.0))[..., None]
        right = effort * self.signs > 0
        return np.where(right, each, 0.0).sum(-1), each.sum(-1)

    def share(self, effort: Floats, cost: EffortCost, measure: Measure = "effort") -> float:
        """Return the wanted share of the effort of all agents together; NaN if there is none."""
        wanted, total = self.parts(np.atleast_2d(effort), cost, measure)
        return float(wanted.sum() / total.sum()) if total.sum() > 0 else float("nan")
