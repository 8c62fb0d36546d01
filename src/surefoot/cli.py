"""The front door: ``surefoot``.

Rooms are mounted by modules that hold signatures and help only; whatever is heavy is imported
inside a command.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from surefoot import __version__, data_commands
from surefoot.averaging import commands as averaging_commands
from surefoot.confidence import commands as confidence_commands
from surefoot.ground.errors import MissingExtraError, SurefootError
from surefoot.groups import commands as groups_commands
from surefoot.incentives import commands as incentives_commands
from surefoot.options import AsJson, Executor, Out, Seeds, print_json
from surefoot.rooms import ROOMS
from surefoot.surrogates import commands as surrogates_commands

# Which extra brings a library; without one of its own it comes with the room that needs it.
EXTRAS = {
    "distributed": "dask", "numba": "numba", "torch": "", "sklearn": "", "safetensors": "",
}  # fmt: skip

app = typer.Typer(
    name="surefoot",
    help="Ten tools for people who must stand behind a trained model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data_commands.app, name="data")
app.add_typer(groups_commands.app, name="groups", help=ROOMS["groups"].question)
app.add_typer(averaging_commands.app, name="averaging", help=ROOMS["averaging"].question)
app.add_typer(confidence_commands.app, name="confidence", help=ROOMS["confidence"].question)
app.add_typer(incentives_commands.app, name="incentives", help=ROOMS["incentives"].question)
app.add_typer(surrogates_commands.app, name="surrogates", help=ROOMS["surrogates"].question)


@app.callback(invoke_without_command=True)
def front_door(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Ten tools for people who must stand behind a trained model."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def run(
    rooms: Annotated[list[str] | None, typer.Argument(help="Rooms; without any, all.")] = None,
    scale: Annotated[str, typer.Option(help="quick (half a minute a room) or full.")] = "quick",
    seeds: Seeds = None,
    executor: Executor = "local",
    out: Out = Path("out"),
    as_json: AsJson = False,
) -> None:
    """Run the studies of rooms and write one page each. Run again to go on."""
    from surefoot.running import run_rooms

    run_rooms(rooms or [], scale=scale, seeds=seeds, executor=executor, out=out, as_json=as_json)


@app.command("list")
def list_rooms(as_json: AsJson = False) -> None:
    """List the ten questions and what works today."""
    if as_json:
        print_json({name: vars(room) | {"open": bool(room.study)} for name, room in ROOMS.items()})
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table("room", "question", "method", "open", box=SIMPLE_HEAD)
    for name, room in ROOMS.items():
        table.add_row(name, room.question, room.method, "yes" if room.study else "not yet")
    Console().print(table)


def main() -> None:
    """Run the command line; errors raised on purpose are one line, not a traceback."""
    try:
        app()
    except SurefootError as error:
        if os.environ.get("SUREFOOT_DEBUG"):
            raise
        typer.echo(f"surefoot: {error}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None or os.environ.get("SUREFOOT_DEBUG"):
            raise
        extra = extra or next((word for word in sys.argv[1:3] if word in ROOMS), "all")
        needed = f"{error.name} is not installed; it comes with: pip install 'surefoot[{extra}]'"
        typer.echo(f"surefoot: {needed}", err=True)
        sys.exit(MissingExtraError.exit_code)
    except KeyboardInterrupt:
        typer.echo("surefoot: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has left, as with `| head`
        sys.stdout = None
        sys.exit(0)
