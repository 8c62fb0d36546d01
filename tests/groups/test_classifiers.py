"""What every classifier of the room promises, whatever its method."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.groups.data import FAST, small_celeba
from torch import nn

from surefoot import InputError
from surefoot.ground.errors import UnmetError
from surefoot.groups import FairDropout, FairDropoutClassifier
from surefoot.groups.rivals import (
    ClassBalancedClassifier,
    DropoutClassifier,
    ERMClassifier,
    GroupDROClassifier,
    GroupReweightedClassifier,
    JTTClassifier,
    LastLayerRetraining,
)
from surefoot.groups.selection import worst_accuracy

pytestmark = pytest.mark.filterwarnings("ignore::surefoot.groups.selection.SmallValidationWarning")
TRAINED = [
    FairDropoutClassifier,
    ERMClassifier,
    DropoutClassifier,
    ClassBalancedClassifier,
    GroupReweightedClassifier,
    GroupDROClassifier,
    JTTClassifier,
]


def _fit(model: Any, **options: Any) -> Any:
    task = small_celeba()
    data = {
        "groups": task.train.attribute,
        "X_val": task.validation.X,
        "y_val": task.validation.y,
        "groups_val": task.validation.attribute,
    }
    return model.fit(task.train.X, task.train.y, **(data | options))


@pytest.mark.parametrize("cls", TRAINED)
def test_fits_images_and_leaves_global_generators_alone(cls: type) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    model = _fit(cls(**FAST))
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert before == after
    proba = model.predict_proba(small_celeba().test.X)
    assert proba.shape == (len(small_celeba().test.y), 2)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-6)
    assert len(model.history_) == FAST["epochs"]
    assert 0 < model.decision_threshold_ < 1


@pytest.mark.parametrize("cls", TRAINED)
def test_same_key_same_numbers_other_key_other_numbers(cls: type) -> None:
    X = small_celeba().test.X[:50]
    first = _fit(cls(**FAST)).predict_proba(X)
    torch.rand(7)  # noise in the global generator changes nothing
    np.testing.assert_array_equal(first, _fit(cls(**FAST)).predict_proba(X))
    assert not np.array_equal(first, _fit(cls(**FAST, random_state=1)).predict_proba(X))


def test_inputs_are_centred_and_scaled_by_feature_or_channel() -> None:
    generator = np.random.default_rng(0)
    y = np.arange(60) % 2
    table = np.column_stack([generator.normal(5, 3, 60), np.ones(60), generator.random(60) < 0.1])
    model = ERMClassifier(**FAST).fit(table, y, X_val=table, y_val=y)
    inputs = model._inputs(table).numpy()
    np.testing.assert_allclose(inputs.mean(0), 0, atol=1e-6)
    assert inputs[:, 0].std() == pytest.approx(1, rel=1e-5)
    assert np.ptp(inputs[:, 2]) == pytest.approx(1)  # a rare category is not blown up
    images = generator.normal(size=(60, 2, 4, 4)) * np.array([1, 5]).reshape(1, 2, 1, 1) + 3
    model = ERMClassifier(**FAST).fit(images, y, X_val=images, y_val=y)
    inputs = model._inputs(images).numpy()
    np.testing.assert_allclose(inputs.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(inputs.std(axis=(0, 2, 3)), 1, rtol=1e-4)


def test_predict_follows_the_threshold_and_decision_function_its_sign() -> None:
    model = _fit(FairDropoutClassifier(**FAST))
    X = small_celeba().test.X
    by_threshold = model.predict_proba(X)[:, 1] > model.decision_threshold_
    np.testing.assert_array_equal(model.predict(X) == 1, by_threshold)
    np.testing.assert_array_equal(model.decision_function(X) > 0, by_threshold)


def test_the_threshold_is_best_on_the_validation_rows() -> None:
    validation = small_celeba().validation
    tuned = _fit(ERMClassifier(**FAST))
    plain = _fit(ERMClassifier(**FAST, threshold="argmax"))
    np.testing.assert_array_equal(
        tuned.predict_proba(validation.X), plain.predict_proba(validation.X)
    )
    score = worst_accuracy(tuned.predict(validation.X) == validation.y, validation.y)
    assert score == pytest.approx(tuned.validation_score_)
    assert score >= worst_accuracy(plain.predict(validation.X) == validation.y, validation.y)


def test_group_methods_raise_the_worst_group_and_erm_is_fooled() -> None:
    """On a planted shortcut, being told the groups helps: a check on signs, not on digits."""
    test = small_celeba().test
    cells = test.y * 2 + test.attribute
    options = {"epochs": 15, "threshold": "argmax"}

    def worst(model: Any) -> float:
        return worst_accuracy(_fit(model).predict(test.X) == test.y, cells)

    erm = worst(ERMClassifier(**options))
    assert worst(GroupReweightedClassifier(**options)) > erm
    assert worst(GroupDROClassifier(**options)) > erm
    assert worst(LastLayerRetraining(ERMClassifier(**options), n_heads=5)) > erm


def test_jtt_upweights_its_first_errors_only() -> None:
    one = _fit(JTTClassifier(**FAST, upweight=1.0))
    erm = _fit(ERMClassifier(**FAST))
    X = small_celeba().test.X[:40]
    np.testing.assert_allclose(one.predict_proba(X), erm.predict_proba(X), rtol=1e-5)
    assert not np.allclose(_fit(JTTClassifier(**FAST)).predict_proba(X), erm.predict_proba(X))


def test_sample_weights_of_zero_remove_rows_from_the_loss() -> None:
    task = small_celeba()
    y = task.train.y.copy()
    weights = np.ones(len(y))
    wrong = np.arange(len(y)) % 4 == 0
    y[wrong], weights[wrong] = 1 - y[wrong], 0.0
    options = {"epochs": 10, "threshold": "argmax", "hidden": (64,)}
    clean = _fit(ERMClassifier(**options)).score(task.test.X, task.test.y)
    noisy = ERMClassifier(**options).fit(
        task.train.X, y, X_val=task.validation.X, y_val=task.validation.y
    )
    weighted = ERMClassifier(**options).fit(
        task.train.X, y, sample_weight=weights, X_val=task.validation.X, y_val=task.validation.y
    )
    assert weighted.score(task.test.X, task.test.y) > noisy.score(task.test.X, task.test.y)
    assert weighted.score(task.test.X, task.test.y) > clean - 0.1


def test_best_checkpoint_is_the_best_epoch() -> None:
    model = _fit(ERMClassifier(**(FAST | {"epochs": 8}), checkpoint="best", threshold="argmax"))
    best = max(entry["validation"] for entry in model.history_)
    assert model.validation_score_ == pytest.approx(best)


def test_text_labels_three_classes_and_pipelines() -> None:
    from sklearn.datasets import load_wine

    X, y = load_wine(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    pipeline = make_pipeline(StandardScaler(), FairDropoutClassifier(epochs=15, batch_size=16))
    assert cross_val_score(pipeline, X, names, cv=3).mean() > 0.9
    model = FairDropoutClassifier(epochs=15, batch_size=16).fit(X, names)
    assert model.class_offsets_.shape == (3,)
    assert model.decision_function(X).shape == (len(X), 3)
    assert set(model.predict(X)) <= set(names)


def test_grid_search() -> None:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    search = GridSearchCV(FairDropoutClassifier(epochs=4), {"p_mem": [0.2, 0.5]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.85


def test_clone_and_get_params_round_trip() -> None:
    model = FairDropoutClassifier(p_gen=0.3, hidden=(5,))
    assert clone(model).get_params() == model.get_params()


def _cnn(shape: tuple[int, ...], n_classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(shape[0], 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3), nn.BatchNorm2d(32), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, n_classes),
    )  # fmt: skip


def test_own_networks_get_a_place_behind_the_last_batchnorm() -> None:
    model = _fit(FairDropoutClassifier(epochs=1, network=_cnn, p_gen=0.5))
    assert model.placement_ == "5"
    assert model.recalibrated_ == []


def test_batchnorms_behind_the_layer_are_recalibrated() -> None:
    model = _fit(FairDropoutClassifier(epochs=1, network=_cnn, placement="2", p_gen=0.5))
    assert model.recalibrated_ == ["5"]


def test_a_network_with_its_own_layers_is_left_alone() -> None:
    def network(shape: tuple[int, ...], n_classes: int) -> nn.Module:
        width = int(np.prod(shape))
        layers = [nn.Flatten(), nn.Linear(width, 20), nn.ReLU(), FairDropout(20)]
        return nn.Sequential(*layers, nn.Linear(20, n_classes))

    model = _fit(FairDropoutClassifier(epochs=1, network=network))
    assert model.placement_ is None


def test_ids_decide_the_masks() -> None:
    n = len(small_celeba().train.y)
    X = small_celeba().test.X[:20]
    rows = _fit(FairDropoutClassifier(**FAST)).predict_proba(X)
    np.testing.assert_array_equal(
        rows, _fit(FairDropoutClassifier(**FAST), ids=np.arange(n)).predict_proba(X)
    )
    hashed = _fit(FairDropoutClassifier(**FAST), ids=np.arange(n) + 2**40).predict_proba(X)
    assert not np.array_equal(rows, hashed)


def test_memory_scores_are_own_minus_dropped_loss() -> None:
    model = _fit(FairDropoutClassifier(**FAST))
    task = small_celeba()
    assert model.memory_scores_.shape == task.train.y.shape
    rows = np.arange(len(task.train.y))

    def loss(**options: Any) -> np.ndarray:
        logits = torch.as_tensor(model.logits(task.train.X, **options))
        y = torch.as_tensor(task.train.y)
        return nn.functional.cross_entropy(logits, y, reduction="none").numpy()

    expected = loss(memory="own", ids=torch.as_tensor(rows)) - loss()
    np.testing.assert_allclose(model.memory_scores_, expected, atol=1e-5)


def test_recentred_logits_have_the_mean_they_had_in_training() -> None:
    model = _fit(FairDropoutClassifier(**FAST))
    X = small_celeba().train.X
    own = model.logits(X, memory="own", ids=torch.arange(len(X)))
    recentred = model._raw_logits(model._inputs(X))
    np.testing.assert_allclose(recentred.mean(0), own.mean(0), atol=1e-4)
    assert np.abs(model.logit_shift_).max() > 0.01
    plain = _fit(FairDropoutClassifier(**FAST, recenter=False))
    assert (plain.logit_shift_ == 0).all()
    np.testing.assert_allclose(plain._raw_logits(plain._inputs(X)), model.logits(X), atol=1e-6)


def test_redrawn_masks_differ_from_tied_ones() -> None:
    X = small_celeba().test.X[:20]
    tied = _fit(FairDropoutClassifier(**FAST)).predict_proba(X)
    assert not np.array_equal(
        tied, _fit(FairDropoutClassifier(**FAST, masks="redrawn")).predict_proba(X)
    )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"p_gen": 0.0}, "p_gen"), ({"p_mem": 1.5}, "p_mem"), ({"epochs": 0}, "epochs"),
        ({"batch_size": 1.5}, "batch_size"), ({"learning_rate": -1}, "learning_rate"),
        ({"selection": "best"}, "selection"), ({"threshold": "x"}, "threshold"),
        ({"checkpoint": "x"}, "checkpoint"), ({"optimizer": "lion"}, "optimizer"),
        ({"placement": "relu9"}, "did you mean 'relu"), ({"masks": "none"}, "masks"),
        ({"validation_fraction": 1.0}, "validation_fraction"), ({"allocation": "x"}, "allocation"),
    ],
)  # fmt: skip
def test_bad_parameters_are_named_at_fit(params: dict, words: str) -> None:
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    with pytest.raises(InputError, match=words):
        FairDropoutClassifier(**params).fit(X, y)


def test_bad_data() -> None:
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    model = FairDropoutClassifier(epochs=1)
    broken = X.copy()
    broken[3, 1] = np.inf
    with pytest.raises(InputError, match=r"X: found NaN or infinity at \(3, 1\)"):
        model.fit(broken, y)
    with pytest.raises(InputError, match="y: found a missing label in row 2"):
        model.fit(X, np.where(np.arange(40) == 2, np.nan, y))
    with pytest.raises(InputError, match="X_val: found NaN"):
        model.fit(X, y, X_val=broken, y_val=y)
    with pytest.raises(InputError, match="y_val: found None"):
        model.fit(X, y, X_val=X)
    with pytest.raises(InputError, match="y_val: found 7"):
        model.fit(X, y, X_val=X, y_val=np.full(40, 7))
    with pytest.raises(InputError, match="validation rows: found no row of class number 1"):
        model.fit(X, y, X_val=X, y_val=np.zeros(40, dtype=int))
    with pytest.raises(InputError, match="groups: found 3 rows"):
        model.fit(X, y, groups=["a"] * 3)
    with pytest.raises(InputError, match="not seen in training"):
        model.fit(X, y, groups=["a"] * 40, X_val=X, y_val=y, groups_val=["b"] * 40)
    with pytest.raises(InputError, match="ids"):
        model.fit(X, y, ids=np.arange(39))
    with pytest.raises(InputError, match="group labels of the validation rows"):
        FairDropoutClassifier(epochs=1, threshold="worst_group").fit(X, y)
    model.fit(X, y)
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :2])
    with pytest.raises(InputError, match="NaN or infinity"):
        model.predict(broken)


def test_a_group_without_training_rows_is_named() -> None:
    task = small_celeba()
    rare = (task.train.y == 1) & (task.train.attribute == 1)
    lonely = np.flatnonzero(rare)[:1]  # its single row goes to training, none to validation
    rows = np.sort(np.concatenate([np.flatnonzero(~rare), lonely]))
    model = LastLayerRetraining(ERMClassifier(**FAST))
    with pytest.raises(InputError, match="rows for the heads: found no row of group"):
        model.fit(task.train.X[rows], task.train.y[rows], groups=task.train.attribute[rows])


def test_divergence_is_an_unmet_request_not_nan() -> None:
    X, y = np.random.default_rng(0).normal(size=(200, 3)) * 1e18, np.arange(200) % 2
    model = ERMClassifier(
        epochs=3, learning_rate=1e12, standardize=False, max_grad_norm=None, momentum=0.99
    )
    with pytest.raises(UnmetError, match="lower learning_rate"):
        model.fit(X, y)


def test_adamw_and_worst_group_threshold() -> None:
    model = _fit(
        ERMClassifier(**FAST | {"learning_rate": 0.003}, optimizer="adamw", threshold="worst_group",
                      selection="worst_group")
    )  # fmt: skip
    validation = small_celeba().validation
    cells = validation.y * 2 + validation.attribute
    score = worst_accuracy(model.predict(validation.X) == validation.y, cells)
    assert score == pytest.approx(model.validation_score_)
