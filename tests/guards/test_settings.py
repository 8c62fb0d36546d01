"""Guard 4: every field that describes work is classified."""

from __future__ import annotations

from dataclasses import fields

from surefoot.ground.identity import CHANGES_RESULT
from surefoot.ground.ledger import Identity
from surefoot.ground.study import SETTING_EFFECTS, Settings
from surefoot.ground.work import Cell


def test_every_field_of_a_cell_is_classified() -> None:
    names = {f.name for f in fields(Identity)} | {f.name for f in fields(Cell)}
    assert set(CHANGES_RESULT) == names, (
        "say in surefoot.ground.identity whether the new field changes the result; if it does, it "
        "belongs into Identity, and old records are not reused"
    )


def test_every_study_setting_is_classified() -> None:
    assert set(SETTING_EFFECTS) == {f.name for f in fields(Settings)}, (
        "say in surefoot.ground.study whether the new setting changes the result"
    )
