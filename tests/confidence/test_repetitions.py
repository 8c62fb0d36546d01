from __future__ import annotations

import pandas as pd
import pytest

from surefoot.confidence.cases import FULL, QUICK, directions
from surefoot.confidence.repetitions import by_method, measure, population_of

PARAMS = {
    "task": "t", "method": "all", "population": {"model": "linear", "d": 3}, "n": 1500,
    "repetitions": 3, "level": 0.95,
    "runs": {"ours": {"procedure": "ours", "n_chains": 40}, "refit": {"procedure": "refit"}},
}  # fmt: skip


def test_a_cell_repeats_itself_and_differs_by_seed() -> None:
    first, again, other = (measure(seed=seed, **PARAMS) for seed in (100, 100, 101))
    assert first == again
    assert first != other
    assert {name.partition("|")[0] for name in first} == {"ours", "refit/sandwich", "refit/laplace"}
    assert first["refit/sandwich|length"] == pytest.approx(1)
    assert 0.9 < first["ours|length"] < 1.4


def test_more_runs_leave_the_samples_alone() -> None:
    runs = {**PARAMS["runs"], "two": {"procedure": "ours", "n_chains": 40, "n_epochs": 2}}
    few, many = measure(seed=100, **PARAMS), measure(seed=100, **{**PARAMS, "runs": runs})
    assert {name: many[name] for name in few} == few


def test_what_diverges_has_a_number_that_json_holds() -> None:
    runs = {"wild": {"procedure": "literal", "c0": 500.0, "n_chains": 10}}
    found = measure(seed=100, **{**PARAMS, "n": 400, "runs": runs})
    assert found["wild|diverged"] == 1
    assert found["wild|length"] == 1e9
    assert found["wild|coverage"] == 0


def test_a_population_is_read_once() -> None:
    assert population_of({"model": "linear", "d": 4}) is population_of({"d": 4, "model": "linear"})


def test_metrics_name_their_method() -> None:
    table = pd.DataFrame({
        "task": "t", "method": ["all", "ours"], "variant": "", "seed": 0,
        "metric": ["refit/sandwich|coverage", "SE ratio[a]"], "value": 1.0,
    })  # fmt: skip
    named = by_method(table)
    assert named["method"].tolist() == ["refit/sandwich", "ours"]
    assert named["metric"].tolist() == ["coverage", "SE ratio[a]"]


def test_cells_are_plain_and_their_keys_differ() -> None:
    every = [cell for task, case in FULL.items() for cell in case.cells(task, [0, 1])]
    assert len({cell.key for cell in every}) == len(every) == 2 * len(FULL)


def test_every_case_knows_how_many_parameters_it_looks_at() -> None:
    for case in {**FULL, **QUICK}.values():
        if "model" in case.population:
            assert directions(case) == len(population_of(case.population).directions)
