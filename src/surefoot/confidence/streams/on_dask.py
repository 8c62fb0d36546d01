"""One model from rows on many machines: a run for each partition, and their mean.

The partitions are read twice. First each draws a few rows, of which the pilot keeps those with the
smallest random keys: a simple random sample of all rows, though no one knew how many there are.
Then each partition is run over on its own, all with this pilot, and leaves a `Shard`. No other
rows travel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.confidence.intake import naming_words
from surefoot.confidence.pilot import Pilot
from surefoot.confidence.shards import Shard, shard_of
from surefoot.ground.errors import InputError, need
from surefoot.ground.finite import all_finite
from surefoot.ground.streams import stream

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.confidence.estimator import SGDInference

Floats = NDArray[np.float64]
Model = TypeVar("Model", bound="SGDInference")

_JOINED_AT_ONCE = 8


def fit_dask(
    model: Model,
    data: Any,
    target: str,
    *,
    features: Sequence[str] | None = None,
    classes: ArrayLike | None = None,
) -> Model:
    """Train `model` on a Dask collection, with whatever scheduler is active.

    Parameters
    ----------
    model : SGDInferenceRegressor or SGDInferenceClassifier
    data : dask DataFrame, dask Bag, or sequence of delayed pandas DataFrames
        The partitions of a Bag are lists of records or of DataFrames.
    target : str
        The column to be predicted.
    features : sequence of str, optional
        Default: all other columns.
    classes : array-like of shape (2,), optional
        Labels of a classifier; default: those that appear.

    Returns
    -------
    SGDInferenceRegressor or SGDInferenceClassifier
        `model`. It can be merged, but not go on with `partial_fit`.

    Warns
    -----
    ConfidenceWarning
        As in `fit`, and if partitions are too short for a run of 300 steps, or differ by more than
        chance: each should be like all others.
    """
    dask = need("dask", "dask")
    partitions = data.to_delayed() if hasattr(data, "to_delayed") else list(data)
    if not partitions:
        raise InputError("data", "no partitions", "one or more")
    columns = _Columns(target, None if features is None else tuple(features))
    model._begin()
    begun = dask.delayed(model, traverse=False)
    draws = [dask.delayed(_draw)(begun, columns, *part) for part in enumerate(partitions)]
    (drawn,) = dask.compute(_tree(dask, _joined, draws))
    if (n_rows := sum(drawn.counts)) < 2:
        raise InputError("data", f"n_samples = {n_rows}", "two rows or more")
    model._learn_features(drawn.features)
    model._learn_classes(drawn.labels if classes is None else np.asarray(classes))
    head = model._as_rows(drawn.X, model._encoded(drawn.y), None, None)
    pilot = model._new_pilot(model._loss(), head)

    columns = _Columns(target, drawn.features)
    ready, shared = (dask.delayed(one, traverse=False) for one in (model, pilot))
    first_ids = list(accumulate(drawn.counts, initial=0))
    held = [number for number, count in enumerate(drawn.counts) if count]
    typical = n_rows // len(held)
    shards = [
        dask.delayed(_run)(
            ready, columns, number, partitions[number], first_ids[number], shared, typical
        )
        for number in held
    ]
    (shard,) = dask.compute(_tree(dask, Shard.merged, shards))
    model._adopt(shard)
    return model


@dataclass(frozen=True)
class _Columns:
    """Which columns are meant; without `features` all but the target."""

    target: str
    features: tuple[str, ...] | None

    def of(self, partition: Any) -> tuple[tuple[str, ...], Floats, NDArray[Any]]:
        """Return the names of the features, the features, and the targets of a partition."""
        frame = _as_frame(partition)
        if frame.empty:
            return self.features or (), np.empty((0, 0)), np.empty(0)
        names = self.features or tuple(name for name in frame.columns if name != self.target)
        for name in (self.target, *names):
            if name not in frame.columns:
                raise InputError("data", f"no column {name!r}", f"one of {list(frame.columns)}")
        table, targets = frame[list(names)], frame[self.target]
        with naming_words(table):
            X = all_finite("X", table.to_numpy(np.float64, na_value=np.nan))
        if targets.isna().any():
            raise InputError(f"data, column {self.target}", "missing values", "a target a row")
        return names, X, targets.to_numpy()


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A random sample of the rows of some partitions.

    Attributes
    ----------
    counts : tuple of int
        Rows of each partition.
    features : tuple of str
    labels : ndarray
        The classes that appear, if they are to be learned.
    keys : ndarray of shape (k,)
        Ascending. The sample is the rows with the smallest.
    X : ndarray of shape (k, p)
    y : ndarray of shape (k,)
    most : int
        How many rows the sample may have.
    """

    counts: tuple[int, ...]
    features: tuple[str, ...]
    labels: NDArray[Any]
    keys: Floats
    X: Floats
    y: NDArray[Any]
    most: int


def _draw(model: SGDInference, columns: _Columns, number: int, partition: Any) -> _Drawn:
    features, X, y = columns.of(partition)
    most = model._pilot_rows(len(features) + int(model.fit_intercept))
    keys = stream(model._seed, "pilot", number).random(len(y))
    chosen = np.argsort(keys)[:most]
    labels = model._labels(y)
    return _Drawn((len(y),), features, labels, keys[chosen], X[chosen], y[chosen], most)


def _joined(a: _Drawn, b: _Drawn) -> _Drawn:
    counts = a.counts + b.counts
    if not len(a.y) or not len(b.y):
        return replace(a if len(a.y) else b, counts=counts)
    if a.features != b.features:
        raise InputError("data", f"columns {b.features}", f"{a.features}, as in other partitions")
    keys = np.concatenate([a.keys, b.keys])
    chosen = np.argsort(keys)[: a.most]
    return _Drawn(
        counts,
        a.features,
        np.unique(np.concatenate([a.labels, b.labels])),
        keys[chosen],
        np.concatenate([a.X, b.X])[chosen],
        np.concatenate([a.y, b.y])[chosen],
        a.most,
    )


def _run(
    model: SGDInference,
    columns: _Columns,
    number: int,
    partition: Any,
    first_id: int,
    pilot: Pilot,
    n_rows: int,
) -> Shard:
    _, X, y = columns.of(partition)
    rows = model._as_rows(X, model._encoded(y), None, None, first_id)
    engine = model._run(rows, n_rows, pilot, "partition", number)
    engine.finish()
    return shard_of(engine, model._names(), len(rows), model.confidence_level)


def _as_frame(partition: Any) -> pd.DataFrame:
    """Return a partition as a table: it is one, or holds tables or records."""
    import pandas as pd

    if isinstance(partition, pd.DataFrame):
        return partition
    items = list(partition)
    if items and isinstance(items[0], pd.DataFrame):
        return pd.concat(items)
    return pd.DataFrame(items)


def _tree(dask: Any, join: Callable[[Any, Any], Any], parts: list[Any]) -> Any:
    """Return all parts joined, in an order that does not depend on which is ready first."""
    while len(parts) > 1:
        groups = range(0, len(parts), _JOINED_AT_ONCE)
        parts = [dask.delayed(_all_joined)(join, *parts[i : i + _JOINED_AT_ONCE]) for i in groups]
    return parts[0]


def _all_joined(join: Callable[[Any, Any], Any], *parts: Any) -> Any:
    return reduce(join, parts)
