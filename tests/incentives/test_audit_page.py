"""The pages of audit and report: what they say, and that they can be read on a phone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tests.browser import open_page
from tests.incentives.example_project import example
from tests.incentives.test_audit_words import report

from surefoot.ground.page import Page, Section, Table, render, write
from surefoot.incentives.assumptions import ASSUMPTIONS
from surefoot.incentives.audit_page import audit_page
from surefoot.incentives.audit_words import share_of
from surefoot.incentives.project import Project
from surefoot.incentives.report_page import frontier_page, report_page
from surefoot.incentives.reporting import FullReport, full_report
from surefoot.incentives.setting import Setting
from surefoot.incentives.workflow import frontier


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> FullReport:
    path = example(
        tmp_path_factory.mktemp("example"),
        {"graph.cv = {": "graph.cv = { #", "rule.cv = 0.2": "graph.cv = 0.9\nrule.cv = 0.2"},
    )
    text = path.read_text()
    kept = [line for line in text.splitlines() if "{ #" not in line]
    path.write_text("\n".join(kept).replace("0.8\n", "2.0\n"))
    setting = Setting.of(Project.load(path))
    return full_report(setting, setting.agents(), None)


def test_a_page_of_an_audit(tmp_path: Path) -> None:
    found = report(0.75, sd=0.01, outcome={"smoking": -0.5}, y=[1, 0, 1, 0])
    page = audit_page(found, command="surefoot incentives audit")
    titles = [section.title for section in page.sections]
    assert titles == [
        "What the rule pays for", "Where effort goes", "For whom", "Before and after",
        "How wrong may an arrow be?", "What this rests on", "How this was made",
    ]  # fmt: skip
    text = render(page)
    for told in ("pays for more smoking", "pays for the opposite", "Pure gaming", *ASSUMPTIONS):
        assert told in text
    bare = [section.title for section in audit_page(report(-1.0)).sections]
    assert "How this was made" not in bare
    found.write_page(tmp_path / "audit.html", command="surefoot incentives audit")
    assert (tmp_path / "audit.html").read_text() == text


def test_nobody_moves_and_the_page_says_so() -> None:
    text = render(audit_page(report(-1.0, threshold=-99)))
    assert "nobody exerts any effort" in text
    assert "no value" in text


def test_names_are_text(tmp_path: Path) -> None:
    from surefoot.incentives.agents import Agents
    from surefoot.incentives.auditing import audit
    from surefoot.incentives.costs import LpCost
    from surefoot.incentives.graph import CausalGraph
    from surefoot.incentives.rules import LinearRule

    names = ["<b>bmi</b>", "a & b"]
    people = pd.DataFrame({name: [0.0, 1.0] for name in names})
    agents = Agents(people, CausalGraph.identity(names), LpCost(2))
    found = audit(LinearRule([1.0, 1.0], 3.0, names), agents, {names[0]: 1})
    assert "<b>bmi</b>" not in render(audit_page(found))


def test_the_whole_report_has_all_that_was_promised(whole: FullReport) -> None:
    page = report_page(whole, "surefoot incentives report")
    assert [section.title for section in page.sections] == [
        "What the rule pays for", "Where effort goes", "What people know",
        "How sure people want to be", "For whom", "Before and after", "What wanted effort costs",
        "A better rule", "Certificate", "If an unwanted way gets cheaper", "What to tell people",
        "How wrong may an arrow be?", "What this rests on", "How this was made",
    ]  # fmt: skip
    text = render(page)
    assert "wanted effort" in text
    assert "lower bound of the loss" in text
    assert "medical" in text
    assert "The ceiling" in text, "nobody gets surer with cv = 0.9"
    assert "numpy" in text


def test_the_first_lines_tell_the_designed_rule_with_its_measure(whole: FullReport) -> None:
    told = report_page(whole, "surefoot").lead
    assert "the wanted share would be **60.0% of effort**" in told
    assert whole.after is not None
    assert f"right about {share_of(whole.after.accuracy['before'])} of them" in told
    assert "It was designed for" not in told
    assert whole.designed is not None
    less = replace(whole, designed=replace(whole.designed, shares={"effort": 0.3, "cost": 0.4}))
    told = report_page(less, "surefoot").lead
    assert "**30.0% of effort**" in told
    assert "It was designed for 60.0%:" in told


def test_costs_begin_where_audit_and_frontier_are(whole: FullReport) -> None:
    present = whole.costs.iloc[0]
    assert present["share"] == pytest.approx(whole.audit.shares["effort"])
    assert whole.frontier is not None
    prices = whole.frontier.table["price"].to_numpy()
    assert present.filter(like="beta").to_numpy() == pytest.approx(prices, abs=1e-6)


def test_a_way_gets_cheaper_for_every_group(tmp_path: Path) -> None:
    apart = "[cost.groups.A]\nweights = { blood_pressure = 2 }\n\n[desirable]"
    setting = Setting.of(Project.load(example(tmp_path, {"[desirable]": apart})))
    found = full_report(setting, setting.agents(), None)
    assert found.costs["weight"][0] == 1
    assert found.costs["share"][0] == pytest.approx(found.audit.shares["effort"])


def test_no_table_shows_what_rounding_leaves(whole: FullReport) -> None:
    for section in report_page(whole, "surefoot").sections:
        for block in section.blocks:
            assert not isinstance(block, Table) or "10⁻⁴%" not in render(
                Page("p", "q", "r", [Section("s", [block])])
            )


def test_what_the_report_computes_is_what_it_shows(whole: FullReport) -> None:
    setting = whole.setting
    assert set(whole.knowing) == {"everything", "rule", "graph"}
    rows = whole.confidence.set_index(["know", "confidence"])
    half = rows.loc[("rule", 0.5)]
    assert half["share"] == pytest.approx(whole.audit.shares["effort"], abs=1e-6), "risk-neutral"
    ceiling = half["ceiling"]
    for confidence in (0.7, 0.9, 0.95, 0.99):
        assert (rows.loc[("rule", confidence)]["unsure"] > 0) == (confidence > ceiling)
    assert whole.designed is not None
    assert whole.after is not None
    assert whole.after.shares["effort"] == pytest.approx(whole.designed.shares["effort"])
    assert whole.cheaper == "triglycerides"
    assert whole.costs["share"].is_monotonic_decreasing, "a cheaper unwanted way draws effort"
    assert len(setting.thinned(100).people) == 89


@pytest.mark.browser
@pytest.mark.parametrize("width", [1100, 360])
def test_pages_open_without_scrolling_sideways(
    whole: FullReport, tmp_path: Path, width: int
) -> None:
    found = frontier(whole.setting, [0.2, 0.8])
    pages = {
        "audit": audit_page(report(0.75, sd=0.01, y=[1, 0, 1, 0]), command="surefoot"),
        "report": report_page(whole, "surefoot incentives report"),
        "frontier": frontier_page(found, whole.setting, "surefoot incentives frontier"),
    }
    for name, page in pages.items():
        write(page, tmp_path / f"{name}.html")
        with open_page(tmp_path / f"{name}.html", width=width) as opened:
            assert opened.evaluate("document.documentElement.scrollWidth") <= width
            assert opened.locator("h1").count() == 1
