from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from surefoot.incentives import CausalGraph, EffortMatrix, LinearRule, LpCost, audit, design
from surefoot.incentives.agents import Agents
from surefoot.incentives.notices import IncentiveWarning
from surefoot.incentives.scales import warn_of_scales

RNG = np.random.default_rng(1)
X = pd.DataFrame({"rate": RNG.normal(0, 0.1, 200), "income": RNG.normal(0, 900, 200)})
Y = (X["income"] + RNG.normal(0, 500, 200) > 0).astype(int)
GRAPH = CausalGraph.identity(["rate", "income"])


def test_an_audit_and_a_design_warn() -> None:
    rule = LinearRule([1.0, 0.01], 0.0, ["rate", "income"])
    with pytest.warns(IncentiveWarning, match="one unit of rate costs what one of income does"):
        audit(rule, Agents(X, GRAPH, LpCost(2)), {"rate": 1})
    with pytest.warns(IncentiveWarning, match="in_sd"):
        design(X, Y, effects=GRAPH, cost=LpCost(2), desirable={"rate": 1}, beta=0.1)


@pytest.mark.parametrize(
    ("effects", "cost", "table"),
    [
        (GRAPH.in_sd(X), LpCost(2), X),
        (GRAPH, LpCost(2, {"income": 0.001}), X),
        (GRAPH, LpCost(2), X / X.std()),
        (EffortMatrix(np.eye(2), ["a", "b"], ["rate", "income"]), LpCost(2), X),
    ],
)
def test_where_units_or_costs_are_said_nothing_is(effects, cost, table) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_scales(effects, [cost.resolve(effects.efforts)], table)


def test_numbers_written_as_text_are_numbers() -> None:
    with pytest.warns(IncentiveWarning, match="one unit of rate"):
        warn_of_scales(GRAPH, [LpCost(2).resolve(GRAPH.efforts)], X.astype(str))
