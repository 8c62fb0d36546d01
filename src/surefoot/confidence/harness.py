"""Does it cover? The harness for a model or a table of one's own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from surefoot.confidence.intervals_of_chains import check_level
from surefoot.confidence.parameters import whole
from surefoot.confidence.populations import Population, TablePopulation, model
from surefoot.confidence.repetitions import Case, by_method, population_of, run_repetitions
from surefoot.confidence.sections import BAND, LABELS, band
from surefoot.confidence.tables import loss_named
from surefoot.ground.blocks import Column, Figure, Note, Section, Table
from surefoot.ground.errors import InputError, UnmetError
from surefoot.ground.figures import DotRow, Reference, dot_plot
from surefoot.ground.intervals import mean_interval
from surefoot.ground.proportions import wilson
from surefoot.ground.study import Results, Settings, Study, run_study
from surefoot.ground.verdicts import Check

if TYPE_CHECKING:
    import pandas as pd

_SEEDS = 10  # a command's repetitions come in so many resumable pieces


def coverage(
    population: str | Population | tuple[ArrayLike, ArrayLike],
    *,
    n: int = 10_000,
    repetitions: int = 100,
    level: float = 0.95,
    loss: str = "squared",
    seed: int = 0,
    **params: Any,
) -> pd.DataFrame:
    """Draw samples whose truth is known, run SGD on each, and count how often intervals hold it.

    Parameters
    ----------
    population : str, Population or (X, y)
        "linear", "logistic" or "median" for a model with 5 parameters. A table is a population of
        its own: rows are drawn with replacement, and the fit to the whole table is the truth.
    n : int
        Rows of a sample.
    repetitions : int
        How many samples.
    level : float
        Of the intervals.
    loss : {"squared", "huber", "quantile", "log_loss"}
        Of a table; for "quantile" and "huber" see `SGDInferenceRegressor`.
    seed : int
    **params
        Of the estimator, such as ``n_chains``, ``c0``, ``n_epochs`` or ``companions``.

    Returns
    -------
    DataFrame
        A row a method: coverage with ends of its 95% binomial interval over samples (of their
        number alone, which is wide: intervals of one sample are not independent), length in
        lengths of the robust interval at the fit to all rows, coverage of simultaneous intervals
        and of the ellipsoid, shares of samples with a flag up.

    Examples
    --------
    ::

        coverage("linear", n=2000, repetitions=50, n_chains=100)
        coverage((X, y), loss="log_loss", n=5000, n_epochs=2)
    """
    import pandas as pd

    given = _population(population, loss, params)
    case = Case("", {}, whole("n", n, 2), whole("repetitions", repetitions, 1), _runs(params))
    found = run_repetitions(given, dataclasses.replace(case, level=check_level(level)), "", seed)
    frame = pd.DataFrame(found).T
    low, high = wilson(np.round(frame["coverage"] * repetitions).astype(int), repetitions)
    frame.insert(1, "low", low)
    frame.insert(2, "high", high)
    return frame.drop(columns="percentile").rename_axis("method")


def coverage_study(
    population: Mapping[str, Any],
    settings: Settings,
    *,
    n: int = 10_000,
    repetitions: int = 200,
    level: float = 0.95,
    params: Mapping[str, Any] | None = None,
    at_least: float | None = None,
    data: str = "",
) -> Results:
    """Do the same resumably on all cores, with a page.

    Parameters
    ----------
    population : mapping
        Of a `Case`: "model" and its options, or "table" with "target" and "loss".
    settings : Settings
    n, repetitions, level
        As in `coverage`; repetitions are done in tens.
    params : mapping, optional
        Of the estimator.
    at_least : float, optional
        A bar for the coverage, in (0, 1). It asks for enough repetitions: that all of n samples
        cover shows 1 − 3.7/n at most.
    data : str
        Fingerprint of the table.

    Raises
    ------
    UnmetError
        If the bar is not shown to be reached, after the page is written.
    """
    whole("n", n, 2)
    if whole("repetitions", repetitions, _SEEDS) % _SEEDS:
        raise InputError("repetitions", repetitions, f"a multiple of {_SEEDS}")
    check_level(level)
    given = population_of(population)
    title = _title(population)
    case = Case(
        title, population, n, repetitions // _SEEDS, _runs(params or {}), level=level, data=data
    )
    bars = []
    if at_least is not None:
        _check_bar(at_least, repetitions)
        words = f"Intervals of {100 * level:g} % cover {100 * at_least:g} % or more."
        bars = [Check("Covers", words, title, "coverage", "ours", at_least)]
    study = Study(
        room="confidence coverage",
        title=f"Coverage: {title}",
        question="Do the intervals of one SGD pass cover?",
        claim=f"samples of {n:,} rows, {repetitions} of them; bars are those asked for.",
        source="this table" if "table" in population else "a model of ours",
        seeds={"full": _SEEDS},
        cells=lambda _, seeds: case.cells(title, seeds),
        checks=lambda _: bars,
        sections=lambda results: _sections(results, case, len(given.directions)),
        lead=lambda results: _lead(results, case),
        derive=by_method,
    )
    results = run_study(study, settings)
    missed = [finding for finding in results.findings if finding.outcome != "holds"]
    if missed:
        raise UnmetError("; ".join(f"{f.check.name}: {f.outcome}, {f.measured}" for f in missed))
    return results


def coverage_rows(results: Results) -> list[dict[str, Any]]:
    """Return a row a method: coverage, length and the rest as (mean, low, high) over tenths."""
    task = results.records[0].identity.params["task"]
    rows = []
    for method, label in LABELS.items():
        row: dict[str, Any] = {"method": label}
        for metric in ("coverage", "length", "simultaneous", "ellipsoid", "bias_flag"):
            values = results.values(task, method, metric)
            row[metric] = _triple(values, share=metric != "length") if values else None
        if row["coverage"] is not None:
            rows.append(row)
    return rows


def _check_bar(at_least: float, repetitions: int) -> None:
    """Refuse a bar that full coverage of all samples would not show to be reached."""
    if not 0 < at_least < 1:
        raise InputError("at_least", at_least, "a number in (0, 1)")
    # Tenths that agree have an interval of no length, whatever is behind them.
    needed = math.ceil(math.log(0.025) / math.log(at_least))
    if repetitions < needed:
        found = f"{at_least:g} with {repetitions} repetitions"
        raise InputError("at_least", found, f"{needed} repetitions or more, or a lower bar")


def _triple(values: Sequence[float], *, share: bool) -> tuple[float, float, float]:
    found = mean_interval(values)
    if share:  # Student's interval knows no ends
        return found.estimate, max(found.low, 0.0), min(found.high, 1.0)
    return found.estimate, found.low, found.high


def _population(given: Any, loss: str, params: dict[str, Any]) -> Population:
    if isinstance(given, Population):
        return given
    if isinstance(given, str):
        return model(given)
    X, y = (np.asarray(part, dtype=np.float64) for part in given)
    if X.ndim != 2 or y.shape != (len(X),):
        raise InputError("population", f"shapes {X.shape}, {y.shape}", "(rows, d) and (rows,)")
    wanted = {key: params.pop(key) for key in ("quantile", "epsilon") if key in params}
    names = ("const", *(f"x{j + 1}" for j in range(X.shape[1])))
    return TablePopulation(
        np.column_stack([np.ones(len(X)), X]), y, loss_named(loss, **wanted), names
    )


def _runs(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {"ours": {"procedure": "ours", **params}, "refit": {"procedure": "refit"}}


def _title(population: Mapping[str, Any]) -> str:
    if "table" in population:
        return Path(population["table"]).stem
    options = [f"{k} = {v}" for k, v in population.items() if k != "model"]
    return ", ".join([population["model"], *options])


def _lead(results: Results, case: Case) -> str:
    values = results.values(case.title, "ours", "coverage")
    if not values:
        return "No cell has finished."
    found = mean_interval(values)
    length = mean_interval(results.values(case.title, "ours", "length")).estimate
    return (
        f"At nominal {100 * case.level:g} %, intervals cover **{100 * found.estimate:.1f} %** "
        f"({100 * found.low:.1f} to {100 * found.high:.1f}) and are **{length:.2f}** times as long "
        f"as those of a robust refit."
    )


def _sections(results: Results, case: Case, k: int) -> list[Section]:
    expected = band(case.repetitions * len(results.seeds) * k, case.level)
    kinds = {"ours": "ours"}
    rows = [
        DotRow(label, values, mean_interval(values), kinds.get(m, "baseline"), "", expected)
        for m, label in LABELS.items()
        if (values := results.values(case.title, m, "coverage"))
    ]
    if not rows:
        return []
    nominal = f"{100 * case.level:g} %"
    drawing = dot_plot(
        rows, title=f"Coverage of {nominal} intervals", axis="coverage", percent_axis=True,
        references=[Reference(case.level, nominal)],
    )  # fmt: skip
    columns = [
        Column("method", "method"),
        Column("coverage", "coverage", "interval", 3),
        Column("length", "length", "interval", 3),
        Column("simultaneous", "simultaneous", "interval", 3),
        Column("ellipsoid", "ellipsoid", "interval", 3),
        Column("bias_flag", "flagged", "interval", 3),
    ]
    return [
        Section(
            "Coverage", [Figure(drawing, "Small dots are tenths of the repetitions."), Note(BAND)]
        ),
        Section("In numbers", [Table("Every method", columns, coverage_rows(results))]),
    ]
