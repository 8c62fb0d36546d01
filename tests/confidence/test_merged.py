"""Models of separate rows as one model, and what does not belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from tests.confidence.synthetic import stream

from surefoot.confidence.estimators import SGDInferenceClassifier, SGDInferenceRegressor
from surefoot.ground.errors import InputError

ROWS, LABELS = stream(9600, 3), stream(6400, 3, loss="log_loss")
STEPS: dict[str, Any] = {"n_chains": 30, "batch_size": 8}


def fitted(first: int, last: int, **parameters: Any) -> SGDInferenceRegressor:
    part = slice(first, last)
    model = SGDInferenceRegressor(**STEPS | parameters)
    return model.fit(ROWS.X[part], ROWS.y[part], row_ids=np.arange(first, last))


def test_merging_is_a_mean_weighted_by_rows() -> None:
    a, b, c = fitted(0, 2400), fitted(2400, 6000, random_state=5), fitted(6000, 9600)
    left, right = a.merge(b).merge(c), a.merge(c.merge(b))
    expected = 0.25 * a.chains_ + 0.375 * b.chains_ + 0.375 * c.chains_
    for model in (left, right):
        np.testing.assert_allclose(model.chains_, expected, rtol=1e-12, atol=1e-12)
        assert model.n_seen_ == 9600
        assert model.n_steps_ == 1200
    np.testing.assert_allclose(left.coef_, right.coef_, rtol=1e-12)
    assert np.array_equal(a.merge(b).chains_, b.merge(a).chains_)
    assert a.n_seen_ == 2400


def test_the_mean_is_as_sure_as_one_run() -> None:
    parts = [fitted(i, i + 2400, n_chains=200) for i in range(0, 9600, 2400)]
    merged = parts[0].merge(parts[1]).merge(parts[2].merge(parts[3]))
    whole = fitted(0, 9600, n_chains=200)
    np.testing.assert_allclose(merged.coef_std_ / whole.coef_std_, 1, atol=0.15)
    assert (np.abs(merged.coef_ - whole.coef_) < whole.coef_std_).all()
    assert merged.predict(ROWS.X[:4]).shape == (4,)
    assert "runs merged: 4" in merged.summary()


def test_classifiers_merge_and_are_saved(tmp_path: Path) -> None:
    y = np.array(["no", "yes"])[LABELS.y.astype(int)]
    a, b = (
        SGDInferenceClassifier(**STEPS, multiplier=[0.0, 2.0]).fit(LABELS.X[part], y[part])
        for part in (slice(3200), slice(3200, None))
    )
    a.save(tmp_path / "a.npz")
    merged = SGDInferenceClassifier.load(tmp_path / "a.npz").merge(b)
    assert np.array_equal(merged.coef_, a.merge(b).coef_)
    merged.save(tmp_path / "merged.npz")
    again = SGDInferenceClassifier.load(tmp_path / "merged.npz")
    assert np.array_equal(again.predict(LABELS.X), merged.predict(LABELS.X))
    assert again.merge(b).n_seen_ == 9600


def test_a_merged_model_does_not_go_on() -> None:
    merged = fitted(0, 2400).merge(fitted(2400, 4800))
    with pytest.raises(InputError, match="partial_fit: found a merged model"):
        merged.partial_fit(ROWS.X, ROWS.y)
    merged.fit(ROWS.X, ROWS.y)
    assert merged.partial_fit(ROWS.X, ROWS.y).n_seen_ == 19_200


def test_what_was_warned_of_is_not_repeated() -> None:
    with pytest.warns(UserWarning, match="penalised"):
        a, b = (fitted(i, i + 2400, alpha=0.1) for i in (0, 2400))
    assert a.merge(b).n_seen_ == 4800


@pytest.mark.parametrize(
    "other",
    [
        {"n_chains": 31}, {"loss": "huber"}, {"companions": ("plugin",)}, {"c0": 0.5},
        {"multiplier": "rademacher"}, {"confidence_level": 0.9}, {"fit_intercept": False},
    ],
)  # fmt: skip
def test_other_parameters_do_not_merge(other: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"merge, {next(iter(other))}: .* as in the other"):
        fitted(0, 2400).merge(fitted(2400, 4800, **other))


def test_other_models_do_not_merge() -> None:
    model = fitted(0, 2400)
    fewer = SGDInferenceRegressor(**STEPS).fit(ROWS.X[:2400, :2], ROWS.y[:2400])
    with pytest.raises(InputError, match="n_features_in_: found 2"):
        model.merge(fewer)
    with pytest.raises(InputError, match="found 'SGDInferenceClassifier'"):
        model.merge(SGDInferenceClassifier(**STEPS).fit(LABELS.X, LABELS.y))  # type: ignore[arg-type]
    with pytest.raises(NotFittedError, match="not fitted"):
        model.merge(SGDInferenceRegressor(**STEPS))
