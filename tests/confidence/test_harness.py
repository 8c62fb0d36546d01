from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surefoot import InputError
from surefoot.confidence.harness import coverage, coverage_rows, coverage_study
from surefoot.confidence.populations import LinearModel
from surefoot.ground.errors import UnmetError
from surefoot.ground.study import Settings

FEW = {"n": 800, "repetitions": 6, "n_chains": 40}


def test_a_model_by_name() -> None:
    found = coverage("logistic", **FEW)
    assert list(found.index) == ["ours", "refit/sandwich", "refit/laplace"]
    assert found.loc["refit/sandwich", "length"] == pytest.approx(1)
    row = found.loc["ours"]
    assert row["low"] <= row["coverage"] <= row["high"]
    pd.testing.assert_frame_equal(found, coverage("logistic", **FEW))


def test_a_table_is_its_own_population() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    y = X @ [1, -1] + rng.standard_t(4, 500)
    found = coverage((X, y), loss="quantile", quantile=0.8, **FEW)
    assert found.loc["ours", "coverage"] > 0.7
    assert "refit/laplace" not in found.index


def test_parameters_reach_the_estimator() -> None:
    found = coverage(LinearModel(d=3), companions=("plugin",), **FEW)
    assert "ours/plugin" in found.index
    with pytest.raises(InputError, match="c0"):
        coverage("linear", c0=-1, **FEW)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"repetitions": 0}, "repetitions"),
        ({"level": 1.0}, "level"),
        ({"n": 1}, "n: found 1"),
        ({"population": "lienar"}, "did you mean 'linear'"),
        ({"population": (np.ones(3), np.ones(3))}, r"\(rows, d\)"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_bad_requests_are_refused(options: dict, match: str) -> None:
    population = options.pop("population", "linear")
    with pytest.raises(InputError, match=match):
        coverage(population, **{**FEW, **options})


def test_a_study_of_it_has_a_page_and_a_bar(tmp_path: Path) -> None:
    settings = Settings("full", None, "serial", tmp_path / "c", None)
    options = {"n": 600, "repetitions": 10, "params": {"n_chains": 40}}
    results = coverage_study({"model": "linear", "d": 2}, settings, **options)
    rows = {row["method"]: row for row in coverage_rows(results)}
    mean, low, high = rows["perturbed copies"]["coverage"]
    assert 0 <= low <= mean <= high <= 1
    assert "copies" in (tmp_path / "c/index.html").read_text(encoding="utf-8")
    with pytest.raises(UnmetError, match="Covers: fails"):
        coverage_study({"model": "linear", "d": 2}, settings, at_least=0.65, level=0.2, **options)


@pytest.mark.parametrize(
    ("at_least", "match"),
    [(1.0, r"in \(0, 1\)"), (0.0, r"in \(0, 1\)"), (0.99, "368 repetitions or more")],
)
def test_a_bar_that_cannot_be_shown_is_refused(tmp_path: Path, at_least: float, match: str) -> None:
    # Ten tenths in which all intervals cover have an interval of no length: it shows nothing.
    with pytest.raises(InputError, match=match):
        coverage_study(
            {"model": "linear"}, Settings(out=tmp_path), repetitions=10, at_least=at_least
        )


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"quantile": 0.9}, "quantile: found 0.9 with the squared loss"),
        ({"epsilon": 1, "loss": "quantile"}, "epsilon: found 1 with the quantile loss"),
    ],
)
def test_a_quantile_of_the_mean_is_refused(options: dict, match: str) -> None:
    with pytest.raises(InputError, match=match):
        coverage((np.ones((20, 1)), np.ones(20)), **options)


def test_repetitions_come_in_tens(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a multiple of 10"):
        coverage_study({"model": "linear"}, Settings(out=tmp_path), repetitions=25)
