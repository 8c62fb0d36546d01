from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.surrogates.card.examples import DECLARED, EVIDENCE, HASH, declared, evidence

from surefoot.ground.errors import InputError
from surefoot.surrogates.card.build import build_card
from surefoot.surrogates.card.fields import FIELDS


def test_who_filled_a_field_is_kept() -> None:
    card = build_card(EVIDENCE, DECLARED)
    assert card["data.n_runs"] == {
        "value": 77, "status": "measured", "evidence": {"store": HASH}
    }  # fmt: skip
    assert card["learning.seeds"]["evidence"] == {"store": HASH, "model": HASH}
    assert "evidence" not in card["learning.versions"]
    assert card["need.run_cost"]["unit"] == "s"
    assert card["need.purpose"] == {"value": "Find the best orifice.", "status": "declared"}
    assert card["data.sources"] == {
        "value": None, "status": "not_applicable", "reason": "one simulator"
    }  # fmt: skip


def test_without_anything_every_required_field_is_missing() -> None:
    card = build_card({}, {})
    assert card.counts()["missing"] == sum(field.required for field in FIELDS.values())
    card.validate()


def test_what_may_be_left_out_is() -> None:
    card = build_card({}, {})
    assert "ethics" not in card.content
    assert "pit" not in card.content["evaluation"]
    assert build_card({}, declared(ethics__affected="nobody")).content["ethics"]


@pytest.mark.parametrize("value", [78, 77, {"not_applicable": "no runs"}])
def test_a_declaration_never_overwrites_a_measurement(value: Any) -> None:
    with pytest.raises(InputError, match=r"declared data\.n_runs: .*this was measured"):
        build_card(EVIDENCE, declared(data__n_runs=value))


def test_what_could_be_measured_may_be_declared() -> None:
    card = build_card(evidence(data__n_runs=None), declared(data__n_runs=80))
    assert card["data.n_runs"]["status"] == "declared"


def test_numbers_of_numpy_and_what_is_not_finite_become_json() -> None:
    found = evidence(data__n_runs=np.int64(5), data__noise={"sd": np.float64("nan")})
    card = build_card(found, {})
    assert type(card["data.n_runs"]["value"]) is int
    assert card["data.noise"]["value"] == {"sd": None}


def test_other_names_are_taken_as_they_are() -> None:
    card = build_card({}, {"x-project": {"code": 7}, "data": {"x-archive": "shelf 3"}})
    assert card.content["x-project"] == {"code": 7}
    assert card.content["data"]["x-archive"] == "shelf 3"
    card.validate()


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown section": ({}, {"needs": {}}, "declared section: .*did you mean 'need'"),
    "unknown field": ({}, {"need": {"porpose": "x"}}, "field of need: .*did you mean 'purpose'"),
    "section that is no table": ({}, {"need": "all"}, "declared need: .*a table of fields"),
    "unknown evidence": ({"data.n": 3}, {}, "evidence: found 'data.n'"),
    "evidence of another type": ({"data.n_runs": "3"}, {}, r"evidence data\.n_runs: .*whole"),
    "empty text": ({}, {"need": {"purpose": " "}}, r"need\.purpose: .*not empty"),
    "truth for a count": ({}, {"need": {"runs_needed": True}}, r"need\.runs_needed: .*whole"),
    "count below zero": ({}, {"need": {"runs_needed": -1}}, r"need\.runs_needed: .*0 or more"),
    "text for a list": ({}, {"downstream": {"authors": "me"}}, r"downstream\.authors: .*a list"),
    "list for a table": ({}, {"data": {"sources": ["hf"]}}, r"data\.sources: .*array of tables"),
    "no reason": ({}, {"data": {"sources": {"not_applicable": ""}}}, "the reason"),
    "reason and more": (
        {}, {"data": {"sources": {"not_applicable": "x", "value": 1}}}, "nothing else"),
    "not a number": ({"learning.fit_cpu": float("nan")}, {}, r"learning\.fit_cpu: .*finite"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str) -> None:
    measured, stated, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        build_card(measured, stated)
