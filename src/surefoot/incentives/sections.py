"""Figures and tables of the study's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from surefoot.ground.blocks import Block, Column, Figure, Note, Prose, Section, Table
from surefoot.ground.figures import DotRow, Reference, Series, dot_plot, line_plot
from surefoot.ground.intervals import Interval, mean_interval
from surefoot.ground.study import Results
from surefoot.incentives import bars
from surefoot.incentives import both_cells as both
from surefoot.incentives import doubt_cells as doubt
from surefoot.incentives import outcome_cells as outcome
from surefoot.incentives import people_cells as people
from surefoot.incentives.assumptions import assumptions

TITLES: Mapping[str, str] = {
    "framingham": "Framingham: heart disease",
    "nhefs": "NHEFS: death",
    "cardio": "Examinations: heart disease",
    "diabetes": "Diabetes: progression",
    "give-me-some-credit": "Give Me Some Credit: default",
    "taiwan-credit": "Taiwan: default",
}
LABELS: Mapping[str, str] = {
    outcome.PLAIN: "logistic regression",
    outcome.RAISED: "the same, threshold raised",
    outcome.REFITTED: "the same, learnt again for ten rounds",
    outcome.DESIGN: "designed",
    outcome.DESIGN_RAISED: "designed, threshold raised",
    people.FLIP: "designed: best lever wanted (p = 1)",
    **{name: f"designed: {name}" for name in people.AIMS if name != people.FLIP},
}
COSTS: Mapping[str, str] = {
    bars.KNOWN[1]: "p = 1: the best lever only",
    bars.KNOWN[2]: "p = 2: effort is spread",
}
_BLIND = tuple(name for name, aim in people.AIMS.items() if aim.blind)
_DOTS = "Small dots are seeds, large marks their mean with its 95 % interval."


def sections(results: Results) -> list[Section]:
    """Return the outcome, people, doubt, the designer's doubt, costs, both in doubt, limits."""
    tasks = set(results.table["task"])
    cases = [name for name in TITLES if name in tasks]
    found = [
        Section("Where the outcome is known", _known(results), intro=_KNOWN),
        Section("Real people", _people(results, cases), intro=_PEOPLE),
    ]
    if bars.TOLD in tasks:
        found += [
            Section("People who are not sure", _doubt(results), intro=_DOUBT),
            Section("What to tell them", _told(results), intro=_TOLD),
            Section("A graph is an estimate", [_graphs(results)], intro=_GRAPHS),
            Section("What if the pill is cheap?", [_pill(results)], intro=_PILL),
        ]
    found.append(Section("Neither rule nor graph known", [_both(results)], intro=_BOTH))
    return [*found, Section("What all of this rests on", [Prose(assumptions()), Note(_LIMITS)])]


_KNOWN = (
    "People of whom everything is simulated: two causes of the outcome, two consequences of these, "
    "and a sign of something hidden that is cheap to fake. Half of them teach the rule, the other "
    "half respond to it, and their outcome is drawn anew after the response."
)
_PEOPLE = (
    "Five-fold cross-validation, repeated with other folds for each seed. Effort is counted in "
    "standard deviations, each at a cost of 1; graphs are given, their weights estimated from the "
    "training rows. The share is that of all effort which is wanted, through the graph, at p = 2. "
    "Intervals cover the choice of folds, not that of people."
)
_DOUBT = (
    "Framingham's people, who know the rule and doubt what their effort does: the effect of a "
    "habit with a coefficient of variation of 80 %, that of a reading with 20 %. The surer they "
    "want to be, the more they turn to what is certain: the readings."
)
_TOLD = (
    "The same people, who want to be 95 % sure, once they have been told the effect of one thing."
)
_GRAPHS = (
    "A rule for .6 of all effort, designed for the mean of the estimated graph or for 300 "
    "bootstrap graphs at once, and held against 800 other bootstrap graphs."
)
_PILL = (
    "All of this depends on costs. Here lowering the pressure costs less than a standard deviation "
    "of anything else."
)
_BOTH = (
    "Random graphs of six nodes with edges of standard deviation .15, and weights of the rule that "
    "vary by a tenth. People want to be 90 % sure; whether they pass is counted on fresh draws."
)
_LIMITS = (
    "We implement the paper's model and settle its open computational cases; its own study, graph "
    "and figures could not be had, and none is claimed to be reproduced. Graphs of the tables are "
    "assumptions of ours. The tables of people were not collected to answer causal questions."
)


def mean(results: Results, task: str, method: str, metric: str) -> Interval | None:
    """Return the mean over seeds; None where a value is missing or not a number."""
    values = results.values(task, method, metric)
    if not values or any(value != value for value in values):
        return None
    return mean_interval(values)


def _rows(
    results: Results,
    task: str,
    methods: Sequence[str],
    metric: str,
    group: str,
    ours: Sequence[str],
    labels: Mapping[str, str] = LABELS,
) -> list[DotRow]:
    rows = []
    for method in methods:
        interval = mean(results, task, method, metric)
        if interval is not None:
            kind = "ours" if method in ours else "baseline"
            if method in _BLIND:
                kind = "blind to the graph"
            values = results.values(task, method, metric)
            rows.append(DotRow(labels.get(method, method), values, interval, kind, group))
    return rows


