"""``surefoot averaging``: average checkpoints on disk, and find how many of them to average."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from surefoot.options import AsJson, Executor, Out, print_json, typed_command

if TYPE_CHECKING:
    from surefoot.averaging.horizon import Rule

app = typer.Typer(no_args_is_help=True)


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
        str, typer.Option(help="uniform (= linear decay), cosine, one-minus-sqrt, ema or power.")
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


@app.command()
def search(
    folder: Annotated[Path, typer.Argument(help="Checkpoints of one run.")],
    evaluate: Annotated[
        str,
        typer.Option(
            help="package.module:function, called with a path; or a command with {path} in it, "
            "whose last line is a number or a JSON list of losses."
        ),
    ],
    profile: Annotated[str, typer.Option(help="uniform, cosine or one-minus-sqrt.")] = "uniform",
    per_octave: Annotated[int, typer.Option(help="Windows between one and its double.")] = 2,
    higher_is_better: Annotated[
        bool, typer.Option("--higher-is-better", help="For accuracy and the like.")
    ] = False,
    rule: Annotated[
        str,
        typer.Option(help="one-se: the shortest within one standard error of the best; or best."),
    ] = "one-se",
    executor: Executor = "local",
    out: Out = Path("search"),
    as_json: AsJson = False,
) -> None:
    """Find how many of the latest checkpoints to average. Run again to go on."""
    from surefoot.averaging.folder_search import search_folder

    found = search_folder(
        folder,
        evaluate,
        out=out,
        profile=profile,
        per_octave=per_octave,
        rule=cast("Rule", rule),
        higher_is_better=higher_is_better,
        executor=executor,
        command=typed_command(),
    )
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo(f"{found}\n\naverage: {found.merged}\npage: {found.page}")
