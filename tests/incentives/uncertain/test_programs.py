"""Costs and limits as conic programs."""

from __future__ import annotations

import numpy as np
import pytest
from tests.incentives.uncertain.worlds import NORMS, cost_of

from surefoot.incentives.uncertain.programs import cheapest, movable


@pytest.mark.parametrize("p", [*NORMS, None])
def test_the_cheapest_effort_in_any_units(p: float | None) -> None:
    rng = np.random.default_rng(0)
    cost, gain = cost_of(p, rng, 3), rng.normal(size=3)
    lower, upper = np.array([-np.inf, -0.1, -np.inf]), np.array([np.inf, 0.2, 0.0])
    found = []
    for units in (np.ones(3), np.array([10.0, 0.1, 3.0])):
        nodes, unit = movable(lower, upper, cost)
        program, pick = cheapest(cost, nodes, unit * units, lower, upper)
        program.at_most(-(gain * unit * units) @ pick, [-1.0])
        found.append(program.solve().x[:3] * unit * units)
    assert cost.of(found[0]) == pytest.approx(cost.of(found[1]), rel=1e-6)
    for effort in found:
        assert np.all((effort >= lower - 1e-7) & (effort <= upper + 1e-7))
        assert gain @ effort == pytest.approx(1, rel=1e-6)
    # No effort near it is cheaper, unless it gains too little or breaks a limit.
    near = found[0] + 1e-3 * rng.normal(size=(20_000, 3))
    allowed = (near @ gain >= 1) & np.all((near >= lower) & (near <= upper), axis=1)
    assert allowed.any()
    assert cost.of(near[allowed]).min() >= cost.of(found[0]) * (1 - 1e-6)


def test_a_unit_of_effort_costs_one() -> None:
    cost = cost_of(1, np.random.default_rng(1), 3, immutable=[1])
    nodes, unit = movable(cost.lower, cost.upper, cost)
    assert nodes.tolist() == [0, 2]
    for node, size in zip(nodes, unit, strict=True):
        assert cost.of(np.eye(3)[node] * size) == pytest.approx(1)
