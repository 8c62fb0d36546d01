"""Cells of the study: one training, measured with every average that is compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from surefoot.averaging.averager import WeightAverager
from surefoot.averaging.horizon import HorizonSearch
from surefoot.averaging.recursions import EMA
from surefoot.averaging.segments import SegmentMeans
from surefoot.averaging.targets import TimeToTarget
from surefoot.averaging.tasks import RECIPES, Recipe, Rows, Task, fingerprint, recipe_of
from surefoot.averaging.training import Schedule, train
from surefoot.averaging.two_tailed import TwoTailed
from surefoot.ground.fitting import evaluating
from surefoot.ground.work import Cell, Output

_VERSION = 1
# Windows, as shares of the run. The paper's rule of thumb is 1 %.
SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
WATCHED = (0.01, 0.05, 0.1, 0.2)  # also evaluated along the way
TAILS = (0.02, 0.1, 0.5, 0.9)  # of the BatchNorm task
POLICIES = ("copy", "average", "recalibrate")
_MERGED = 0.2  # share of the run over which other decay profiles are tried
_EVALUATIONS = 50
_CLOSE = 1.005  # of the best raw validation loss: what counts as having got there
_CHUNK = 4096
_RECALIBRATION = 2560  # images


def window(share: float) -> str:
    """Return the name of a uniform window over a share of the run."""
    return f"window-{100 * share:g}"


def tail(share: float, policy: str) -> str:
    """Return the name of a tail with a policy for BatchNorm statistics."""
    return f"tail-{100 * share:g}-{policy}"


def build_cells(tasks: Sequence[str], seeds: Sequence[int], *, tuned: bool) -> list[Cell]:
    """Return the trainings of tasks × schedules × learning rates × seeds."""
    cells = []
    for task in tasks:
        recipe, data = RECIPES[task], fingerprint(task)
        function = "measure_batchnorm" if task.startswith("batchnorm") else "measure"
        for schedule in recipe.schedules:
            for rate in recipe.rates[: None if tuned else 1]:
                params = {"task": task, "method": schedule, "config": {"learning_rate": rate}}
                cells += [
                    Cell(
                        f"{task}/{schedule} lr={rate:g}/seed={seed}",
                        f"surefoot.averaging.cells:{function}",
                        params,
                        seed,
                        _VERSION,
                        data,
                    )
                    for seed in seeds
                ]
    return cells


def measure(*, seed: int, task: str, method: Schedule, config: Mapping[str, Any]) -> Output:
    """Train once; measure the raw iterate and every average along the way and at the end."""
    recipe = recipe_of(task)
    data = recipe.make(seed)
    every = max(1, recipe.steps // _EVALUATIONS)
    evaluations: list[dict[str, float]] = []
    averagers: list[WeightAverager] = []

    def prepare(model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[int], None]:
        schemes = {
            "segments": SegmentMeans(8, base=5),
            "two-tailed": TwoTailed(),
            "ema-10": EMA(horizon=0.1),
        }
        averager = WeightAverager(model, schemes, total_steps=recipe.steps).attach(optimizer)
        averagers.append(averager)

        def validate() -> float:
            return float(_losses(data, model, data.validation).mean())

        def after_step(step: int) -> None:
            if step % every:
                return
            values = {"raw": validate()}
            for share in WATCHED:
                horizon = min(step, round(share * recipe.steps))
                with averager.applied("segments", horizon=horizon):
                    values[window(share)] = validate()
            averager.judge("two-tailed", lambda _: validate())
            with averager.applied("two-tailed"):
                values["two-tailed"] = validate()
            evaluations.append(values)

        return after_step

    model = _train(recipe, data, method, config, seed, prepare)
    metrics = _at_the_end(recipe, data, model, averagers[0])
    metrics |= _steps_to_target(evaluations, every)
    curves = {name: np.array([e[name] for e in evaluations]) for name in evaluations[0]}
    steps = np.arange(1, len(evaluations) + 1) * every
    return Output(metrics, {"steps": steps, **curves})


def measure_batchnorm(
    *, seed: int, task: str, method: Schedule, config: Mapping[str, Any]
) -> dict[str, float]:
    """Train a network with BatchNorm; measure tails with each policy for its statistics."""
    recipe = recipe_of(task)
    data = recipe.make(seed)
    averagers: dict[str, WeightAverager] = {}

    def prepare(model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[int], None]:
        for policy in ("average", "copy"):
            averagers[policy] = WeightAverager(
                model, {"s": SegmentMeans(20, base=9)}, buffers=policy
            )

        def after_step(step: int) -> None:
            for averager in averagers.values():
                averager.update()

        return after_step

    model = _train(recipe, data, method, config, seed, prepare)
    metrics = {"raw|test_accuracy": _accuracy(data, model, data.test)}
    batches = list(data.train.X[:_RECALIBRATION].split(256))
    for share in TAILS:
        for policy in POLICIES:
            averager = averagers["average" if policy == "average" else "copy"]
            again = batches if policy == "recalibrate" else None
            with averager.applied("s", horizon=round(share * recipe.steps), recalibrate=again):
                accuracy = _accuracy(data, model, data.test)
            metrics[f"{tail(share, policy)}|test_accuracy"] = accuracy
    return metrics


def _train(
    recipe: Recipe,
    data: Task,
    schedule: Schedule,
    config: Mapping[str, Any],
    seed: int,
    prepare: Callable[[nn.Module, torch.optim.Optimizer], Callable[[int], None]],
) -> nn.Module:
    return train(
        data,
        schedule,
        steps=recipe.steps,
        batch_size=recipe.batch_size,
        learning_rate=config["learning_rate"],
        weight_decay=recipe.weight_decay,
        seed=seed,
        prepare=prepare,
    )


def _at_the_end(
    recipe: Recipe, data: Task, model: nn.Module, averager: WeightAverager
) -> dict[str, float]:
    metrics: dict[str, float] = {}

    def add(name: str) -> None:
        for split, rows in (("validation", data.validation), ("test", data.test)):
            metrics[f"{name}|{split}_loss"] = float(_losses(data, model, rows).mean())
            metrics[f"{name}|{split}_accuracy"] = _accuracy(data, model, rows)

    add("raw")
    for share in SHARES:
        with averager.applied("segments", horizon=round(share * recipe.steps)):
            add(window(share))
    for decay in ("cosine", "one-minus-sqrt"):
        horizon = round(_MERGED * recipe.steps)
        with averager.applied("segments", horizon=horizon, profile=decay):
            add(f"{decay}-{100 * _MERGED:g}")
    for name in ("ema-10", "two-tailed"):
        with averager.applied(name):
            add(name)
    metrics["two-tailed|share"] = float((averager.weights("two-tailed") > 0).mean())

    search = HorizonSearch(
        averager, lambda _: _losses(data, model, data.validation).numpy(), average="segments"
    )
    found = search.run()
    metrics["searched|share"] = found.chosen / recipe.steps
    with averager.applied("segments", horizon=found.chosen):
        add("searched")
    # What nobody can have: the window that is best on the test rows.
    names = ["raw", *map(window, SHARES)]
    metrics["oracle|test_accuracy"] = max(metrics[f"{name}|test_accuracy"] for name in names)
    metrics["oracle|test_loss"] = min(metrics[f"{name}|test_loss"] for name in names)
    return metrics


def _steps_to_target(evaluations: Sequence[Mapping[str, float]], every: int) -> dict[str, float]:
    """Return when each average came near the best loss of the raw iterates of the same run."""
    times = TimeToTarget(_CLOSE * min(values["raw"] for values in evaluations))
    for i, values in enumerate(evaluations):
        times.record((i + 1) * every, **values)
    steps = {}
    for name in evaluations[0]:
        reached = times.first(name)
        # Never reached counts as the whole run: a lower bound.
        steps[name] = float(reached.step if reached else len(evaluations) * every)
    return {f"{name}|steps": value for name, value in steps.items()} | {
        f"{name}|saved": 1 - value / steps["raw"] for name, value in steps.items()
    }


@torch.no_grad()
def _losses(data: Task, model: nn.Module, rows: Rows) -> torch.Tensor:
    with evaluating(model):
        pieces = zip(rows.X.split(_CHUNK), rows.y.split(_CHUNK), strict=True)
        return torch.cat([data.losses(model, Rows(X, y)) for X, y in pieces])


@torch.no_grad()
def _accuracy(data: Task, model: nn.Module, rows: Rows) -> float:
    with evaluating(model):
        hits: list[NDArray] = []
        for X, y in zip(rows.X.split(_CHUNK), rows.y.split(_CHUNK), strict=True):
            hits.append((model(X).argmax(-1) == y).numpy())
    return float(np.concatenate(hits).mean())
