"""Figures and tables of the study's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from surefoot.confidence.cases import (
    COLD_STEPS,
    EPOCHS,
    FULL,
    GAMMAS,
    LITERAL_STEPS,
    QUICK,
    STEP_SIZES,
    directions,
)
from surefoot.ground.blocks import Block, Column, Figure, Note, Prose, Section, Table
from surefoot.ground.figures import DotRow, Reference, dot_plot
from surefoot.ground.intervals import Interval, mean_interval
from surefoot.ground.proportions import binomial_band
from surefoot.ground.study import Results

LABELS: Mapping[str, str] = {
    "ours": "perturbed copies",
    "ours/plugin": "plug-in, same pass",
    "ours/score_bootstrap": "score bootstrap, same pass",
    "ours/random_scaling": "random scaling, same pass",
    "ours/batch_means": "batch means, same pass",
    "refit/sandwich": "refit, robust",
    "refit/laplace": "refit, Laplace",
}
NAIVE: Mapping[str, str] = {
    "naive": "copies, no pilot",
    "naive/plugin": "plug-in, no pilot",
    "naive/random_scaling": "random scaling, no pilot",
    "naive/batch_means": "batch means, no pilot",
}
MODELS = (
    "linear-5", "linear-20", "linear-100", "logistic-5", "logistic-20", "median-5", "median-20",
    "uneven-noise", "heavy-noise",
)  # fmt: skip
_REAL = ("flights", "adult")
LEVEL = 0.95


def sections(results: Results) -> list[Section]:
    """Return coverage, length, the published procedure, sets, sizes, tables, stream, flags."""
    tasks = set(results.table["task"])
    models = [task for task in MODELS if task in tasks]
    real = [task for task in _REAL if task in tasks]
    found = [
        Section(
            "Does it cover?",
            [*_dots(results, models, LABELS, "coverage"), Note(BAND)],
            intro=_COVERAGE,
        ),
        Section(
            "At what length?",
            _dots(results, models, LABELS, "length"),
            intro=_LENGTH,
        ),
        Section("The procedure as published", _published(results), intro=_LITERAL),
    ]
    if "any-step" in tasks:
        found += [
            Section("Nine step rules", [_step_rules(results)], intro=_STEPS),
            Section("Sets of many parameters", _joint(results), intro=_JOINT),
            Section("Fewer rows and more", _sizes(results), intro=_SIZES),
        ]
    if real:
        labels = {**LABELS, **NAIVE}
        figures = [f for m in ("coverage", "length") for f in _dots(results, real, labels, m)]
        found.append(Section("Real tables", figures, intro=_TABLES))
    if "flights stream" in tasks:
        found.append(Section("Three million flights", _stream(results), intro=_STREAM))
    if "td" in tasks:
        found.append(Section("Temporal differences", _values_of_states(results), intro=_TD))
    if "cold" in tasks:
        found.append(Section("Does it say when not to trust it?", [_flags(results)], intro=_FLAGS))
    return [*found, Section("What this does not show", [Prose(_LIMITS)])]


_COVERAGE = (
    "How often intervals of 95 % hold the truth, over new samples of 10,000 rows. All methods see "
    "the same samples; those on the same pass ride on our run, with its warm start and its "
    "coordinates, and are better for it."
)
_DOTS = "Small dots are seeds, large marks their mean with its 95 % interval."
BAND = (
    "The grey band is where the share would fall in 95 of 100 studies of this size if every "
    "interval held with its nominal probability and all were independent. Intervals of one sample "
    "are not quite independent, so that the band is a little too narrow."
)
_LENGTH = (
    "Median length, in lengths of the robust interval at the fit to all rows at once: the best "
    "that can be had. Below 1 is a promise that can't be kept."
)
_LITERAL = (
    "One row a step, from 0, steps c0/k^.501, in the units of the data. Which c0 is right is known "
    "only to who knows the truth: a little large, and copies with heavy weights explode; a little "
    "small, and the start is never forgotten."
)
_STEPS = (
    "Guarded, the same samples, nine rules. Coverage hardly moves; length does where steps are "
    "small and shrink fast."
)
_JOINT = (
    "All intervals at once (the common number of standard errors, max-t) and the ellipsoid with "
    "Hotelling's quantile, at 200 copies."
)
_SIZES = "What many or few rows do, and what further epochs give when a row keeps its weights."
_TABLES = (
    "Rows drawn with replacement from a table, so that the fit to the whole table is the truth, "
    "with all its real tails. Without a pilot is what one would try first: standardise, start at 0."
)
_STREAM = (
    "One pass over 3,000,000 rows in random order, 18 coefficients, 200 copies, against ordinary "
    "least squares with robust standard errors (HC0) on all rows. Seeds are orders of the rows."
)
_TD = (
    "Values of the ten states of random Markov chains (Garnet problems, discount .9), learned by "
    "TD(0) from 50,000 transitions: states drawn independently, or along one trajectory. The "
    "published steps need a burn-in and forget their start slowly; a pilot needs neither."
)
_FLAGS = (
    "Runs that start at 0 with steps too small to get away, in the units of the data. What is left "
    "of the start is predicted from the curvature of the first rows; beyond a quarter of a "
    "standard error the flag goes up. Under the defaults it should stay down."
)
_LIMITS = (
    "All models here are convex, have at most 500 parameters and, temporal differences apart, "
    "independent rows: that is where theory and measurement stand. Where a Hessian exists, the "
    "plug-in on the same pass has shorter intervals and covers about as well for means, less well "
    "for log-odds with a strong signal; copies are for losses without one, for sets of many "
    "parameters, and for functions of them. For data in memory, least squares with a sandwich is "
    "faster still. Medians are judged against the known density of their noise. None of the "
    "paper's figures is claimed to be reproduced: its tables could not be had, and its published "
    "notebook shows coverage 1.000 throughout."
)


def band(trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return where a share of so many trials falls in 95 of 100 studies if its truth is `level`."""
    low, high = binomial_band(level, trials)
    return float(low), float(high)


