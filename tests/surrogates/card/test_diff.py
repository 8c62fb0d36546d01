from __future__ import annotations

from typing import Any

from tests.surrogates.card.examples import complete, declared, edited, evidence

from surefoot.surrogates.card.build import build_card
from surefoot.surrogates.card.diff import diff
from surefoot.surrogates.card.document import Card


def changes(a: Card, b: Card) -> list[tuple[str, str]]:
    return [(change.field, change.sentence) for change in diff(a, b)]


def card(measured: dict[str, Any] | None = None, **stated: Any) -> Card:
    return build_card(evidence(**(measured or {})), declared(**stated))


def test_a_card_does_not_differ_from_itself() -> None:
    assert diff(complete(), complete()) == []


def test_a_number_is_told_with_its_relative_change() -> None:
    after = card({"learning__fit_cpu": 2.7, "data__n_runs": 84})
    assert changes(complete(), after) == [
        ("data.n_runs", "77 → 84 (+9.09 %)"),
        ("learning.fit_cpu", "5.4 → 2.7 (−50 %)"),
    ]
    assert changes(after, complete())[1] == ("learning.fit_cpu", "2.7 → 5.4 (+100 %)")


def test_from_zero_there_is_no_relative_change() -> None:
    assert changes(complete(), card({"data__duplicates": 3})) == [("data.duplicates", "0 → 3")]


def test_a_change_of_status_is_told_in_words() -> None:
    without = card(need__purpose=None)
    assert changes(complete(), without) == [("need.purpose", "declared → missing")]
    assert changes(without, complete()) == [
        ("need.purpose", "missing → declared: Find the best orifice.")
    ]
    assert changes(complete(), card(data__licence={"not_applicable": "no data"})) == [
        ("data.licence", "declared → not applicable: not applicable: no data")
    ]


def test_rows_are_found_by_their_texts_wherever_they_stand() -> None:
    rows = evidence()["evaluation.scores"]
    crps = {"output": "flow", "metric": "crps", "estimate": 0.1}
    changed = [crps, rows[1], rows[0] | {"high": 0.0036}]
    assert changes(complete(), card({"evaluation__scores": changed})) == [
        ("evaluation.scores.flow nrmse.high", "0.0024 → 0.0036 (+50 %)"),
        ("evaluation.scores.flow crps", "none → output flow, metric crps, estimate 0.1"),
    ]


def test_rows_with_the_same_texts_are_told_by_their_turn() -> None:
    rows = evidence()["evaluation.coverage"]
    rows[2] = rows[2] | {"estimate": 0.48}
    assert changes(complete(), card({"evaluation__coverage": rows})) == [
        ("evaluation.coverage.flow #3.estimate", "0.96 → 0.48 (−50 %)")
    ]


def test_a_truth_value_is_not_a_number() -> None:
    noise = {"stochastic": 0, "repeated_points": False}
    found = [change.field for change in diff(complete(), card({"data__noise": noise}))]
    assert found == ["data.noise.stochastic", "data.noise.repeated_points"]


def test_reasons_and_units_count_and_cited_hashes_do_not() -> None:
    card = complete()
    assert changes(card, edited(card, "data.sources", reason="just one")) == [
        ("data.sources.reason", "one simulator → just one")
    ]
    assert changes(card, edited(card, "data.n_runs", evidence={"store": "another"})) == []
