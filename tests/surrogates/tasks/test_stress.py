from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tests.surrogates.tasks.models import Fake, Gp

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.space import Categorical, Real, Space
from surefoot.surrogates.tasks.stress import Stress

SPACE = Space(x=Real(0, 2), y=Real(0, 1))
X = pd.DataFrame(np.random.default_rng(0).random((60, 2)) * [2, 1], columns=["x", "y"])


def bend(frame):
    return np.sin(2 * frame["x"]) + frame["y"] ** 2


def test_a_gaussian_process_is_worse_outward_than_in_folds():
    found = Stress().run(Gp, X, bend(X), SPACE)
    assert found.folds.nrmse < found.outward.nrmse
    assert found.folds.n == found.noise.n == 60
    assert found.outward.n == 18
    assert found.corner.n == 6
    # The inputs' error is larger than that of the surrogate, which knows nothing of it.
    assert found.noise.nrmse > 2 * found.folds.nrmse
    assert found.noise.coverage < 0.8
    assert found.noise.flagged
    assert not found.folds.flagged


class Recorder:
    """Fits nothing; remembers the rows it was given."""

    def __init__(self):
        self.tables = []

    def __call__(self, X, y):
        self.tables.append(X)
        np.testing.assert_allclose(y, bend(X))
        return Fake(bend, sd=0.1)


def test_no_surrogate_is_asked_about_rows_it_has_learned_from():
    fit = Recorder()
    asked = []

    def watched(X, y):
        fit(X, y)
        learned = {tuple(row) for row in X.to_numpy()}

        class Watch(Fake):
            def predict(self, X, return_std=False):
                asked.append(len({tuple(row) for row in X.to_numpy()} & learned))
                return super().predict(X, return_std)

        return Watch(bend, sd=0.1)

    Stress(input_noise=0).run(watched, X, bend(X), SPACE)
    assert len(asked) == 12
    assert not any(asked)
    assert [len(table) for table in fit.tables] == [48] * 5 + [42, 54]
    inner, rest = fit.tables[-2:]
    held = X.merge(inner, indicator=True, how="left")["_merge"].eq("left_only")
    radius = np.abs(SPACE.to_unit(X) - 0.5).max(axis=1)
    assert radius[held].min() > radius[~held].max()
    held = X.merge(rest, indicator=True, how="left")["_merge"].eq("left_only")
    distance = np.linalg.norm(1 - SPACE.to_unit(X), axis=1)
    assert distance[held].max() < distance[~held].min()


def test_scores_are_what_they_are_called():
    y = bend(X)
    spread = float(np.std(y))
    found = Stress().run(lambda X, y: Fake(lambda frame: bend(frame) + 0.3, sd=0.2), X, y, SPACE)
    assert found.folds.nrmse == pytest.approx(0.3 / spread)
    assert found.folds.coverage == 1
    expected = 0.5 * np.log(2 * np.pi) + np.log(0.2 / spread) + 0.5 * 1.5**2
    assert found.folds.nlpd == pytest.approx(expected)
    narrow = Stress().run(lambda X, y: Fake(lambda frame: bend(frame) + 0.3, sd=0.1), X, y, SPACE)
    assert narrow.corner.coverage == 0
    assert narrow.corner.flagged
    assert "(!)" in str(narrow)


def test_levels_are_not_shaken():
    space = Space(x=Real(0, 2), mesh=Categorical(["a", "b"]))
    frame = pd.DataFrame({"x": X["x"], "mesh": ["a", "b"] * 30})

    def response(frame):
        return np.where(frame["mesh"] == "a", 0.0, 1.0)

    found = Stress(input_noise=0.4).run(
        lambda X, y: Fake(response, sd=0.1), frame, response(frame), space
    )
    assert found.noise.nrmse == 0


def test_a_certain_surrogate_is_scored_all_the_same():
    found = Stress().run(lambda X, y: Fake(bend, sd=0), X, bend(X) + 1e-3, SPACE)
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert found.folds.nlpd > 1e6


def test_tables_that_cannot_be_probed_are_refused():
    with pytest.raises(InputError, match="rows: found 9; allowed: ten or more"):
        Stress().run(Gp, X[:9], bend(X[:9]), SPACE)
    with pytest.raises(InputError, match="y: found .*one value in all rows"):
        Stress().run(Gp, X, np.zeros(60), SPACE)
    with pytest.raises(InputError, match=r"y: found \(60, 2\)"):
        Stress().run(Gp, X, np.zeros((60, 2)), SPACE)