def _mean(results: Results, task: str, method: str, metric: str) -> Interval | None:
    values = results.values(task, method, metric)
    return mean_interval(values) if values else None


def _dots(
    results: Results, tasks: Sequence[str], labels: Mapping[str, str], metric: str
) -> list[Block]:
    rows, scale = [], FULL if results.settings.scale == "full" else QUICK
    for task in tasks:
        case = scale[task]
        expected = band(case.repetitions * len(results.seeds) * directions(case))
        for method, label in labels.items():
            values = results.values(task, method, metric)
            if not values or (metric == "length" and method == "refit/sandwich"):
                continue
            kind = "ours" if method == "ours" else "baseline"
            shown = expected if metric == "coverage" else None
            rows.append(DotRow(label, values, mean_interval(values), kind, case.title, shown))
    if not rows:
        return []
    if metric == "coverage":
        return [_coverage_figure(rows, "Coverage of 95 % intervals")]
    drawing = dot_plot(
        rows, title="Length of intervals", axis="length / the robust refit's", best="min",
        digits=2, references=[Reference(1.0, "robust refit")],
    )  # fmt: skip
    return [Figure(drawing, _DOTS)]


def _coverage_figure(rows: Sequence[DotRow], title: str) -> Figure:
    drawing = dot_plot(
        rows, title=title, axis="coverage", percent_axis=True,
        references=[Reference(LEVEL, "95 %")],
    )  # fmt: skip
    return Figure(drawing, _DOTS)


def _published(results: Results) -> list[Block]:
    rows = []
    for task in ("linear-5", "linear-20", "logistic-5", "median-5"):
        for c0 in LITERAL_STEPS:
            of, label = f"{task}, published", f"as published, c0 = {c0:g}"
            rows.append(_row(results, of, f"literal c0={c0:g}", label, FULL[task].title))
        rows.append(_row(results, task, "ours", "guarded", FULL[task].title))
    title = FULL["authors"].title
    published = "as published, 256 copies"
    rows.append(_row(results, "authors, published", "literal", published, title))
    rows.append(_row(results, "authors", "ours", "guarded, 256 copies", title))
    note = "Percentile: the published interval, the tails of the copies as they are."
    columns = [
        Column("case", "case"),
        Column("label", "procedure"),
        Column("coverage", "coverage", "interval", 3),
        Column("percentile", "coverage, percentile", "interval", 3),
        Column("length", "length", "interval", 2),
    ]
    return [Table("As published, and guarded", columns, [r for r in rows if r["coverage"]], note)]


def _row(results: Results, task: str, method: str, label: str, title: str) -> dict[str, object]:
    metrics = ("coverage", "percentile", "length", "squared_error", "bias_flag")
    measured = {metric: _mean(results, task, method, metric) for metric in metrics}
    return {"case": title, "label": label, **measured}


