"""The page of an audit: what a rule pays for, what people do about it, and on what that rests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from surefoot.ground.blocks import (
    Block,
    Code,
    Column,
    Figure,
    Highlight,
    Note,
    Page,
    Prose,
    Section,
    Table,
)
from surefoot.ground.figures import BarRow, bar_plot
from surefoot.ground.numerals import number
from surefoot.ground.study import environment
from surefoot.incentives.assumptions import assumptions
from surefoot.incentives.audit_words import (
    WANTED,
    ceiling_in_words,
    efforts_of,
    in_doubt,
    outcome_in_words,
    perverse_in_words,
    share_of,
    shares_in_words,
    target_in_words,
    whose_costs,
)

if TYPE_CHECKING:
    from surefoot.incentives.auditing import AuditReport

QUESTION = "What will people do to pass, and is it what we want?"
WANTED_KIND, OTHER_KIND = "wanted", "not wanted"
_DIRECT, _EFFECTIVE, _AGAINST = "by itself", "through the graph", "pays for the opposite"


def audit_page(report: AuditReport, *, command: str | None = None) -> Page:
    """Return the page of an audit.

    Parameters
    ----------
    report : AuditReport
    command : str, optional
        That made it; shown to be run again.
    """
    sections = [
        weights_section(report), effort_section(report), groups_section(report),
        *before_after_section(report), *edges_section(report), assumptions_section(),
    ]  # fmt: skip
    if command:
        sections.append(Section("How this was made", [Code(command)]))
    return Page(
        title="Incentives of a rule",
        question=QUESTION,
        lead=lead(report),
        highlights=highlights(report),
        sections=sections,
        facts=list(environment().items()),
    )


def lead(report: AuditReport) -> str:
    """Return the answer in a few sentences."""
    movers = share_of(report.response.moves.mean())
    found = [f"**{movers}** of people work on passing. Wanted: **{shares_in_words(report)}**."]
    found += [f"**{sentence}**" for sentence in perverse_in_words(report)]
    return " ".join([*found, target_in_words(report)])


def highlights(report: AuditReport) -> list[Highlight]:
    """Return the numbers that a reader takes away."""
    shares = report.shares
    found = [
        Highlight(share_of(shares["effort"]), "wanted effort", "share of effort, in its units"),
        Highlight(share_of(shares["cost"]), "wanted, by cost", "share of what effort costs"),
        Highlight(share_of(report.response.moves.mean()), "work on passing",
                  f"of {len(report.response):,} people"),
        Highlight(str(len(report.perverse)), "perverse incentives", "paid for the opposite"),
    ]  # fmt: skip
    if report.accuracy:
        before, after = share_of(report.accuracy["before"]), share_of(report.accuracy["after"])
        found.append(Highlight(after, "accuracy afterwards", f"{before} before people respond"))
    return found


def weights_section(report: AuditReport) -> Section:
    """Return what the rule pays for, with the graph and without."""
    rows = []
    for row in report.nodes.itertuples(index=False):
        group = f"{row.node}: {WANTED[row.wanted]} is wanted" if row.wanted else row.node
        if np.isfinite(row.direct):
            rows.append(BarRow(_DIRECT, row.direct, kind=_DIRECT, group=group))
        whole = (row.low, row.high) if in_doubt(row) else None
        kind = _AGAINST if row.perverse else _EFFECTIVE
        rows.append(BarRow(_EFFECTIVE, row.effective, whole, kind=kind, group=group))
    drawing = bar_plot(
        rows, title="What one unit of effort adds to the score", axis="score for a unit of effort"
    )
    caption = (
        "To the right: more of it raises the score. To the left: less of it does. Intervals come "
        "from how sure the graph is."
    )
    told: list[Block] = [Figure(drawing, caption)]
    if against := list(perverse_in_words(report)):
        told.append(Note(" ".join(against), title="Perverse incentives"))
    return Section("What the rule pays for", told, intro=_WEIGHTS)


def effort_section(report: AuditReport) -> Section:
    """Return on what people spend effort, and who does not."""
    # Wanted ones first, so that they look the same in every figure.
    kinds = [_kind(row) for row in report.nodes.itertuples(index=False)]
    nodes = report.nodes.assign(
        effort=efforts_of(report.nodes["effort"]),
        kind=kinds,
        first=[kind == OTHER_KIND for kind in kinds],
    )
    nodes = nodes.sort_values(["first", "effort"], ascending=[True, False])
    rows = [
        BarRow(_node_words(row.node, row.wanted), row.effort, kind=row.kind)
        for row in nodes.itertuples(index=False)
    ]
    drawing = bar_plot(
        rows, title="Effort by node", axis="mean effort of all people, in units of effort"
    )
    counts = report.response.counts
    table = Table(
        "What becomes of people",
        [Column("what", "what"), Column("n", "people", "number"), Column("share", "share",
                                                                        "percent")],
        [{"what": what, "n": n, "share": round(n / len(report.response), 3)}
         for what, n in counts.items()],
        _STATUSES,
    )  # fmt: skip
    told: list[Block] = [Figure(drawing, f"Wanted: {shares_in_words(report)}.")]
    sentences = [target_in_words(report), ceiling_in_words(report), outcome_in_words(report)]
    notes = " ".join(filter(None, sentences))
    return Section("Where effort goes", [*told, Prose(notes), table], intro=_EFFORT)


def groups_section(report: AuditReport) -> Section:
    """Return the same by group; one row in all if there are none."""
    frame = report.groups.round(dict.fromkeys(_PERCENTS, 3))
    rows, tables = frame.to_dict("records"), []
    for title, labels, note in (
        ("Who is accepted", _ACCEPTED, ""),
        ("What it asks of them", _ASKED, _GROUPS + (_OUTCOME if "outcome share" in frame else "")),
    ):
        columns = [Column("group", "group")]
        columns += [
            Column(key, label, "percent" if key in _PERCENTS else "number",
                   0 if key == "agents" else None)
            for key, label in labels.items()
            if key in frame
        ]  # fmt: skip
        tables.append(Table(title, columns, rows, note))
    return Section("For whom", tables)


def before_after_section(report: AuditReport) -> Iterator[Section]:
    """Yield what the response does to accuracy and outcome, if either is known."""
    rows = [
        {"what": "accepted", "before": share_of(report.response.accepted_before.mean()),
         "after": share_of(report.response.accepted.mean())},
    ]  # fmt: skip
    if report.accuracy:
        before, after = share_of(report.accuracy["before"]), share_of(report.accuracy["after"])
        rows.append({"what": "accuracy, labels as they were", "before": before, "after": after})
    notes = []
    if report.outcome:
        gain = number(report.outcome["gain"])
        rows.append({"what": "rise of the outcome, mean", "before": "0", "after": gain})
        gaming = share_of(report.outcome["gaming"])
        notes.append(f"**Pure gaming:** {gaming} of the score won does the outcome no good at all.")
    columns = [Column("what", "what"), Column("before", "before"), Column("after", "after")]
    table = Table("Before and after people respond", columns, rows)
    yield Section("Before and after", [table, Note(" ".join([*notes, _LABELS]))])


def edges_section(report: AuditReport) -> Iterator[Section]:
    """Yield how wrong an arrow may be, if there are arrows."""
    edges = report.sensitivity
    if edges.empty:
        return
    rows = [
        {
            "edge": f"{row['cause']} → {row['effect']}", "weight": row["weight"],
            "flips": row["flips at"], "to": row["to"],
            "wanted": {True: "yes", False: "no"}[bool(row["wanted"])] if row["to"] else "",
            "away": row["sd away"],
        }
        for row in edges.to_dict("records")
    ]  # fmt: skip
    columns = [
        Column("edge", "arrow"), Column("weight", "weight", "number"),
        Column("flips", "effort goes elsewhere at", "number"), Column("to", "namely to"),
        Column("wanted", "wanted there"), Column("away", "standard errors away", "number", 1),
    ]  # fmt: skip
    note = " ".join(filter(None, [_EDGES, whose_costs(report)]))
    yield Section("How wrong may an arrow be?", [Table("Arrows", columns, rows, note)])


def assumptions_section() -> Section:
    """Return what all of it rests on."""
    return Section("What this rests on", [Prose(assumptions())])


def _node_words(node: str, wanted: int) -> str:
    return f"{node}, {WANTED[wanted]} wanted" if wanted else node


def _kind(row: object) -> str:
    wanted, effective = row.wanted, row.effective  # type: ignore[attr-defined]
    return WANTED_KIND if wanted * effective > 0 else OTHER_KIND


_WEIGHTS = (
    "A feature's own weight is not what working on it pays. Effort on a cause moves what it causes "
    "too, and all of that is scored."
)
_EFFORT = (
    "Each person takes the least costly way over the threshold that the costs allow. Shares of "
    "effort are in the units that the project declares, such as standard deviations."
)
_STATUSES = (
    "Passes already: accepted as they stand, and sure enough of it. Too expensive: could pass, for "
    "more than passing is worth. Out of reach: no effort that is allowed is enough. Never sure "
    "enough: in doubt, and no effort gives the confidence that they want."
)
_ACCEPTED = {
    "agents": "people", "moves": "work on passing", "accepted before": "accepted before",
    "accepted after": "accepted after",
}  # fmt: skip
_ASKED = {
    "effort share": "wanted, of effort", "cost share": "wanted, of cost",
    "outcome share": "outcome a point", "burden": "burden",
    "deserving out of reach": "deserving, no way",
}  # fmt: skip
_PERCENTS = {*_ACCEPTED, *_ASKED} - {"agents", "outcome share", "burden"}
_GROUPS = (
    "The burden is what passing costs, in the mean, those who deserve it and can pass; 0 for who "
    "passes already. Deserving, no way: those whom no effort gets accepted, or sure enough of it."
)
_OUTCOME = " Outcome a point: what the outcome gains for each point of score."
_LABELS = (
    "Accuracy afterwards is against the labels as they were. If effort truly improves people, "
    "their labels change too, and the rule is better than it looks here."
)
_EDGES = (
    "For linear costs, where all effort goes to one node: the nearest weight of each arrow at "
    "which it would go to another. Few standard errors away means that the answer hangs on it. "
    "No value: no weight of this arrow does it."
)
