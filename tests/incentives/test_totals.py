from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from surefoot.incentives.agents import Agents
from surefoot.incentives.costs import LpCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.totals import Totals

RULE = LinearRule([1.0, -0.5], 0.3, ["a", "b"])
PEOPLE = pd.DataFrame(np.random.default_rng(2).normal(size=(101, 2)), columns=["a", "b"])
AGENTS = Agents(PEOPLE, CausalGraph.identity(["a", "b"]), LpCost(2), budget=1.0)


def test_chunks_and_merged_totals_are_the_whole() -> None:
    whole = AGENTS.best_response(RULE)
    totals, first, second = Totals(), Totals(), Totals()
    totals.add(whole)
    for i, chunk in enumerate(AGENTS.iter_chunks(RULE, 20)):
        (first if i < 2 else second).add(chunk)
    second.merge(first)
    ours, theirs = totals.to_dict(), second.to_dict()
    for key in ("agents", "statuses", "accepted before", "accepted after"):
        assert ours[key] == theirs[key]
    for key in ("effort", "signed effort"):
        assert theirs[key] == pytest.approx(ours[key])
    assert theirs["cost"] == pytest.approx(ours["cost"])
    assert ours["effort"]["b"] == pytest.approx(np.abs(whole.effort[:, 1]).sum())
    assert ours["signed effort"]["b"] < 0
    assert sum(ours["statuses"].values()) == 101