def _step_rules(results: Results) -> Table:
    rows = []
    for c0 in STEP_SIZES:
        for gamma in GAMMAS:
            method = f"ours c0={c0:g} γ={gamma:g}"
            measured = _row(results, "any-step", method, "", "")
            rows.append({**measured, "c0": c0, "gamma": gamma})
    columns = [
        Column("c0", "c0", "number", 1),
        Column("gamma", "γ", "number", 2),
        Column("coverage", "coverage", "interval", 3),
        Column("length", "length", "interval", 3),
    ]
    return Table("Mean, 20 parameters, 10,000 rows", columns, rows)


def _joint(results: Results) -> list[Block]:
    rows = []
    for task in (*MODELS, "linear-20, n=100000", "linear-100, n=100000", "linear-500, n=100000"):
        case = FULL[task]
        expected = band(case.repetitions * len(results.seeds))
        title = case.title if case.n == 10_000 else f"{case.title}, {case.n:,} rows"
        for metric, label in (("simultaneous", "max-t intervals"), ("ellipsoid", "ellipsoid")):
            values = results.values(task, "ours", metric)
            if values:
                rows.append(DotRow(label, values, mean_interval(values), "ours", title, expected))
    return [_coverage_figure(rows, "Coverage of joint sets")] if rows else []


def _sizes(results: Results) -> list[Block]:
    rows = []
    for task, case in FULL.items():
        runs = {f"ours, {e} epochs": f"{e} epoch{'s' * (e > 1)}" for e in EPOCHS}
        for method, label in {"ours": "1 epoch", **runs}.items():
            measured = _row(results, task, method, label, case.title)
            if measured["coverage"] and "model" in case.population and "authors" not in task:
                rows.append({**measured, "n": case.n})
    rows.sort(key=lambda row: (str(row["case"]), row["n"]))
    columns = [
        Column("case", "case"),
        Column("n", "rows", "number", 0),
        Column("label", "run"),
        Column("coverage", "coverage", "interval", 3),
        Column("length", "length", "interval", 3),
        Column("squared_error", "squared error", "interval", 2),
    ]
    note = "Squared error: in squared standard errors of the fit to all rows, so 1 is the best."
    return [Table("Rows and epochs", columns, rows, note)]


def _stream(results: Results) -> list[Block]:
    def of(prefix: str) -> list[DotRow]:
        metrics = results.table[results.table["task"] == "flights stream"]["metric"].unique()
        rows = []
        for metric in metrics:
            if metric.startswith(prefix):
                values = results.values("flights stream", "ours", metric)
                label = metric.removeprefix(prefix).strip("[]")
                rows.append(DotRow(label, values, mean_interval(values), "ours"))
        return rows

    ratios = dot_plot(
        of("SE ratio"), title="Standard errors", axis="standard error / that of the full fit",
        digits=2, references=[Reference(1.0, "full fit, HC0")],
    )  # fmt: skip
    places = dot_plot(
        of("offset"), title="Estimates", axis="estimate − full fit, in standard errors", digits=2,
        references=[Reference(0.0, "full fit")],
    )  # fmt: skip
    return [Figure(ratios, _DOTS), Figure(places, _DOTS)]


def _values_of_states(results: Results) -> list[Block]:
    shown = results.table[results.table["task"] == "td"]
    rows = []
    for method in shown["method"].unique():
        values = results.values("td", method, "coverage")
        kind = "ours" if method.startswith("pilot") else "published steps"
        rows.append(DotRow(method, values, mean_interval(values), kind))
    columns = [
        Column("label", "run"),
        Column("coverage", "coverage", "interval", 3),
        Column("length", "length", "interval", 3),
        Column("bias_flag", "flagged for bias", "interval", 3),
    ]
    table = [_row(results, "td", method, method, "") for method in shown["method"].unique()]
    note = "Length: over that of the interval with the asymptotic standard error, known exactly."
    return [
        _coverage_figure(rows, "Coverage of 95 % intervals for values"),
        Table("Temporal differences", columns, table, note),
    ]


def _flags(results: Results) -> Table:
    rows = []
    for c0 in COLD_STEPS:
        label = f"from 0, c0 = {c0:g}"
        rows.append(_row(results, "cold", f"cold c0={c0:g}", label, FULL["cold"].title))
    tasks = (*MODELS, *_REAL)
    rows += [_row(results, task, "ours", "defaults", FULL[task].title) for task in tasks]
    columns = [
        Column("case", "case"),
        Column("label", "run"),
        Column("coverage", "coverage", "interval", 3),
        Column("bias_flag", "flagged for bias", "interval", 3),
    ]
    return Table("Coverage, and how often the flag is up", columns, rows)
