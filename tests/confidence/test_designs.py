from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from surefoot.confidence.cases import FULL, directions
from surefoot.confidence.designs import adult, flights
from surefoot.confidence.repetitions import population_of
from surefoot.ground.datasets import load

FRAME = pd.DataFrame({
    "date": pd.to_datetime(["2001-01-01 06:00", "2001-02-04 12:30", "2001-07-01 00:00"]),
    "delay": [5, -3, 120],
    "distance": [1000, 250, 2500],
})  # fmt: skip


def test_flights_have_eighteen_columns_and_july_is_june() -> None:
    X, y, names, _ = flights(FRAME)
    assert X.shape == (3, 18)
    assert len(set(names)) == 18
    assert y.tolist() == [5, -3, 120]
    columns = dict(zip(names, X.T, strict=True))
    assert columns["sin(1·hour)"] == pytest.approx([1, np.sin(2 * np.pi * 12.5 / 24), 0])
    assert columns["Feb"].tolist() == [0, 1, 0]
    assert columns["Jun"].tolist() == [0, 0, 1]
    assert columns["Sun"].tolist() == [0, 1, 1]


def test_adults_are_a_population_with_a_truth() -> None:
    design = adult(load("adult").frame)
    assert set(np.unique(design.y)) == {0, 1}
    assert np.linalg.matrix_rank(design.X) == design.X.shape[1] == directions(FULL["adult"])
    truth = dict(zip(design.names, population_of({"table": "adult"}).truth, strict=True))
    assert truth["education"] > 0
    assert truth["married"] > 1
