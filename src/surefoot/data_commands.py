"""``surefoot data``: which datasets there are, where they lie, and how to get them."""

from __future__ import annotations

from typing import Annotated

import typer

from surefoot.options import AsJson, print_json

app = typer.Typer(no_args_is_help=True, help="List, find and fetch the datasets.")


@app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """Show every dataset: its rows, its licence and where it is found."""
    from surefoot.ground.catalogue import CATALOGUE
    from surefoot.ground.datasets import where

    if as_json:
        print_json([_described(name) for name in CATALOGUE])
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table

    table = Table("name", Column("rows", justify="right"), "licence", "where", box=SIMPLE_HEAD)
    for name, entry in CATALOGUE.items():
        place = _PLACES[where(name).kind]
        table.add_row(name, f"{entry.rows:,}", entry.licence, place)
    Console().print(table)


@app.command()
def where(
    name: Annotated[str | None, typer.Argument(help="A dataset; without it, the folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the data folder, or the files of one dataset."""
    from surefoot.ground import datasets

    if name is None:
        folder = str(datasets.data_folder())
        print_json({"folder": folder}) if as_json else typer.echo(folder)
    elif as_json:
        print_json(_described(name))
    else:
        place = datasets.where(name)
        if place.kind not in ("folder", "packaged"):
            raise datasets.unavailable(name)
        for path in place.paths:
            typer.echo(path)


@app.command()
def fetch(names: Annotated[list[str], typer.Argument(help="Datasets to download.")]) -> None:
    """Download datasets from their official homes into the data folder, and verify them."""
    from surefoot.ground import catalogue, datasets

    for name in names:  # a slip in the last name should not show after an hour
        catalogue.find(name)
    for name in names:
        for path in datasets.fetch(name):
            typer.echo(path)


_PLACES = {
    "folder": "data folder",
    "packaged": "packaged",
    "fetchable": "can be fetched",
    "unavailable": "not available",
}


def _described(name: str) -> dict[str, object]:
    from surefoot.ground.catalogue import find
    from surefoot.ground.datasets import where

    entry, place = find(name), where(name)
    return {
        "name": name,
        "title": entry.title,
        "rows": entry.rows,
        "licence": entry.licence,
        "citation": entry.citation,
        "home": entry.home,
        "schema": entry.schema,
        "target": entry.target,
        "where": place.kind,
        "paths": [str(path) for path in place.paths],
    }
