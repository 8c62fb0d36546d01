from __future__ import annotations

import json

import numpy as np
import pytest
from tests.surrogates.tasks.models import Fake, Shifting

from surefoot.ground.errors import InputError
from surefoot.surrogates.functions import problem
from surefoot.surrogates.simulation.space import Categorical, Integer, Real, Space
from surefoot.surrogates.tasks.sobol import SobolIndices

ISHIGAMI = problem("ishigami")
PLANE = Space(x=Real(0, 1), y=Real(0, 1))


def plane(frame):
    return 2 * frame["x"] + frame["y"]


@pytest.mark.parametrize("seed", range(3))
def test_indices_of_the_exact_function_are_the_analytic_ones(seed):
    found = SobolIndices("y", n=16_384, seed=seed).score(
        Fake(ISHIGAMI), ISHIGAMI.space, first=ISHIGAMI.first_order, total=ISHIGAMI.total_order
    )
    assert found.error_first < 0.005
    assert found.error_total < 0.005
    assert found.error_first == pytest.approx(
        np.abs(np.subtract(found.first, ISHIGAMI.first_order)).max()
    )
    for kind, reference in (("first", ISHIGAMI.first_order), ("total", ISHIGAMI.total_order)):
        for (low, high), value in zip(found.interval(kind), reference, strict=True):
            assert low < value < high


def test_the_same_seed_gives_the_same_indices_and_leaves_numpys_alone():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, other = (SobolIndices(n=256, seed=4).run(Fake(ISHIGAMI), ISHIGAMI.space) for _ in "ab")
    assert one == other
    assert one != SobolIndices(n=256, seed=5).run(Fake(ISHIGAMI), ISHIGAMI.space)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_the_truth_at_the_same_points_gives_the_error_of_the_surrogate_alone():
    found = SobolIndices(n=256).score(
        Fake(lambda frame: plane(frame) + frame["y"]), PLANE, truth=plane
    )
    # 4 : 4 is said where 4 : 1 is true.
    assert found.error_first == pytest.approx(0.3, abs=0.02)
    assert found.error_total == pytest.approx(0.3, abs=0.02)
    exact = SobolIndices(n=256).score(Fake(plane), PLANE, truth=plane)
    assert exact.error_first == exact.error_total == 0


class Tilting(Fake):
    """A plane whose slope along y is uncertain."""

    def sample(self, X, n, seed):
        slopes = 1 + self.sd * np.random.default_rng(seed).standard_normal((n, 1))
        return 2 * X["x"].to_numpy() + slopes * X["y"].to_numpy()


def test_the_surrogates_part_is_what_its_draws_say():
    certain = SobolIndices(n=1_024).run(Tilting(plane, sd=1e-6), PLANE)
    found = SobolIndices(n=1_024).run(Tilting(plane, sd=0.3), PLANE)
    assert found.joint
    # S_y = s²/(4 + s²) with s = 1 ± 0.3: its slope in s is 8s/(4 + s²)² = 0.32.
    assert found.total_surrogate[1] == pytest.approx(0.32 * 0.3, rel=0.35)
    assert max(certain.total_surrogate) < 1e-5
    assert found.first_sampling == certain.first_sampling
    # A shift of the whole function changes no variance.
    assert max(SobolIndices(n=256).run(Shifting(plane, 1.0), PLANE).first_surrogate) < 1e-10


def test_independent_draws_are_called_so():
    found = SobolIndices(n=256).run(Fake(plane, sd=0.1), PLANE)
    assert not found.joint
    assert str(found).endswith("surrogate part from independent draws")
    assert max(found.total_surrogate) > 0


def test_levels_and_whole_numbers_have_indices():
    space = Space(x=Real(0, 1), n=Integer(0, 3), mesh=Categorical(["a", "b"]))

    def cost(frame):
        return np.where(frame["mesh"] == "a", 0.0, 2.0) + frame["n"]

    found = SobolIndices(n=1_024).run(Fake(cost), space)
    # Variances 0, 15/12 and 1.
    assert found.first == pytest.approx((0, 1.25 / 2.25, 1 / 2.25), abs=0.02)


def test_results_are_json_and_one_line():
    found = SobolIndices(n=256).score(Fake(plane), PLANE, first=[0.8, 0.2], total=[0.8, 0.2])
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert "\n" not in str(found)
    assert "; errors at most " in str(found)


def test_a_constant_surrogate_has_no_indices():
    found = SobolIndices(n=64).run(Fake(lambda frame: 0 * frame["x"] + 7, sd=0.0), PLANE)
    assert found.first == found.total == (0, 0)


def test_bad_requests_are_named():
    with pytest.raises(InputError, match="n: found 1000; allowed: a power of two"):
        SobolIndices(n=1_000)
    with pytest.raises(InputError, match="reference: found None"):
        SobolIndices(n=64).score(Fake(plane), PLANE)
    with pytest.raises(InputError, match=r"total: found \(3,\); allowed: \(2,\)"):
        SobolIndices(n=64).score(Fake(plane), PLANE, first=[1, 0], total=[1, 0, 0])
