"""One model from a stream of rows larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from surefoot.confidence.intake import arguments
from surefoot.confidence.rows import Rows
from surefoot.confidence.streams.batches import Batch
from surefoot.confidence.streams.row_order import OrderWatch
from surefoot.confidence.streams.row_stream import RowStream
from surefoot.ground.errors import InputError
from surefoot.ground.progress import progress as shown

if TYPE_CHECKING:
    from surefoot.confidence.estimator import SGDInference

Model = TypeVar("Model", bound="SGDInference")


def fit_stream(
    model: Model, stream: Any, *, classes: ArrayLike | None = None, progress: bool = False
) -> Model:
    """Train `model` on a stream; see `SGDInferenceClassifier.fit_stream`."""
    if not isinstance(stream, RowStream):
        stream = RowStream.from_batches(stream)
    model._begin()
    if model.n_epochs > 1 and not stream.replayable:
        raise InputError("n_epochs", model.n_epochs, "1 for a stream that cannot be replayed")
    if model.burn_in and stream.n_rows is None:
        raise InputError("burn_in", model.burn_in, "0 for a stream of unknown length")
    model._learn_features(stream.names)
    batches = iter(stream)
    head = list(_first(batches, model._pilot_rows(model._d)))
    if sum(map(len, head)) < 2:
        raise InputError("stream", "n_samples = 1", "two rows or more")
    if classes is None:
        model._learn_classes(np.concatenate([batch.y for batch in head]), "y of the first rows")
    else:
        model._learn_classes(np.asarray(classes))
    engine = model._start(reduce(Rows.then, (_rows(model, b) for b in head)), stream.n_rows)
    watch = None if stream.shuffled else OrderWatch(stream.names)
    total = model.n_epochs * (stream.n_rows or 0)
    with shown("training", total, show=progress and total > 0) as step:
        for epoch in range(model.n_epochs):
            if epoch:
                engine.start_epoch()
            for batch in chain(head, batches) if epoch == 0 else stream:
                rows = _rows(model, batch)
                engine.consume(**arguments(rows))
                if epoch == 0:
                    model._n_rows += len(rows)
                    if watch is not None:
                        watch.update(batch.X, rows.y)
                step(len(rows))
    if watch is not None and (found := watch.verdict().found):
        remark = f"the rows are not in random order: {found}; stream.shuffle() mixes them"
        model._warn("order", remark)
    model._settle(judge_from=0)
    return model


def _first(batches: Iterator[Batch], n_rows: int) -> Iterator[Batch]:
    """Yield batches until they hold `n_rows` rows."""
    held = 0
    for batch in batches:
        yield batch
        held += len(batch)
        if held >= n_rows:
            return


def _rows(model: SGDInference, batch: Batch) -> Rows:
    y = model._encoded(batch.y)
    return Rows(model._design(batch.X), y, batch.ids, batch.sample_weight)
