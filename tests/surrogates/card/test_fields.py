from __future__ import annotations

from typing import Any

import pytest

from surefoot.surrogates.card.document import STATUSES, schema
from surefoot.surrogates.card.fields import FAMILIES, FIELDS, SECTIONS

SECTION_SCHEMAS: dict[str, Any] = {name: schema()["properties"][name] for name in SECTIONS}


def test_the_schema_has_the_sections_of_the_list() -> None:
    assert set(schema()["properties"]) == {"schema", "id", "signatures", *SECTIONS}
    assert {f.section for f in FIELDS.values()} == set(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_schema_has_the_fields_of_the_list(section: str) -> None:
    fields = {p.split(".")[1]: f for p, f in FIELDS.items() if f.section == section}
    found = SECTION_SCHEMAS[section]
    assert found["title"] == SECTIONS[section]
    assert found["properties"] == {
        name: {"$ref": f"#/$defs/{f.kind}", "description": f.question} for name, f in fields.items()
    }
    assert found.get("required", []) == [name for name, f in fields.items() if f.required]


def test_a_section_is_required_if_a_field_of_it_is() -> None:
    required = {f.section for f in FIELDS.values() if f.required}
    assert set(schema()["required"]) == {"schema", "id", *required}
    assert "ethics" not in required


def test_the_schema_knows_the_statuses() -> None:
    assert schema()["$defs"]["field"]["properties"]["status"]["enum"] == list(STATUSES)


def test_every_question_is_asked_once() -> None:
    questions = [field.question for field in FIELDS.values()]
    assert len(set(questions)) == len(questions)
    assert all(question.endswith("?") for question in questions)


def test_there_are_seven_families_with_something_to_report() -> None:
    assert len(FAMILIES) == 7
    assert all(FAMILIES.values())
