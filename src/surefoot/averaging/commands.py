"""``surefoot averaging``: average checkpoints on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from surefoot.options import AsJson, print_json

app = typer.Typer(no_args_is_help=True)


@app.callback()
def averaging() -> None:
    """Average checkpoints on disk."""


@app.command()
def merge(
    checkpoints: Annotated[
        list[Path],
        typer.Argument(
            metavar="CKPT",
            help="Safetensors files or folders, oldest first; one folder: all checkpoints in it.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File, or folder for sharded checkpoints.")
    ],
    profile: Annotated[
        str, typer.Option(help="uniform, cosine, one-minus-sqrt, ema or power.")
    ] = "uniform",
    decay: Annotated[
        float | None, typer.Option(help="Of the profile ema, per checkpoint; in [0, 1).")
    ] = None,
    sigma_rel: Annotated[
        float | None, typer.Option(help="Width of the profile power, as a share of the run.")
    ] = None,
    last: Annotated[int | None, typer.Option(help="Use the newest N checkpoints only.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Instead of a profile, such as 0.2,0.3,0.5; sum 1.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Average checkpoints of one run into one, in a few megabytes of memory."""
    from surefoot.averaging.merge import merge_checkpoints
    from surefoot.averaging.merge_options import named_profile, numbers

    merged = merge_checkpoints(
        checkpoints,
        out,
        profile=named_profile(profile, decay=decay, sigma_rel=sigma_rel),
        weights=None if weights is None else numbers("weights", weights),
        last=last,
        progress=True,
    )
    if as_json:
        print_json(merged.to_dict())
    else:
        typer.echo(str(merged))
