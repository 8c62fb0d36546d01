"""Everything that can be measured for a card, collected from a study and a surrogate."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.ground.errors import one_of
from surefoot.ground.files import file_fingerprint
from surefoot.ground.streams import stream
from surefoot.ground.study import environment
from surefoot.surrogates.card.build import build_card
from surefoot.surrogates.card.document import Card
from surefoot.surrogates.card.fields import FIELDS
from surefoot.surrogates.card.fit_evidence import fit_evidence
from surefoot.surrogates.card.run_evidence import run_evidence
from surefoot.surrogates.simulation.need import Need
from surefoot.surrogates.simulation.probes import Probe, probes_of

if TYPE_CHECKING:
    from surefoot.surrogates.regressor import SurrogateRegressor
    from surefoot.surrogates.simulation.study import Study

_TIMED_POINTS = 1000
_TASK_RUNS = 1e5


def make_card(
    study: Study,
    model: SurrogateRegressor,
    artefact: str | Path,
    declared: Mapping[str, Any],
    probes: Mapping[str, Probe] | None = None,
) -> Card:
    """Measure what can be measured, add what is declared, and return the card.

    Parameters
    ----------
    study : Study
    model : SurrogateRegressor
        Fitted to ``study.data()``.
    artefact : str or Path
        Its saved file.
    declared : mapping
        See `build_card`. The reason for the design may also stand in the designs themselves.
    probes : mapping of str to callable, optional
        What else to measure, by the path of the field: ``{"evaluation.tasks": f}`` with
        ``f(study, model)`` the field's value. By default `probes_of` the study's tasks.
    """
    fitted = model_evidence(study, model, probes)
    needed = declared.get("need", {}).get("runs_needed", _TASK_RUNS)
    need = _measured_need(study, model, needed if isinstance(needed, int) else _TASK_RUNS)
    found = {
        **run_evidence(study),
        **fitted,
        **_machine_evidence(model, need),
        "artefacts.model": artefact_hash(artefact),
    }
    return build_card(found, _with_reasons(declared, study))


def model_evidence(
    study: Study, model: SurrogateRegressor, probes: Mapping[str, Probe] | None
) -> dict[str, Any]:
    """Return the fields that follow from a fit to the runs, by path."""
    found = fit_evidence(model)
    probes = probes_of(study.tasks) if probes is None else probes
    open_fields = [path for path, f in FIELDS.items() if f.by == "fit" and path not in found]
    for path, probe in probes.items():
        one_of("probe", path, open_fields)
        # Where a probe finds nothing to tell, the field stays missing.
        if measured := probe(study, model):
            found[path] = measured
    return found


def artefact_hash(artefact: str | Path) -> str:
    """Return what the card calls the saved surrogate: the SHA-256 of its bytes."""
    return f"sha256:{file_fingerprint(artefact)}"


def _machine_evidence(model: SurrogateRegressor, need: Need) -> dict[str, Any]:
    """Return the fields that hold for this machine and this hour, by path."""
    machine = environment()
    return {
        "need.verdict": {
            "verdict": need.verdict,
            "break_even_runs": need.break_even_runs,
            "prediction_s": need.predict_s,
            "reasons": list(need.reasons),
        },
        "learning.fit_cpu": _fit_seconds(model),
        "learning.hardware": {
            "system": machine.pop("system"),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
        },
        "learning.versions": machine,
    }


def _measured_need(study: Study, model: SurrogateRegressor, runs_needed: float) -> Need:
    """Return the need, judged by what this surrogate has cost and costs."""
    return study.need(
        runs_needed,
        training_runs=len(study.data()[0]),
        fit_s=_fit_seconds(model),
        predict_s=_prediction_seconds(study, model),
        pilot=1,  # judge the runs there are, and run nothing
        progress=False,
    )


def _fit_seconds(model: SurrogateRegressor) -> float:
    """Return what comparing and fitting has cost, in seconds of CPU."""
    return float(sum(trial.cpu_s for each in model.comparisons_ for trial in each.trials))


def _prediction_seconds(study: Study, model: SurrogateRegressor) -> float:
    """Return the time of one prediction, mean and standard deviation, among a thousand."""
    space = study.simulator.space
    points = space.from_unit(stream(0, "timed points").random((_TIMED_POINTS, len(space))))
    began = time.perf_counter()
    model.predict(points, return_std=True, on_extrapolation="ignore")
    return (time.perf_counter() - began) / _TIMED_POINTS


def _with_reasons(declared: Mapping[str, Any], study: Study) -> dict[str, Any]:
    reasons = list(dict.fromkeys(design.reason for design, _ in study.designs() if design.reason))
    data = dict(declared.get("data", {}))
    if reasons:
        data.setdefault("design_reason", "; ".join(reasons))
    return {**declared, "data": data}
