"""The room's study: do the intervals cover, at what length, and does the run say when not?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd

from surefoot.confidence.cases import COLD_STEPS, FULL, QUICK
from surefoot.confidence.flights_stream import stream_cells
from surefoot.confidence.repetitions import Case, by_method
from surefoot.confidence.sections import sections
from surefoot.confidence.td_cells import garnet_cells
from surefoot.ground.datasets import files_of
from surefoot.ground.intervals import mean_interval
from surefoot.ground.study import Results, Scale, Study
from surefoot.ground.verdicts import Check
from surefoot.ground.work import Cell

ANY_STEP, DEFAULTS = "worst of nine step rules", "defaults"
_DEFAULT_CASES = ("linear-5", "linear-20", "logistic-5", "median-5")


def cases(scale: Scale) -> Mapping[str, Case]:
    """Return the cases of a scale."""
    return FULL if scale == "full" else QUICK


def cells(scale: Scale, seeds: Sequence[int]) -> list[Cell]:
    """Return a cell for each case and seed; the flights' stream has rows in another order each."""
    found = []
    for task, case in cases(scale).items():
        if "table" in case.population:
            case = dataclasses.replace(case, data=files_of(case.population["table"]))
        found += case.cells(task, seeds)
    if scale == "full":
        found += [*stream_cells(seeds), *garnet_cells(seeds)]
    return found


def derive(table: pd.DataFrame) -> pd.DataFrame:
    """Name methods, and add what sums up several: the worst step rule, flags under defaults."""
    table = by_method(table)
    added = [table]
    rules = table[table["task"] == "any-step"]
    for metric in ("coverage", "length"):
        rows = rules[rules["metric"] == metric]
        if rows.empty:
            continue
        means = rows.groupby("method", sort=False)["value"].mean()
        picks = {"highest": means.idxmax(), "lowest": means.idxmin()}
        for end, method in picks.items():
            worst = rows[rows["method"] == method]
            added.append(worst.assign(method=ANY_STEP, metric=f"{end} {metric}"))
    flags = table[
        table["task"].isin(_DEFAULT_CASES)
        & (table["method"] == "ours")
        & (table["metric"] == "bias_flag")
    ]
    pooled = flags.groupby("seed", as_index=False)["value"].mean()
    if len(pooled):
        about = {"task": DEFAULTS, "method": "ours", "variant": "", "metric": "bias_flag"}
        added.append(pooled.assign(**about)[list(table.columns)])
    return pd.concat(added, ignore_index=True)


def checks(scale: Scale) -> list[Check]:
    """Return the bars of the room; they were set before the study's seeds were looked at."""
    if scale == "quick":
        return [
            *(_covers(task) for task in ("linear-20", "logistic-5", "median-5")),
            _literal("linear-5, published", "literal c0=0.01", below=0.8),
        ]
    return [
        *(_covers(task) for task in _DEFAULT_CASES),
        *(_short(task, 1.12) for task in _DEFAULT_CASES),
        Check(
            "Any step rule covers",
            "Of nine rules (c0 ½, 1, 2; γ .51, .6, .75) the one that covers least covers 93 % or "
            "more.",
            "any-step", "lowest coverage", ANY_STEP, 0.93,
        ),
        Check(
            "No step rule is long",
            "The longest intervals of the nine are at most 15 % longer than the sandwich's.",
            "any-step", "highest length", ANY_STEP, None, at_most=1.15,
        ),
        Check(
            "Published steps, too large",
            "With c0 = .5 at 20 parameters the published procedure's intervals are more than a "
            "hundred times too long.",
            "linear-20, published", "length", "literal c0=0.5", 100,
        ),
        _literal("linear-5, published", "literal c0=0.01", below=0.8),
        Check(
            "The paper's own model",
            "In the paper's linear setting, intervals of ours cover between 89 and 98 %.",
            "authors", "coverage", "ours", 0.89, at_most=0.98,
        ),
        Check(
            "Its length there",
            "They are at most 15 % longer than the sandwich's.",
            "authors", "length", "ours", None, at_most=1.15,
        ),
        Check(
            "The published code there",
            "Those of the published procedure are more than a hundred times too long.",
            "authors, published", "length", "literal", 100,
        ),
        *(
            _short(f"{task}, n=100000", bar)
            for task, bar in (("linear-20", 1.06), ("linear-100", 1.10), ("logistic-20", 1.10))
        ),
        *(_together(task) for task in ("linear-20", "linear-100")),
        *(_ellipsoid(task) for task in ("linear-20", "linear-100")),
        *_real("flights"),
        *_real("adult"),
        Check(
            "Random scaling without a pilot",
            "On flights, standardised and started at 0, random scaling covers less than 85 %.",
            "flights", "coverage", "naive/random_scaling", None, at_most=0.85,
        ),
        Check(
            "Three million flights, standard errors",
            "In one pass the smallest ratio of a standard error to that of the full fit is .85 or "
            "more.",
            "flights stream", "lowest SE ratio", "ours", 0.85,
        ),
        Check(
            "Three million flights, the other end",
            "The largest is at most 1.2.",
            "flights stream", "highest SE ratio", "ours", None, at_most=1.2,
        ),
        Check(
            "Three million flights, estimates",
            "No estimate is further than half a standard error from that of the full fit.",
            "flights stream", "farthest estimate", "ours", None, at_most=0.5,
        ),
        *(
            Check(
                f"Says when not to trust it (c0 = {c0:g})",
                "The bias flag is up in 95 % of runs that start at 0 with so small a step.",
                "cold", "bias_flag", f"cold c0={c0:g}", 0.95,
            )
            for c0 in COLD_STEPS
        ),
        Check(
            "No false alarm",
            "Under the defaults the bias flag is up in at most 2 % of runs.",
            DEFAULTS, "bias_flag", "ours", None, at_most=0.02,
        ),
        *(
            Check(
                f"Temporal differences: {sampling}",
                "On 50,000 transitions of a Garnet problem with a fifth of them left out of the "
                "average, intervals for the values cover between 90 and 98.5 %.",
                "td", "coverage", f"burn-in, {sampling}", 0.90, at_most=0.985,
            )
            for sampling in ("i.i.d. states", "trajectory")
        ),
        Check(
            "Temporal differences: flagged without a burn-in",
            "Started at 0 with everything averaged, the bias flag is up in 95 % of runs.",
            "td", "bias_flag", "no burn-in, i.i.d. states", 0.95,
        ),
        Check(
            "A thousand rows, log-odds",
            "With 20 parameters and four epochs, intervals cover 93 % or more.",
            "logistic-20, n=1000", "coverage", "ours, 4 epochs", 0.93,
        ),
        _short("logistic-20, n=1000", 1.4, "ours, 4 epochs"),
        _short("linear-20, n=1000", 1.2, "ours, 4 epochs"),
    ]  # fmt: skip


