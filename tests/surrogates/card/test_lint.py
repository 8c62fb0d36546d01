from __future__ import annotations

from typing import Any

import pytest
from tests.surrogates.card.examples import complete, declared, edited, evidence

from surefoot.surrogates.card.build import build_card
from surefoot.surrogates.card.fields import FAMILIES
from surefoot.surrogates.card.lint import lint

FLOW = {"output": "flow", "metric": "nrmse"}
NO_DISTRIBUTION = {"model__probabilistic": False, "model__uncertainty": None}
POINT_SCORES = [{**FLOW, "estimate": 0.01, "low": 0.0, "high": 0.02}]
BARE_SCORES = [{**FLOW, "metric": "crps", "estimate": 0.01}]


def test_a_complete_card_leaves_nothing_to_ask() -> None:
    assert lint(complete()) == []


# What is left out or turned wrong: of the evidence, of the declarations, the rule, its field.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "cost of a run": ({"need__run_cost": None}, {}, "no-run-cost", "need.run_cost"),
    "alternatives": ({}, {"need__alternatives": None}, "no-alternatives", "need.alternatives"),
    "reason for the design": (
        {}, {"data__design_reason": None}, "no-design-reason", "data.design_reason"),
    "seeds": ({"learning__seeds": None}, {}, "no-seeds", "learning.seeds"),
    "rows of the choice": (
        {"evaluation__selected_on": None}, {}, "no-selection-rows", "evaluation.selected_on"),
    "baselines": ({"evaluation__baselines": None}, {}, "no-baseline", "evaluation.baselines"),
    "stress": ({"evaluation__stress": None}, {}, "no-stress", "evaluation.stress"),
    "tasks": ({"evaluation__tasks": None}, {}, "no-task", "evaluation.tasks"),
    "out of scope": (
        {}, {"downstream__out_of_scope": None}, "no-out-of-scope", "downstream.out_of_scope"),
    "limits": ({}, {"downstream__limitations": None}, "no-limits", "downstream.limitations"),
    "purpose": ({}, {"need__purpose": None}, "missing", "need.purpose"),
    "coverage": ({"evaluation__coverage": None}, {}, "missing", "evaluation.coverage"),
    "uncertainty": (NO_DISTRIBUTION, {}, "no-uncertainty", "model.uncertainty"),
    "proper scores": (
        {"evaluation__scores": POINT_SCORES}, {}, "only-point-scores", "evaluation.scores"),
    "intervals": ({"evaluation__scores": BARE_SCORES}, {}, "no-intervals", "evaluation.scores"),
    "what the family must report": (
        {"learning__details": {"search_space": ["pce"], "budget": "", "selection_metric": "r2"}},
        {}, "incomplete-family", "learning.details.budget"),
    "a known family": (
        {"learning__family": "guessing"}, {}, "unknown-family", "learning.family"),
    "rows without a say": (
        {"evaluation__selected_on": "Test rows"}, {}, "chosen-on-test", "evaluation.selected_on"),
    "measuring": (
        {"data__n_runs": None}, {"data__n_runs": 80}, "declared-not-measured", "data.n_runs"),
    "comparability": (
        {}, {"data__sources": [{"name": "coarse", "comparability": "partly"}, {"name": "fine"}]},
        "uncompared-sources", "data.sources"),
    "gain": (
        {"evaluation__baselines": [{**FLOW, "baseline": "mean", "estimate": 0.001}]}, {},
        "no-gain", "evaluation.baselines"),
    "need": (
        {"need__verdict": {"verdict": "not warranted"}}, {}, "not-warranted", "need.verdict"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_gap_is_found_and_nothing_else(case: str) -> None:
    measured, stated, rule, field = CASES[case]
    findings = lint(build_card(evidence(**measured), declared(**stated)))
    assert (rule, field) in [(finding.rule, finding.field) for finding in findings]
    # Leaving out one thing may be two gaps: no uncertainty is also a required field left out.
    assert {finding.field for finding in findings} == {field}
    assert all(finding.sentence and finding.remedy for finding in findings)


def test_a_field_without_its_reason_is_found() -> None:
    card = edited(complete(), "data.sources", reason=None)
    assert [(f.rule, f.field) for f in lint(card)] == [("no-reason", "data.sources")]


def test_a_misspelt_field_is_found_and_an_extension_is_not() -> None:
    card = edited(complete(), "data.wether", value="fine", status="declared")
    assert [(f.rule, f.field) for f in lint(card)] == [("unknown-field", "data.wether")]
    assert lint(edited(complete(), "data.x-weather", value="fine", status="declared")) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_its_own_list(family: str) -> None:
    changed = evidence(learning__family=family, learning__details={})
    findings = lint(build_card(changed, declared()))
    assert [f.field for f in findings] == [f"learning.details.{name}" for name in FAMILIES[family]]


def test_errors_come_first() -> None:
    severities = [finding.severity for finding in lint(build_card({}, {}))]
    assert severities == sorted(severities)  # "error" stands before "warning" in the alphabet too
    assert set(severities) == {"error", "warning"}


def test_a_reason_that_a_field_does_not_apply_is_an_answer() -> None:
    stated = declared(need__alternatives={"not_applicable": "a student's exercise"})
    assert lint(build_card(evidence(), stated)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("learning.family", ["automated search"]),
        ("learning.details", "none"),
        ("evaluation.scores", [{"output": ["y"], "metric": "nrmse", "estimate": "0.1"}]),
        ("evaluation.baselines", [{"output": ["y"], "metric": "nrmse", "estimate": "0.1"}]),
    ],
)
def test_a_card_that_was_edited_by_hand_is_still_read(path: str, value: Any) -> None:
    assert isinstance(lint(edited(complete(), path, value=value)), list)
