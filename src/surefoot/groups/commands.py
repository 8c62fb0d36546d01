"""``surefoot groups``: fit, audit and bench on a table of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from surefoot.options import AsJson, Executor, Out, Seed, Seeds, print_json, typed_command

app = typer.Typer(no_args_is_help=True)

_Table = Annotated[Path, typer.Argument(help="CSV (also .gz) or Parquet file.")]
_Target = Annotated[str, typer.Option("--target", "-t", help="Column of the labels.")]
_Groups = Annotated[
    list[str], typer.Option("--group", "-g", help="Column of an attribute; may be repeated.")
]
_Drop = Annotated[
    list[str] | None, typer.Option("--drop", help="Column to leave out; may be repeated.")
]


@app.command()
def fit(
    table: _Table,
    target: _Target,
    group: _Groups,
    out: Out = Path("model"),
    method: Annotated[
        str, typer.Option(help="fairdropout, erm, class-balanced, jtt, groupdro …")
    ] = "fairdropout",
    epochs: Annotated[int, typer.Option(help="Passes over the training rows.")] = 20,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 0.1,
    drop: _Drop = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Fit a classifier, report on held-out rows, write model, report and page."""
    from surefoot.groups.workflow import fit_table

    audit = fit_table(
        table,
        target=target,
        groups=group,
        out=out,
        method=method,
        drop=drop or [],
        params={"epochs": epochs, "learning_rate": learning_rate},
        seed=seed,
        command=typed_command(),
    )
    _tell(audit, as_json)


@app.command()
def audit(
    model: Annotated[Path, typer.Argument(help="Folder written by `surefoot groups fit`.")],
    table: _Table,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", "-g", help="Attribute column; default: those of the fit."),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="Label column; default: that of the fit.")
    ] = None,
    out: Out = Path("audit"),
    as_json: AsJson = False,
) -> None:
    """Report how a fitted classifier does on every group of a table."""
    from surefoot.groups.workflow import audit_table

    result = audit_table(
        model, table, groups=group or [], target=target, out=out, command=typed_command()
    )
    _tell(result, as_json)


@app.command()
def bench(
    table: Annotated[
        Path | None, typer.Argument(help="CSV or Parquet file; without it, built-in tasks.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="Column of the labels.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", "-g", help="Attribute column; may be repeated.")
    ] = None,
    methods: Annotated[
        str, typer.Option(help="Comma-separated names; `all` for every method.")
    ] = "fairdropout,erm,class-balanced,jtt,redrawn,groupdro",
    tasks: Annotated[
        str, typer.Option(help="Built-in tasks: celeba, celeba-hard, waterbirds, adult.")
    ] = "celeba,waterbirds,adult",
    require: Annotated[
        list[str] | None,
        typer.Option(help="Bar to reach, as 'fairdropout >= erm + 0.05'; exit 3 if not shown."),
    ] = None,
    metric: Annotated[
        str, typer.Option(help="Of the bars: worst_group_threshold, worst_group, mean_group …")
    ] = "worst_group_threshold",
    tuned: Annotated[
        bool, typer.Option("--tuned/--untuned", help="Let every method try its configurations.")
    ] = True,
    drop: _Drop = None,
    seeds: Seeds = 5,
    executor: Executor = "local",
    out: Out = Path("bench"),
    as_json: AsJson = False,
) -> None:
    """Compare methods fairly over several seeds. Run again to go on."""
    from surefoot.ground.errors import InputError, UnmetError
    from surefoot.ground.study import Settings
    from surefoot.groups.bench import bench as run_bench
    from surefoot.groups.bench import table_source
    from surefoot.groups.cells import Source
    from surefoot.groups.methods import METHODS
    from surefoot.running import summary, tell

    if table is not None:
        if target is None or not group:
            raise InputError("bench", "a table without --target and --group", "both columns")
        sources = [table_source(table, target=target, groups=group, drop=drop or [])]
    else:
        sources = [Source.built_in(task) for task in _names(tasks)]
    names = list(METHODS) if methods == "all" else _names(methods)
    settings = Settings("full", seeds, executor, out, typed_command())
    try:
        results = run_bench(
            sources, names, settings, require=require or [], metric=metric, tuned=tuned
        )
    except UnmetError:
        typer.echo(f"page: {out / 'index.html'}", err=True)
        raise
    if as_json:
        print_json(summary(results))
    else:
        tell(results)


def _tell(audit: object, as_json: bool) -> None:
    from surefoot.groups.workflow import Audit

    assert isinstance(audit, Audit)
    if as_json:
        print_json(audit.report.to_dict() | {"folder": str(audit.folder), "page": str(audit.page)})
    else:
        typer.echo(f"{audit.report}\n\npage: {audit.page}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
