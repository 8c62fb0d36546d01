"""How far an edge may be wrong before the answer turns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surefoot.incentives.audit_parts import useful_gain
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
    ``t C_{.i} (Bh)_j``, with B the effects of one raw unit. So the crossing is exact.

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
    leader = int(np.argmax(ratio))
    place = {node: i for i, node in enumerate(graph.nodes)}
    rows = []
    for edge in graph.to_frame().itertuples(index=False):
        i, j = place[edge.cause], place[edge.effect]
        slope = C[:, i] * gain[j] / graph.units[j]
        flip, to = _nearest_flip(gain, slope, w, cost, leader)
        rows.append(
            {
                "cause": edge.cause,
                "effect": edge.effect,
                "weight": edge.weight,
                "flips at": edge.weight + flip,
                "to": "" if to is None else graph.nodes[to],
                "wanted": to is not None
                and bool(desirable.signs[to] * (gain[to] + flip * slope[to]) > 0),
                "sd away": abs(flip) / edge.sd if edge.sd > 0 else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _nearest_flip(
    gain: np.ndarray, slope: np.ndarray, w: np.ndarray, cost: EffortCost, leader: int
) -> tuple[float, int | None]:
    """Return the smallest change of the edge that lets another node lead, and that node."""
    best: tuple[float, int | None] = (float("nan"), None)
    for k in range(len(gain)):
        if k == leader:
            continue
        for sign in (1.0, -1.0):
            # Crossings of gain_k / w_k with ± gain_leader / w_leader.
            rate = slope[k] / w[k] - sign * slope[leader] / w[leader]
            if rate == 0:
                continue
            t = -(gain[k] / w[k] - sign * gain[leader] / w[leader]) / rate
            past = t * (1 + 1e-9) + np.sign(t) * 1e-12
            ratio = np.abs(useful_gain(gain + past * slope, cost)) / w
            if int(np.argmax(ratio)) == k and not abs(t) >= abs(best[0]):
                best = (t, k)
    return best
