"""Streams: the same run as in memory, however long, and honest about their order."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from tests.confidence.synthetic import stream

from surefoot.confidence.estimators import SGDInferenceClassifier, SGDInferenceRegressor
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.streams.row_stream import RowStream
from surefoot.ground.errors import InputError, UnmetError

ROWS, LABELS = stream(3000, 3), stream(9000, 2, loss="log_loss")
STEPS: dict[str, Any] = {"n_chains": 20, "batch_size": 8}
Pairs = Iterator[tuple[np.ndarray, np.ndarray]]


def pairs(size: int) -> Callable[[], Pairs]:
    def made() -> Pairs:
        for i in range(0, 3000, size):
            yield ROWS.X[i : i + size], ROWS.y[i : i + size]

    return made


@pytest.mark.parametrize("size", [40, 333, 3000])
def test_a_stream_is_fit_without_shuffling(size: int) -> None:
    whole = SGDInferenceRegressor(**STEPS, shuffle=False).fit(ROWS.X, ROWS.y)
    model = SGDInferenceRegressor(**STEPS).fit_stream(pairs(size))
    assert np.array_equal(model.chains_, whole.chains_)
    assert (model.n_seen_, model.n_steps_) == (3000, 375)
    model.partial_fit(ROWS.X, ROWS.y)
    assert model.n_seen_ == 6000


def test_epochs_and_a_burn_in() -> None:
    options = {**STEPS, "n_epochs": 3, "burn_in": 0.2}
    whole = SGDInferenceRegressor(**options, shuffle=False).fit(ROWS.X, ROWS.y)
    batches = [(ROWS.X[:2000], ROWS.y[:2000]), (ROWS.X[2000:], ROWS.y[2000:])]
    model = SGDInferenceRegressor(**options).fit_stream(batches)
    assert np.array_equal(model.chains_, whole.chains_)
    assert model.n_seen_ == 3000


def test_a_shuffled_stream_keeps_its_weights_over_epochs() -> None:
    rows = RowStream.from_batches(pairs(500)).shuffle(seed=3)
    model = SGDInferenceRegressor(**STEPS, n_epochs=2).fit_stream(rows)
    one = SGDInferenceRegressor(**STEPS).fit_stream(rows)
    # Coupled passes don't look like twice the rows.
    np.testing.assert_allclose(model.coef_std_ / one.coef_std_, 1, atol=0.2)


def test_names_and_weights_of_a_stream() -> None:
    weight = np.where(np.arange(3000) < 1500, 1.0, 2.0)
    rows = RowStream.from_batches([(ROWS.X, ROWS.y, weight)], names=["a", "b", "c"])
    model = SGDInferenceRegressor(**STEPS).fit_stream(rows)
    whole = SGDInferenceRegressor(**STEPS, shuffle=False).fit(ROWS.X, ROWS.y, weight)
    assert np.array_equal(model.chains_, whole.chains_)
    assert model.result_.names == ("const", "a", "b", "c")
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    # Names that no one gave are not asked for.
    assert not hasattr(SGDInferenceRegressor(**STEPS).fit_stream(pairs(500)), "feature_names_in_")


@pytest.mark.parametrize("classes", [None, ["no", "yes"]])
def test_labels_of_a_stream(classes: Any) -> None:
    y = np.array(["no", "yes"])[LABELS.y.astype(int)]
    model = SGDInferenceClassifier(**STEPS).fit_stream([(LABELS.X, y)], classes=classes)
    plain = SGDInferenceClassifier(**STEPS, shuffle=False).fit(LABELS.X, y)
    assert np.array_equal(model.coef_, plain.coef_)
    assert model.classes_.tolist() == ["no", "yes"]
    with pytest.raises(InputError, match="y: found 'maybe'"):
        model.fit_stream([(LABELS.X, y), (LABELS.X, np.full(9000, "maybe"))], classes=classes)


def drifting() -> Pairs:
    """Yield rows in order of time: a trend in features and target, and levels that come late."""
    rng = np.random.default_rng(0)
    for month in range(12):
        level = np.zeros((500, 12))
        level[:, month] = 1
        features = np.column_stack([rng.normal(month, 1, 500), level[:, 1:]])
        yield features, 3 * month + rng.normal(size=500)


def test_rows_in_order_of_time_are_said_and_stay_finite() -> None:
    with pytest.warns(ConfidenceWarning) as caught:
        model = SGDInferenceRegressor(**STEPS).fit_stream(drifting)
    said = " ".join(str(warning.message) for warning in caught)
    assert "not in random order" in said
    assert "unlike any in the pilot" in said
    assert np.isfinite(model.chains_).all()


def test_shuffling_is_the_remedy() -> None:
    rows = RowStream.from_batches(drifting).shuffle()
    model = SGDInferenceRegressor(**STEPS).fit_stream(rows)
    assert model.diagnostics_["rows unlike the pilot"] == 0


def test_a_run_that_blows_up_is_refused() -> None:
    def growing() -> Pairs:
        for X, y in drifting():
            yield X * np.array([1e4 ** X[0, 0].round(), *[1] * 11]).clip(1, 1e30), y

    with pytest.warns(ConfidenceWarning, match="not in random order"):
        with pytest.raises(UnmetError, match=r"rows in random order, such as RowStream\.shuffle"):
            SGDInferenceRegressor(**STEPS).fit_stream(growing)


def test_random_order_is_not_complained_of() -> None:
    for seed in range(5):
        rows = stream(3000, 3, seed)
        SGDInferenceRegressor(**STEPS).fit_stream([(rows.X, rows.y)])


def test_memory_does_not_grow_with_rows() -> None:
    def rows(count: int) -> Callable[[], Pairs]:
        def made() -> Pairs:
            rng = np.random.default_rng(0)
            for _ in range(count // 500):
                X = rng.normal(size=(500, 3))
                yield X, X.sum(1) + rng.normal(size=500)

        return made

    peaks = []
    for count in (5000, 5000, 100_000):
        tracemalloc.start()
        SGDInferenceRegressor(n_chains=10, batch_size=16, pilot=500).fit_stream(
            RowStream.from_batches(rows(count), shuffled=True)
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1]


def test_progress_counts_rows(capsys: pytest.CaptureFixture[str]) -> None:
    model = SGDInferenceRegressor(**STEPS, n_epochs=2)
    model.fit_stream([(ROWS.X, ROWS.y)], progress=True)
    assert "training: 6000/6000" in capsys.readouterr().err
    model.fit_stream([(ROWS.X, ROWS.y)])
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("ignore::surefoot.confidence.health.ConfidenceWarning")
def test_short_streams() -> None:
    with pytest.raises(InputError, match="n_samples = 1"):
        SGDInferenceRegressor().fit_stream([(ROWS.X[:1], ROWS.y[:1])])
    with pytest.raises(InputError, match="found 'nothing'"):
        SGDInferenceRegressor().fit_stream([])
    with pytest.warns(ConfidenceWarning, match="8 steps"):
        model = SGDInferenceRegressor(**STEPS).fit_stream([(ROWS.X[:60], ROWS.y[:60])])
    assert model.n_seen_ == 60
