"""Models of the literature as special cases, each with the answer its authors derived.

=====================  ============================================  ===============================
preset                 agents                                        known answer
=====================  ============================================  ===============================
`hardt`                linear costs, gain 2 from passing             all effort on the best v_i/a_i
`levanon_rosenfeld`    squared distance, gain 2                      move iff (gap/||h||)² <= 2
`kleinberg_raghavan`   efforts behind features, budget 1, linear     one activity, the best (Ch)_i
`shavit`               highest score less half squared effort        e = C h
`bechavod`             the same, each group knows the rule of peers  e = h projected on their span
`perdomo`              fixed steps along the score                   e = step · h
=====================  ============================================  ===============================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from surefoot.ground.errors import InputError
from surefoot.incentives.agents import Agents
from surefoot.incentives.beliefs import ClassifierBelief
from surefoot.incentives.costs import LpCost, QuadraticCost
from surefoot.incentives.effort_matrix import EffortMatrix
from surefoot.incentives.graph import CausalGraph


def hardt(X: pd.DataFrame, prices: Mapping[str, float], gain: float = 2.0) -> Agents:
    """Return agents of Hardt, Megiddo, Papadimitriou and Wootters (ITCS 2016).

    Raising feature i by one costs ``prices[i]``; passing is worth `gain`. Nothing is causal.
    """
    upward = LpCost(1, prices).directions(dict.fromkeys(prices, 1))
    return Agents(X, CausalGraph.identity(list(prices)), upward, budget=gain)


def levanon_rosenfeld(X: pd.DataFrame, features: Sequence[str], gain: float = 2.0) -> Agents:
    """Return agents of Levanon and Rosenfeld (ICML 2021): squared distance, passing worth 2."""
    return Agents(X, CausalGraph.identity(features), QuadraticCost(), budget=gain)


def kleinberg_raghavan(
    X: pd.DataFrame, matrix: ArrayLike, efforts: Sequence[str], features: Sequence[str]
) -> Agents:
    """Return agents of Kleinberg and Raghavan (EC 2019): one unit of effort to spread."""
    cost = LpCost(1).directions(dict.fromkeys(efforts, 1))
    return Agents(X, EffortMatrix(matrix, efforts, features), cost, budget=1.0, aim="budget")


def shavit(
    X: pd.DataFrame, matrix: ArrayLike, efforts: Sequence[str], features: Sequence[str]
) -> Agents:
    """Return agents of Shavit, Edelman and Axelrod (ICML 2020) and of Harris et al. (ICML 2022)."""
    half = QuadraticCost(dict.fromkeys(efforts, 0.5))
    return Agents(X, EffortMatrix(matrix, efforts, features), half, aim="utility")


def bechavod(
    X: pd.DataFrame,
    features: Sequence[str],
    groups: ArrayLike | str,
    beliefs: Mapping[Any, ClassifierBelief],
) -> Agents:
    """Return agents of Bechavod, Podimata, Wu and Ziani (ICML 2022): groups learn from peers.

    Parameters
    ----------
    beliefs : mapping of group to belief
        Of what each group's peers were scored: `surefoot.incentives.peers.PeerBelief.from_peers`.
    """
    half = QuadraticCost(dict.fromkeys(features, 0.5))
    graph = CausalGraph.identity(features)
    return Agents(X, graph, half, belief=beliefs, groups=groups, aim="utility")


def perdomo(X: pd.DataFrame, strategic: Sequence[str], step: float) -> Agents:
    """Return borrowers of Perdomo et al. (ICML 2020): each strategic feature moves by step · h."""
    if not (np.isfinite(step) and step > 0):
        raise InputError("step", step, "a number above 0")
    cost = QuadraticCost(dict.fromkeys(strategic, 1 / (2 * step)))
    return Agents(X, CausalGraph.identity(strategic), cost, aim="utility")
