"""Partitions on Dask: the same numbers under any scheduler, and no rows but the pilot's travel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.confidence.synthetic import stream

from surefoot.confidence.estimators import SGDInferenceClassifier, SGDInferenceRegressor
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.streams import on_dask
from surefoot.ground.errors import InputError, MissingExtraError

dask = pytest.importorskip("dask")

ROWS = stream(12_000, 3)
TABLE = pd.DataFrame(ROWS.X, columns=["a", "b", "c"]).assign(y=ROWS.y)
TABLE["label"] = np.where(TABLE.y > TABLE.a, "more", "less")
FEATURES = ["a", "b", "c"]
STEPS: dict[str, Any] = {"n_chains": 30, "batch_size": 8}
PARTS = [TABLE[:2500], TABLE[2500:6000], TABLE[6000:6000], TABLE[6000:]]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with dask.config.set(scheduler="synchronous"):
        yield


def delayed(parts: list[pd.DataFrame]) -> list[Any]:
    return [dask.delayed(part) for part in parts]


def test_partitions_are_runs_of_their_own() -> None:
    model = SGDInferenceRegressor(**STEPS).fit_dask(delayed(PARTS), "y", features=FEATURES)
    assert (model.n_seen_, model.n_steps_) == (12_000, 1501)
    assert model.diagnostics_["runs merged"] == 3
    assert (np.abs(model.coef_ - ROWS.theta) < 5 * model.coef_std_).all()
    assert list(model.feature_names_in_) == FEATURES
    assert model.predict(TABLE[FEATURES]).shape == (12_000,)


def test_a_cluster_computes_what_one_process_does() -> None:
    distributed = pytest.importorskip("distributed")
    here = SGDInferenceRegressor(**STEPS).fit_dask(delayed(PARTS), "y", features=FEATURES)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster), dask.config.set(scheduler=None):
        there = SGDInferenceRegressor(**STEPS).fit_dask(delayed(PARTS), "y", features=FEATURES)
    np.testing.assert_allclose(there.chains_, here.chains_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(there.coef_, here.coef_, rtol=1e-12)
    assert there.n_seen_ == here.n_seen_


def test_frames_bags_and_records_are_alike() -> None:
    frames = pytest.importorskip("dask.dataframe")
    bag = pytest.importorskip("dask.bag")
    model = SGDInferenceRegressor(**STEPS)
    table = TABLE.drop(columns="label")
    frame = frames.from_pandas(table, npartitions=3)
    expected = model.fit_dask(frame, "y").chains_
    parts = [part.compute() for part in frame.partitions]
    assert np.array_equal(model.fit_dask(delayed(parts), "y").chains_, expected)
    of_tables = bag.from_delayed([dask.delayed(lambda p: [p])(part) for part in parts])
    assert np.array_equal(model.fit_dask(of_tables, "y").chains_, expected)
    of_records = bag.from_delayed([dask.delayed(part.to_dict("records")) for part in parts])
    assert np.array_equal(model.fit_dask(of_records, "y").chains_, expected)


def test_only_the_rows_of_the_pilot_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = on_dask._joined
    monkeypatch.setattr(on_dask, "_joined", lambda a, b: seen.append(original(a, b)) or seen[-1])
    SGDInferenceRegressor(**STEPS).fit_dask(delayed(PARTS), "y", features=FEATURES)
    assert [len(drawn.y) for drawn in seen] == [200, 200, 200]
    assert seen[-1].counts == (2500, 3500, 0, 6000)
    # Half of all rows are in the last partition.
    places = np.flatnonzero(np.isin(TABLE.y, seen[-1].y))
    assert 70 < (places >= 6000).sum() < 130


def test_rows_are_numbered_over_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, original = [], SGDInferenceRegressor._run

    def recorded(self: Any, rows: Any, *rest: Any) -> Any:
        runs.append((rows.ids, rest[2:], rest[0]))
        return original(self, rows, *rest)

    monkeypatch.setattr(SGDInferenceRegressor, "_run", recorded)
    SGDInferenceRegressor(**STEPS).fit_dask(delayed(PARTS), "y", features=FEATURES)
    runs.sort(key=lambda run: run[0][0])
    assert np.array_equal(np.concatenate([ids for ids, _, _ in runs]), np.arange(12_000))
    # Each is shuffled by a key of its own; minibatches suit the typical partition.
    assert [key for _, key, _ in runs] == [("partition", n) for n in (0, 1, 3)]
    assert {n_rows for _, _, n_rows in runs} == {4000}


def test_classes_are_learned_or_given() -> None:
    order = np.argsort(TABLE.label.to_numpy(), kind="stable")
    parts = np.array_split(order, 4)
    model = SGDInferenceClassifier(**STEPS)
    with pytest.warns(ConfidenceWarning) as caught:
        model.fit_dask(delayed([TABLE.iloc[p] for p in parts]), "label", features=FEATURES)
    assert any("unlike those of the others" in str(warning.message) for warning in caught)
    assert model.classes_.tolist() == ["less", "more"]
    mixed = SGDInferenceClassifier(**STEPS)
    mixed.fit_dask(delayed(PARTS), "label", features=FEATURES, classes=["less", "more"])
    assert np.mean(mixed.predict(TABLE[FEATURES]) == TABLE.label) > 0.6
    with pytest.raises(InputError, match="y: found 'more'"):
        mixed.fit_dask(delayed(PARTS), "label", features=FEATURES, classes=["less", "as much"])


def test_short_partitions_are_counted() -> None:
    parts = [TABLE[:800], TABLE[800:1600], TABLE[1600:]]
    with pytest.warns(ConfidenceWarning, match="2 of 3 merged runs took fewer than 300 steps"):
        SGDInferenceRegressor(**STEPS).fit_dask(delayed(parts), "y", features=FEATURES)


def test_epochs_and_a_burn_in_stay_within_partitions() -> None:
    model = SGDInferenceRegressor(**STEPS, n_epochs=2, burn_in=0.1)
    model.fit_dask(delayed(PARTS), "y", features=FEATURES)
    assert model.n_steps_ == 2 * 1501
    assert model._shard.averages.n_rows < 12_000


@pytest.mark.parametrize(
    ("parts", "target", "features", "said"),
    [
        ([], "y", FEATURES, "no partitions"),
        ([TABLE[:0]], "y", FEATURES, "n_samples = 0"),
        ([TABLE], "z", FEATURES, "no column 'z'"),
        ([TABLE], "y", ["a", "d"], "no column 'd'"),
        ([TABLE], "y", None, "column label: found '(more|less)'"),
        ([TABLE.assign(a=np.nan)], "y", FEATURES, "NaN or infinity"),
        ([TABLE.assign(y=None)], "y", FEATURES, "column y: found missing values"),
        ([TABLE[["a", "y"]], TABLE[["b", "y"]]], "y", None, "as in other partitions"),
    ],
)
def test_bad_partitions(parts: Any, target: str, features: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        SGDInferenceRegressor(**STEPS).fit_dask(delayed(parts), target, features=features)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dask", None)
    with pytest.raises(MissingExtraError, match=r"surefoot\[dask\]"):
        SGDInferenceRegressor().fit_dask([], "y")
