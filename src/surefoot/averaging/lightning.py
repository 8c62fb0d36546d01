"""Averages of what Lightning trains: a callback keeps, serves and checkpoints them.

Imports Lightning; nothing else in Surefoot imports this module.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from surefoot.averaging.adapter import Adapter, State
from surefoot.averaging.schemes import Scheme
from surefoot.ground.errors import InputError, need

_lightning = need("lightning.pytorch", "averaging,lightning")


class AveragingCallback(Adapter, _lightning.Callback):  # type: ignore[name-defined]
    """Keep averages of a LightningModule, and validate, test and predict with one of them.

    Each step of the optimizer is followed by an update: with gradient accumulation once for all
    its batches, with automatic mixed precision not where the scaler left the step out. During
    evaluation the average is in the module, and taken out whatever happens. Checkpoints hold the
    raw weights under ``state_dict``, also those written in the middle of an evaluation, and the
    averages in the state of this callback: training resumes as if it had not been interrupted.

    Parameters
    ----------
    averages : mapping of name to scheme
        See `surefoot.averaging.WeightAverager`. Shares of the steps are of
        ``trainer.estimated_stepping_batches``, and keep their meaning if training is resumed with
        other plans.
    evaluate_with : str, optional
        The average to evaluate with; by default the raw weights. Before the first step, as in
        Lightning's sanity check, it is the raw weights.
    horizon : int or float, optional
        Of a `SegmentMeans` average to evaluate with.
    recalibrate : iterable of batches, optional
        Re-estimate the running statistics of norms from these before each evaluation.
    forward, max_batches
        See `surefoot.averaging.recalibrate`.
    optimizer : int
        Which optimizer's steps count, where there are several.
    **options
        Of `WeightAverager`: ``device="cpu"``, ``dtype``, ``total_steps``, …

    Attributes
    ----------
    averager : WeightAverager or None
        None until training begins or averages are restored. ``averager.export`` writes an average.

    Raises
    ------
    InputError
        When fitting starts with a strategy that shards the model (FSDP, DeepSpeed, …): Lightning
        would save the averages of one process only. Use a `WeightAverager` there.

    Examples
    --------
    ::

        averaging = AveragingCallback({"ema": EMA(0.999)}, evaluate_with="ema")
        Trainer(callbacks=[averaging]).fit(module, train_loader, validation_loader)
        averaging.averager.export("ema", "ema.safetensors")
    """

    def __init__(
        self, averages: Mapping[str, Scheme], *, optimizer: int = 0, **options: Any
    ) -> None:
        super().__init__(averages, **options)
        self.optimizer = optimizer
        self._restored: State | None = None
        self._served = ExitStack()

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin the averages, or go on with those there are."""
        if trainer.strategy.restore_checkpoint_after_setup:
            found = type(trainer.strategy).__name__
            raise InputError("strategy", found, "one that doesn't shard the model, such as DDP")
        if self.optimizer >= len(trainer.optimizers):
            allowed = f"the index of one of {len(trainer.optimizers)} optimizers"
            raise InputError("optimizer", self.optimizer, allowed)
        if trainer.ckpt_path and self._restored is None:
            warnings.warn("the checkpoint has no averages: they begin here", RuntimeWarning, 2)
        averager = self.averager
        anew = trainer.ckpt_path or self._restored or not trainer.global_step
        if anew or averager is None or averager.model is not pl_module:
            averager = self.bind(pl_module, self._steps_planned(trainer), self._restored)
            self._restored = None
        averager.attach(trainer.optimizers[self.optimizer])

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Take the average out and stop following the optimizer."""
        self._served.close()
        self.stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Do so after a failure, where Lightning leaves the teardown out."""
        self.teardown(trainer, pl_module, trainer.state.stage)

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Put the average in."""
        if trainer.ckpt_path and trainer.state.fn != "fit":
            # The averages are those of the weights that were loaded, if there are any.
            self.averager = None
        if self._restored is not None:
            self.bind(pl_module, None, self._restored)
            self._restored = None
        serving = self.serving(pl_module, trainer.strategy.batch_to_device)
        self._served.enter_context(serving)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Take it out."""
        self._served.close()

    on_test_start = on_predict_start = on_validation_start
    on_test_end = on_predict_end = on_validation_end

    def state_dict(self) -> dict[str, Any]:
        """Return the averages for a checkpoint: tensors and plain values."""
        if self._restored is not None or self.averager is None:
            return dict(self._restored or {})
        return self.averager.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the averages of a checkpoint until the model is on its device."""
        self._restored = state_dict

    def _steps_planned(self, trainer: Any) -> int | None:
        if "total_steps" in self.options:
            return None
        steps = trainer.estimated_stepping_batches
        return int(steps) if 0 < steps < math.inf else None
