"""The domain: near enough is what the folds measured, and a declared box is a box."""

from __future__ import annotations

import numpy as np

from surefoot.surrogates.domain import Domain

ROWS = np.linspace(0, 1, 11)[:, None]
FOLD = np.arange(11) % 2  # every row's neighbours are in the other fold, one step of 0.1 away


def test_the_radius_is_the_longest_way_to_another_fold() -> None:
    domain = Domain.learn(ROWS, FOLD, declared=False)
    np.testing.assert_allclose(domain.radius, 0.1, atol=1e-8)
    np.testing.assert_allclose(
        domain.distance(np.array([[0.5], [1.05], [1.2]])), [0, 0.5, 2], atol=1e-6
    )


def test_near_rows_are_inside_unless_they_leave_a_declared_box() -> None:
    points = np.array([[0.55], [1.05], [1.2]])
    assert Domain.learn(ROWS, FOLD, declared=False).contains(points).tolist() == [True, True, False]
    assert Domain.learn(ROWS, FOLD, declared=True).contains(points).tolist() == [True, False, False]


def test_no_points_are_no_answer() -> None:
    domain = Domain.learn(ROWS, FOLD, declared=True)
    assert domain.contains(np.empty((0, 1))).shape == (0,)


def test_many_points_are_looked_at_in_parts() -> None:
    domain = Domain.learn(ROWS, FOLD, declared=False)
    points = np.linspace(0, 1, 10_000)[:, None]
    assert domain.contains(points).all()
    np.testing.assert_allclose(domain.distance(points).max(), 0.5, atol=0.01)


def test_where_runs_failed_others_would() -> None:
    failed = np.linspace(0.65, 1, 8)[:, None]
    domain = Domain.learn(ROWS[:7], FOLD[:7], declared=True, failed=failed)
    assert domain.contains(np.array([[0.2], [0.5], [0.68]])).tolist() == [True, True, False]
    assert domain.describe()["failed_runs"] == 8
