"""More runs for a study, a batch at a time, each where the runs so far say it is worth most."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.streams import subseed
from surefoot.surrogates.simulation.adaptive import (
    CRITERIA,
    choose_batch,
    leading_processes,
    unit_points,
)
from surefoot.surrogates.simulation.comparing import compare
from surefoot.surrogates.simulation.design import Design

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.surrogates.simulation.study import Study

Floats = NDArray[np.float64]

_POINTS = 512
_LIKELY = 0.5
# The processes that lead the way; the whole comparison would cost more than it decides.
_LEADERS = ("gp-se", "gp-matern52")


@dataclass(frozen=True)
class Step:
    """One batch of an extension.

    Attributes
    ----------
    runs : int
        Points in the study after it.
    variance_left, variance_left_space_filling : float
        See `adaptive.Batch`.
    """

    runs: int
    variance_left: float
    variance_left_space_filling: float


@dataclass(frozen=True)
class Extension:
    """How a study was extended.

    Attributes
    ----------
    criterion : str
    steps : tuple of Step
    stopped_early : bool
        Whether the batch that would have come next promised less than the tolerance.
    """

    criterion: str
    steps: tuple[Step, ...]
    stopped_early: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the extension in JSON's types."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{step.runs} points: {1 - step.variance_left:.1%} less variance expected "
            f"({self.criterion}); a space-filling batch {1 - step.variance_left_space_filling:.1%}"
            for step in self.steps
        ]
        if self.stopped_early:
            lines.append("stopped: the next batch promised less than the tolerance")
        return "\n".join(lines or ["nothing to do: the study has as many points"])


def extend(
    study: Study,
    to: int,
    *,
    criterion: str,
    batch: int,
    outputs: Sequence[str] | None,
    tolerance: float,
    seed: int,
    executor: str | Executor,
    progress: bool,
) -> Extension:
    """Extend a study to `to` points; see `Study.extend`."""
    one_of("criterion", criterion, CRITERIA)
    if batch < 1:
        raise InputError("batch", batch, "1 or more points")
    if not 0 <= tolerance < 1:
        raise InputError("tolerance", tolerance, "a share of the variance, from 0 to below 1")
    designs = [design for design, _ in study.designs()]
    if not designs:
        raise InputError("extend", "a study without a design", "one that was run before")
    for design in designs:  # what an earlier call left unfinished
        study.run(design, executor, progress=progress)
    steps: list[Step] = []
    while (count := _points(study)) < to:
        points, left, spread = _next(study, min(batch, to - count), criterion, outputs, seed)
        if criterion != "maximin" and 1 - left < tolerance:
            return Extension(criterion, tuple(steps), stopped_early=True)
        reason = f"each batch where it helps most by {criterion}, from {count} points on"
        study.run(
            Design.given(points, kind=f"adaptive-{criterion}", seed=seed, reason=reason),
            executor,
            progress=progress,
        )
        steps.append(Step(_points(study), left, spread))
    return Extension(criterion, tuple(steps), stopped_early=False)


def _points(study: Study) -> int:
    return sum(len(next(iter(told["points"].values()))) for _, told in study.designs())


def _next(
    study: Study, n: int, criterion: str, outputs: Sequence[str] | None, seed: int
) -> tuple[Any, float, float]:
    """Return the next points in the simulator's own values, and what they leave of the variance."""
    space, runs = study.simulator.space, study.runs()
    model = compare(study, outputs, candidates=list(_LEADERS), random_state=seed)
    feasibility = study.feasibility()

    def likely_points(name: str) -> tuple[pd.DataFrame, Floats]:
        drawn = unit_points(len(space), _POINTS, subseed(seed, name, len(runs)))
        frame = space.from_unit(drawn)
        if feasibility is None:
            return frame, np.ones(len(frame))
        probability = feasibility.probability(frame)
        good = probability >= _LIKELY
        if good.sum() < n:
            return frame, probability
        return frame[good].reset_index(drop=True), probability[good]

    frame, likely = likely_points("candidates")
    reference, _ = likely_points("reference")
    chosen = choose_batch(
        leading_processes(model.comparisons_),
        model._cube.encode(space.check(runs[space.names])),
        model._cube.encode(frame),
        model._cube.encode(reference),
        n,
        criterion,
        likely,
    )
    return (
        frame.iloc[np.asarray(chosen.rows)].reset_index(drop=True),
        chosen.variance_left,
        chosen.variance_left_space_filling,
    )
