"""FairDropout in the Hugging Face Trainer: the ids travel in the batch and are taken out again.

Imports transformers; nothing else in Surefoot imports this module.
"""

from __future__ import annotations

from typing import Any

from surefoot.ground.errors import InputError, need
from surefoot.groups.attachment import tied
from surefoot.groups.examples import ID_KEY

_transformers = need("transformers", "groups,transformers")


class TiedTrainer(_transformers.Trainer):  # type: ignore[name-defined]
    """A Trainer whose training step runs inside ``tied(model, ids)``.

    The dataset yields dictionaries with an integer under ``example_id``: wrap it in
    `surefoot.groups.IndexedDataset`, or add a column. Set ``remove_unused_columns=False`` in the
    TrainingArguments, or the Trainer drops that column before it arrives.
    """

    example_id_key = ID_KEY

    def training_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Run forward and backward with the ids announced."""
        inputs = dict(inputs)
        ids = inputs.pop(self.example_id_key, None)
        if ids is None:
            allowed = "an integer for each row, and remove_unused_columns=False"
            raise InputError(self.example_id_key, None, allowed)
        with tied(model, ids):
            return super().training_step(model, inputs, *args, **kwargs)

    def prediction_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Evaluate without the ids: the memory is off."""
        inputs = {name: value for name, value in inputs.items() if name != self.example_id_key}
        return super().prediction_step(model, inputs, *args, **kwargs)
