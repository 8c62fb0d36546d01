"""Sections that the whole report has beyond those of an audit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from surefoot.ground.blocks import Block, Column, Facts, Figure, Note, Prose, Section, Table
from surefoot.ground.figures import BarRow, Reference, Series, bar_plot, line_plot
from surefoot.ground.numerals import percent
from surefoot.incentives.audit_page import OTHER_KIND, WANTED_KIND
from surefoot.incentives.audit_words import SURE, efforts_of, share_of
from surefoot.incentives.reporting import KINDS, LONG, FullReport

if TYPE_CHECKING:
    from surefoot.incentives.designed import Designed
    from surefoot.incentives.designing.sweep import Frontier
    from surefoot.incentives.revealing import Disclosure


# What the first row of a table of groups says of everybody.
_OF_ALL = {
    "moves": "work on passing",
    "accepted before": "accepted before",
    "accepted after": "accepted after",
}


def knowing_section(report: FullReport) -> Section:
    """Return where effort goes if people know more or less."""
    signs = report.audit.desirable.signs
    rows = [
        BarRow(
            node, efforts[i], group=f"People who {KINDS[know]}",
            kind=WANTED_KIND if signs[i] and (response.effort[:, i] * signs[i]).sum() >= 0
            else OTHER_KIND,
        )
        for know, response in report.knowing.items()
        for efforts in [efforts_of(np.abs(response.effort).mean(axis=0))]
        for i, node in sorted(enumerate(response.efforts), key=lambda pair: signs[pair[0]] == 0)
    ]  # fmt: skip
    shown: list[Block] = []
    if any(row.value for row in rows):
        drawing = bar_plot(
            rows, title="Effort by node and by what people know",
            axis="mean effort of all people, in units of effort",
        )  # fmt: skip
        shown.append(Figure(drawing, "Same rule, same costs: only what people know differs."))
    table = Table(
        "By what people know",
        [
            Column("who", "people who"), Column("moves", "work on passing", "percent"),
            Column("accepted", "accepted after", "percent"),
            Column("unsure", "never sure enough", "percent"),
            Column("cost", "mean cost of those who do", "number"),
        ],
        [
            {
                "who": KINDS[know], "moves": round(response.moves.mean(), 3),
                "accepted": round(response.accepted.mean(), 3),
                "unsure": round(response.counts["never sure enough"] / len(response), 3),
                "cost": response.cost[response.moves].mean() if response.moves.any() else None,
            }
            for know, response in report.knowing.items()
        ],
        _SURER,
    )  # fmt: skip
    people = len(next(iter(report.knowing.values())))
    return Section("What people know", [*shown, table, *_of(people, report)], intro=_KNOWING)


def confidence_section(report: FullReport) -> Iterator[Section]:
    """Yield how the wanted share changes with the confidence that people ask for."""
    frame = report.confidence.dropna(subset="share")
    if frame.empty:
        return
    series = [
        Series(KINDS[know], part["confidence"].tolist(), part["share"].tolist(), kind=KINDS[know])
        for know, part in frame.groupby("know", sort=False)
    ]
    ceilings = report.confidence.groupby("know", sort=False)["ceiling"].first()
    lines = [
        Reference(float(ceiling), f"{KINDS[know]}: no surer than {share_of(ceiling)}")
        for know, ceiling in ceilings.items()
        if 0.5 < ceiling < SURE
    ]
    drawing = line_plot(
        series, title="Wanted share and confidence", x_axis="confidence that people ask for",
        y_axis=f"wanted share of {report.setting.project.design['measure']}", x_references=lines,
        percent_axis=True,
    )  # fmt: skip
    caption = "A line ends where no effort, however large, makes anybody that sure."
    blocks: list[Block] = [Figure(drawing, caption)]
    if report.confidence["unsure"].any():
        wide = report.confidence.pivot(index="confidence", columns="know", values="unsure")
        columns = [Column("confidence", "confidence", "percent", 0)]
        columns += [Column(know, KINDS[know], "percent") for know in ceilings.index]
        rows = wide.round(3).reset_index().to_dict("records")
        blocks.append(Table("Whom no effort makes sure enough, of people who", columns, rows))
    sentences = [
        f"People who {KINDS[know]} get no surer of acceptance than {share_of(ceiling)}, whatever "
        "they do."
        for know, ceiling in ceilings.items()
        if ceiling < SURE
    ]
    if sentences:
        blocks.append(Note(" ".join(sentences), title="The ceiling"))
    note = _of(report.thinned, report)
    yield Section("How sure people want to be", [*blocks, *note], intro=_CONFIDENCE)


def frontier_section(found: Frontier, measure: str, chosen: Designed | None = None) -> Section:
    """Return what each wanted share costs in accuracy."""
    table = found.table
    shown: list[Block] = []
    met = table.dropna(subset="price")
    if len(met):
        lines = [Reference(float(chosen.design.beta), "the design below")] if chosen else []
        series = [Series("best rule", met["beta"].tolist(), met["price"].tolist(),
                         kind="ours")]  # fmt: skip
        drawing = line_plot(
            series, title="What wanted effort costs", x_axis=f"wanted share of {measure}, at least",
            y_axis="rise of the loss", best="min", x_references=lines, percent_axis=True, digits=2,
        )  # fmt: skip
        shown.append(Figure(drawing, "Rise above the least loss that any rule has."))
    columns = [
        Column("beta", "asked for", "percent", 0),
        Column("share", f"found, of {measure}", "percent"),
        Column("accuracy", "accuracy", "percent"), Column("loss", "loss", "number", 5),
        Column("price", "rise of the loss", "percent", 2), Column("status", "certificate"),
    ]  # fmt: skip
    rows = _rounded(table[[column.key for column in columns]])
    groups = _BY_GROUP if any(each.shares for each in found.designs) else ""
    return Section(
        "What wanted effort costs",
        [*shown, Table("Frontier", columns, rows, _PROOFS)],
        intro=_FRONTIER + groups,
    )


def design_section(report: FullReport) -> Iterator[Section]:
    """Yield the designed rule beside the present one, and its certificate; or why there is none."""
    if report.unmet:
        yield Section("A better rule", [Note(report.unmet, title="There is none")])
    if report.designed is None or report.after is None:
        return
    designed, now = report.designed, report.audit
    weights = dict(zip(designed.rule.names, designed.rule.weights.tolist(), strict=True))
    present = dict(zip(now.rule.names, now.rule.weights.tolist(), strict=True))
    rows = [{"name": name, "now": present[name], "then": weights[name]} for name in present]
    rows.append({"name": "threshold", "now": now.rule.threshold, "then": designed.rule.threshold})
    columns = [Column("name", "feature"), Column("now", "present rule", "number"),
               Column("then", "designed rule", "number")]  # fmt: skip
    told = [
        {"what": what, "now": _share(before), "then": _share(after)}
        for what, before, after in _compared(report)
    ]
    both = [Column("what", "what"), Column("now", "present rule"), Column("then", "designed rule")]
    yield Section(
        "A better rule",
        [Table("What it does", both, told), Table("Weights", columns, rows)],
        intro=_DESIGN,
    )
    yield Section("Certificate", [Facts([*designed.facts()]), Prose(_CERTIFICATE)])


def costs_section(report: FullReport) -> Iterator[Section]:
    """Yield what becomes of shares and losses as an unwanted node gets cheaper."""
    if report.costs.empty:
        return
    betas = [name for name in report.costs if name.startswith("beta ") and name != "beta 0"]
    measure = report.setting.project.design["measure"]
    columns = [Column("weight", "cost, times", "number", 1),
               Column("share", f"wanted, of {measure}", "percent")]  # fmt: skip
    columns += [Column(name, f"at {percent(float(name[5:]), 0)}", "percent", 2) for name in betas]
    table = Table(f"If {report.cheaper} gets cheaper", columns, _rounded(report.costs), _BETAS)
    note = _of(len(report.setting.thinned(LONG).people), report)
    yield Section("If an unwanted way gets cheaper", [table, *note], intro=_COSTS)


def disclosure_section(report: FullReport) -> Iterator[Section]:
    """Yield what could be told to people, ranked."""
    if report.disclosure is not None:
        shown = [disclosure_table(report.disclosure), *_of(report.thinned, report)]
        yield Section("What to tell people", shown, intro=_DISCLOSURE)


def disclosure_table(found: Disclosure) -> Table:
    """Return what could be told, best first, between nothing and everything."""
    ends = pd.DataFrame([found.nothing, found.everything])
    ends["change"] = ends["share"].astype(float) - found.nothing["share"]
    columns = [
        Column("told", "told"), Column("share", f"wanted, of {found.measure}", "percent"),
        Column("change", "change", "percent"), Column("movers", "work on it", "percent"),
        Column("cost", "mean cost", "number"), Column("unsure", "never sure", "percent"),
    ]  # fmt: skip
    rows = _rounded(found.table.drop(columns="items")) + _rounded(ends.drop(columns="items"))
    return Table("What telling it would do", columns, rows)


def _compared(report: FullReport) -> Iterator[tuple[str, float | None, float | None]]:
    now, then = report.audit, report.after
    assert then is not None  # asked by `design_section` only
    for measure in ("effort", "cost"):
        yield f"wanted share of {measure}", now.shares[measure], then.shares[measure]
    whole = (now.groups.iloc[0], then.groups.iloc[0])
    for key, words in _OF_ALL.items():
        yield words, float(whole[0][key]), float(whole[1][key])
    for when, words in (("before", "accuracy before people respond"), ("after", "accuracy after")):
        yield words, now.accuracy.get(when), then.accuracy.get(when)
    if now.outcome and then.outcome:
        yield "score won without any outcome", now.outcome["gaming"], then.outcome["gaming"]


def _rounded(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows in which what rounding leaves of 0 is 0, shares by as much as is shown."""
    numbers = frame.select_dtypes("number")
    digits = {name: _DIGITS.get(str(name), 4) for name in numbers}
    return frame.assign(**numbers.round(digits) + 0.0).to_dict("records")


