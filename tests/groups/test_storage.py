from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.groups.data import FAST, small_celeba

from surefoot import InputError
from surefoot.groups import FairDropoutClassifier
from surefoot.groups.rivals import DropoutClassifier, ERMClassifier, LastLayerRetraining
from surefoot.groups.storage import load, save

pytestmark = pytest.mark.filterwarnings("ignore::surefoot.groups.selection.SmallValidationWarning")


def _table(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).normal(size=(n, 4))
    return X, np.where(X[:, 0] > 0.7, "yes", "no")


@pytest.mark.parametrize("cls", [FairDropoutClassifier, ERMClassifier, DropoutClassifier])
def test_a_loaded_model_predicts_bit_for_bit(cls: type, tmp_path: Path) -> None:
    X, y = _table()
    model = cls(**FAST).fit(X, y)
    save(model, tmp_path, note="kept")
    loaded, extra = load(tmp_path)
    np.testing.assert_array_equal(model.predict_proba(X), loaded.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), loaded.predict(X))
    assert extra == {"note": "kept"}
    assert loaded.decision_threshold_ == model.decision_threshold_
    assert {p.name for p in tmp_path.iterdir()} == {"model.safetensors", "model.json"}


def test_images_and_memory_survive(tmp_path: Path) -> None:
    task = small_celeba()
    model = FairDropoutClassifier(**FAST).fit(task.train.X, task.train.y)
    save(model, tmp_path)
    loaded, _ = load(tmp_path)
    import torch

    ids = torch.arange(30)
    for memory in ("keep", "own"):
        np.testing.assert_array_equal(
            model.logits(task.test.X[:30], memory=memory, ids=ids),
            loaded.logits(task.test.X[:30], memory=memory, ids=ids),
        )


def test_a_network_of_ones_own_is_asked_for(tmp_path: Path) -> None:
    from surefoot.groups.networks import mlp

    X, y = _table()
    model = FairDropoutClassifier(epochs=1, network=mlp).fit(X, y)
    save(model, tmp_path)
    with pytest.raises(InputError, match="the callable this model was built with"):
        load(tmp_path)
    loaded, _ = load(tmp_path, network=mlp)
    np.testing.assert_array_equal(model.predict_proba(X), loaded.predict_proba(X))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder with model.json"):
        load(tmp_path)
    X, y = _table()
    save(ERMClassifier(**FAST).fit(X, y), tmp_path)
    settings = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(settings | {"format": 99}))
    with pytest.raises(InputError, match="update surefoot"):
        load(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(settings))
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(InputError, match="files written by surefoot"):
        load(tmp_path)


def test_other_estimators_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="LastLayerRetraining"):
        save(LastLayerRetraining(), tmp_path)  # type: ignore[arg-type]
