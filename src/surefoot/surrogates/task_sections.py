"""Figures and tables of the tasks that a surrogate was put to."""

from __future__ import annotations

from surefoot.ground.blocks import Block, Column, Figure, Table
from surefoot.ground.figures import dot_plot
from surefoot.ground.study import Results
from surefoot.surrogates.cases import CASES
from surefoot.surrogates.cells import LABELS, OURS, PEERS
from surefoot.surrogates.measured import dot_row, mean, values
from surefoot.surrogates.task_cells import (
    BEST_RUN,
    CONSERVATION,
    INVERSE,
    OPTIMA,
    SENSITIVITY,
    SEPARATE,
)

DOTS = "Small dots are seeds, large marks their mean with its 95 % interval."


def task_blocks(results: Results) -> list[Block]:
    """Return sensitivity, optima, inverse problem, conservation: what was measured of them."""
    blocks: list[Block] = []
    sensitivity = [
        row
        for method, label in LABELS.items()
        for row in dot_row(results, SENSITIVITY, method, "error", label, "")
    ]
    if sensitivity:
        drawing = dot_plot(
            sensitivity, title="Sobol' indices of Ishigami's function, 100 runs",
            axis="largest error of S1 and ST", best="min", digits=4,
        )  # fmt: skip
        blocks.append(Figure(drawing, DOTS))
    optima = {OURS: LABELS[OURS], BEST_RUN: "the best run itself"} | {p: LABELS[p] for p in PEERS}
    for task, of in OPTIMA.items():
        rows = [
            row
            for method, label in optima.items()
            for row in dot_row(results, task, method, "regret", label, "")
        ]
        if rows:
            title = f"{CASES[of].title}: regret at the surrogate's minimum"
            axis = "true value there − minimum, in standard deviations"
            drawing = dot_plot(rows, title=title, axis=axis, best="min")
            blocks.append(Figure(drawing, DOTS))
    inverse = [
        row
        for task in INVERSE
        for metric, label in (("tv", "surrogate's mean"), ("widened_tv", "and its variance"))
        for row in dot_row(results, task, OURS, metric, label, task)
    ]
    if inverse:
        drawing = dot_plot(
            inverse, title="Two rates of an epidemic from one curve",
            axis="total variation from the true posterior", best="min", digits=4,
        )  # fmt: skip
        blocks.append(Figure(drawing, DOTS))
    return blocks + _conservation(results)


def _conservation(results: Results) -> list[Block]:
    metrics = ("log10 residual", "nrmse", "cpu_s")
    rows = [
        {"label": label} | {m: mean(results, CONSERVATION, method, m) for m in metrics}
        for method, label in {OURS: "preserved", SEPARATE: "each output on its own"}.items()
        if values(results, CONSERVATION, method, "nrmse")
    ]
    columns = [
        Column("label", "linear constraints"),
        Column("log10 residual", "log₁₀ of the largest violation", "interval", 1, "min"),
        Column("nrmse", "NRMSE, mean of four", "interval", 3, "min"),
        Column("cpu_s", "CPU seconds", "interval", 1, "min"),
    ]
    caption = "Susceptible, exposed, infectious and recovered shares sum to one"
    return [Table(caption, columns, rows)] if rows else []
