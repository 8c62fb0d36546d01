"""Averages of what the Hugging Face Trainer trains, kept beside each of its checkpoints.

Imports transformers; nothing else in Surefoot imports this module.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from surefoot.averaging.adapter import Adapter
from surefoot.averaging.averager import WeightAverager
from surefoot.averaging.storage import read
from surefoot.ground.errors import InputError, need

_transformers = need("transformers", "averaging,transformers")

FILE = "averages.safetensors"
_SHARDING = ("is_fsdp_enabled", "is_deepspeed_enabled", "is_distributed_loading_by_transformers")


class AveragingTrainerCallback(Adapter, _transformers.TrainerCallback):  # type: ignore[name-defined]
    """Keep averages of the model that an `AveragingTrainer` trains.

    Each optimizer step is followed by an update: with gradient accumulation once for all its
    batches, with mixed precision not where the scaler left the step out.

    Parameters
    ----------
    averages : mapping of name to scheme
        See `surefoot.averaging.WeightAverager`. Shares of the steps are of the Trainer's steps,
        and keep their meaning if training is resumed with other plans.
    evaluate_with : str, optional
        The average for ``evaluate`` and ``predict``; by default the raw weights. Before the first
        step it is the raw weights.
    horizon : int or float, optional
        Of a `SegmentMeans` average to evaluate with.
    recalibrate : iterable of batches, optional
        Re-estimate the running statistics of norms from these before each evaluation.
    forward, max_batches
        See `surefoot.averaging.recalibrate`.
    **options
        Of `WeightAverager`: ``device="cpu"``, ``dtype``, ``total_steps``, …

    Attributes
    ----------
    averager : WeightAverager or None
        None until training begins. ``averager.export`` writes an average.
    """

    hosted = False
    folder: Path | None = None

    def on_train_begin(
        self, args: Any, state: Any, control: Any, *, model: Any, optimizer: Any, **_: Any
    ) -> None:
        """Begin the averages, or go on with those of a checkpoint."""
        if not self.hosted:
            allowed = "an AveragingTrainer, or a class of AveragingMixin and the Trainer class"
            raise InputError("callbacks", "an AveragingTrainerCallback in another Trainer", allowed)
        restored = None
        if self.folder is not None and (self.folder / FILE).is_file():
            restored = read(self.folder / FILE)
        elif self.folder is not None:
            warnings.warn(f"{self.folder} has no {FILE}: averages begin here", RuntimeWarning, 2)
        self.stop()  # the Trainer begins once more if batches were too large
        self.bind(model, state.max_steps, restored).attach(optimizer)


class AveragingMixin:
    """What a Trainer needs for its `AveragingTrainerCallback`; put it before the Trainer class.

    A callback alone can't do it: it is told neither which checkpoint training resumes from, nor
    that an evaluation begins.

    * ``evaluate`` and ``predict`` use the average called ``evaluate_with``, during training too.
    * Each checkpoint keeps the raw weights, and the averages beside them in
      ``averages.safetensors``: training resumes as if it had not been interrupted.
      ``load_best_model_at_end`` loads both.

    Raises
    ------
    InputError
        When training begins with a model that is sharded (FSDP, DeepSpeed, tensor parallel): the
        file would hold the averages of one process only. Use a `WeightAverager` there.

    Examples
    --------
    ::

        class AveragingSFTTrainer(AveragingMixin, SFTTrainer):
            pass
    """

    callback_handler: Any
    state: Any
    args: Any
    model: Any

    @property
    def averaging(self) -> AveragingTrainerCallback:
        """The callback that keeps the averages."""
        for callback in self.callback_handler.callbacks:
            if isinstance(callback, AveragingTrainerCallback):
                return callback
        raise InputError("callbacks", "no AveragingTrainerCallback", "one, which has the averages")

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, and keep averages on the way."""
        trainer: Any = super()
        sharded = [name for name in _SHARDING if getattr(self, name, False)]
        if sharded:
            raise InputError("model", f"sharded: {sharded[0]}", "one device, or DDP")
        averaging = self.averaging
        averaging.hosted, averaging.folder = True, None
        try:
            return trainer.train(*args, **kwargs)
        finally:
            averaging.hosted = False
            averaging.stop()

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate or predict with the average in the model."""
        trainer: Any = super()
        with self.averaging.serving(self.model, trainer._prepare_inputs):
            return trainer.evaluation_loop(*args, **kwargs)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, *args: Any, **kwargs: Any) -> Any:
        trainer: Any = super()
        self.averaging.folder = Path(resume_from_checkpoint)
        return trainer._load_from_checkpoint(resume_from_checkpoint, *args, **kwargs)

    def _load_best_model(self) -> None:
        trainer: Any = super()
        trainer._load_best_model()
        self._averager.load(Path(self.state.best_model_checkpoint) / FILE)

    def _save_checkpoint(self, model: Any, trial: Any, *args: Any, **kwargs: Any) -> None:
        trainer: Any = super()
        if self.args.should_save:
            # First, so that no checkpoint looks complete without them.
            folder = f"checkpoint-{self.state.global_step}"
            self._averager.save(Path(trainer._get_output_dir(trial)) / folder / FILE)
        trainer._save_checkpoint(model, trial, *args, **kwargs)

    @property
    def _averager(self) -> WeightAverager:
        averager = self.averaging.averager
        if averager is None:
            raise InputError("averager", None, "training that has begun")
        return averager


class AveragingTrainer(AveragingMixin, _transformers.Trainer):  # type: ignore[name-defined]
    """A Trainer for an `AveragingTrainerCallback`; see `AveragingMixin`.

    Examples
    --------
    ::

        averaging = AveragingTrainerCallback({"ema": EMA(0.999)}, evaluate_with="ema")
        trainer = AveragingTrainer(model, arguments, train_dataset=…, callbacks=[averaging])
        trainer.train(resume_from_checkpoint=True)
        averaging.averager.export("ema", "ema.safetensors")
    """
