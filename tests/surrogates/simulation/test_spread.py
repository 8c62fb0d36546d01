from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from surefoot.surrogates.simulation.spread import (
    discrepancy,
    maximin_order,
    minimum_distance,
    nested_subsets,
    spread_columns,
)


def points(n: int, d: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, d))


def test_discrepancy_is_hickernells() -> None:
    U = points(7, 2)
    c = abs(U - 0.5)
    once = np.prod(1 + c / 2 - c**2 / 2, axis=1).sum()
    pairs = 1 + (c[:, None] + c[None]) / 2 - abs(U[:, None] - U[None]) / 2
    expected = (13 / 12) ** 2 - 2 / 7 * once + np.prod(pairs, axis=2).sum() / 49
    assert discrepancy(U) == pytest.approx(expected, rel=1e-12)


def test_minimum_distance() -> None:
    assert minimum_distance(points(30)) == pytest.approx(pdist(points(30)).min(), rel=1e-12)
    assert minimum_distance(np.zeros((2, 3))) == 0
    assert minimum_distance(points(1)) is None


def test_maximin_order_takes_the_farthest_each_time() -> None:
    U = points(25, 2)
    order = maximin_order(U)
    assert sorted(order) == list(range(25))
    assert order[0] == np.argmin(((U - 0.5) ** 2).sum(axis=1))
    for k in range(1, 25):
        rest = np.setdiff1d(order, order[:k])
        nearest = np.sqrt(((U[rest][:, None] - U[order[:k]][None]) ** 2).sum(-1)).min(axis=1)
        assert order[k] == rest[np.argmax(nearest)]
    assert maximin_order(U, 4).tolist() == order[:4].tolist()


def test_maximin_order_takes_coinciding_points_too() -> None:
    assert sorted(maximin_order(np.zeros((4, 2)))) == [0, 1, 2, 3]


def test_nested_subsets_are_nested_and_well_spread() -> None:
    U = points(80)
    quarter, half, whole = nested_subsets(U)
    assert (len(quarter), len(half), len(whole)) == (20, 40, 80)
    assert set(quarter) < set(half) < set(whole) == set(range(80))
    assert minimum_distance(U[quarter]) > 2 * minimum_distance(U[:20])


def test_spreading_keeps_every_column() -> None:
    U = points(20)
    spread = spread_columns(U, np.random.default_rng(1))
    np.testing.assert_array_equal(np.sort(spread, axis=0), np.sort(U, axis=0))
    assert minimum_distance(spread) > 2 * minimum_distance(U)
    assert minimum_distance(spread_columns(points(2), np.random.default_rng(1))) is not None
