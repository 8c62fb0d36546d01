"""Quadratic costs of nodes that help one another: optimality, at any scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incentives.full.programs import INF, boxes, positive, quadratic

from surefoot.incentives.full.coupled import best_within, unit_effort


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    m=st.integers(1, 12),
    scale=st.sampled_from((1e-8, 1.0, 1e8)),
)
def test_no_direction_within_the_limits_is_better(seed: int, m: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    gain, Q = rng.normal(size=m) * scale, positive(rng, m)
    lower, upper = (limits * scale for limits in boxes(rng, m))
    effort = best_within(gain, Q, lower, upper)
    assert np.all((lower <= effort) & (effort <= upper))
    slope = gain - Q @ effort
    tolerance = 1e-9 * np.abs(gain).max()
    assert np.all((slope <= tolerance) | (effort == upper))
    assert np.all((slope >= -tolerance) | (effort == lower))


def test_a_node_that_gains_nothing_may_help() -> None:
    Q = np.array([[1.0, -0.8], [-0.8, 1.0]])
    effort = unit_effort(np.array([1.0, 0.0]), quadratic(Q))
    np.testing.assert_allclose(effort, [1, 0.8])
    held = unit_effort(np.array([1.0, 0.0]), quadratic(Q, upper=[INF, 0.0]))
    np.testing.assert_allclose(held, [1, 0])


@pytest.mark.parametrize("m", [30, 60])
def test_many_nodes(m: int) -> None:
    rng = np.random.default_rng(m)
    gain, Q = rng.normal(size=m), positive(rng, m)
    effort = best_within(gain, Q, np.full(m, -0.2), np.full(m, 0.2))
    at_limits = np.abs(effort) == 0.2
    assert 0 < at_limits.sum() < m
    slope = gain - Q @ effort
    assert np.abs(slope[~at_limits]).max() < 1e-12
    assert np.all(slope[at_limits] * effort[at_limits] > 0)


def test_nothing_gains() -> None:
    Q = positive(np.random.default_rng(0), 2)
    assert unit_effort(np.zeros(2), quadratic(Q)) is None
    assert unit_effort(np.ones(2), quadratic(Q, upper=0.0, lower=0.0)) is None
    only_worse = quadratic([[1.0, 0.5], [0.5, 1.0]], upper=0.0)
    assert unit_effort(np.ones(2), only_worse) is None
