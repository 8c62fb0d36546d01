"""``surefoot surrogates``: from a simulator to a surrogate with a card that anybody can check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from surefoot.options import AsJson, Executor, Out, print_json, typed_command

app = typer.Typer(no_args_is_help=True)

_Project = Annotated[Path, typer.Option("--project", "-p", help="The project file.")]
_CardFile = Annotated[Path, typer.Argument(metavar="CARD", help="A card as JSON.")]
_ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="model.npz of a comparison.")]
_TOML = Path("surrogate.toml")
_OUT = Path("surrogate")


@app.command()
def init(
    project: _Project = _TOML,
    from_table: Annotated[
        Path | None, typer.Option(help="Finished runs, CSV or Parquet: gives inputs and ranges.")
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(help='Such as "solver {params.json} {out.json}" or "solver {x} {y}".'),
    ] = None,
    outputs: Annotated[str, typer.Option(help="Comma-separated.")] = "",
) -> None:
    """Write a project file to be filled in: simulator, inputs, design, tasks, card."""
    from surefoot.ground.narration import narrated
    from surefoot.surrogates.project_template import write_template

    with narrated(typed_command(), keeps=True):
        write_template(project, table=from_table, command=command, outputs=_names(outputs))
    typer.echo(
        f"fill in: {project}\nthen: surefoot surrogates {'compare' if from_table else 'need'}"
    )


@app.command()
def need(
    project: _Project = _TOML,
    task_runs: Annotated[
        float | None,
        typer.Option(help="Evaluations the task needs; else as the card declares, or 100,000."),
    ] = None,
    executor: Executor = "local",
    as_json: AsJson = False,
) -> None:
    """Tell from a few pilot runs, which are kept, whether a surrogate is warranted."""
    from surefoot.ground.narration import narrated
    from surefoot.surrogates.project import Project
    from surefoot.surrogates.workflow import assess_need

    with narrated(typed_command(), keeps=True):
        found = assess_need(Project.load(project), task_runs, executor)
    print_json(found.to_dict()) if as_json else typer.echo(str(found))


@app.command()
def design(
    project: _Project = _TOML,
    emit: Annotated[
        Path | None,
        typer.Option(help="Write a folder for each missing run there, for a batch system."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the points of the design as CSV, or write them as jobs to be submitted."""
    from surefoot.ground.narration import narrated
    from surefoot.surrogates.project import Project
    from surefoot.surrogates.workflow import settled

    with narrated(typed_command(), keeps=True):
        opened = Project.load(project)
        planned = opened.design_to_run()
        if emit is None:
            points = planned.points(opened.simulator.space)
            records = points.to_dict("records")
            print_json(records) if as_json else typer.echo(points.to_csv(index=False), nl=False)
            return
        study = opened.study()
        study.plan(settled(planned, study))
        jobs = study.emit(emit)
    if as_json:
        print_json({"folder": str(emit), "jobs": jobs})
    else:
        typer.echo(f"{len(jobs)} jobs to submit, each a run.sh in a folder of {emit}")
        typer.echo(f"when some have ended: surefoot surrogates collect {emit}")


@app.command()
def collect(
    folder: Annotated[Path, typer.Argument(help="As `design --emit` wrote it.")],
    project: _Project = _TOML,
    as_json: AsJson = False,
) -> None:
    """Read what submitted jobs came to. Collect again when more have ended."""
    from surefoot.ground.narration import narrated
    from surefoot.surrogates.project import Project

    with narrated(typed_command(), keeps=True):
        found = Project.load(project).study().collect(folder)
    if as_json:
        print_json({"recorded": found.recorded, "missing": found.missing})
    else:
        counts = ", ".join(f"{count} {status}" for status, count in found.recorded.items())
        typer.echo(f"recorded: {counts or 'nothing new'}; without a result: {len(found.missing)}")