def _share(value: float | None) -> str:
    return share_of(float("nan") if value is None else value)


def _of(people: int, report: FullReport) -> list[Block]:
    """Return on how many people something rests, if not on all."""
    if people == len(report.setting.people):
        return []
    return [Prose(f"On {people:,} people, evenly spaced in the table.")]


_DIGITS = {"share": 3, "change": 3, "movers": 3, "unsure": 3, "accuracy": 3, "loss": 6, "cost": 6}


_KNOWING = (
    "People in doubt do not simply do less: they lean to levers that they are sure of, whether "
    "those are wanted or not. How much in doubt they are is what the project says."
)
_SURER = (
    "Work on passing: people who are accepted already may do so too, if they are in doubt of it. "
    "Accepted after: by the rule, whatever people know of it."
)
_CONFIDENCE = (
    "Who is in doubt and wants to be surer of acceptance has to do more, and does other things."
)
_FRONTIER = (
    "For each share that rule was found whose loss is least, among all that call forth at least so "
    "much wanted effort, of people who know rule and graph and have no limits but directions. The "
    "loss is the error that fitting a rule makes small; accuracy is before people respond."
)
_BY_GROUP = (
    " Where costs go by group, every group is asked for so much: the share found is that of the "
    "group which has least, and people together may have more."
)
_PROOFS = (
    "global: no such rule has a smaller loss. gap: there may be one, within a known bound. local: "
    "nothing is known about rules far away."
)
_DESIGN = (
    "The rule of least loss that calls forth the wanted share which was asked for. Below, both "
    "rules meet the people of the project."
)
_CERTIFICATE = (
    "The share by the model is exact for people who know rule and graph and have no limits but "
    "directions. The share of these people is what was measured on the table."
)
_BETAS = (
    "Wanted: under the present rule, of people who know rule and graph. Columns after it: how much "
    "the loss rises if the best rule has to have so large a wanted share. No value: no rule has."
)
_COSTS = (
    "Costs are guesses, and this one matters most: the way that is not wanted and pays best. If it "
    "were cheaper, what would become of the wanted share, and of the price of a better rule?"
)
_DISCLOSURE = (
    "Telling people one true thing takes away their doubt about it, and nothing else. Some things "
    "are better left unsaid: certainty about an unwanted way draws effort there."
)
