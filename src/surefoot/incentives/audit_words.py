"""An audit in words: for the terminal, and the sentences that its page shares."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from surefoot.ground.numerals import number, percent

if TYPE_CHECKING:
    from surefoot.incentives.auditing import AuditReport
    from surefoot.incentives.revealing import Disclosure

_MEASURES = {"effort": "of effort", "cost": "of its cost"}
_WIDTH = 100
_ROUNDING = 1e-9
# A ceiling of confidence above this is none to anybody.
SURE = 0.9995
# What a wanted direction is called.
WANTED = {1: "more", -1: "less", 0: ""}


def share_of(value: float, digits: int = 1) -> str:
    """Return a share as a percentage with so many decimals, however small."""
    return percent(round(value, digits + 2), digits) if np.isfinite(value) else percent(None)


def people(count: int) -> str:
    """Write how many people there are."""
    return f"{count:,} {'person' if count == 1 else 'people'}"


def efforts_of(mean: ArrayLike) -> list[float]:
    """Return the mean effort on each node; what rounding leaves where there is none is 0."""
    efforts = np.asarray(mean, dtype=float)
    return np.where(efforts > _ROUNDING * efforts.max(), efforts, 0.0).tolist()


def report_text(report: AuditReport) -> str:
    """Return what an audit found; sentences are wrapped, tables as wide as their names ask."""
    return "\n".join(_lines(report))


def in_doubt(row: Any) -> bool:
    """Return whether a row of ``AuditReport.nodes`` has an interval, and one of some width."""
    return bool(row.high - row.low > 1e-9 * abs(row.effective))


def shares_in_words(report: AuditReport) -> str:
    """Return the wanted share by every measure, such as ``34.5% of effort, 28.9% of its cost``."""
    if np.isnan(report.shares["effort"]):
        return "nobody exerts any effort"
    return ", ".join(f"{share_of(report.shares[name])} {of}" for name, of in _MEASURES.items())


def outcome_in_words(report: AuditReport) -> str:
    """Return what the outcome gains; nothing without an outcome model or without effort."""
    if not report.outcome or np.isnan(report.outcome["gaming"]):
        return ""
    gain, point = number(report.outcome["gain"]), number(report.shares["outcome"])
    idle = share_of(report.outcome["gaming"])
    return (
        f"Outcome: {gain} better in the mean of all people, {point} for each point of score won; "
        f"{idle} of the score won does the outcome no good."
    )


def perverse_in_words(report: AuditReport) -> Iterator[str]:
    """Yield a sentence for each wanted node for whose opposite the rule pays."""
    for row in report.nodes.itertuples(index=False):
        if row.perverse:
            paid, wanted = WANTED[-row.wanted], WANTED[row.wanted]
            sure = row.perverse == "surely" or not in_doubt(row)
            doubt = "" if sure else ", if the graph is right"
            yield f"The rule pays for {paid} {row.node}, where {wanted} is wanted{doubt}."


def target_in_words(report: AuditReport) -> str:
    """Return where effort goes if costs are linear, how firmly, and by whose costs."""
    return " ".join(filter(None, [_target(report), whose_costs(report)]))


def whose_costs(report: AuditReport) -> str:
    """Return by which group's costs the target was found; nothing if there is one group."""
    if len(report.ceiling) < 2:
        return ""
    return f"Where costs go by group, this is by those of {next(iter(report.ceiling))}."


def _target(report: AuditReport) -> str:
    target = report.target
    if target.node is None:
        return "No effort that is allowed raises the score: nobody has a way to pass."
    if target.margin < 1 + 1e-9:
        among = "some of it" if target.possibly else "none of it"
        wanted = "all of it wanted" if target.wanted else f"{among} wanted"
        return (
            f"Per unit of cost {target.node} and {target.runner_up} raise the score alike: a tie, "
            f"and effort may go to either, {wanted}."
        )
    wanted = "which is wanted" if target.wanted else "which is not wanted"
    begun = f"Per unit of cost nothing raises the score like {target.node}, {wanted}"
    if target.runner_up is None:
        return f"{begun}; nothing else raises it at all."
    times = number(target.margin, 2)
    return f"{begun}; {target.runner_up} would, were {target.node} {times} times as dear."


def ceiling_in_words(report: AuditReport) -> str:
    """Return the surest acceptance that any effort reaches, or nothing if there is no doubt."""
    lowest = min(report.ceiling.values(), default=1.0)
    if lowest >= SURE:
        return ""
    return f"However large the effort, acceptance gets no surer than {share_of(lowest)}."


def disclosure_text(found: Disclosure) -> str:
    """Return what could be told to people in doubt, best first."""

    def line(row: Any) -> Sequence[str]:
        change = row["share"] - found.nothing["share"]
        return (row["told"], share_of(row["share"]), share_of(change), share_of(row["movers"]),
                number(row["cost"]))  # fmt: skip

    head = ("told", f"wanted, of {found.measure}", "change", "move", "mean cost")
    rows = [*found.table.to_dict("records"), found.nothing, found.everything]
    best = f"tell: {found.best}" if found.best != "nothing" else "better left unsaid, all of it"
    return "\n".join([*_columns(head, [line(row) for row in rows]), "", best])


def _lines(report: AuditReport) -> Iterator[str]:
    counts = {words: count for words, count in report.response.counts.items() if count}
    told = ", ".join(f"{count:,} {words}" for words, count in counts.items())
    yield f"{people(len(report.response))}: {told}"
    yield f"wanted: {shares_in_words(report)}"
    yield ""
    yield from _columns(
        ("effort on", "direct", "effective", "interval", "wanted", "mean effort", "of score", ""),
        [
            (
                row.node, number(row.direct), number(row.effective),
                f"[{number(row.low)}, {number(row.high)}]" if in_doubt(row) else "",
                WANTED[row.wanted], number(effort), share_of(row.score),
                {"": "", "yes": "perverse", "surely": "perverse, surely"}[row.perverse],
            )
            for row, effort in zip(
                report.nodes.itertuples(index=False),
                efforts_of(report.nodes["effort"]),
                strict=True,
            )
        ],
    )  # fmt: skip
    yield ""
    for sentence in _sentences(report):
        yield from textwrap.wrap(sentence, _WIDTH)
    if len(report.groups) > 1:
        yield ""
        yield from _columns(
            ("group", "people", "move", "accepted before", "after", "wanted, of effort"),
            [
                (
                    str(row["group"]), f"{row['agents']:,}", share_of(row["moves"]),
                    share_of(row["accepted before"]), share_of(row["accepted after"]),
                    share_of(row["effort share"]),
                )
                for row in report.groups.to_dict("records")
            ],
        )  # fmt: skip


def _sentences(report: AuditReport) -> Iterator[str]:
    yield from perverse_in_words(report)
    yield target_in_words(report)
    yield ceiling_in_words(report)
    if report.accuracy:
        before, after = report.accuracy["before"], report.accuracy["after"]
        yield f"Accuracy: {share_of(before)} before people respond, {share_of(after)} after."
    yield outcome_in_words(report)


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows with their columns aligned, the first to the left."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        first, *others = (
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join([first, *others]).rstrip()
