from __future__ import annotations

import json

import numpy as np
import pytest
from tests.surrogates.tasks.models import Careful, Fake, Gp

from surefoot.ground.errors import InputError
from surefoot.surrogates.functions import problem
from surefoot.surrogates.simulation.space import Categorical, Integer, Real, Space
from surefoot.surrogates.tasks.optimum import Optimum

SQUARE = Space(x=Real(0, 1), y=Real(0, 1))
BRANIN = problem("branin")


def test_the_optimum_of_branin_is_found_exactly():
    design = BRANIN(BRANIN.sample(20))
    found = Optimum("y").score(
        Fake(BRANIN), BRANIN.space, BRANIN, best=BRANIN.minimum, design=design
    )
    assert found.regret == pytest.approx(0, abs=1e-8)
    at = np.array(list(found.at.values()))
    assert min(np.linalg.norm(at - one) for one in BRANIN.minimisers) < 1e-3
    assert found.design_best == design.min()
    assert found.design_regret == pytest.approx((design.min() - BRANIN.minimum) / design.std())
    assert found.beats_design is True
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert str(found).startswith("min of y: 0.398 ± 0.001 at x1 = ")


def test_a_gaussian_process_of_branin_beats_its_best_run():
    X = BRANIN.sample(40, seed=2)
    y = BRANIN(X)
    found = Optimum().score(Gp(X, y), BRANIN.space, BRANIN, best=BRANIN.minimum, design=y)
    assert 0 <= found.regret < 0.1 * found.design_regret
    assert found.beats_design


@pytest.mark.parametrize("seed", range(3))
def test_the_deepest_of_many_wells_is_found(seed):
    hartmann = problem("hartmann6")
    found = Optimum(seed=seed).run(Fake(hartmann), hartmann.space)
    assert found.predicted == pytest.approx(hartmann.minimum, abs=1e-4)


def test_a_maximum_at_the_edge_is_found_and_signs_are_right():
    def plane(frame):
        return frame["x"] - 2 * frame["y"]

    found = Optimum(direction="max").score(
        Fake(plane), SQUARE, lambda frame: plane(frame) - 0.5, best=1.0, design=[0.6, -1.0, -1.2]
    )
    assert found.at == pytest.approx({"x": 1, "y": 0})
    assert found.simulated == pytest.approx(0.5)
    assert found.regret == pytest.approx(0.5 / np.std([0.6, -1, -1.2]))
    assert found.design_best == pytest.approx(0.6)
    assert found.beats_design is False
    assert str(found).endswith("no better than the best run")


def test_without_a_design_regret_is_in_the_surrogates_own_spread():
    found = Optimum().score(
        Fake(lambda frame: 5 * frame["x"]), SQUARE, lambda frame: [3.0], best=0.0
    )
    assert found.regret == pytest.approx(3 / (5 / np.sqrt(12)), rel=1e-3)
    assert found.design_best is None
    assert found.beats_design is None


def test_whole_numbers_and_levels_are_searched_with_the_rest():
    space = Space(x=Real(0.1, 10, scale="log"), n=Integer(0, 30), mesh=Categorical(["a", "b", "c"]))

    def cost(frame):
        well = {"a": 0.0, "b": -2.0, "c": -1.0}
        return (
            (np.log(frame["x"]) - 1) ** 2 + 0.1 * (frame["n"] - 17) ** 2 + frame["mesh"].map(well)
        )

    found = Optimum().run(Fake(cost), space)
    assert found.at == {"x": pytest.approx(np.e, rel=1e-3), "n": 17, "mesh": "b"}
    assert found.predicted == pytest.approx(-2, abs=1e-6)


def test_a_level_is_tried_however_bad_its_points_look_at_first():
    # The best of its 170 points is worse than all of the other levels; its optimum is better.
    space = Space(**{f"x{i}": Real(0, 1) for i in range(4)}, mesh=Categorical([*"abcdefghijkl"]))

    def cost(frame):
        x = frame[["x0", "x1", "x2", "x3"]].to_numpy()
        return np.where(frame["mesh"] == "h", 300 * ((x - 0.3) ** 2).sum(1), 1 + 0.01 * x.sum(1))

    found = Optimum().run(Fake(cost), space)
    assert found.at["mesh"] == "h"
    assert found.predicted == pytest.approx(0, abs=1e-4)


def test_a_space_without_continuous_inputs_is_searched():
    # A billion combinations, of which a spread sees two thousand.
    space = Space(**{name: Integer(-500, 499) for name in "abc"})

    def cost(frame):
        return (frame["a"] + 333) ** 2 + (frame["b"] - 12) ** 2 + (frame["c"] - 499) ** 2

    assert Optimum().run(Fake(cost), space).at == {"a": -333, "b": 12, "c": 499}


def test_steps_do_not_stop_it():
    found = Optimum().run(Fake(lambda frame: np.floor(20 * frame["x"]) + frame["y"]), SQUARE)
    assert found.predicted == pytest.approx(0, abs=1e-3)


def test_it_says_whether_the_surrogate_vouches_for_the_place():
    assert Optimum().run(Careful(lambda frame: frame["x"]), SQUARE).in_domain is True
    assert Optimum().run(Careful(lambda frame: -frame["x"]), SQUARE).in_domain is False
    assert Optimum().run(Fake(lambda frame: frame["x"]), SQUARE).in_domain is None


def test_a_direction_is_min_or_max():
    with pytest.raises(InputError, match="direction: found 'mim'.*did you mean 'min'"):
        Optimum(direction="mim")
