"""What the commands do with a project."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.ground.errors import InputError, UnmetError
from surefoot.ground.files import replacing
from surefoot.ground.numerals import counted
from surefoot.ground.progress import say
from surefoot.ground.project_files import within
from surefoot.surrogates.project import Project
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.study import Study

if TYPE_CHECKING:
    from surefoot.surrogates.card.audit import Audit
    from surefoot.surrogates.card.document import Card
    from surefoot.surrogates.compared import Compared
    from surefoot.surrogates.regressor import SurrogateRegressor
    from surefoot.surrogates.simulation.need import Need
    from surefoot.surrogates.simulation.status import Status

MODEL = "model.npz"
CARDS = ("card.json", "card.md", "card.html", "card.tex")
_TASK_RUNS = 1e5
# What the regressor calls a parameter at fault; other errors of a fit are the runs'.
_OF_SETTINGS = ("candidate", "candidates", "cv", "folds", "linear_constraints", "noise", "warp")


def assess_need(project: Project, task_runs: float | None, executor: str) -> Need:
    """Weigh the need for a surrogate on pilot runs.

    Parameters
    ----------
    project : Project
    task_runs : float, optional
        By default what the card declares, or 100,000.
    executor : str

    Raises
    ------
    UnmetError
        If not one pilot run has ended well.
    """
    project.refuse_absent_program()
    declared = project.declared.get("need", {}).get("runs_needed", _TASK_RUNS)
    known = declared if isinstance(declared, int | float) else _TASK_RUNS  # it may not apply
    study = project.study()
    found = study.need(known if task_runs is None else task_runs, executor=executor)
    _refuse_failure_of_all(study)
    return found


def run_design(project: Project, executor: str, *, retry_failed: bool, command: str) -> Status:
    """Run what the project's design asks for and has not been run.

    Raises
    ------
    UnmetError
        If not one run of the study has ended well.
    """
    project.refuse_absent_program()
    study = project.study()
    study.run(
        settled(project.design_to_run(), study), executor, retry_failed=retry_failed,
        resume_command=command,
    )  # fmt: skip
    _refuse_failure_of_all(study)
    return study.status()


def settled(design: Design, study: Study) -> Design:
    """Return the design as the study knows it, if only its reason was worded anew."""
    for known, _ in study.designs():
        if replace(known, reason=design.reason) == design:
            return known
    return design


def described_designs(study: Study) -> list[dict[str, Any]]:
    """Return kind, points, seed and evenness of each design of a study, in order."""
    return [
        {
            "kind": design.kind,
            "points": len(next(iter(told["points"].values()))),
            "seed": design.seed,
            "discrepancy": told["discrepancy"],
            "minimum_distance": told["minimum_distance"],
        }
        for design, told in study.designs()
    ]


def compare(project: Project, out: Path, command: str) -> Compared:
    """Fit a surrogate, score it at the project's tasks, and write model, leaderboard and page.

    Raises
    ------
    UnmetError
        If no run has ended well so far.
    """
    from surefoot.ground import page
    from surefoot.surrogates.compare_page import compare_page
    from surefoot.surrogates.compared import Compared

    study = project.study()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        model = _fitted(project, study, out)
        tasks, curves = study.score_tasks(model), study.cost_curve(model)
    noticed = [str(each.message) for each in caught if issubclass(each.category, UserWarning)]
    remarks = tuple(dict.fromkeys([*model.remarks_, *noticed]))
    compared = Compared(model, tuple(tasks), tuple(curves), remarks, out)
    page.write(compare_page(compared, project.simulator.id, command), out / "compare.html")
    return compared


def write_card(project: Project, out: Path) -> Card:
    """Fit a surrogate, measure what a card asks for, and write the card beside the model.

    Raises
    ------
    UnmetError
        If no run has ended well so far.
    """
    study = project.study()
    model = _fitted(project, study, out)
    with within(f"{project.path}, [card]:"):
        card = study.card(model, out / MODEL, project.declared)
    for name in CARDS:
        card.save(out / name)
    return card


def audit(project: Project, card: Path, model: Path | None, rerun: int) -> Audit:
    """Measure a card again on the runs of the project; its model lies beside it if not named."""
    from surefoot.surrogates.card.document import Card
    from surefoot.surrogates.card.verify import verify
    from surefoot.surrogates.simulation.probes import probes_of

    if rerun:
        project.refuse_absent_program()
    return verify(
        Card.from_file(card),
        project.study(),
        model or card.parent / MODEL,
        rerun=rerun,
        probes=probes_of(project.tasks),
    )


def _fitted(project: Project, study: Study, out: Path) -> SurrogateRegressor:
    status = study.status()
    if not status.counts["ok"]:
        raise UnmetError("no run has ended well so far; first: surefoot surrogates run")
    outputs = ", ".join(project.simulator.outputs)
    say(f"comparing on {counted(status.counts['ok'], 'run')}: {outputs}")
    try:
        model = study.compare(**project.settings)
    except InputError as error:
        if error.where not in _OF_SETTINGS:
            raise
        where = f"{project.path}, [compare] {error.where}"
        raise InputError(where, error.found, error.allowed) from error
    model.save(out / MODEL)
    with replacing(out / "leaderboard.csv") as part:
        model.leaderboard_.to_csv(part)
    return model


def _refuse_failure_of_all(study: Study) -> None:
    runs = study.runs()
    if not (runs["status"] == "ok").any():
        first = runs.iloc[0]
        told = f"{first['run']}: {first['status']}, {first['reason']}"
        raise UnmetError(f"none of {counted(len(runs), 'run')} ended well; {told}")