@app.command()
def run(
    project: _Project = _TOML,
    executor: Executor = "local",
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try runs that failed before once more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the design. Run again to go on: only what is missing is run."""
    from surefoot.ground.narration import narrated
    from surefoot.surrogates.project import Project
    from surefoot.surrogates.workflow import run_design

    with narrated(typed_command(), keeps=True):
        status = run_design(
            Project.load(project), executor, retry_failed=retry_failed, command=typed_command()
        )
    print_json(status.to_dict()) if as_json else typer.echo(str(status))


@app.command()
def status(project: _Project = _TOML, as_json: AsJson = False) -> None:
    """Show how many runs came to what, why, at which cost, and the designs that asked for them."""
    from surefoot.ground.narration import narrated
    from surefoot.surrogates.project import Project
    from surefoot.surrogates.workflow import described_designs

    with narrated(typed_command(), keeps=True):
        study = Project.load(project).study()
        found, designs = study.status(), described_designs(study)
    if as_json:
        print_json({**found.to_dict(), "designs": designs})
        return
    typer.echo(str(found))
    for each in designs:
        typer.echo(f"{each['kind']}: {each['points']} points, seed {each['seed']}")


@app.command()
def extend(
    to: Annotated[int, typer.Option("--to", help="Points in all, failed ones included.")],
    project: _Project = _TOML,
    criterion: Annotated[
        str, typer.Option(help="alc, variance, minimum, maximum or maximin.")
    ] = "alc",
    batch: Annotated[int, typer.Option(help="Points chosen before they are run.")] = 4,
    tolerance: Annotated[
        float, typer.Option(help="Stop when a batch promises less of the variance than this.")
    ] = 0.0,
    executor: Executor = "local",
    as_json: AsJson = False,
) -> None:
    """Choose and run more points where they help most. Run again to go on."""
    from surefoot.ground.narration import narrated
    from surefoot.surrogates.project import Project

    with narrated(typed_command(), keeps=True):
        opened = Project.load(project)
        opened.refuse_absent_program()
        found = opened.study().extend(
            to, criterion=criterion, batch=batch, tolerance=tolerance, executor=executor
        )
    print_json(found.to_dict()) if as_json else typer.echo(str(found))


@app.command()
def compare(project: _Project = _TOML, out: Out = _OUT, as_json: AsJson = False) -> None:
    """Fit candidates on shared folds, mix them, and score the mixture, also at its tasks."""
    from surefoot.ground.narration import narrated
    from surefoot.surrogates import workflow
    from surefoot.surrogates.project import Project

    with narrated(typed_command(), keeps=True):
        compared = workflow.compare(Project.load(project), out, typed_command())
    for remark in compared.remarks:
        typer.echo(f"note: {remark}", err=True)
    if as_json:
        print_json(compared.to_dict())
    else:
        typer.echo(f"{compared}\n\nmodel: {out / workflow.MODEL}\npage: {out / 'compare.html'}")


@app.command()
def card(project: _Project = _TOML, out: Out = _OUT, as_json: AsJson = False) -> None:
    """Fit as `compare` does, measure what a card asks for, and write the card in four formats."""
    from surefoot.ground.narration import narrated
    from surefoot.surrogates.card.lint import lint
    from surefoot.surrogates.project import Project
    from surefoot.surrogates.workflow import CARDS, write_card

    with narrated(typed_command(), keeps=True):
        written = write_card(Project.load(project), out)
    asked = len(lint(written))
    files = [str(out / name) for name in CARDS]
    if as_json:
        print_json({"id": written.content["id"], **written.counts(), "asked": asked,
                    "files": files})  # fmt: skip
    else:
        typer.echo(f"{written.summary()}\na reviewer would ask about {asked} more\n")
        typer.echo("\n".join(files))


@app.command()
def verify(
    card: _CardFile,
    project: _Project = _TOML,
    model: Annotated[
        Path | None, typer.Option(help="The saved surrogate; else model.npz beside the card.")
    ] = None,
    rerun: Annotated[int, typer.Option(help="Repeat this many runs of the simulator.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure a card again from runs and model, and say what moved; exit 3 if anything did."""
    from surefoot.ground.errors import UnmetError
    from surefoot.ground.narration import narrated
    from surefoot.ground.numerals import counted
    from surefoot.surrogates.project import Project
    from surefoot.surrogates.workflow import audit

    with narrated(typed_command(), keeps=True):
        found = audit(Project.load(project), card, model, rerun)
    print_json(found.to_dict()) if as_json else typer.echo(str(found))
    if not found.ok:
        raise UnmetError(f"{card} does not hold: {counted(len(found.moved), 'value')} moved")


@app.command()
def lint(
    card: _CardFile,
    at_least: Annotated[
        str, typer.Option(help="Exit 3 at a finding of this severity: info, warning or error.")
    ] = "error",
    as_json: AsJson = False,
) -> None:
    """Say what a reviewer would ask about."""
    from dataclasses import asdict

    from surefoot.ground.errors import UnmetError, one_of
    from surefoot.ground.numerals import counted
    from surefoot.surrogates.card.document import Card
    from surefoot.surrogates.card.lint import lint as findings_of

    severities = ("info", "warning", "error")
    serious = severities[severities.index(one_of("--at-least", at_least, severities)) :]
    findings = findings_of(Card.from_file(card))
    if as_json:
        print_json([asdict(each) for each in findings])
    else:
        for each in findings:
            typer.echo(f"{each.severity}: {each.field}: {each.sentence} {each.remedy}")
        typer.echo(counted(len(findings), "finding"))
    if count := sum(each.severity in serious for each in findings):
        raise UnmetError(f"{card}: {count} of severity {at_least} or above")


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="A card as JSON.")],
    after: Annotated[Path, typer.Argument(help="Another.")],
    as_json: AsJson = False,
) -> None:
    """Show what changed from one card to another."""
    from dataclasses import asdict

    from surefoot.ground.numerals import counted
    from surefoot.surrogates.card.diff import diff as changes_of
    from surefoot.surrogates.card.document import Card

    changes = changes_of(Card.from_file(before), Card.from_file(after))
    if as_json:
        print_json([asdict(each) for each in changes])
    else:
        for each in changes:
            typer.echo(f"{each.field}: {each.sentence}")
        typer.echo(counted(len(changes), "change"))


@app.command()
def predict(
    model: _ModelFile,
    table: Annotated[Path, typer.Argument(help="Inputs, CSV or Parquet.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV or Parquet.")] = Path(
        "predictions.csv"
    ),
    level: Annotated[float, typer.Option(help="Of the intervals, in (0, 1).")] = 0.95,
    as_json: AsJson = False,
) -> None:
    """Predict the rows of a table: mean, sd, interval, and whether the model can be trusted."""
    from surefoot.surrogates.predictions import predict_table

    frame = predict_table(model, table, out, level)
    inside = int(frame["in_domain"].sum())
    if as_json:
        print_json({"rows": len(frame), "in_domain": inside, "file": str(out)})
    else:
        typer.echo(f"{len(frame)} rows, {inside} of them in the domain: {out}")


@app.command()
def export(
    model: _ModelFile,
    onnx: Annotated[Path, typer.Option("--onnx", help="File to write.")],
) -> None:
    """Write a surrogate as an ONNX graph, which predicts without Surefoot."""
    from surefoot.surrogates.export.onnx_model import to_onnx
    from surefoot.surrogates.regressor import SurrogateRegressor

    to_onnx(SurrogateRegressor.load(model), onnx)
    typer.echo(str(onnx))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
