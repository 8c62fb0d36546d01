from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.surrogates.card.examples import EVIDENCE, HASH, complete, edited

from surefoot.ground.errors import InputError, MissingExtraError
from surefoot.surrogates.card.document import Card, canonical


def test_the_id_is_that_of_the_content_whatever_its_order() -> None:
    card = complete()
    assert card.content["id"] == card.fingerprint()
    turned = dict(reversed(card.content.items()))
    assert Card(turned).fingerprint() == card.fingerprint()
    assert Card({**card.content, "signatures": [{"by": "me"}]}).fingerprint() == card.fingerprint()
    assert edited(card, "need.purpose", value="Another.").fingerprint() != card.fingerprint()


def test_sealing_a_changed_card_drops_signatures_of_the_old_one() -> None:
    signed = Card({**complete().content, "signatures": [{"by": "me"}], "x-note": 1})
    assert "signatures" not in signed.sealed().content
    assert signed.sealed().content["id"] != signed.content["id"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_the_id_survives_a_file(value: Any) -> None:
    card = Card({"schema": "smrs-card/1.0", "x-any": value})
    again = Card(json.loads(json.dumps(card.content)))
    assert again.fingerprint() == card.fingerprint()


def test_canonical_json_is_exact() -> None:
    assert canonical({"b": [1.0, 1e-7], "a": "é"}) == '{"a":"\\u00e9","b":[1.0,1e-07]}'


def test_a_card_is_read_as_it_was_saved(tmp_path: Path) -> None:
    card = complete()
    card.save(tmp_path / "card.json")
    assert Card.from_file(tmp_path / "card.json") == card


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[1]", "found 'list'; allowed: a card"),
        ("{}", "schema: found None; allowed: a card that names its schema"),
        ('{"schema": "model-card/1.0"}', "schema: found 'model-card/1.0'"),
        ('{"schema": "smrs-card/2.0"}', "a newer Surefoot reads newer cards"),
    ],
)
def test_what_is_no_card_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        Card.from_file(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Card.from_file(tmp_path / "none.json")


def test_a_newer_minor_version_is_read() -> None:
    content = {**complete().content, "schema": "smrs-card/1.7"}
    content["data"] = {**content["data"], "weather": {"value": "fine", "status": "declared"}}
    card = Card(content).sealed()
    card.validate()
    assert dict(card.fields())["data.weather"]["value"] == "fine"


def test_the_complete_card_is_valid() -> None:
    complete().validate()


INVALID: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown status": ("data.n_runs", {"status": "guessed"}, "data.n_runs.status: found 'guessed'"),
    "measured nothing": ("data.n_runs", {"value": None}, "data.n_runs"),
    "not applicable, no reason": (
        "need.purpose", {"value": None, "status": "not_applicable"}, "'reason' is a required"),
    "not applicable, with a value": (
        "need.purpose", {"status": "not_applicable", "reason": "none"}, "need.purpose"),
    "missing, with a value": ("need.purpose", {"status": "missing"}, "need.purpose"),
    "another type": ("data.n_runs", {"value": "77"}, "'77' is not"),
    "unknown part": ("data.n_runs", {"source": "me"}, "'source' does not match"),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_invalid_fields_are_named(case: str) -> None:
    path, parts, message = INVALID[case]
    with pytest.raises(InputError, match=message):
        edited(complete(), path, **parts).validate()


def test_a_field_that_is_left_out_is_invalid() -> None:
    content = copy.deepcopy(dict(complete().content))
    del content["learning"]["seeds"]
    with pytest.raises(InputError, match="learning: .*'seeds' is a required property"):
        Card(content).sealed().validate()


def test_a_changed_card_under_the_old_id_is_invalid() -> None:
    with pytest.raises(InputError, match="that of the content"):
        Card({**complete().content, "id": HASH}).validate()


def test_validation_names_the_extra_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(MissingExtraError, match=r"surefoot\[surrogates\]"):
        complete().validate()


def test_every_field_counts_once() -> None:
    card = complete()
    counts = card.counts()
    assert counts == {"measured": 37, "declared": 13, "not_applicable": 3, "missing": 0}
    assert counts["measured"] == len(EVIDENCE)
    assert card.summary() == "37 measured · 13 declared · 3 not applicable · 0 missing"


def test_a_required_field_that_is_left_out_counts_as_missing_and_an_optional_one_not() -> None:
    content = copy.deepcopy(dict(complete().content))
    del content["learning"]["seeds"], content["evaluation"]["pit"]
    counts = Card(content).counts()
    assert (counts["measured"], counts["missing"]) == (35, 1)


def test_the_title_is_the_simulator() -> None:
    assert complete().title == "solver 1.3"
    assert Card({"schema": "smrs-card/1.0"}).title == "a simulator without a name"


@pytest.mark.parametrize("suffix", [".json", ".md", ".html", ".tex"])
def test_every_form_is_written(tmp_path: Path, suffix: str) -> None:
    complete().save(tmp_path / f"card{suffix}")
    text = (tmp_path / f"card{suffix}").read_text()
    assert "Find the best orifice" in text
    assert [path.name for path in tmp_path.iterdir()] == [f"card{suffix}"]


def test_an_unknown_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found '\.pdf'; allowed: '\.json', '\.md'"):
        complete().save(tmp_path / "card.pdf")
    assert not list(tmp_path.iterdir())


def test_fields_of_a_damaged_card_are_missing_not_an_error() -> None:
    card = Card({"schema": "smrs-card/1.0", "need": [], "data": {"n_runs": 3}})
    assert card["need.purpose"]["status"] == card["data.n_runs"]["status"] == "missing"
    assert card.counts()["measured"] == 0
    assert card.rows("evaluation.scores") == []
