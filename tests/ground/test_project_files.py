from __future__ import annotations

from pathlib import Path

import pytest

from surefoot import InputError
from surefoot.ground.project_files import checked, read_project, within

KINDS = {"n": (lambda v: isinstance(v, int), "a whole number")}


def test_a_project_is_read_or_told_what_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    with pytest.raises(InputError, match="`surefoot x init` writes one"):
        read_project(path, "surefoot x init")
    path.write_text("[a]\nn = 1\n", encoding="utf-8")
    assert read_project(path, "surefoot x init") == {"a": {"n": 1}}
    for wrong in (b"n = ", b"\xff\xfe", b"a = " + b"[" * 5000):
        path.write_bytes(wrong)
        with pytest.raises(InputError, match="allowed: TOML"):
            read_project(path, "surefoot x init")


def test_keys_are_known_of_their_kind_and_complete() -> None:
    assert checked("[a]", {"n": 1}, KINDS, ["n"]) == {"n": 1}
    with pytest.raises(InputError, match=r"\[a\] n: found '1'; allowed: a whole number"):
        checked("[a]", {"n": "1"}, KINDS)
    with pytest.raises(InputError, match=r"\[a\] n: found nothing|\[a\] n: found 'nothing'"):
        checked("[a]", {}, KINDS, ["n"])
    with pytest.raises(InputError, match=r"\[a\] key: found 'nn'.*did you mean 'n'"):
        checked("[a]", {"nn": 1}, KINDS)


def test_an_error_is_told_with_its_place() -> None:
    with pytest.raises(InputError, match=r"\[a\] p: found 2"), within("[a]"):
        raise InputError("p", 2, "1")
