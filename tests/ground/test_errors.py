from __future__ import annotations

import pickle

import pytest

from surefoot.ground.errors import (
    DataUnavailableError,
    InputError,
    MissingExtraError,
    StorageError,
    SurefootError,
    UnmetError,
    need,
    one_of,
)


def test_input_error_says_what_where_and_what_is_allowed() -> None:
    error = InputError("p_gen", 1.5, "a number in (0, 1]")
    assert str(error) == "p_gen: found 1.5; allowed: a number in (0, 1]"
    assert isinstance(error, ValueError)


def test_long_values_are_shortened() -> None:
    assert len(str(InputError("x", list(range(1000)), "less"))) < 200


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError("a", 1, "b"), 2), (UnmetError("x"), 3), (StorageError("x"), 4)],
)
def test_exit_codes(error: SurefootError, code: int) -> None:
    assert error.exit_code == code


def test_errors_survive_the_way_back_from_a_worker() -> None:
    error = DataUnavailableError("data", "x", "y")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made on the line itself
    assert type(copy) is DataUnavailableError
    assert str(copy) == str(error)


def test_one_of_suggests_the_nearest_name() -> None:
    assert one_of("method", "erm", ["erm", "jtt"]) == "erm"
    with pytest.raises(InputError, match="did you mean 'fairdropout'"):
        one_of("method", "fairdrop", ["fairdropout", "erm"])


def test_need_names_the_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"surefoot\[nowhere\]"):
        need("surefoot_has_no_such_module", "nowhere")


def test_need_does_not_hide_a_broken_library(tmp_path, monkeypatch) -> None:
    (tmp_path / "broken_library.py").write_text("import surefoot_has_no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surefoot_has_no_such_module"):
        need("broken_library", "extra")