def _covers(task: str) -> Check:
    return Check(
        f"Covers: {_named(task)}",
        "Intervals of 95 % cover between 93 and 98 %, with nothing tuned.",
        task, "coverage", "ours", 0.93, at_most=0.98,
    )  # fmt: skip


def _short(task: str, bar: float, method: str = "ours") -> Check:
    return Check(
        f"Length: {_named(task)}",
        f"They are at most {100 * (bar - 1):.0f} % longer than the sandwich's at the best fit.",
        task, "length", method, None, at_most=bar,
    )  # fmt: skip


def _together(task: str) -> Check:
    return Check(
        f"All at once: {_named(task)}",
        "Simultaneous intervals of 95 % hold together in 91 to 99 % of samples.",
        task, "simultaneous", "ours", 0.91, at_most=0.99,
    )  # fmt: skip


def _ellipsoid(task: str) -> Check:
    return Check(
        f"Ellipsoid: {_named(task)}",
        "The joint set of 95 % holds the truth in 91 to 99.5 % of samples.",
        task, "ellipsoid", "ours", 0.91, at_most=0.995,
    )  # fmt: skip


def _real(task: str) -> list[Check]:
    return [
        Check(
            f"Covers: {_named(task)}",
            "On rows drawn from the table, intervals cover between 92 and 98 %.",
            task, "coverage", "ours", 0.92, at_most=0.98,
        ),
        _short(task, 1.15),
    ]  # fmt: skip


def _literal(task: str, method: str, below: float) -> Check:
    return Check(
        "Published steps, too small",
        f"With c0 = .01 the published procedure covers less than {100 * below:.0f} %, not 95.",
        task, "coverage", method, None, at_most=below,
    )  # fmt: skip


def _named(task: str) -> str:
    case = FULL[task]
    rows = "" if case.n == 10_000 or "table" in case.population else f", {case.n:,} rows"
    return f"{case.title[0].lower()}{case.title[1:]}{rows}"


def lead(results: Results) -> str:
    """Answer the question from the measured table."""
    shown = [task for task in _DEFAULT_CASES if results.values(task, "ours", "coverage")]
    if not shown:
        return "Not enough cells have finished to answer."
    covers = [mean_interval(results.values(t, "ours", "coverage")).estimate for t in shown]
    lengths = [mean_interval(results.values(t, "ours", "length")).estimate for t in shown]
    small = results.values("linear-5, published", "literal c0=0.01", "coverage")
    large = results.values("linear-20, published", "literal c0=0.5", "length")
    published = ""
    if small:
        missed = f"covers **{100 * mean_interval(small).estimate:.0f} %** with small steps"
        factor = mean_interval(large).estimate if large else 0
        blown = f" and is **{factor:,.0f} times** too long with large ones" if large else ""
        published = f" The procedure as published {missed}{blown}."
    return (
        f"As sure as its intervals say: with nothing tuned they cover "
        f"**{100 * min(covers):.1f} to {100 * max(covers):.1f} %** at nominal 95, and are "
        f"{100 * (min(lengths) - 1):.0f} to {100 * (max(lengths) - 1):.0f} % longer than those of "
        f"a fit to all rows at once.{published}"
    )


STUDY = Study(
    room="confidence",
    title="How sure is SGD?",
    question="How sure is SGD of what it learned?",
    claim=(
        "copies of an SGD run whose gradients are weighted at random imitate the sampling error of "
        "the averaged run, at a rate of up to 1/√n, so that valid confidence sets come out of one "
        "pass without a Hessian."
    ),
    source=(
        "Sheshukova, Samsonov, Belomestny, Moulines, Shao, Zhang & Naumov, arXiv 2502.06719 (2025)."
    ),
    seeds={"quick": 10, "full": 10},
    cells=cells,
    checks=checks,
    sections=sections,
    lead=lead,
    derive=derive,
)
