from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.designing.cases import effects_of, table

from surefoot.ground.errors import InputError
from surefoot.incentives.costs import LpCost
from surefoot.incentives.designing.design import Design, design
from surefoot.incentives.designing.scenarios import scenario_count
from surefoot.incentives.full.unit import unit_response
from surefoot.incentives.measures import Desirable

X, Y = table(600)
MEAN = effects_of(X)
SPREAD = 0.15 * np.triu(np.ones((4, 4)), 1) * X[list("abcd")].std().to_numpy()
WANTED = {"a": 1, "b": 1}


def drawn(n: int, seed: int) -> np.ndarray:
    return MEAN.contribution() + SPREAD * np.random.default_rng(seed).normal(size=(n, 4, 4))


def of(**change) -> Design:
    given = {"effects": MEAN, "cost": LpCost(2), "desirable": WANTED, "beta": 0.7}
    return design(X, Y, **(given | change))


def shares(found: Design, matrices: np.ndarray, cost: LpCost) -> np.ndarray:
    resolved, wanted = cost.resolve(MEAN.efforts), Desirable.parse(WANTED, MEAN.efforts)
    gains = matrices @ found.rule.weights[:4]
    efforts = [unit_response(gain, resolved).effort for gain in gains]
    return np.array([wanted.share(effort, resolved) for effort in efforts])


def test_no_scenario_is_short_and_few_new_ones_are() -> None:
    known, new = drawn(400, 0), drawn(400, 1)
    nominal, robust = of(), of(scenarios=known)
    assert (shares(nominal, new, LpCost(2)) < 0.7 - 1e-5).mean() > 0.3
    assert shares(robust, known, LpCost(2)).min() >= 0.7 - 1e-5
    assert (shares(robust, new, LpCost(2)) < 0.7 - 1e-5).mean() <= 0.05
    assert robust.loss > nominal.loss
    check = robust.scenarios
    assert (check.count, check.violated) == (400, 0.0)
    assert 1 <= check.cuts <= 20
    assert check.worst == pytest.approx(shares(robust, known, LpCost(2)).min())
    assert check.probability == pytest.approx(2 / 400 * (np.log(20) + 6))


def test_the_optimum_is_that_of_all_scenarios_at_once() -> None:
    known = drawn(60, 2)
    robust = of(scenarios=known)
    # Cuts are only a way to get there: shuffled scenarios have the same best rule.
    again = of(scenarios=known[::-1])
    np.testing.assert_allclose(again.rule.weights, robust.rule.weights, rtol=1e-3)
    assert again.loss == pytest.approx(robust.loss, abs=1e-6)
    assert robust.certificate.status == "global"


@pytest.mark.parametrize("p", [1, 1.5, np.inf])
def test_a_demand_that_is_not_convex_is_met_without_a_promise(p) -> None:
    known, cost = drawn(40, 3), LpCost(p)
    robust = of(scenarios=known, cost=cost)
    assert shares(robust, known, cost).min() >= 0.7 - 1e-5
    assert robust.scenarios.probability is None


def test_groups_are_kept_under_every_scenario() -> None:
    known, group = drawn(40, 4), LpCost(2, {"c": 0.5})
    robust = of(scenarios=known, groups={"b": group})
    assert robust.scenarios.count == 40
    assert shares(robust, known, group).min() >= 0.7 - 1e-5
    assert shares(robust, known, LpCost(2)).min() >= 0.7 - 1e-5


def test_how_many_scenarios_are_enough() -> None:
    assert scenario_count(0.05, 0.05, 12) == 600
    with pytest.raises(InputError, match="eps: found 0"):
        scenario_count(0, 0.05, 12)
    with pytest.raises(InputError, match="alpha: found 1"):
        scenario_count(0.05, 1, 12)
