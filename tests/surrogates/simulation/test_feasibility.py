from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from surefoot.surrogates.simulation.feasibility import Feasibility
from surefoot.surrogates.simulation.space import Categorical, Real, Space

SPACE = Space(a=Real(1, 100, "log"), b=Real(-1, 1), mesh=Categorical(["x", "y"]))


def runs(n: int, rule: object, seed: int = 0) -> pd.DataFrame:
    frame = SPACE.from_unit(np.random.default_rng(seed).random((n, 3)))
    good = rule(*SPACE.to_unit(frame).T)
    return frame.assign(status=np.where(good, "ok", "failed"))


@pytest.mark.parametrize(
    "rule",
    [
        lambda a, b, mesh: a * b <= 0.5,
        lambda a, b, mesh: (np.hypot(a - 0.5, b - 0.5) > 0.3) | (mesh > 0.5),
        lambda a, b, mesh: mesh > 0.5,
    ],
    ids=["corner", "island on one mesh", "one mesh"],
)
def test_the_region_of_failure_is_found(rule: object) -> None:
    learned = Feasibility.of_runs(SPACE, runs(150, rule))
    fresh = runs(500, rule, seed=1)
    good = (fresh["status"] == "ok").to_numpy()
    p = learned.probability(fresh[SPACE.names])
    assert ((p > 0.5) == good).mean() > 0.9
    rate = good.mean()
    assert np.mean((p - good) ** 2) < 0.4 * rate * (1 - rate)


def test_failures_at_random_leave_the_rate() -> None:
    table = runs(200, lambda a, b, mesh: np.random.default_rng(3).random(200) > 0.1)
    p = Feasibility.of_runs(SPACE, table).probability(table[SPACE.names])
    assert p.mean() == pytest.approx((table["status"] == "ok").mean(), abs=0.01)
    assert np.median(p) > 0.8


def test_there_is_nothing_to_learn_from_one_kind() -> None:
    table = runs(20, lambda a, b, mesh: a > 0.5)
    assert Feasibility.of_runs(SPACE, table.assign(status="ok")) is None
    assert Feasibility.of_runs(SPACE, table.assign(status="timed_out")) is None
    missing = table["status"].replace("failed", "missing")
    assert Feasibility.of_runs(SPACE, table.assign(status=missing)) is None


def test_every_way_of_not_succeeding_counts() -> None:
    table = runs(6, lambda a, b, mesh: a > 2)
    table["status"] = ["ok", "failed", "timed_out", "invalid", "missing", "ok"]
    learned = Feasibility.of_runs(SPACE, table)
    assert (learned.runs, learned.failures) == (5, 3)
    assert learned.probability(table[SPACE.names].iloc[:0]).shape == (0,)
