"""FairDropout in Lightning: a callback announces the ids of each batch.

Imports Lightning; nothing else in Surefoot imports this module.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from surefoot.ground.errors import InputError, need
from surefoot.groups.attachment import tied

_lightning = need("lightning.pytorch", "groups,lightning")


class TiedCallback(_lightning.Callback):  # type: ignore[misc, name-defined]
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

    def __init__(self, key: str = "example_id") -> None:
        self.key = key
        self._context: AbstractContextManager[None] | None = None

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Announce the ids."""
        self._context = tied(pl_module, _ids_of(batch, self.key))
        self._context.__enter__()

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Forget them."""
        self._leave()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Forget them after a failed step too."""
        self._leave()

    def _leave(self) -> None:
        if self._context is not None:
            self._context.__exit__(None, None, None)
            self._context = None


def _ids_of(batch: Any, key: str) -> Any:
    if isinstance(batch, dict) and key in batch:
        return batch[key]
    if isinstance(batch, list | tuple) and batch:
        return batch[0]
    found = f"batch of type {type(batch).__name__}"
    raise InputError("batch", found, f"(ids, …) or a dictionary with {key!r}; see IndexedDataset")
