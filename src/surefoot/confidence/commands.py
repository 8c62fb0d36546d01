"""``surefoot confidence``: fit a table and say how sure, and check that intervals cover."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from surefoot.options import AsJson, Executor, Out, Seed, print_json, typed_command

app = typer.Typer(no_args_is_help=True)

_Target = Annotated[str, typer.Option("--target", "-t", help="Column that is explained.")]
_LOSS = typer.Option("--loss", help="squared (mean), huber, quantile or logistic (two classes).")
_Loss = Annotated[str, _LOSS]
_Quantile = Annotated[
    float | None, typer.Option(help="Which quantile, in (0, 1); .5 if none is said.")
]
_Epsilon = Annotated[
    float | None, typer.Option(help="Of huber: residuals beyond are outliers; 1.35.")
]
_Features = Annotated[
    str | None, typer.Option(help="Columns used, comma-separated; default: all others.")
]
_Drop = Annotated[
    list[str] | None,
    typer.Option("--drop", help="Columns to leave out; comma-separated or repeated."),
]
_Categorical = Annotated[
    list[str] | None,
    typer.Option(
        "--categorical", "-c", help="Columns of words or codes; comma-separated or repeated."
    ),
]
_Chains = Annotated[int, typer.Option("--chains", help="How many perturbed copies run along.")]
_Level = Annotated[float, typer.Option(help="Of the intervals, in (0, 1).")]
_Epochs = Annotated[int, typer.Option(help="Passes; a row keeps its weights in all of them.")]
_Companions = Annotated[
    str,
    typer.Option(
        help="Other methods on the same pass, comma-separated: plugin, random_scaling, "
        "batch_means, score_bootstrap."
    ),
]


@app.command()
def fit(
    table: Annotated[Path, typer.Argument(help="Parquet (file or folder) or CSV (also .gz).")],
    target: _Target,
    loss: _Loss = "squared",
    quantile: _Quantile = None,
    epsilon: _Epsilon = None,
    features: _Features = None,
    drop: _Drop = None,
    categorical: _Categorical = None,
    weight: Annotated[str | None, typer.Option(help="Column of sample weights.")] = None,
    chains: _Chains = 200,
    level: _Level = 0.95,
    epochs: _Epochs = 1,
    alpha: Annotated[float, typer.Option(help="Ridge penalty; 0 for none.")] = 0.0,
    companions: _Companions = "",
    shuffle: Annotated[
        bool,
        typer.Option(
            "--shuffle/--no-shuffle", help="Rows are shuffled on disk first, or random already."
        ),
    ] = True,
    seed: Seed = 0,
    out: Out = Path("fit"),
    as_json: AsJson = False,
) -> None:
    """Fit a linear model in one pass, however large the table, with confidence sets."""
    from surefoot.confidence.workflow import fit_table

    fitted = fit_table(
        table,
        target=target,
        out=out,
        loss=loss,
        quantile=quantile,
        epsilon=epsilon,
        features=_names(features) if features is not None else None,
        drop=_names(*drop or ()),
        categorical=_names(*categorical or ()),
        weight=weight,
        shuffle=shuffle,
        params={
            "n_chains": chains, "confidence_level": level, "n_epochs": epochs, "alpha": alpha,
            "companions": _names(companions), "random_state": seed,
        },
        command=typed_command(),
        progress=True,
    )  # fmt: skip
    for remark in fitted.remarks:
        typer.echo(f"note: {remark}", err=True)
    if as_json:
        print_json(fitted.to_dict())
    else:
        typer.echo(f"{fitted.result}\n\npage: {fitted.page}")


@app.command()
def coverage(
    table: Annotated[
        Path | None,
        typer.Argument(help="Parquet or CSV: rows are drawn from it; without it, a model."),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="Column that is explained.")
    ] = None,
    loss: Annotated[str | None, _LOSS] = None,
    quantile: _Quantile = None,
    epsilon: _Epsilon = None,
    features: _Features = None,
    drop: _Drop = None,
    categorical: _Categorical = None,
    model: Annotated[
        str, typer.Option(help="linear, logistic or median, where there is no table.")
    ] = "linear",
    parameters: Annotated[int, typer.Option(help="Of the model.")] = 5,
    rows: Annotated[int, typer.Option(help="Rows of a sample.")] = 10_000,
    repetitions: Annotated[int, typer.Option(help="Samples, a multiple of 10.")] = 200,
    chains: _Chains = 200,
    level: _Level = 0.95,
    epochs: _Epochs = 1,
    companions: _Companions = "random_scaling",
    at_least: Annotated[
        float | None, typer.Option(help="Bar for the coverage; exit 3 if it is not shown.")
    ] = None,
    executor: Executor = "local",
    out: Out = Path("coverage"),
    as_json: AsJson = False,
) -> None:
    """Count how often intervals hold a truth that is known. Run again to go on."""
    from surefoot.confidence.harness import coverage_rows, coverage_study
    from surefoot.confidence.tables import described_table
    from surefoot.ground.errors import InputError, UnmetError
    from surefoot.ground.study import Settings
    from surefoot.running import tell

    population: dict[str, Any] = {"model": model, "d": parameters}
    data = ""
    if table is not None:
        if target is None:
            raise InputError("coverage", "a table without --target", "the column to explain")
        population, data = described_table(
            table, target, loss or "squared", quantile=quantile, epsilon=epsilon,
            features=_names(features) if features is not None else None,
            drop=_names(*drop or ()), categorical=_names(*categorical or ()),
        )  # fmt: skip
    elif given := [
        f"--{name}"
        for name, value in (
            ("target", target), ("loss", loss), ("quantile", quantile), ("epsilon", epsilon),
            ("features", features), ("drop", drop), ("categorical", categorical),
        )
        if value
    ]:  # fmt: skip
        raise InputError("coverage", f"{given[0]} without a table", "a table, or --model")
    settings = Settings("full", None, executor, out, typed_command())
    params = {"n_chains": chains, "n_epochs": epochs, "companions": _names(companions)}
    try:
        results = coverage_study(
            population, settings, n=rows, repetitions=repetitions, level=level, params=params,
            at_least=at_least, data=data,
        )  # fmt: skip
    except UnmetError:
        typer.echo(f"page: {out / 'index.html'}", err=True)
        raise
    if as_json:
        print_json({"methods": coverage_rows(results), "page": str(out / "index.html")})
        return
    for row in coverage_rows(results):
        covers, low, high = row["coverage"]
        length = row["length"][0]
        typer.echo(
            f"  {row['method']:<28} covers {covers:.3f} [{low:.3f}, {high:.3f}]"
            f"   length {length:.3g}"
        )
    tell(results)


def _names(*texts: str) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]
