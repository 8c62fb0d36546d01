"""How far an edge may be wrong before the answer turns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from surefoot.incentives.audit_parts import TIE, useful_gain
from surefoot.incentives.costs import EffortCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.measures import Desirable
from surefoot.incentives.rules import LinearRule

COLUMNS = ["cause", "effect", "weight", "flips at", "to", "wanted", "sd away"]


def edge_sensitivity(
    graph: CausalGraph, rule: LinearRule, cost: EffortCost, desirable: Desirable
) -> pd.DataFrame:
    """Return, for each edge, the nearest weight at which effort at p = 1 would go elsewhere.

    In a DAG effective weights are linear in each edge: if ``i -> j`` grows by t, then v grows by
    ``t C_{.i} (Bh)_j``, with B the effects of one raw unit. So the crossing is exact. At a tie the
    present weight is that crossing.

    Returns
    -------
    DataFrame
        ``cause``, ``effect``, ``weight``, ``flips at`` (NaN: no weight does it), ``to`` (the node
        that takes over), ``wanted`` (whether effort is wanted there), and ``sd away``: how many
        standard errors of the edge that is (NaN for an edge without).
    """
    h = rule.weights_of(graph.features)
    C = graph.contribution()
    gain, w = C @ h, np.sqrt(np.diag(cost.Q))
    ratio = np.abs(useful_gain(gain, cost)) / w
    leader = int(np.argmax(ratio)) if ratio.any() else None
    place = {node: i for i, node in enumerate(graph.nodes)}
    rows = []
    for edge in graph.to_frame().itertuples(index=False):
        i, j = place[edge.cause], place[edge.effect]
        slope = C[:, i] * gain[j] / graph.units[j]
        flip, to, way = _nearest_flip(gain, slope, w, cost, leader)
        rows.append(
            {
                "cause": edge.cause,
                "effect": edge.effect,
                "weight": edge.weight,
                "flips at": edge.weight + flip,
                "to": "" if to is None else graph.nodes[to],
                "wanted": to is not None and bool(desirable.signs[to] * way > 0),
                "sd away": abs(flip) / edge.sd if edge.sd > 0 else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _nearest_flip(
    gain: np.ndarray, slope: np.ndarray, w: np.ndarray, cost: EffortCost, leader: int | None
) -> tuple[float, int | None, float]:
    """Return the smallest change of the edge that lets another node lead, it, and its direction."""
    x, y = gain / w, slope / w
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where two nodes tie, or one gains nothing (it ties with its own opposite).
        ties = np.concatenate([-(x[:, None] - s * x) / (y[:, None] - s * y) for s in (1.0, -1.0)])
    best: tuple[float, int | None, float] = (float("nan"), None, 0.0)
    for side in (1.0, -1.0):
        turns = side * ties[np.isfinite(ties)]
        ends = np.unique(np.append(turns[turns > 0], 0.0)).tolist()
        for start, end in pairwise([*ends, 2 * ends[-1] + 1]):
            # Between two turns the order of nodes is that of the middle.
            change = side * (start + end) / 2
            useful = useful_gain(gain + change * slope, cost)
            ratio = np.abs(useful) / w
            first = int(np.argmax(ratio))
            if ratio[first] > (0.0 if leader is None else ratio[leader] * (1 + TIE)):
                if not start >= abs(best[0]):
                    best = (side * start, first, float(np.sign(useful[first])))
                break
    return best
