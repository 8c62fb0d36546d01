from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.designing.cases import effects_of, table

from surefoot.ground.errors import InputError
from surefoot.incentives.costs import LpCost
from surefoot.incentives.designing.design import design
from surefoot.incentives.designing.sweep import frontier
from surefoot.incentives.effort_matrix import EffortMatrix
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.notices import IncentiveWarning

X, Y = table(400)
GIVEN = {"effects": effects_of(X), "desirable": {"a": 1, "b": 1}}


@pytest.mark.parametrize("p", [1.5, 2, 3])
def test_loss_rises_with_the_target(p) -> None:
    found = frontier(X, Y, betas=[0.9, 0.3, 0.6], cost=LpCost(p), **GIVEN).table
    assert found["beta"].tolist() == [0.3, 0.6, 0.9]
    assert (np.diff(found["loss"]) >= -1e-6).all()
    assert (found["share"] >= found["beta"]).all()
    assert (found["status"] == "global").all()


def test_a_warm_start_changes_nothing() -> None:
    found = frontier(X, Y, betas=[0.5, 0.7, 0.9], cost=LpCost(2), loss="squared", **GIVEN)
    for one in found.designs:
        alone = design(X, Y, beta=one.beta, cost=LpCost(2), loss="squared", **GIVEN)
        assert one.loss == pytest.approx(alone.loss, abs=1e-8)
        np.testing.assert_allclose(one.rule.weights, alone.rule.weights, rtol=1e-4, atol=1e-8)


def test_targets_that_no_rule_meets_are_rows_too() -> None:
    matrix = EffortMatrix([[1, 0], [0, 1], [0.4, 0.4]], ["x", "y", "z"], ["a", "b"])
    found = frontier(
        X, Y, betas=[0.2, 0.5], effects=matrix, cost=LpCost(2), desirable={"z": 1}
    )  # fmt: skip
    assert found.table["status"].tolist() == ["global", "unmet"]
    assert found.table["loss"].isna().tolist() == [False, True]
    assert [one.beta for one in found.designs] == [0.2]


def test_a_target_is_needed() -> None:
    with pytest.raises(InputError, match="betas: found 'nothing'"):
        frontier(X, Y, betas=[], cost=LpCost(2), **GIVEN)


def test_units_that_do_not_compare_are_told() -> None:
    wide, graph = X.assign(a=1e4 * X["a"]), CausalGraph.identity(X.columns)
    with pytest.warns(IncentiveWarning, match="costs what one of a does"):
        frontier(wide, Y, betas=[0.2], effects=graph, cost=LpCost(2), desirable={"a": 1})
