"""Every family under every warp: the graph is the prediction, to the last few digits."""

from __future__ import annotations

import numpy as np
import pytest
from tests.surrogates.export.sessions import assert_agrees, mixture, run

from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates.adapter import SklearnCandidate
from surefoot.surrogates.candidates.registry import by_name

FAMILIES = [
    "mean", "linear", "nearest", "pce", "boosted-trees", "random-forest", "gp-se", "gp-matern52",
    "gp-matern52-linear", "gp-matern12", "gp-noise", "gp-subset", "pc-kriging",
]  # fmt: skip
WARPS = ["identity", "log", "yeo-johnson"]
RNG = np.random.default_rng(3)
X = RNG.uniform([-5, 10, 0.1], [5, 4000, 0.2], (45, 3))
NEW = RNG.uniform([-6, -100, 0.09], [6, 4200, 0.21], (2000, 3))


def bent(X: np.ndarray) -> np.ndarray:
    return np.exp(np.sin(X[:, 0]) + X[:, 1] / 3000 + 6 * X[:, 2]) + 0.5 * np.abs(X[:, 0])


Y = bent(X)


@pytest.mark.parametrize("warp", WARPS)
@pytest.mark.parametrize("family", FAMILIES)
def test_family_under_warp(family: str, warp: str) -> None:
    assert_agrees(mixture(X, Y, [(by_name(family), warp)]), NEW, {"X": NEW}, Y, rounding=0.0)


def test_every_family_of_our_own_is_here() -> None:
    from surefoot.surrogates.candidates.registry import _OWN

    assert sorted(FAMILIES) == sorted(candidate.name for candidate in _OWN)


@pytest.mark.parametrize("skew", [1, -1])
def test_both_branches_of_a_yeo_johnson_warp(skew: int) -> None:
    # The rows far outside reach the clamp on either side.
    y = skew * np.log(Y) * np.abs(X[:, 0]) ** 3
    far = 20 * (NEW - NEW.mean(axis=0)) + NEW.mean(axis=0)
    model = mixture(X, y, [(by_name("linear"), "yeo-johnson")], tau=5.0)
    assert_agrees(model, far, {"X": far}, y)


@pytest.mark.parametrize("power", [0.0, 2.0])
def test_ends_of_the_yeo_johnson_family_are_logarithms(power: float) -> None:
    from dataclasses import replace

    model = mixture(X, Y, [(by_name("gp-se"), "yeo-johnson")])
    predictor = model._model.predictors[0]
    member = replace(predictor.members[0], warp=replace(predictor.members[0].warp, power=power))
    model._model = type(model._model)((replace(predictor, members=(member,)),))
    assert_agrees(model, NEW, {"X": NEW}, Y)


def test_trees_that_are_single_leaves() -> None:
    # Too few rows to split: every boosted tree is one leaf.
    x, y = X[:5, :1], Y[:5]
    assert_agrees(mixture(x, y, [(by_name("boosted-trees"), "identity")]), NEW[:, :1],
                  {"X": NEW[:, :1]}, y)  # fmt: skip


def test_rows_on_a_threshold_go_left() -> None:
    x = np.arange(30.0)[:, None]
    y = (x[:, 0] > 14) + 0.1 * (x[:, 0] > 22)
    between = np.arange(0, 29.25, 0.25)[:, None]
    for family in ("boosted-trees", "random-forest"):
        assert_agrees(mixture(x, y, [(by_name(family), "identity")]), between, {"X": between}, y)


def test_near_singular_process_is_as_uncertain_as_in_process() -> None:
    # So smooth that the variance is little but rounding: asked for row by row, the deviation is
    # another one in-process too, and the graph is no farther from either.
    rows = RNG.random((60, 2))
    model = mixture(rows, np.exp(np.sin(rows.sum(axis=1))), [(by_name("gp-se"), "log")])
    new = RNG.random((200, 2))
    _, sd = model.predict(new, return_std=True, on_extrapolation="ignore")
    one_by_one = np.array(
        [model.predict(row[None], return_std=True, on_extrapolation="ignore")[1][0] for row in new]
    )
    own = np.abs(one_by_one / sd - 1).max()
    assert own > 1e-6
    assert np.abs(run(model, {"X": new})[1] / sd - 1).max() < 5 * own


def test_foreign_candidates_are_refused_by_name() -> None:
    from sklearn.linear_model import Ridge

    model = mixture(X, Y, [(by_name("pce"), "log"), (SklearnCandidate(Ridge(), "ridge"), "log")])
    with pytest.raises(InputError, match="member to export: found ridge, log; allowed: .*own"):
        run(model, {"X": NEW})
