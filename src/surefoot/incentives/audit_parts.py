"""Pieces of an audit that depend on the rule, the graph and the costs, not on single agents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.incentives.costs import EffortCost
from surefoot.incentives.effects import Effects
from surefoot.incentives.measures import Desirable
from surefoot.incentives.rules import LinearRule

Floats = NDArray[np.float64]
_ROUNDING = 1e-6
TIE = 1e-9


@dataclass(frozen=True)
class Target:
    """Where the effort of agents with linear costs (p = 1) goes.

    Attributes
    ----------
    node : str or None
        The node with the most score for its cost; None if no effort gains anything.
    runner_up : str or None
    margin : float
        How many times dearer the node must become for the runner-up to take its place; inf
        without a runner-up, 1 at a tie.
    wanted : bool
        Whether the effort there goes in a wanted direction. At a tie agents may do either, and
        this is the worse: whether it does on all nodes that share the lead.
    possibly : bool
        The better: whether it does on any of them.
    """

    node: str | None
    runner_up: str | None
    margin: float
    wanted: bool
    possibly: bool


def useful_gain(gain: Floats, cost: EffortCost) -> Floats:
    """Return the gains, shape (m,), with 0 where no allowed effort would raise the score."""
    up = np.atleast_2d(cost.upper).max(0) > 0
    down = np.atleast_2d(cost.lower).min(0) < 0
    return np.where(((gain > 0) & up) | ((gain < 0) & down), gain, 0.0)


def target(gain: Floats, cost: EffortCost, desirable: Desirable) -> Target:
    """Return where effort goes at p = 1, and how far from changing that is."""
    ratio = np.abs(useful_gain(gain, cost)) / np.sqrt(np.diag(cost.Q))
    first, *others = np.argsort(-ratio, kind="stable")
    if ratio[first] == 0:
        return Target(None, None, float("inf"), False, False)
    second = others[0] if others and ratio[others[0]] > 0 else None
    names, right = desirable.names, desirable.signs * gain > 0
    leads = ratio >= ratio[first] * (1 - TIE)
    return Target(
        names[first],
        None if second is None else names[second],
        float("inf") if second is None else float(ratio[first] / ratio[second]),
        bool(right[leads].all()),
        bool(right[leads].any()),
    )


def perverse(effective: Floats, desirable: Desirable) -> NDArray[np.bool_]:
    """Return the wanted nodes for whose opposite a rule pays, beyond a solver's rounding."""
    size = np.abs(effective).max(initial=0.0)
    return np.asarray(desirable.signs * effective < -_ROUNDING * size)


def weights_table(
    rule: LinearRule, effects: Effects, desirable: Desirable, draws: Floats | None, level: float
) -> pd.DataFrame:
    """Return one row an effort node: direct and effective weight, interval, wanted, perverse.

    Parameters
    ----------
    draws : ndarray of shape (B, m, n), optional
        Contribution matrices, such as a bootstrap's; they give the interval.

    Returns
    -------
    DataFrame
        ``direct``: score for one unit of effort if the graph carried nothing on, NaN where the node
        is not itself a feature. ``effective``: v = C h. ``low``, ``high``: of v. ``wanted``: the
        direction. ``perverse``: the rule pays for the opposite, surely if the interval says so.
    """
    h = rule.weights_of(effects.features)
    C = effects.contribution()
    effective = C @ h
    direct = np.full(len(effects.efforts), np.nan)
    for i, node in enumerate(effects.efforts):
        if node in effects.features:
            j = effects.features.index(node)
            direct[i] = C[i, j] * h[j]
    low, high = np.full_like(effective, np.nan), np.full_like(effective, np.nan)
    if draws is not None:
        tail = (1 - level) / 2
        low, high = np.quantile(draws @ h, [tail, 1 - tail], axis=0)
    against = perverse(effective, desirable)
    sure = against & np.where(effective > 0, low > 0, high < 0)
    return pd.DataFrame(
        {
            "node": effects.efforts,
            "direct": direct,
            "effective": effective,
            "low": low,
            "high": high,
            "wanted": desirable.signs.astype(int),
            "perverse": np.select([sure, against], ["surely", "yes"], ""),
        }
    )
