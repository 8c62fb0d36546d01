from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from tests.surrogates.candidates.runs import new_rows, runs

from surefoot.surrogates.candidates import boosting, forest
from surefoot.surrogates.candidates.boosting import BoostedTrees
from surefoot.surrogates.candidates.forest import RandomForest


def steps(Z):
    return np.where(Z[:, 0] > 0.37, 2.0, 0.0) + np.where(Z[:, 1] > 0.6, 1.0, 0.0)


@pytest.mark.parametrize(
    ("candidate", "module", "name", "kind"),
    [
        (BoostedTrees(), boosting, "_boosting", HistGradientBoostingRegressor),
        (RandomForest(), forest, "grow", RandomForestRegressor),
    ],
)
def test_the_arrays_predict_what_scikit_learn_does(candidate, module, name, kind, monkeypatch):
    made = []
    make = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args: made.append(make(*args)) or made[-1])
    Z, t = runs(90, 3)
    fit = candidate.fit(Z, t)
    full = next(model for model in made if isinstance(model, kind))
    rows = np.vstack([Z, new_rows(500)])
    np.testing.assert_allclose(fit.predict(rows)[0], full.predict(rows), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("candidate", [BoostedTrees(), RandomForest()])
def test_jumps_are_met(candidate):
    Z = np.random.default_rng(0).random((300, 2))
    Z_new = new_rows(500, 2)
    mean, _ = candidate.fit(Z, steps(Z)).predict(Z_new)
    assert np.median(np.abs(mean - steps(Z_new))) < 0.05


@pytest.mark.parametrize("candidate", [BoostedTrees(), RandomForest()])
def test_deviations_cover_and_follow_the_noise(candidate):
    rng = np.random.default_rng(0)

    def noisy(Z):
        return steps(Z) + rng.normal(size=len(Z)) * (0.05 + 0.8 * (Z[:, 1] > 0.5))

    Z, Z_new = rng.random((400, 2)), rng.random((1000, 2))
    mean, sd = candidate.fit(Z, noisy(Z)).predict(Z_new)
    assert 0.9 < np.mean(np.abs(mean - noisy(Z_new)) < 1.96 * sd) < 0.995
    loud = Z_new[:, 1] > 0.5
    assert np.median(sd[loud]) > 1.5 * np.median(sd[~loud])


@pytest.mark.parametrize("candidate", [BoostedTrees(), RandomForest()])
def test_the_seed_decides(candidate):
    Z, t = runs(60, 2)
    first, same, other = (candidate.fit(Z, t, seed=seed).predict(Z)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0
