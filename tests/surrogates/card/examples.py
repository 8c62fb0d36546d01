"""A complete card made by hand, and a small study with the card that follows from it."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.surrogates.card.build import build_card
from surefoot.surrogates.card.document import Card
from surefoot.surrogates.card.evidence import make_card
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.simulation.comparing import failed_inputs
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.probes import Probe
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.space import Real, Space
from surefoot.surrogates.simulation.study import Study

HASH = f"sha256:{'0' * 64}"

EVIDENCE: dict[str, Any] = {
    "need.run_cost": {"median": 41.2, "p95": 63.0, "total": 3300.0},
    "need.smoothness": [{"output": "flow", "learnable": 0.98, "noise": 0.0}],
    "need.verdict": {"verdict": "warranted", "break_even_runs": 88.0},
    "data.mode": "computed beforehand",
    "data.simulator": {"name": "solver", "version": "1.3", "source": HASH},
    "data.inputs": [{"name": "rw", "kind": "real", "low": 0.05, "high": 0.15, "unit": "m"}],
    "data.outputs": [{"name": "flow", "low": 10.0, "high": 250.0}],
    "data.designs": [{"kind": "lhs", "n": 80, "seed": 1, "discrepancy": 0.031}],
    "data.n_runs": 77,
    "data.failures": {"n": 3, "by_reason": {"exit 1": 1, "time-out": 2}},
    "data.duplicates": 0,
    "data.noise": {"stochastic": False, "repeated_points": 0},
    "model.probabilistic": True,
    "model.uncertainty": "a mixture of calibrated distributions",
    "model.members": [{"output": "flow", "name": "pc-kriging, log", "weight": 0.93}],
    "learning.family": "automated search",
    "learning.details": {
        "search_space": ["gp-se", "pce"],
        "budget": "10 members",
        "selection_metric": "log score",
    },
    "learning.settings": {"candidates": "default", "cv": None},
    "learning.candidates": [{"output": "flow", "name": "gp-se", "nlpd": -3.2}],
    "learning.seeds": [0],
    "learning.fit_cpu": 5.4,
    "learning.hardware": {"cores": 2},
    "learning.versions": {"surefoot": "0.1.0"},
    "evaluation.protocol": {"rows": 77, "folds": 10},
    "evaluation.selected_on": "out of fold",
    "evaluation.scores": [
        {"output": "flow", "metric": "nrmse", "estimate": 0.0018, "low": 0.0013, "high": 0.0024},
        {"output": "flow", "metric": "nlpd", "estimate": -5.1, "low": -5.6, "high": -4.4},
    ],
    "evaluation.coverage": [
        {"output": "flow", "level": level, "estimate": level + 0.01, "low": level - 0.05,
         "high": min(level + 0.06, 1.0)}
        for level in (0.5, 0.8, 0.95)
    ],
    "evaluation.pit": [
        {"output": "flow", "low": k / 10, "high": (k + 1) / 10, "runs": 7 + k % 2}
        for k in range(10)
    ],
    "evaluation.parity": [
        {"output": "flow", "observed": 10.0 * k, "predicted": 10.1 * k} for k in range(20)
    ],
    "evaluation.baselines": [
        {"output": "flow", "baseline": "mean", "metric": "nrmse", "estimate": 1.01}
    ],
    "evaluation.stress": [{"output": "flow", "probe": "outer shell", "estimate": 0.02}],
    "evaluation.tasks": [{"task": "optimum", "output": "flow", "regret": 0.01}],
    "evaluation.sensitivity": [
        {"output": "flow", "input": "rw", "first_order": 0.8, "total": 0.85}
    ],
    "evaluation.learning_curve": [
        {"output": "flow", "runs": n, "nrmse": 1 / n, "low": 0.9 / n, "high": 1.1 / n}
        for n in (20, 40, 77)
    ],
    "downstream.domain": {"box": "declared box", "radius": 0.4},
    "artefacts.store": HASH,
    "artefacts.model": HASH,
}  # fmt: skip

DECLARED: dict[str, Any] = {
    "need": {
        "purpose": "Find the best orifice.",
        "runs_needed": 100_000,
        "alternatives": ["The code was profiled; it is bound by memory."],
    },
    "data": {
        "design_reason": "The response is expected to be smooth.",
        "fidelity": {"not_applicable": "one solver at one resolution"},
        "sources": {"not_applicable": "one simulator"},
        "licence": "CC BY 4.0",
    },
    "model": {
        "uncertainty_use": "To choose where to run next.",
        "conditioning": "The fluid is water at 20 °C.",
        "constraints": {"not_applicable": "none is known"},
        "assumptions": ["smooth in every input"],
    },
    "downstream": {
        "intended_use": "Design studies within the box.",
        "out_of_scope": "Safety cases.",
        "limitations": ["Never shown below 0 °C."],
        "availability": "In the project's repository.",
        "authors": ["A. Müller", "B. & Sons"],
    },
}


def evidence(**changes: Any) -> dict[str, Any]:
    """Return the evidence; ``section__name=None`` leaves a field out, other values replace it."""
    found = copy.deepcopy(EVIDENCE)
    for name, value in changes.items():
        path = name.replace("__", ".")
        found.pop(path, None)
        if value is not None:
            found[path] = value
    return found


def declared(**changes: Any) -> dict[str, Any]:
    """Return the declarations; ``section__name=None`` leaves one out, others replace it."""
    found = copy.deepcopy(DECLARED)
    for name, value in changes.items():
        section, _, field = name.partition("__")
        found.setdefault(section, {}).pop(field, None)
        if value is not None:
            found[section][field] = value
    return found


def complete() -> Card:
    """Return a card that leaves no question open."""
    return build_card(EVIDENCE, DECLARED)


def edited(card: Card, path: str, **parts: Any) -> Card:
    """Return the card with parts of a field changed, under the id of the new content."""
    content = copy.deepcopy(dict(card.content))
    section, _, name = path.partition(".")
    content[section][name] = content[section].get(name, {}) | parts
    return Card(content).sealed()


def simulator(x: float, z: float) -> float:
    """Fail in a corner, so that there is a reason to record."""
    if x > 0.7 and z > 0.7:
        msg = "diverged: no solution"
        raise ArithmeticError(msg)
    return math.exp(x) + z**2 / (1 + x)


SPACE = Space(x=Real(0, 1, unit="m"), z=Real(0, 1))


def middle(study: Study, model: SurrogateRegressor) -> list[dict[str, Any]]:
    """Measure a task: what the surrogate says in the middle, against the truth."""
    predicted = model.predict(SPACE.from_unit([[0.5, 0.5]]))
    return [
        {"task": "middle", "output": "y", "error": float(predicted.item() - simulator(0.5, 0.5))}
    ]


PROBES: dict[str, Probe] = {"evaluation.tasks": middle}


@dataclass(frozen=True)
class Project:
    """A study with its fitted surrogate, the surrogate's file, and the card."""

    folder: Path
    study: Study
    model: SurrogateRegressor
    artefact: Path
    card: Card


def study_in(folder: Path) -> Study:
    """Return the study of the simulator whose store is in `folder`."""
    return Study(Simulator.from_callable(simulator, SPACE, ["y"], version="2"), folder / "store")


def project(folder: Path) -> Project:
    """Run 24 points, fit a small surrogate, make the card."""
    study = study_in(folder)
    design = Design("lhs", 24, seed=1, reason="nothing is known of the response")
    study.run(design, executor="serial", progress=False)
    model = SurrogateRegressor(["pce"], cv=4, warps="identity", space=SPACE, random_state=3)
    model.fit(*study.data(), failed=failed_inputs(study))
    model.save(folder / "surrogate.npz")
    declarations = declared(data__design_reason=None)
    card = make_card(study, model, folder / "surrogate.npz", declarations, PROBES)
    return Project(folder, study, model, folder / "surrogate.npz", card)
