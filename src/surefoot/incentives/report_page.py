"""The whole report as a page, and the frontier's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from surefoot.ground.blocks import Code, Page, Section
from surefoot.ground.numerals import counted
from surefoot.ground.study import environment
from surefoot.incentives.audit_page import (
    QUESTION,
    assumptions_section,
    before_after_section,
    edges_section,
    effort_section,
    groups_section,
    highlights,
    lead,
    weights_section,
)
from surefoot.incentives.audit_words import share_of
from surefoot.incentives.report_sections import (
    confidence_section,
    costs_section,
    design_section,
    disclosure_section,
    frontier_section,
    knowing_section,
)
from surefoot.incentives.reporting import FullReport
from surefoot.incentives.setting import Setting

if TYPE_CHECKING:
    from surefoot.incentives.designing.sweep import Frontier

# A wanted share may fall short of what was asked for by this much without a word.
_SHORT = 5e-4


def report_page(report: FullReport, command: str) -> Page:
    """Return the page of ``surefoot incentives report``.

    Parameters
    ----------
    report : FullReport
    command : str
        That made it.
    """
    audit, measure = report.audit, report.setting.project.design["measure"]
    frontier = report.frontier
    sections = [
        weights_section(audit), effort_section(audit), knowing_section(report),
        *confidence_section(report), groups_section(audit), *before_after_section(audit),
        *([] if frontier is None else [frontier_section(frontier, measure, report.designed)]),
        *design_section(report), *costs_section(report), *disclosure_section(report),
        *edges_section(audit), assumptions_section(), _made(command),
    ]  # fmt: skip
    return Page(
        title=f"Incentives: {report.setting.project.table.name}",
        question=QUESTION,
        lead=" ".join([lead(audit), *_in_short(report)]),
        highlights=highlights(audit),
        sections=sections,
        facts=_facts(report.setting),
    )


def frontier_page(found: Frontier, setting: Setting, command: str) -> Page:
    """Return the page of ``surefoot incentives frontier``."""
    measure = setting.project.design["measure"]
    return Page(
        title=f"Frontier: {setting.project.table.name}",
        question="What does wanted effort cost in accuracy?",
        lead=f"Shares are of {measure}, in what people do who know rule and graph.",
        sections=[frontier_section(found, measure), assumptions_section(), _made(command)],
        facts=_facts(setting),
    )


def _in_short(report: FullReport) -> Iterator[str]:
    """Yield what became of the design, in a sentence."""
    if report.unmet:
        yield "**No rule calls forth the wanted share that was asked for.**"
    if report.designed is not None and report.after is not None:
        designed, now, then = report.designed, report.audit.accuracy, report.after.accuracy
        share = share_of(designed.shares[designed.measure])
        yield (
            f"Under the rule designed below the wanted share would be **{share} of "
            f"{designed.measure}**. Before people respond it is right about "
            f"{share_of(then['before'])} of them, where the present rule is about "
            f"{share_of(now['before'])}; after, {share_of(then['after'])} and "
            f"{share_of(now['after'])}."
        )
        if designed.shares[designed.measure] < designed.design.beta - _SHORT:
            asked = share_of(designed.design.beta)
            yield (
                f"**It was designed for {asked}:** people's limits and doubts, which a design "
                "leaves out, take away the rest."
            )


def _made(command: str) -> Section:
    return Section("How this was made", [Code(command)])


def _facts(setting: Setting) -> list[tuple[str, str]]:
    rows = counted(len(setting.people), "row")
    dropped = f", {setting.dropped:,} incomplete ones left out" if setting.dropped else ""
    return [("table", f"{setting.project.table.name}: {rows}{dropped}"), *environment().items()]