def _known(results: Results) -> list[Block]:
    ours = (outcome.DESIGN, outcome.DESIGN_RAISED)
    blocks: list[Block] = []
    for metric, title, axis in (
        ("accuracy", "Right decisions after the response", "accuracy"),
        ("gain", "What people gain", "rise of the rate of good outcomes"),
    ):
        rows = [
            row
            for task in bars.KNOWN.values()
            for row in _rows(results, task, outcome.METHODS, metric, COSTS[task], ours)
        ]
        if rows:
            drawing = dot_plot(rows, title=title, axis=axis, best="max", percent_axis=True)
            blocks.append(Figure(drawing, _DOTS))
    table = [
        {"costs": f"p = {p}", "rule": LABELS[method]}
        | {
            metric: mean(results, task, method, metric)
            for metric in ("static", "accuracy", "share", "gain", "real")
        }
        for p, task in bars.KNOWN.items()
        for method in outcome.METHODS
    ]
    columns = [
        Column("costs", "costs"),
        Column("rule", "rule"),
        Column("static", "accuracy before", "interval", 3),
        Column("accuracy", "after", "interval", 3),
        Column("share", "wanted share", "interval", 3),
        Column("gain", "rise of good outcomes", "interval", 4),
        Column("real", "outcome / score gained", "interval", 2),
    ]
    note = (
        "A design asks for all effort at p = 1 and for half of it at p = 2. Outcome and score are "
        "both in log-odds: above 1, the rule pays less than the effort is worth."
    )
    return [*blocks, Table("Before and after the response", columns, table, note)]


def _people(results: Results, cases: Sequence[str]) -> list[Block]:
    blocks: list[Block] = []
    for metric, title, axis in (
        ("auc", "Accuracy on people left out", "AUC"),
        ("share", "Wanted share of effort", "share of effort"),
    ):
        rows = [
            row
            for case in cases
            for row in _rows(
                results, case, people.METHODS, metric, TITLES[case], tuple(people.AIMS)
            )
        ]
        if rows:
            drawing = dot_plot(rows, title=title, axis=axis, percent_axis=metric == "share")
            blocks.append(Figure(drawing, _DOTS))
    table = [
        {"case": TITLES[case], "rule": LABELS[method]}
        | {
            metric: mean(results, case, method, metric)
            for metric in ("auc", "share", "claimed", "perverse", "lever wanted")
        }
        for case in cases
        for method in people.METHODS
    ]
    columns = [
        Column("case", "people"),
        Column("rule", "rule"),
        Column("auc", "AUC", "interval", 4),
        Column("share", "wanted share", "interval", 3),
        Column("claimed", "as its designer believes", "interval", 3),
        Column("perverse", "wanted nodes paid for the opposite", "interval", 2),
        Column("lever wanted", "folds with a wanted best lever", "interval", 2),
    ]
    return [*blocks, Table("All rules", columns, table)]


def _doubt(results: Results) -> list[Block]:
    found: list[Block] = []
    for metric, title, axis in (
        ("share", "Wanted share against confidence", "wanted share of effort"),
        ("price", "Cost of a unit of score against confidence", "cost at p = 2"),
    ):
        points = [
            (confidence, interval)
            for confidence in doubt.CONFIDENCES
            if (interval := mean(results, bars.DOUBT, f"{confidence:g}", metric))
        ]
        if points:
            series = Series(
                "people in doubt",
                [c for c, _ in points],
                [i.estimate for _, i in points],
                band=([i.low for _, i in points], [i.high for _, i in points]),
                kind="ours",
            )
            drawing = line_plot(
                [series], title=title, x_axis="confidence asked for", y_axis=axis, digits=2
            )
            found.append(Figure(drawing, "Mean over splits, with its 95 % interval."))
    return found


def _told(results: Results) -> list[Block]:
    methods = [m for m in results.table["method"].unique() if mean(results, bars.TOLD, m, "share")]
    labels = {m: m if m in ("nothing", "everything") else f"effect of {m}" for m in methods}
    first = mean(results, bars.TOLD, "nothing", "share")
    rows = _rows(results, bars.TOLD, methods, "share", "", methods, labels)
    if not rows or first is None:
        return []
    drawing = dot_plot(
        rows, title="Wanted share once they are told", axis="wanted share of effort",
        references=[Reference(first.estimate, "told nothing")], best="max", digits=3,
    )  # fmt: skip
    return [Figure(drawing, _DOTS)]


def _graphs(results: Results) -> Table:
    rows = [
        {"method": f"designed for {'the ' if method == doubt.NOMINAL else ''}{method}"}
        | {m: mean(results, bars.GRAPH, method, m) for m in ("violated", "worst", "auc")}
        for method in (doubt.NOMINAL, doubt.SCENARIOS)
    ]
    columns = [
        Column("method", "rule"),
        Column("violated", "graphs under which it falls short", "interval", 3),
        Column("worst", "lowest share", "interval", 3),
        Column("auc", "AUC", "interval", 4),
    ]
    return Table("Held against 800 graphs", columns, rows)


def _pill(results: Results) -> Table:
    metrics = ("base share", "base auc", "share", "auc")
    rows = [
        {"weight": weight} | {m: mean(results, bars.PILL, f"{weight:g}", m) for m in metrics}
        for weight in doubt.PILL_WEIGHTS
    ]
    columns = [
        Column("weight", "cost of pressure", "number", 1),
        Column("base share", "wanted share, plain rule", "interval", 3),
        Column("base auc", "AUC, plain rule", "interval", 4),
        Column("share", "wanted share, designed", "interval", 3),
        Column("auc", "AUC, designed", "interval", 4),
    ]
    return Table("A cheaper pill", columns, rows)


def _both(results: Results) -> Table:
    rows = []
    for noise in both.NOISES:
        task = bars.both_task(noise)
        for method in both.METHODS:
            passed, cost = (mean(results, task, method, m) for m in ("pass", "cost"))
            if passed is not None:
                rows.append({"noise": noise, "method": method, "pass": passed, "cost": cost})
    columns = [
        Column("noise", "edges"),
        Column("method", "method"),
        Column("pass", "share that passes", "interval", 4),
        Column("cost", "mean cost", "interval", 3),
    ]
    return Table("A promise of 90 %", columns, rows)
