"""Without limits on its size, effort is in proportion to the gap: one answer serves everybody.

==============  =================================================  =================
cost            effort for one unit of score, up to its length     its price
==============  =================================================  =================
norm, p = 1     all on the node with the best ``|v| / w``          ``1 / ||v/w||_q``
1 < p < inf     ``sign(v) |v|^(q−1) / w^q``                        the same
norm, p = inf   ``sign(v) / w`` on every node that gains           the same
quadratic       ``Q⁻¹ v``                                          ``1 / v'Q⁻¹v``
==============  =================================================  =================

q = p / (p − 1) is the dual exponent. Which share of effort is wanted is then a property of the
rule, the graph and the cost, and of no agent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.full.paths import Path

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UnitResponse:
    """Least effort that gains one unit of score.

    Attributes
    ----------
    effort : ndarray of shape (m,)
    price : float
        Its cost. A gap of g costs g times this for a norm, g² times this for a quadratic cost.
    """

    effort: Floats
    price: float


def unit_response(gain: Floats, cost: EffortCost) -> UnitResponse | None:
    """Return the least effort that gains one unit of score; None if no effort gains anything.

    Parameters
    ----------
    gain : ndarray of shape (m,)
        Score gained for a unit of each effort, v.
    cost : EffortCost
        Its limits are directions, and nodes that can't be moved.

    Raises
    ------
    InputError
        Efforts have limits other than that.
    """
    if not cost.homogeneous:
        allowed = "directions and immutable nodes: with limits, agents do not all answer alike"
        raise InputError("cost", "limits on the size of effort", allowed)
    path = Path.of(gain, cost)
    assert path is not None  # the cost is homogeneous
    if path.reach == 0:
        return None
    price = float(path.rise_norms[0])
    return UnitResponse(path.rises[0], price if cost.p is not None else price**2)
