"""``surefoot incentives``: from a project file to responses, audits, designs and their page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from surefoot.options import AsJson, Out, Seed, print_json, typed_command

app = typer.Typer(no_args_is_help=True)

_Project = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project file.")]
_Rule = Annotated[
    Path | None, typer.Option("--rule", help="A rule as JSON, instead of the project's.")
]
_Know = Annotated[
    str | None, typer.Option(help="everything, rule, graph or neither, instead of the project's.")
]
_Confidence = Annotated[
    float | None, typer.Option(help="How sure of acceptance people want to be, from 0.5.")
]
_Beta = Annotated[float | None, typer.Option(help="Least wanted share, instead of the project's.")]
_TOML = Path("incentives.toml")
_OUT = Path("incentives")


@app.command()
def init(
    project: _Project = _TOML,
    from_table: Annotated[
        Path | None, typer.Option(help="People, CSV or Parquet: gives features and nodes.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="The column of labels; the last one by default.")
    ] = None,
) -> None:
    """Write a project file to be filled in: people, graph, costs, what is wanted, the rule."""
    from surefoot.incentives.project_template import write_template

    write_template(project, table=from_table, target=target)
    typer.echo(f"fill in: {project}\nthen: surefoot incentives audit {project}")


@app.command()
def respond(
    project: _Project = _TOML,
    out: Out = _OUT,
    table: Annotated[
        Path | None, typer.Option(help="Other people than the project's, CSV or Parquet.")
    ] = None,
    rule: _Rule = None,
    know: _Know = None,
    confidence: _Confidence = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV instead of Parquet.")] = False,
    chunk: Annotated[int, typer.Option(help="People held in memory at a time.")] = 100_000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Write what each person does to pass: one row each, whole or not at all."""
    from surefoot.ground.narration import narrated
    from surefoot.incentives.responding import respond as responded
    from surefoot.incentives.workflow import opened

    with narrated(typed_command(), keeps=False):
        setting, agents = opened(project, rule, know, confidence, seed)
        file = out / ("response.csv" if csv else "response.parquet")
        found = responded(setting, agents, file, table=table, size=chunk)
    print_json(found.to_dict()) if as_json else typer.echo(f"{found}\n{found.file}")


@app.command()
def audit(
    project: _Project = _TOML,
    out: Out = _OUT,
    rule: _Rule = None,
    know: _Know = None,
    confidence: _Confidence = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Tell what effort the rule calls forth, and how much of it is wanted."""
    from surefoot.ground.narration import narrated
    from surefoot.incentives.workflow import audit as audit_of
    from surefoot.incentives.workflow import opened

    with narrated(typed_command(), keeps=False):
        setting, agents = opened(project, rule, know, confidence, seed)
        found = audit_of(setting, agents, seed=seed)
        page = out / "audit.html"
        found.write_page(page, command=typed_command())
    print_json(found.to_dict()) if as_json else typer.echo(f"{found}\n\npage: {page}")


@app.command()
def design(
    project: _Project = _TOML,
    out: Out = _OUT,
    beta: _Beta = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Find the best rule that calls forth enough wanted effort; exit 3 if there is none."""
    from surefoot.ground.narration import narrated
    from surefoot.incentives.workflow import design as designed
    from surefoot.incentives.workflow import opened

    with narrated(typed_command(), keeps=False):
        setting, _ = opened(project, None, None, None, seed)
        found = designed(setting, beta, seed=seed)
        file = out / "rule.json"
        found.save(file)
    if as_json:
        print_json({**found.to_dict(), "file": str(file)})
    else:
        typer.echo(f"{found}\n{file}\nnext: surefoot incentives audit {project} --rule {file}")


@app.command()
def frontier(
    project: _Project = _TOML,
    out: Out = _OUT,
    beta: Annotated[
        list[float] | None, typer.Option(help="A share; again for more. Else the project's.")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Show what each wanted share costs in accuracy, as a table and a page."""
    from surefoot.ground.narration import narrated
    from surefoot.incentives.report_page import frontier_page
    from surefoot.incentives.workflow import frontier as frontier_of
    from surefoot.incentives.workflow import opened, written

    with narrated(typed_command(), keeps=False):
        setting, _ = opened(project, None, None, None, seed)
        found = frontier_of(setting, beta or None, seed=seed)
        page = written(frontier_page(found, setting, typed_command()), out / "frontier.html")
    if as_json:
        print_json({"frontier": found.table.to_dict("records"), "page": str(page)})
    else:
        # Without negative zeros.
        numbers = found.table.select_dtypes("number").round(4) + 0.0
        told = found.table.assign(**numbers).to_string(index=False)
        typer.echo(f"{told}\n\npage: {page}")


@app.command()
def reveal(
    project: _Project = _TOML,
    rule: _Rule = None,
    know: _Know = None,
    confidence: _Confidence = None,
    at_most: Annotated[int, typer.Option(help="Things told together.")] = 1,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Rank what could be told to people in doubt by the wanted effort that would follow."""
    from surefoot.ground.narration import narrated
    from surefoot.incentives.audit_words import disclosure_text
    from surefoot.incentives.workflow import opened
    from surefoot.incentives.workflow import reveal as reveal_of

    with narrated(typed_command(), keeps=False):
        setting, agents = opened(project, rule, know, confidence, seed)
        found = reveal_of(setting, agents, at_most)
    print_json(found.to_dict()) if as_json else typer.echo(disclosure_text(found))


@app.command()
def report(
    project: _Project = _TOML,
    out: Out = _OUT,
    rule: _Rule = None,
    beta: _Beta = None,
    know: _Know = None,
    confidence: _Confidence = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Write the whole page: audit, doubts, frontier, design, disclosure, assumptions."""
    from surefoot.ground.narration import narrated
    from surefoot.incentives.report_page import report_page
    from surefoot.incentives.reporting import full_report
    from surefoot.incentives.workflow import opened, written

    with narrated(typed_command(), keeps=False):
        setting, agents = opened(project, rule, know, confidence, seed)
        found = full_report(setting, agents, beta, seed=seed)
        page = written(report_page(found, typed_command()), out / "report.html")
    print_json({**found.to_dict(), "page": str(page)}) if as_json else typer.echo(
        f"{found.audit}\n\npage: {page}"
    )
