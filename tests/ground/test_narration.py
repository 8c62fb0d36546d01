from __future__ import annotations

import warnings

import pytest

from surefoot.ground.errors import InterruptedRunError
from surefoot.ground.narration import narrated


def test_a_warning_is_a_note_told_once(capsys: pytest.CaptureFixture) -> None:
    with narrated("surefoot x", keeps=True):
        for _ in range(2):
            warnings.warn("few rows", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "note: few rows\n"


@pytest.mark.parametrize(("keeps", "words"), [(True, "to go on"), (False, "to begin again")])
def test_after_ctrl_c_the_command_is_told(keeps: bool, words: str) -> None:
    with pytest.raises(InterruptedRunError, match=f"{words}: surefoot x"):
        with narrated("surefoot x", keeps=keeps):
            raise KeyboardInterrupt
