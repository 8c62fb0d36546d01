"""From the runs of a study to a fitted surrogate of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from surefoot.ground.errors import InputError, one_of

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.surrogates.regressor import SurrogateRegressor
    from surefoot.surrogates.simulation.study import Study


def compare(
    study: Study, outputs: Sequence[str] | None = None, **settings: Any
) -> SurrogateRegressor:
    """Fit a surrogate to the successful runs; see `Study.compare`."""
    from surefoot.surrogates.regressor import SurrogateRegressor

    X, Y = study.data()
    Y, field = chosen_outputs(study, Y, outputs)
    known: dict[str, Any] = {"space": study.simulator.space, "field": field}
    known["noise"] = "free" if study.simulator.stochastic else "none"
    model = SurrogateRegressor(**known | settings)
    return model.fit(X, Y, failed=failed_inputs(study))


def failed_inputs(study: Study) -> pd.DataFrame:
    """Return the inputs of the runs that did not end well."""
    table = study.runs()
    bad = ~table["status"].isin(["ok", "missing"])
    failed: pd.DataFrame = table.loc[bad, study.simulator.space.names]
    return failed


def chosen_outputs(
    study: Study, Y: pd.DataFrame, outputs: Sequence[str] | None
) -> tuple[pd.DataFrame, bool]:
    """Return the columns of the outputs asked for, and whether they are one field."""
    known = study.simulator.outputs
    wanted = list(known) if outputs is None else [one_of("output", name, known) for name in outputs]
    columns = {
        name: [c for c in Y.columns if c == name or c.startswith(f"{name}[")] for name in wanted
    }
    fields = [name for name in wanted if columns[name] != [name]]
    if fields and len(wanted) > 1:
        found = f"the field {fields[0]!r} among {len(wanted)} outputs"
        raise InputError("outputs", found, "one field by itself, or numbers: name the outputs")
    return Y[[c for name in wanted for c in columns[name]]], bool(fields)


def lean(model: SurrogateRegressor, output: int | None = None) -> SurrogateRegressor:
    """Return a clone that tries no candidates but those in the mixture of `model`.

    Parameters
    ----------
    model : SurrogateRegressor
        Fitted.
    output : int, optional
        Which mixture; by default those of all responses (or coordinates) together.
    """
    predictors = model._model.predictors
    asked = predictors if output is None else predictors[output : output + 1]
    used = {m.member.candidate.name: m.member.candidate for each in asked for m in each.members}
    return clone(model).set_params(candidates=list(used.values()))
