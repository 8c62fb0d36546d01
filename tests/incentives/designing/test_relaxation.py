from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incentives.designing.cases import Case
from tests.incentives.designing.test_regions import around, distance

from surefoot.incentives.designing.branching import Search
from surefoot.incentives.designing.programs import Piece, minimise
from surefoot.incentives.designing.relaxation import Cone

NOISE = 1e-4  # the root of a solver's tolerance
SEEDS = st.integers(0, 2**32 - 1)


def rules(case: Case, beta: float, n: int) -> tuple[Cone, np.ndarray]:
    """Return the root cone with rules about the border of its region.

    The first half lies just inside, the second of them on a ray and the last of all just outside.
    """
    region = case.region(beta)
    rng = np.random.default_rng(case.seed)
    y = np.abs(rng.normal(size=(n, case.d))) * rng.choice([0.2, 1.0], (n, case.d))
    y[:, : case.k] *= region.signs
    y[:, case.k :] *= rng.choice([-1, 1], (n, case.d - case.k))
    y[1] = [*region.signs, 1.0, *np.zeros(case.d - case.k - 1)]
    for row in y[: n // 2]:
        sums = [
            c @ np.abs(part) ** region.power
            for c, part in zip(region.factors, np.split(row, [case.k]), strict=True)
        ]
        inside = (1 - region.target) / region.target * sums[0] / sums[1]
        row[case.k :] *= (1 - 1e-6) * inside ** (1 / region.power)
    y[-1] = y[0]
    y[-1, case.k :] *= 1.01
    points = np.linalg.solve(region.rows, y.T).T
    return Cone.root(region, region.signs), points / np.linalg.norm(points, axis=1)[:, None]


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from([1.2, 1.5, 3, 8]), st.sampled_from([0.4, 0.8]))
def test_a_region_lies_between_its_inner_and_its_outer_set(seed, p, beta) -> None:
    cone, points = rules(Case(seed, 4, 2, p), beta, 8)
    inner, base = cone.inner(points[0]), minimise(around(points[0]), Piece(4), points[0])
    search = Search(around(points[0]), Piece(4), base, 1)
    for x in points:
        if cone.region.meets(x):
            assert distance(cone.outer(), x) < NOISE
        nearest = minimise(around(x), inner, x).x
        assert not cone.region.share(search.settled([cone.region], nearest)) < beta


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.sampled_from([1.2, 1.5, 3, 8]))
def test_parts_of_a_cone_lose_nothing_of_the_region(seed, p) -> None:
    cone, points = rules(Case(seed, 5, 2, p), 0.5, 8)
    parts = [part for half in cone.split(points[0]) for part in half.split(points[1])]
    for x in points:
        if cone.region.meets(x):
            assert min(distance(part.outer(), x) for part in parts) < NOISE


@pytest.mark.parametrize("p", [1.5, 3])
def test_splitting_narrows_the_outer_set(p) -> None:
    cone, points = rules(Case(2, 4, 2, p), 0.6, 60)
    outside = next(
        x for x in points if not cone.region.meets(x) and distance(cone.outer(), x) < NOISE
    )
    cells = [cone]
    for _ in range(6):
        cells = [part for cell in cells for part in cell.split(outside)]
    assert min(distance(cell.outer(), outside) for cell in cells) > 100 * NOISE
