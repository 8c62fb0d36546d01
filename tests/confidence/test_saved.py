"""Files without pickle: what was saved comes back, and everything else is refused by type."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surefoot.confidence.result import InferenceResult
from surefoot.ground import saved
from surefoot.ground.errors import InputError, StorageError

CHAINS = np.random.default_rng(0).normal(size=(50, 2))
RESULT = InferenceResult(
    [0.1, -2],
    CHAINS,
    ["x1", "größe"],
    n_seen=100,
    n_steps=10,
    confidence_level=0.9,
    companions={"plugin": [0.1, np.nan]},
    diagnostics={"predicted bias / SD": np.float64(0.1), "rank of the pilot": "2 of 2"},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    where = tmp_path / "result.npz"
    RESULT.save(where)
    return where


def test_a_result_comes_back(path: Path) -> None:
    found = InferenceResult.load(path)
    assert found.to_frame().equals(RESULT.to_frame())
    assert found.summary() == RESULT.summary()
    assert np.array_equal(found.chains, RESULT.chains)


def test_an_old_file_stays_when_the_new_one_fails(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(InputError, match="numbers, truth values and text"):
        saved.write(path, "InferenceResult", {"names": object()}, {})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, FileExistsError), match="file"):
        RESULT.save(tmp_path / "file" / "result.npz")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No such file.*a saved InferenceResult"):
        InferenceResult.load(tmp_path / "nothing.npz")
    with pytest.raises(InputError, match="Is a directory"):
        InferenceResult.load(tmp_path)


def one_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, CHAINS)


def pickled(path: Path) -> None:
    np.savez(path, header=np.array([{"kind": "InferenceResult"}], dtype=object))


def pickled_among_others(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as file, file.open("extra.npy", "w") as member:
        np.save(member, np.array([print], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("center,chains\n1,2\n"),
        one_array,
        lambda path: np.savez(path, chains=CHAINS),
        lambda path: np.savez(path, header=np.array("{")),
        lambda path: np.savez(path, header=np.array('["list"]')),
        pickled,
        pickled_among_others,
    ],
)
def test_foreign_files(write: Any, path: Path) -> None:
    write(path)
    with pytest.raises(InputError, match="a damaged or foreign file"):
        InferenceResult.load(path)


def rewritten(path: Path, **changes: Any) -> Path:
    """Return the file with another header."""
    with np.load(path) as stored:
        arrays = dict(stored)
    header = json.loads(str(arrays.pop("header"))) | changes
    np.savez(path, header=np.array(json.dumps(header)), **arrays)
    return path


def test_files_of_other_kinds_and_later_versions(path: Path) -> None:
    with pytest.raises(InputError, match="format 2.*format 1: update Surefoot"):
        InferenceResult.load(rewritten(path, version=2))
    with pytest.raises(InputError, match="a saved Ship; allowed: a saved InferenceResult"):
        InferenceResult.load(rewritten(path, kind="Ship"))


@pytest.mark.parametrize("settings", [{}, [], {"names": 3}, None])
def test_settings_of_nobody(settings: Any, path: Path) -> None:
    with pytest.raises(InputError, match="a damaged file"):
        InferenceResult.load(rewritten(path, settings=settings))


def test_any_damage_is_an_input_error_or_none_at_all(path: Path) -> None:
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for trial in range(300):
        damaged = bytearray(whole)
        if trial % 3:
            damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        else:
            del damaged[rng.integers(len(whole)) :]
        path.write_bytes(damaged)
        try:
            found = InferenceResult.load(path)
        except InputError:
            refused += 1
        else:
            assert np.array_equal(found.chains, RESULT.chains)
    assert refused > 200
