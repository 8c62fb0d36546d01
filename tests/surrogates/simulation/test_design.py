from __future__ import annotations

import itertools
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.design import KINDS, Design
from surefoot.surrogates.simulation.samplers import SAMPLERS
from surefoot.surrogates.simulation.space import Categorical, Integer, Real, Space
from surefoot.surrogates.simulation.spread import discrepancy, minimum_distance

CUBE = Space(a=Real(0, 1), b=Real(0, 1), c=Real(0, 1))
MIXED = Space(r=Real(100, 5e4, "log"), mesh=Categorical(["a", "b", "c"]), n=Integer(1, 3))
DRAWN = ["random", "lhs", "lhs-maximin", "sobol", "halton", "maximin"]


@pytest.mark.parametrize("kind", [*DRAWN, "grid"])
@pytest.mark.parametrize("space", [CUBE, MIXED], ids=["cube", "mixed"])
def test_points_are_in_the_space_and_the_same_again(kind: str, space: Space) -> None:
    points = Design(kind, 27, seed=3).points(space)
    assert len(points) == 27
    assert space.contains(points).all()
    pd.testing.assert_frame_equal(points, Design(kind, 27, seed=3).points(space))


@pytest.mark.parametrize("kind", DRAWN)
def test_another_seed_gives_other_points(kind: str) -> None:
    assert not Design(kind, 9, seed=1).points(CUBE).equals(Design(kind, 9, seed=2).points(CUBE))


@pytest.mark.parametrize("kind", [*DRAWN, "grid"])
def test_a_single_point(kind: str) -> None:
    assert len(Design(kind, 1).points(CUBE)) == 1


@pytest.mark.parametrize("kind", ["lhs", "lhs-maximin"])
def test_latin_hypercubes_have_one_point_in_each_slice(kind: str) -> None:
    U = Design(kind, 40, seed=5).points(CUBE).to_numpy()
    assert (np.sort(np.floor(U * 40), axis=0) == np.arange(40)[:, None]).all()


def test_each_design_is_good_at_what_it_is_for() -> None:
    def measured(kind: str, measure: Any) -> float:
        points = [Design(kind, 50, seed=seed).points(CUBE).to_numpy() for seed in range(3)]
        return float(np.mean([measure(U) for U in points]))

    even = {kind: measured(kind, discrepancy) for kind in DRAWN}
    apart = {kind: measured(kind, minimum_distance) for kind in DRAWN}
    for kind in ("lhs", "lhs-maximin", "sobol", "halton"):
        assert even[kind] < even["random"] / 3
    assert even["lhs"] == min(even.values())
    assert apart["maximin"] == max(apart.values())
    assert apart["lhs-maximin"] > 1.4 * apart["lhs"]


def test_a_grid_holds_every_level_and_both_ends() -> None:
    points = Design("grid", 20).points(MIXED)
    assert len(points) == 18
    np.testing.assert_allclose(sorted(points["r"].unique()), [100.0, (100 * 5e4) ** 0.5, 5e4])
    assert set(points["mesh"]) == {"a", "b", "c"}
    assert set(points["n"]) == {1, 3}
    assert set(Design("grid", 27).points(MIXED)["n"]) == {1, 2, 3}
    corners = Design("grid", 8).points(CUBE).to_numpy()
    assert sorted(map(tuple, corners)) == list(itertools.product([0, 1], repeat=3))


def test_remarks() -> None:
    def remarks(kind: str, n: int, space: Space) -> list[str]:
        design = Design(kind, n)
        return design.remarks(design.points(space))

    assert remarks("lhs", 20, CUBE) == remarks("sobol", 64, CUBE) == remarks("grid", 8, CUBE) == []
    assert remarks("sobol", 80, CUBE) == [
        "a Sobol' sequence is balanced at powers of two: 64 or 128 points, not 80"
    ]
    assert remarks("grid", 20, MIXED) == ["the grid has 18 points, as the next larger has over 20"]
    few = Space(n=Integer(0, 3))
    assert remarks("lhs", 8, few) == ["4 of 8 points coincide with earlier ones"]


def test_given_points_keep_their_order_and_their_names() -> None:
    frame = pd.DataFrame({"n": [3, 1], "r": [200.0, 100.0], "mesh": ["a", "c"]}, index=[5, 2])
    design = Design.given(frame, kind="alc", reason="largest gain")
    assert (design.kind, design.n) == ("alc", 2)
    assert design.points(MIXED).to_dict("records") == [
        {"r": 200.0, "mesh": "a", "n": 3},
        {"r": 100.0, "mesh": "c", "n": 1},
    ]


@pytest.mark.parametrize(
    "design",
    [Design("lhs", 4, 1, "cheap", 2), Design.given({"a": [0.5], "b": np.array([0.1]), "c": [1]})],
)
def test_a_design_survives_json(design: Design) -> None:
    assert Design(**json.loads(json.dumps(design.to_dict()))) == design


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Design("lhc", 4), "design: found 'lhc'; .* did you mean 'lhs'"),
        (lambda: Design("lhs", 0), "design, n: found 0; allowed: a whole number above 0"),
        (lambda: Design("lhs", 4.5), "design, n: found 4.5"),
        (lambda: Design("lhs", True), "design, n: found True"),
        (lambda: Design("lhs", 4, replicates=0), "design, replicates: found 0"),
        (lambda: Design.given({"a": []}), "design, n: found 0"),
        (lambda: Design("grid", 2).points(MIXED), "design, n: found 2; allowed: at least 3"),
        (lambda: Design.given({"a": [1], "b": [1]}).points(CUBE), "columns: found no 'c'"),
        (
            lambda: Design.given({"a": [0, 2], "b": [0, 0], "c": [0, 0]}).points(CUBE),
            r"design, row 1: found {'a': 2.0, 'b': 0.0, 'c': 0.0}; allowed: a point of Space\(",
        ),
    ],
)
def test_impossible_designs(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_every_kind_has_its_sampler() -> None:
    assert set(KINDS) == set(SAMPLERS)


def test_a_script_with_a_study_is_imported_quickly() -> None:
    code = (
        "import sys; from surefoot.surrogates.simulation.study import Study;"
        "sys.exit(' '.join({'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "", "workers would import these as well"
