"""What a card measures beyond the fit: tasks, stress, sensitivity, what more runs would bring."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from sklearn.base import clone

from surefoot.surrogates.simulation.cost_curve import cost_curves
from surefoot.surrogates.tasks.sobol import SobolIndices
from surefoot.surrogates.tasks.stress import Stress

if TYPE_CHECKING:
    from surefoot.surrogates.regressor import SurrogateRegressor
    from surefoot.surrogates.simulation.study import Study

# Fills one field; deterministic, so that an audit can fill it again.
Probe: TypeAlias = "Callable[[Study, SurrogateRegressor], Any]"
Row = dict[str, Any]


def standard_probes(truth: Any = None) -> dict[str, Probe]:
    """Return the probes of a full card, by the path of the field that each fills.

    Stress and learning curve refit the surrogate nine times in all.

    Parameters
    ----------
    truth : callable, optional
        The simulator for tables of inputs, see `surefoot.surrogates.tasks.asking.simulate`. With
        it the study's tasks are scored, which some of them ask thousands of runs for; without it
        they are done, and how well is what the surrogate says itself.
    """

    def tasks(study: Study, model: SurrogateRegressor) -> list[Row]:
        space, rows = study.simulator.space, []
        for task in study.tasks:
            found = task.run(model, space) if truth is None else task.score(model, space, truth)
            row = {"task": type(task).__name__, "scored": truth is not None}
            rows.append(row | found.to_dict())
        return rows

    return {
        "evaluation.tasks": tasks,
        "evaluation.stress": stress,
        "evaluation.sensitivity": sensitivity,
        "evaluation.learning_curve": learning_curve,
    }


def stress(study: Study, model: SurrogateRegressor) -> list[Row]:
    """Return the scores of every output where the surrogate must extrapolate."""
    X, Y = study.data()

    def fit(X: Any, y: Any) -> SurrogateRegressor:
        return clone(model).fit(X, y)

    rows = []
    for name in Y:
        found = Stress(seed=model._seed).run(fit, X, Y[name], study.simulator.space)
        rows += [
            {"output": name, **dataclasses.asdict(getattr(found, probe.name))}
            for probe in dataclasses.fields(found)
        ]
    return rows


def sensitivity(study: Study, model: SurrogateRegressor) -> list[Row]:
    """Return the Sobol' indices of every output, and how far the surrogate may have them wrong."""
    rows = []
    for j, output in enumerate(model.output_names_):
        found = SobolIndices(j, seed=model._seed).run(model, study.simulator.space)
        columns = (found.names, found.first, found.total, found.first_surrogate,
                   found.total_surrogate)  # fmt: skip
        names = ("input", "first", "total", "first_error", "total_error")
        rows += [
            {"output": output, **dict(zip(names, row, strict=True))}
            for row in zip(*columns, strict=True)
        ]
    return rows


def learning_curve(study: Study, model: SurrogateRegressor) -> list[Row]:
    """Return the out-of-fold error of every output on growing parts of the runs."""
    X, Y = study.data()
    curves = cost_curves(model, X, Y, study.simulator.space.to_unit(X))
    return [
        {"output": curve.output, "n": at.n, "estimate": at.nrmse, "low": at.low, "high": at.high}
        for curve in curves
        for at in curve.points
    ]
