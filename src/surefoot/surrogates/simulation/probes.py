"""What a card measures beyond the folds: tasks, stress, which inputs matter, what more runs bring.

Each probe is a function of a study and a surrogate fitted to its runs, and gives the same each time
it is asked: that is how a third party can check it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from surefoot.ground.errors import InputError, UnmetError
from surefoot.ground.notices import warn
from surefoot.surrogates.simulation.comparing import lean
from surefoot.surrogates.simulation.cost_curve import cost_curves
from surefoot.surrogates.tasks.sobol import SobolIndices
from surefoot.surrogates.tasks.stress import Stress

if TYPE_CHECKING:
    from surefoot.surrogates.regressor import SurrogateRegressor
    from surefoot.surrogates.simulation.study import Study

_FOLDS = 5

Probe = Callable[["Study", "SurrogateRegressor"], Any]


def probes_of(tasks: Sequence[Any]) -> dict[str, Probe]:
    """Return the probes by the card's field that each fills."""
    found: dict[str, Probe] = {
        "evaluation.stress": stress,
        "evaluation.sensitivity": sensitivity,
        "evaluation.learning_curve": learning_curve,
    }
    return found | ({"evaluation.tasks": partial(scored_tasks, tasks)} if tasks else {})


def scored_tasks(tasks: Sequence[Any], study: Study, model: SurrogateRegressor) -> list[Any]:
    """Return what every task came to, with runs of the simulator where it can be called.

    Those runs are checks: they are kept in a ledger of their own and nothing is fitted to them.
    """
    return [
        {"task": type(task).__name__} | task_result(task, study, model).to_dict() for task in tasks
    ]


def task_result(task: Any, study: Study, model: SurrogateRegressor) -> Any:
    """Return the result of one task: scored against a few runs of the simulator if it is cheap to.

    An optimum takes one run, a posterior fifty. Sensitivity and exceedance would take thousands:
    they are the surrogate's, with the part of its uncertainty that is its own.
    """
    space, kind = study.simulator.space, type(task).__name__
    if study.simulator.call is None or kind not in ("Optimum", "Posterior"):
        return task.run(model, space)
    _, Y = study.data()
    try:
        if kind == "Posterior":
            return task.score(model, space, study.checked)
        design = Y[task.output] if isinstance(task.output, str) else Y.iloc[:, task.output]
        return task.score(model, space, study.checked, design=design.to_numpy())
    except UnmetError as error:  # where the surrogate leads, the simulator may fail
        warn(f"{kind} is the surrogate's alone: {error}", UserWarning)
        return task.run(model, space)


def stress(study: Study, model: SurrogateRegressor) -> list[Any]:
    """Return the stress probes of every output that is a number, refitting its own members only."""
    if model.field:
        return []
    X, Y = study.data()
    found = []
    for k, name in enumerate(model.output_names_):
        apart = len(model._model.predictors) == len(model.output_names_)
        members = lean(model, k if apart else None)
        members.set_params(linear_constraints=None, cv=_FOLDS)  # seven refits: folds cost most
        try:
            result = Stress().run(_fitter(members), X, Y[name], study.simulator.space)
        except InputError:  # too few rows, or a constant: there is nothing to be told
            continue
        found += [{"output": name} | probe for probe in _listed(result)]
    return found


def sensitivity(study: Study, model: SurrogateRegressor) -> list[Any]:
    """Return first-order and total Sobol' indices of every output that is a number."""
    if model.field:
        return []
    rows = []
    for name in model.output_names_:
        result = SobolIndices(name, n=1024).run(model, study.simulator.space)
        rows += [
            {"output": name, "input": label, "first_order": first, "total": total}
            for label, first, total in zip(result.names, result.first, result.total, strict=True)
        ]
    return rows


def learning_curve(study: Study, model: SurrogateRegressor) -> list[Any]:
    """Return the out-of-fold error from a quarter, a half and all of the runs."""
    X, Y = study.data()
    Y, U = Y[model.output_names_], study.simulator.space.to_unit(X)
    return [
        {"output": curve.output, "runs": p.n, "nrmse": p.nrmse, "low": p.low, "high": p.high}
        for curve in cost_curves(model, X, Y, U)
        for p in curve.points
    ]


def _fitter(model: SurrogateRegressor) -> Callable[[Any, Any], Any]:
    return lambda X, y: clone(model).fit(X, y)


def _listed(result: Any) -> list[dict[str, Any]]:
    told = result.to_dict()
    return [told[name] for name in ("folds", "outward", "corner", "noise")]
