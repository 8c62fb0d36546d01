"""Figures and tables of the study's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from surefoot.ground.blocks import Block, Column, Details, Figure, Prose, Section, Table
from surefoot.ground.figures import Point, Reference, dot_plot, scatter_plot
from surefoot.ground.study import Results
from surefoot.surrogates.cases import CASES, GROUPS, TITLES
from surefoot.surrogates.cells import LABELS, OURS, PEERS, SCORES, TUNED
from surefoot.surrogates.measured import dot_row, mean, values
from surefoot.surrogates.summaries import AGAINST, AT_BEST, DEFAULTS
from surefoot.surrogates.task_sections import DOTS, task_blocks


def sections(results: Results) -> list[Section]:
    """Return the groups of cases, coverage, what is reported, tasks, limits."""
    groups = [group for group in TITLES if results.values(group, OURS, "cases")]
    found = [Section(TITLES[g], _group(results, g), intro=_INTROS[g]) for g in groups]
    if groups:
        found.insert(0, Section("How to read the errors", [Prose(_RATIO), Prose(_EFFORT)]))
        found.append(Section("Do its intervals hold?", _coverage(results, groups), intro=_COVERAGE))
        found.append(Section("Does it say how good it is?", _honest(results), intro=_HONEST))
    if tasks := task_blocks(results):
        found.append(Section("Is it any use?", tasks, intro=_TASKS))
    return [*found, Section("What this does not show", [Prose(_LIMITS)])]


_INTROS: Mapping[str, str] = {
    "fresh": (
        "The evidence. No method was tried on these functions before this study was run, once, at "
        "the end. Where our polynomials contain the function, ours is exact, and the case is left "
        "out of every sum. Runs are a Latin hypercube of ten for each input; 1,000 uniform points "
        "are predicted."
    ),
    "real": (
        "Outputs of real simulators and experiments, learned from at most 150 rows and judged on "
        "at most 1,000 others. There is noise in some, categories in others. Of the peers only "
        "scikit-learn's is tuned here, up to 20 inputs; SMT's takes minutes beyond nine and is "
        "left out there."
    ),
    "development": (
        "Methods were chosen with these in view: a guard against getting worse, no evidence. Peers "
        "have their defaults."
    ),
    "once": "Looked at in passing while developing; nothing was chosen by them.",
}
_RATIO = (
    "A ratio is the error (NRMSE, at new points) over that of the best peer on the same runs. "
    "Which peer that is, is chosen for each case after the fact: a ratio of 1 on the whole already "
    "beats each of them alone. Tuned: kernel, trend or noise searched by cross-validation, then a "
    "refit with more restarts; where a peer could not be tuned its defaults stand for it."
)
_EFFORT = (
    "In the tables, each method stands against ours on the cases it ran: geometric means of "
    "ratios, means of all else. Effort is unequal: ours tries many candidates on ten folds, a peer "
    "with its defaults fits one model. CPU seconds are of one fit on one thread."
)
_COVERAGE = (
    "How often intervals of 95 % hold a new response, over the cases of each group that a method "
    "ran."
)
_BAND = "The grey band is the bar: 93 to 98.5 %."
_HONEST = (
    "The error reported from the folds, corrected for the choosing, against the true one on new "
    "runs. Above the line it was too modest: nine tenths of the runs teach less than all of them. "
    "Below, it flattered itself."
)
_TASKS = (
    "A small error is not what a surrogate is built for. Here it is asked for what it was wanted "
    "for, and the answer is held against the truth."
)
_LIMITS = (
    "Test functions are cheap, smooth for the most part, and without noise; the real tables are "
    "few and their rows fixed. Intervals are over seeds, which share the functions: they say how "
    "sure a figure is for these functions, not for yours. All designs are Latin hypercubes of ten "
    "runs for each input. Peers are single models, ours is a mixture at several times the effort; "
    "with more than nine inputs SMT's has one start instead of ten, and SMT's and BoTorch's are "
    "not tuned. Peers see the response as it is, ours also its logarithm and other warps. The "
    "paper measures nothing, so that there is no figure of it to reproduce."
)


_PLAIN = ("cpu_s", "cases")  # shown without an interval


def _group(results: Results, group: str) -> list[Block]:
    places = {group: "All, geometric mean"} | {t: c.title for t, c in GROUPS[group].items()}
    labels = {DEFAULTS: "to the best peer's defaults", AT_BEST: "to the best peer, tuned"}
    rows = [
        row
        for task, title in places.items()
        for against in AGAINST
        for row in dot_row(results, task, OURS, f"nrmse ÷ {against}", labels[against], title)
    ]
    blocks: list[Block] = []
    if rows:
        drawing = dot_plot(
            rows, title="Error against the best peer", axis="NRMSE / the best peer's", best="min",
            digits=2, references=[Reference(1.0, "the best peer")],
        )  # fmt: skip
        blocks = [Figure(drawing, DOTS)]
    details = Details("Each function and table", [_every(results, group)])
    return [*blocks, _methods(results, group), details]


def _methods(results: Results, group: str) -> Table:
    metrics = ("nrmse ÷ ours", "crps ÷ ours", "nats behind ours", "coverage_95", "cpu_s",
               "cases")  # fmt: skip
    rows = []
    for method, label in LABELS.items():
        means = {metric: mean(results, group, method, metric) for metric in metrics}
        if means["cases"]:
            plain = {m: found and found.estimate for m, found in means.items() if m in _PLAIN}
            rows.append({"label": label, **means, **plain})
    columns = [
        Column("label", "method"),
        Column("nrmse ÷ ours", "NRMSE / ours", "interval", 2, "min"),
        Column("crps ÷ ours", "CRPS / ours", "interval", 2, "min"),
        Column("nats behind ours", "nats behind ours (NLPD)", "interval", 2, "min"),
        Column("coverage_95", "95 % intervals hold", "interval", 3),
        Column("cpu_s", "CPU seconds", "number", 1, "min"),
        Column("cases", "cases", "number", 0),
    ]
    return Table(TITLES[group], columns, rows)


def _every(results: Results, group: str) -> Table:
    means = results.table.groupby(["task", "method", "metric"])["value"].mean().to_dict()
    rows = [
        {"case": case.title, "label": label}
        | {metric: means.get((task, method, metric)) for metric in ("cpu_s", *SCORES)}
        for task, case in GROUPS[group].items()
        for method, label in LABELS.items()
        if (task, method, "nrmse") in means
    ]
    columns = [
        Column("case", "case"),
        Column("label", "method"),
        Column("nrmse", "NRMSE", "number", 4),
        Column("nlpd", "NLPD, nats", "number", 2),
        Column("crps", "CRPS / sd", "number", 4),
        Column("coverage_95", "95 % intervals hold", "number", 3),
        Column("width_95", "their width / sd", "number", 3),
        Column("cpu_s", "CPU seconds", "number", 1),
    ]
    return Table("Means over seeds", columns, rows)


def _coverage(results: Results, groups: Sequence[str]) -> list[Block]:
    rows = [
        row
        for group in groups
        for method in (OURS, *PEERS, *TUNED.values())
        for row in dot_row(
            results, group, method, "coverage_95", LABELS[method], TITLES[group],
            expected=(0.93, 0.985),
        )
    ]  # fmt: skip
    if not rows:
        return []
    drawing = dot_plot(
        rows, title="Coverage of 95 % intervals", axis="share of new responses inside",
        percent_axis=True, references=[Reference(0.95, "95 %")],
    )  # fmt: skip
    return [Figure(drawing, f"{DOTS} {_BAND}")]


def _honest(results: Results) -> list[Block]:
    points = [
        Point(true, reported, CASES[task].title, TITLES[group].lower())
        for group in TITLES
        for task in GROUPS[group]
        for true, reported in zip(
            values(results, task, OURS, "nrmse"),
            values(results, task, OURS, "reported_nrmse"),
            strict=True,
        )
    ]
    if not points:
        return []
    drawing = scatter_plot(
        points, title="Reported against true error", x_axis="true NRMSE",
        y_axis="reported NRMSE", log_x=True, log_y=True, diagonal="honest",
    )  # fmt: skip
    return [Figure(drawing, "Each point is a case and a seed.")]
