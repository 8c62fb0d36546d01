"""What the adapters of training frameworks have in common; a framework says when, not what."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

from surefoot.averaging.averager import WeightAverager
from surefoot.averaging.schemes import Scheme
from surefoot.averaging.segments import SegmentMeans
from surefoot.ground.errors import InputError, one_of

State = Mapping[str, Any]


class Adapter:
    """Averages of the model that a framework trains, and which of them it evaluates.

    Parameters
    ----------
    averages : mapping of name to scheme
    evaluate_with : str, optional
    horizon, recalibrate, forward, max_batches
        Of `WeightAverager.applied`, for evaluation.
    **options
        Of `WeightAverager`.

    Attributes
    ----------
    averager : WeightAverager or None
        None until training begins, or averages are restored.
    """

    averager: WeightAverager | None

    def __init__(
        self,
        averages: Mapping[str, Scheme],
        *,
        evaluate_with: str | None = None,
        horizon: float | None = None,
        recalibrate: Iterable[Any] | None = None,
        forward: Callable[[nn.Module, Any], object] | None = None,
        max_batches: int | None = None,
        **options: Any,
    ) -> None:
        if evaluate_with is not None:
            one_of("evaluate_with", evaluate_with, averages)
            if isinstance(averages[evaluate_with], SegmentMeans) and horizon is None:
                raise InputError("horizon", None, f"the one to evaluate {evaluate_with!r} with")
        self.averages, self.options = averages, options
        self.evaluate_with, self.horizon = evaluate_with, horizon
        self.recalibrate, self.forward, self.max_batches = recalibrate, forward, max_batches
        self.averager = None

    def bind(
        self, model: nn.Module, total_steps: int | None, state: State | None
    ) -> WeightAverager:
        """Begin averages of `model`, or go on with those of a checkpoint.

        Shares of the steps keep the meaning they had when training began, also if it is resumed
        with other plans; `total_steps` among the options comes before both.
        """
        planned = total_steps if state is None else state["total_steps"]
        options = {"total_steps": planned, **self.options}
        averager = WeightAverager(model, self.averages, **options)
        if state is not None:
            averager.load_state_dict(state)
        self.averager = averager
        return averager

    def stop(self) -> None:
        """Stop following the optimizer."""
        if self.averager is not None:
            self.averager.detach()

    @contextmanager
    def serving(self, model: nn.Module, place: Callable[[Any], Any]) -> Iterator[None]:
        """Have the average to evaluate in `model`; `place` brings a batch to its device."""
        averager = self.averager
        if self.evaluate_with is None:
            yield
        elif averager is None or averager.model is not model:
            warnings.warn("no averages of this model yet: raw weights are used", RuntimeWarning, 4)
            yield
        elif averager.steps == 0:  # a look at the model before it is trained
            yield
        else:
            batches = None if self.recalibrate is None else map(place, self.recalibrate)
            with averager.applied(
                self.evaluate_with,
                horizon=self.horizon,
                recalibrate=batches,
                forward=self.forward,
                max_batches=self.max_batches,
                quiet=True,
            ):
                yield
