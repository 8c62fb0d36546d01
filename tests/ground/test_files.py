from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from surefoot.ground.errors import StorageError
from surefoot.ground.files import finite, replacing, storage, write_json, write_text


def test_a_file_appears_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "deep" / "a.txt", "grün")
    assert (tmp_path / "deep" / "a.txt").read_text(encoding="utf-8") == "grün"
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.txt"]


def test_a_failure_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="half way"), replacing(target) as part:
        part.write_text("new")
        raise RuntimeError("half way")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "no permission")],
)
def test_storage_failures_are_one_clear_line(code: int, words: str) -> None:
    with pytest.raises(StorageError, match=words) as caught, storage("out/x"):
        raise OSError(code, "technical")
    assert "\n" not in str(caught.value)


def test_other_os_errors_pass_through() -> None:
    with pytest.raises(FileNotFoundError, match="gone"), storage("x"):
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="a file is where its folder should be"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_json_has_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": np.array([1.0, np.nan]), "y": float("inf"), 1: (2,)})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1.0, None], "y": None, "1": [2]}


def test_finite_keeps_types() -> None:
    assert finite({"a": True, "b": np.int64(3), "c": "x", "d": None}) == {
        "a": True,
        "b": 3,
        "c": "x",
        "d": None,
    }
