"""FairDropout in Lightning: a callback announces the ids of each batch.

Imports Lightning; nothing else in Surefoot imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from surefoot.ground.errors import InputError, need
from surefoot.groups.attachment import tied
from surefoot.groups.examples import ID_KEY

_lightning = need("lightning.pytorch", "groups,lightning")


class TiedCallback(_lightning.Callback):  # type: ignore[name-defined]
    """Announce the ids of the batch from the start of the training step to its end.

    Use it with a DataLoader over `surefoot.groups.IndexedDataset`: batches are ``(ids, batch)``
    pairs, or dictionaries with the ids under `key`. The ids hold during backward too, so
    activation checkpointing and gradient accumulation need nothing more.

    Parameters
    ----------
    key : str, default "example_id"

    Examples
    --------
    ::

        trainer = Trainer(callbacks=[TiedCallback()])
        trainer.fit(module, DataLoader(IndexedDataset(dataset), shuffle=True))
    """

    def __init__(self, key: str = ID_KEY) -> None:
        self.key = key
        self._announced = ExitStack()

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Announce the ids."""
        self._announced.enter_context(tied(pl_module, _ids_of(batch, self.key)))

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Forget them."""
        self._announced.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Forget them after a failed step too."""
        self._announced.__exit__(type(exception), exception, exception.__traceback__)


def _ids_of(batch: Any, key: str) -> Any:
    if isinstance(batch, Mapping) and key in batch:
        return batch[key]
    if isinstance(batch, list | tuple) and len(batch) == 2:
        return batch[0]
    found = f"batch of type {type(batch).__name__}"
    raise InputError("batch", found, f"(ids, …) or a dictionary with {key!r}; see IndexedDataset")
