from __future__ import annotations

import os

import numpy as np
import pytest

from surefoot.ground.catalogue_simulators import SIMULATOR_ENTRIES
from surefoot.ground.datasets import load, where
from surefoot.ground.errors import DataUnavailableError

NAMES = [entry.name for entry in SIMULATOR_ENTRIES]


def table(name):
    if where(name).kind != "folder":
        pytest.skip(f"{name} is not in $SUREFOOT_DATA")
    return load(name).frame


@pytest.mark.parametrize("entry", SIMULATOR_ENTRIES, ids=NAMES)
def test_outputs_are_the_last_columns_and_the_first_of_them_the_target(entry):
    assert entry.outputs == tuple(entry.schema)[-len(entry.outputs) :]
    assert entry.target == entry.outputs[0]
    assert len(entry.schema) > len(entry.outputs)


@pytest.mark.parametrize("entry", SIMULATOR_ENTRIES, ids=NAMES)
def test_outputs_are_numbers_without_gaps(entry):
    outputs = table(entry.name)[list(entry.outputs)]
    assert all(dtype.kind in "fi" for dtype in outputs.dtypes)
    assert np.isfinite(outputs.to_numpy()).all()


def test_the_second_column_of_one_name_holds_the_fall_of_tension():
    frame = table("cardiac2")
    assert frame["dT/dtMax,v"].min() > 0 > frame["dT/dtMin,v"].max()


def test_a_field_is_laid_out_row_by_row():
    # Neighbours are alike along both axes; a wrong width would tear one of them.
    field = table("reactiondiffusion1").filter(regex=r"^u\d").to_numpy().reshape(-1, 50, 50)
    for axis in (1, 2):
        assert 0.1 < abs(np.diff(field, axis=axis)).mean() < 0.2


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("cardiac6", r"alan-turing-institute/autoemulate .*zenodo\.org/records/7405335"),
        ("engineering1", "alan-turing-institute/autoemulate"),
        ("composite-material", "SMTorg/smt/.*/composite_material.csv"),
    ],
)
def test_absent_tables_say_where_they_come_from(name, origin, monkeypatch, tmp_path):
    monkeypatch.setenv("SUREFOOT_DATA", os.fspath(tmp_path))
    with pytest.raises(DataUnavailableError, match=origin):
        load(name)
