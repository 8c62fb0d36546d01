"""Real tables: those that may not ship with Surefoot are skipped where they are not at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surefoot.confidence import SGDInferenceRegressor
from surefoot.confidence.losses import LogLoss, Squared
from surefoot.confidence.m_estimates import m_estimate
from surefoot.confidence.populations import TablePopulation
from surefoot.confidence.repetitions import Case, run_repetitions
from surefoot.ground.datasets import data_folder

# Random scaling of the R package SGDinference 0.1.0, as its README prints it.
R_RANDOM_SCALING = {
    "const": (0.51899, 0.65530), "edyrs": (0.12290, 0.13012), "exp": (0.02789, 0.03516),
    "exp2": (-0.05567, -0.03636),
}  # fmt: skip


def at_hand(path: str) -> Path:
    found = data_folder() / path
    if not found.is_file():
        pytest.skip(f"{path} is not in the data folder and may not ship")
    return found


@pytest.fixture(scope="module")
def census() -> tuple[pd.DataFrame, np.ndarray]:
    frame = pd.read_csv(at_hand("census2000/Census2000.csv"))
    X = frame[["edyrs", "exp"]].assign(exp2=frame["exp"] ** 2 / 100)
    return X, frame["ln_hrwage"].to_numpy()


@pytest.mark.parametrize("order", range(3))
def test_wages_of_the_census_agree_with_least_squares(
    census: tuple[pd.DataFrame, np.ndarray], order: int
) -> None:
    X, y = census
    design = np.column_stack([np.ones(len(X)), X])
    full = m_estimate(design, y, Squared())
    robust = np.sqrt(np.diag(full.robust))
    model = SGDInferenceRegressor(random_state=order).fit(X, y)
    intervals = model.conf_int()
    assert (np.abs(intervals["estimate"] - full.theta) < 1.96 * robust).all()
    assert ((intervals["std_error"] / robust).between(0.8, 1.25)).all()
    low, high = R_RANDOM_SCALING["exp"]
    assert intervals.loc["exp", "upper"] - intervals.loc["exp", "lower"] < high - low


def test_what_the_r_package_found_is_what_least_squares_finds(
    census: tuple[pd.DataFrame, np.ndarray],
) -> None:
    X, y = census
    theta = m_estimate(np.column_stack([np.ones(len(X)), X]), y, Squared()).theta
    for (low, high), value in zip(R_RANDOM_SCALING.values(), theta, strict=True):
        assert low < value < high


def test_a_third_child_covers() -> None:
    frame = pd.read_parquet(at_hand("fertility/fertility.parquet"))
    X = pd.DataFrame({
        "const": 1.0,
        "first_boy": frame["gender1"] == "male",
        "second_boy": frame["gender2"] == "male",
        "age": frame["age"],
        **{name: frame[name] == "yes" for name in ("afam", "hispanic", "other")},
    }).astype(float)  # fmt: skip
    y = (frame["morekids"] == "yes").to_numpy(float)
    women = TablePopulation(X.to_numpy(), y, LogLoss(), tuple(X.columns))
    runs = {"ours": {"procedure": "ours"}, "refit": {"procedure": "refit"}}
    found = run_repetitions(women, Case("", {}, 10_000, 80, runs), "fertility", 100)
    assert 0.92 <= found["ours"]["coverage"] <= 0.98
    assert found["ours"]["length"] <= 1.15
    assert found["ours"]["bias_flag"] <= 0.02
