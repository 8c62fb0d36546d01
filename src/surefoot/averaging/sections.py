"""Figures and tables of the study's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from surefoot.averaging.cells import POLICIES, SHARES, TAILS, WATCHED, tail, window
from surefoot.averaging.selection import DEFAULT, LABELS, RATE, SCHEDULES
from surefoot.averaging.tasks import RECIPES
from surefoot.ground.blocks import Column, Figure, Note, Prose, Section, Table
from surefoot.ground.figures import DotRow, Drawing, Series, dot_plot, line_plot
from surefoot.ground.intervals import mean_interval
from surefoot.ground.study import Results

_KINDS = {"constant": "ours", "cosine": "baseline", "wsd": "partly decayed"}
_POLICY_LABELS = {
    "copy": "statistics of the last iterate",
    "average": "statistics averaged like weights",
    "recalibrate": "statistics re-estimated from 2,560 images",
}


def sections(results: Results) -> list[Section]:
    """Return horizon curves, times to target, curves along the way, BatchNorm, all figures."""
    tasks = list(dict.fromkeys(results.table["task"]))
    images = [t for t in tasks if not t.startswith("batchnorm") and RATE not in t]
    shown = [t for t in images if t.endswith(DEFAULT)] or images
    norms = [t for t in tasks if t.startswith("batchnorm")]
    return [
        Section(
            "The horizon curve",
            [*(Figure(_horizon_curve(results, task), _CURVE) for task in shown), Note(_RULE)],
            intro=_HORIZON,
        ),
        Section(
            "Steps to the target",
            [*(_saved(results, task) for task in shown), *_saved_by_rate(results, tasks)],
            intro=_SOONER,
        ),
        Section("Along the way", [*_along_the_way(results, shown)], intro=_ANYTIME),
        Section(
            "BatchNorm", [Figure(_batchnorm(results, task), _DOTS) for task in norms], intro=_NORMS
        ),
        Section(
            "Everything at the end",
            [table for task in images for table in _everything(results, task)],
        ),
        Section("What this does not show", [Prose(_LIMITS)]),
    ]


_HORIZON = (
    "How good the average over the latest share of the run is, at its end. At a constant rate a "
    "wide window helps much; once the rate has decayed there is little noise left to average away."
)
_CURVE = "Mean over seeds with its 95 % interval; the left end is the last iterate itself."
_RULE = (
    "All horizons come from one training: segment means were kept along the way, and each average "
    "was made afterwards. The paper's rule of thumb, 1 % of the run, is for decaying rates."
)
_SOONER = (
    "The target is the best validation loss that the raw iterate of the same training ever has, "
    "within 0.5 %. Negative: the average gets there later, or never (counted as the whole run)."
)
_ANYTIME = "Validation loss while training goes on: an average is a better model now."
_NORMS = (
    "Running statistics describe the networks along the way. With a wide tail those of the last "
    "iterate do not fit the average; averaging or re-estimating them does."
)
_DOTS = "Small dots are seeds, large marks their mean with its 95 % interval."
_ORACLE = "The best window on the test rows is chosen by the test rows: nobody can have it."
_LIMITS = (
    "Fashion-MNIST, a small character model and small networks are not AlgoPerf: the paper's "
    "workloads can't be run here, and none of its figures is claimed to be reproduced. One "
    "optimizer (NAdam with decoupled weight decay) was tried, as in the paper's main experiments. "
    "Gains depend on the schedule; at a constant rate they are large because its last iterate is "
    "noisy. A horizon chosen on validation data is judged on test data that chose nothing."
)


def _recipe(task: str) -> str:
    return task.removesuffix(DEFAULT)


def _title(task: str) -> str:
    title = RECIPES[_recipe(task)].title
    if not task.endswith(DEFAULT):
        return title
    return f"{title}, learning rate {RECIPES[_recipe(task)].rates[0]:g}"


def _metric(task: str) -> tuple[str, str, str]:
    """Return the metric shown for a task, its name, and which direction is better."""
    if task.startswith("characters"):
        return "test_loss", "test loss in nats", "min"
    return "test_accuracy", "test accuracy", "max"


def _horizon_curve(results: Results, task: str) -> Drawing:
    metric, axis, best = _metric(task)
    shares = [1 / RECIPES[_recipe(task)].steps, *SHARES]
    series = []
    for schedule in SCHEDULES:
        means = [
            mean_interval(values)
            for name in ("raw", *map(window, SHARES))
            if (values := results.values(task, f"{schedule}/{name}", metric))
        ]
        if len(means) == len(shares):
            band = [m.low for m in means], [m.high for m in means]
            y = [m.estimate for m in means]
            series.append(Series(SCHEDULES[schedule], shares, y, band, _KINDS[schedule]))
    return line_plot(
        series,
        title=_title(task),
        x_axis="share of the run averaged",
        y_axis=axis,
        log_x=True,
        best=best,  # type: ignore[arg-type]
        digits=3,
    )


def _saved(results: Results, task: str) -> Figure:
    rows = []
    for schedule, words in SCHEDULES.items():
        for name in (*map(window, WATCHED), "two-tailed"):
            values = results.values(task, f"{schedule}/{name}", "saved")
            if values:
                kind = "ours" if name == "two-tailed" else "baseline"
                interval = mean_interval(values)
                rows.append(DotRow(LABELS[name], values, interval, kind, words))
    drawing = dot_plot(rows, title=_title(task), axis="steps saved", best="max", percent_axis=True)
    return Figure(drawing, _DOTS)


def _saved_by_rate(results: Results, tasks: Sequence[str]) -> list[Figure]:
    rows = []
    for task in sorted(t for t in tasks if RATE in t):
        name, rate = task.split(RATE)
        values = results.values(task, f"constant/{window(0.1)}", "saved")
        label = f"learning rate {rate}"
        rows.append(DotRow(label, values, mean_interval(values), "ours", RECIPES[name].title))
    if not rows:
        return []
    title = "The noisier the last iterate, the more: a 10 % window at constant rates"
    drawing = dot_plot(rows, title=title, axis="steps saved", best="max", percent_axis=True)
    return [Figure(drawing, _DOTS)]


def _along_the_way(results: Results, tasks: Sequence[str]) -> list[Figure]:
    figures = []
    for task in tasks:
        curves = _curves(results, _recipe(task))
        lines = [
            ("constant", "raw", "partly averaged"),
            ("constant", window(0.01), "partly averaged"),
            ("constant", window(0.1), "ours"),
            ("cosine", "raw", "baseline"),
        ]
        series = []
        for schedule, name, kind in lines:
            if schedule in curves:
                label = f"{SCHEDULES[schedule]}, {LABELS[name]}"
                steps, mean = curves[schedule]["steps"], curves[schedule][name]
                # The first tenth is steep and would hide the rest.
                late = steps > 0.1 * steps[-1]
                series.append(Series(label, steps[late].tolist(), mean[late].tolist(), kind=kind))
        if series:
            drawing = line_plot(
                series[::-1],
                title=_title(task),
                x_axis="optimizer step",
                y_axis="validation loss in nats",
                best="min",
                digits=3,
            )
            figures.append(Figure(drawing, "Mean over seeds, at the default learning rate."))
    return figures


def _curves(results: Results, task: str) -> Mapping[str, dict[str, NDArray]]:
    """Return for each schedule the mean validation curves at the default learning rate."""
    found: dict[str, list[dict[str, NDArray]]] = {}
    for record in results.records:
        params = record.identity.params
        default = params["task"] == task and (
            params["config"]["learning_rate"] == RECIPES[task].rates[0]
        )
        if default and record.status == "ok" and record.arrays:
            with np.load(results.settings.out / record.arrays) as arrays:
                found.setdefault(params["method"], []).append(dict(arrays))
    return {
        schedule: {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]}
        for schedule, runs in found.items()
    }


def _batchnorm(results: Results, task: str) -> Drawing:
    rows = []
    raw = results.values(task, "constant/raw", "test_accuracy")
    if raw:
        rows.append(DotRow("last iterate", raw, mean_interval(raw), "baseline", "no average"))
    for share in TAILS:
        for policy in POLICIES:
            values = results.values(task, f"constant/{tail(share, policy)}", "test_accuracy")
            if values:
                kind = "baseline" if policy == "copy" else "ours"
                group = f"tail of {100 * share:g} %"
                interval = mean_interval(values)
                rows.append(DotRow(_POLICY_LABELS[policy], values, interval, kind, group))
    return dot_plot(rows, title=_title(task), axis="test accuracy", best="max", digits=3)


def _everything(results: Results, task: str) -> list[Table]:
    tuned = "" if task.endswith(DEFAULT) or len(RECIPES[task].rates) == 1 else ", rates tuned"
    columns = [
        Column("average", "what is served"),
        Column("test_accuracy", "test accuracy", "interval", 4),
        Column("test_loss", "test loss in nats", "interval", 3),
    ]
    tables = []
    for schedule, words in SCHEDULES.items():
        rows = []
        for name, label in LABELS.items():
            row: dict[str, object] = {"average": label}
            for metric in ("test_accuracy", "test_loss"):
                values = results.values(task, f"{schedule}/{name}", metric)
                row[metric] = mean_interval(values) if values else None
            if row["test_accuracy"] is not None:
                rows.append(row)
        if rows:
            note = f"{_searched(results, task, schedule)} {_ORACLE}"
            tables.append(Table(f"{_title(task)}{tuned}: {words}", columns, rows, note))
    return tables


def _searched(results: Results, task: str, schedule: str) -> str:
    """Say which horizons were chosen."""
    words = []
    for name, what in (("searched", "Searched windows"), ("two-tailed", "two-tailed averages")):
        shares = [100 * share for share in results.values(task, f"{schedule}/{name}", "share")]
        if shares:
            low, middle, high = min(shares), float(np.median(shares)), max(shares)
            words.append(
                f"{what} span {low:.0f} to {high:.0f} % of the run (median {middle:.0f} %)"
            )
    return f"{', '.join(words)}."
