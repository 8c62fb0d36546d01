"""Models on disk: predictions, intervals and training go on as if they had stayed in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from tests.confidence.synthetic import stream

from surefoot.confidence.estimators import SGDInferenceClassifier, SGDInferenceRegressor
from surefoot.ground.errors import InputError

ROWS, LABELS = stream(3000, 3), stream(3000, 3, loss="log_loss")
STEPS: dict[str, Any] = {"n_chains": 16, "batch_size": 8}
ALL = ("plugin", "random_scaling", "batch_means", "score_bootstrap")


def coin(u: np.ndarray) -> np.ndarray:
    return 2.0 * (u > 0.5)


@pytest.mark.filterwarnings("ignore::surefoot.confidence.health.ConfidenceWarning")
@pytest.mark.parametrize(
    "parameters",
    [
        {"companions": ALL},
        {"multiplier": coin},
        {"multiplier": [0.0, 2.0], "random_state": np.random.RandomState(4)},
        {"loss": "quantile", "dtype": "float32", "block_length": 4, "random_state": None},
        {"loss": "huber", "alpha": 0.1, "pilot": 0, "k0": 7.5},
    ],
)
@pytest.mark.parametrize("stop", [120, 1603])
def test_training_goes_on_bit_for_bit(
    parameters: dict[str, Any], stop: int, tmp_path: Path
) -> None:
    model = SGDInferenceRegressor(**STEPS | parameters).partial_fit(ROWS.X[:stop], ROWS.y[:stop])
    model.save(tmp_path / "model.npz")
    again = SGDInferenceRegressor.load(tmp_path / "model.npz")
    if stop > 200:
        assert np.array_equal(again.predict(ROWS.X), model.predict(ROWS.X))
        assert again.conf_int().equals(model.conf_int())
        assert again.summary() == model.summary()
    for one in (model, again):
        one.partial_fit(ROWS.X[stop:], ROWS.y[stop:])
    assert np.array_equal(again.chains_, model.chains_)
    assert again.to_frame().equals(model.to_frame())
    assert again.diagnostics_ == model.diagnostics_


@pytest.mark.parametrize(
    "labels", [[0, 1], [-1.0, 2.0], [False, True], ["nö", "ja"], np.array(["a", "b"], dtype=object)]
)
def test_classes_keep_their_type(labels: Any, tmp_path: Path) -> None:
    y = np.array(labels)[LABELS.y.astype(int)]
    model = SGDInferenceClassifier(**STEPS).fit(LABELS.X, y)
    model.save(tmp_path / "model.npz")
    again = SGDInferenceClassifier.load(tmp_path / "model.npz")
    assert again.classes_.dtype == model.classes_.dtype
    assert np.array_equal(again.predict(LABELS.X), model.predict(LABELS.X))
    assert again.get_params() == model.get_params()


def test_names_of_features_are_kept(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(ROWS.X, columns=["age", "dose", "weight"])
    SGDInferenceRegressor(**STEPS).fit(table, ROWS.y).save(tmp_path / "model.npz")
    again = SGDInferenceRegressor.load(tmp_path / "model.npz")
    assert again.predict(table[:3]).shape == (3,)
    with pytest.raises(ValueError, match="feature names should match"):
        again.predict(table[["dose", "age", "weight"]])


def test_a_warning_is_not_given_again(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="penalised"):
        model = SGDInferenceRegressor(**STEPS, alpha=1).fit(ROWS.X, ROWS.y)
    model.save(tmp_path / "model.npz")
    SGDInferenceRegressor.load(tmp_path / "model.npz").partial_fit(ROWS.X, ROWS.y)


def test_a_key_that_was_drawn_is_kept(tmp_path: Path) -> None:
    model = SGDInferenceRegressor(**STEPS, random_state=np.random.RandomState(4))
    model.fit(ROWS.X, ROWS.y).save(tmp_path / "model.npz")
    again = SGDInferenceRegressor.load(tmp_path / "model.npz").fit(ROWS.X, ROWS.y)
    assert np.array_equal(again.chains_, model.chains_)


def test_nothing_to_save(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="not fitted"):
        SGDInferenceRegressor().save(tmp_path / "model.npz")


def without(name: str) -> Callable[[dict[str, np.ndarray]], Any]:
    return lambda arrays: arrays.pop(name)


def cut(name: str) -> Callable[[dict[str, np.ndarray]], Any]:
    return lambda arrays: arrays.update({name: arrays[name][:1]})


@pytest.mark.parametrize(
    "harm",
    [
        without("engine.phi"), without("engine.pilot.theta"), without("engine.pending.y"),
        without("shard.chains"), without("shard.bias"), cut("engine.phi"), cut("engine.sums"),
        cut("engine.pending.X"), cut("engine.companion.plugin.A"), cut("shard.estimate"),
    ],
)  # fmt: skip
def test_damaged_models(harm: Callable[[dict[str, np.ndarray]], Any], tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    model = SGDInferenceRegressor(**STEPS, companions=("plugin",))
    model.partial_fit(ROWS.X[:2997], ROWS.y[:2997]).save(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    harm(arrays)
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="a damaged file"):
        SGDInferenceRegressor.load(path)


def test_a_model_of_another_kind(tmp_path: Path) -> None:
    SGDInferenceRegressor(**STEPS).fit(ROWS.X, ROWS.y).save(tmp_path / "model.npz")
    with pytest.raises(InputError, match="a saved SGDInferenceRegressor; allowed: a saved SGDInf"):
        SGDInferenceClassifier.load(tmp_path / "model.npz")
