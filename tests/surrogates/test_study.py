"""The house study: its cells, its sums, its bars and its page. No fresh function is fitted here."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from surefoot.ground.content import Table
from surefoot.ground.datasets import where
from surefoot.ground.errors import DataUnavailableError
from surefoot.ground.study import Results, Settings
from surefoot.ground.verdicts import evaluate
from surefoot.surrogates import cases, cells, study, summaries, task_cells
from surefoot.surrogates.cases import CASES, FRESH, GROUPS, REAL, FunctionCase, TableCase
from surefoot.surrogates.cells import LABELS, OURS, PEERS, SCORES, TUNED, WINNER
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.summaries import AT_BEST, DEFAULTS
from surefoot.surrogates.tasks import inverse


@pytest.fixture(autouse=True)
def _data_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TableCase, "data", "0" * 64)


def row(task: str, method: str, seed: int, metric: str, value: float) -> dict[str, Any]:
    about = {"task": task, "method": method, "variant": "", "seed": seed}
    return about | {"metric": metric, "value": value}


def measured(scale: Any, seeds: Sequence[int] = range(3)) -> Iterator[dict[str, Any]]:
    """Return plausible values for every cell of a scale."""
    rng = np.random.default_rng(0)
    for cell in study.cells(scale, seeds):
        task, method = cell.params["task"], cell.params["method"]
        ours = method == OURS
        if task in CASES:
            values = {"nrmse": 0.1 if ours else 0.3, "nlpd": -2.0 if ours else -1.0, "cpu_s": 3.0}
            values |= {"crps": 0.05 if ours else 0.2, "coverage_95": 0.95, "width_95": 0.4}
            if ours:
                values |= {"reported_nrmse": 0.12, "reported / true": 1.2}
                values |= {f"{WINNER}|{score}": values[score] for score in SCORES}
                values["least squares|nrmse"] = 0.11
        else:
            values = {"error": 0.001, "regret": 0.01, "best run|regret": 0.1, "tv": 0.005}
            values |= {"widened_tv": 0.02, "log10 residual": -13.0, "nrmse": 0.1, "cpu_s": 1.0}
            values = values if ours else {k: v for k, v in values.items() if "|" not in k}
        for metric, value in values.items():
            noisy = value * (1 + 0.01 * rng.uniform())
            yield row(task, method, cell.seed, metric, noisy)


@functools.cache
def table(scale: Any) -> pd.DataFrame:
    return study.derive(pd.DataFrame(measured(scale)))


@pytest.mark.parametrize("scale", ["quick", "full"])
def test_every_bar_finds_its_values_and_can_be_reached(scale: Any) -> None:
    found = table(scale)
    outcomes = {check.name: evaluate(check, found).outcome for check in study.checks(scale)}
    assert set(outcomes.values()) == {"holds"}
    assert len(outcomes) == len(study.checks(scale))


def test_bars_fail_where_values_are_bad() -> None:
    rows = list(measured("full"))
    for one in rows:
        if one["method"] == OURS and "|" not in one["metric"]:
            one["value"] = 0.5
    found = study.derive(pd.DataFrame(rows))
    outcomes = {check.name: evaluate(check, found).outcome for check in study.checks("full")}
    assert set(outcomes.values()) == {"fails"}


@pytest.mark.parametrize("scale", ["quick", "full"])
def test_the_page_is_built_from_any_part_of_the_table(scale: Any) -> None:
    found = table(scale)

    def results(part: pd.DataFrame) -> Results:
        return Results(part, [], [], Settings(scale), (0, 1, 2))

    titles = {section.title for section in study.sections(results(found))}
    assert "Does it say how good it is?" in titles
    assert ("Is it any use?" in titles) == (scale == "full")
    for task in ("branin", "cardiac4", "fresh", "development", task_cells.SENSITIVITY):
        part = found[found["task"] == task]
        study.sections(results(part))
        study.lead(results(part))


def test_the_lead_names_what_is_lost() -> None:
    rows = list(measured("full"))
    for one in rows:
        if one["task"] == "welch" and one["method"] == OURS and one["metric"] == "nrmse":
            one["value"] = 0.6
        if one["task"] == "optimum of hartmann6" and one["metric"] == "regret":
            one["value"] = 5.0
    found = Results(study.derive(pd.DataFrame(rows)), [], [], Settings("full"), (0, 1, 2))
    said = study.lead(found)
    assert "further off on: Welch's screening function." in said
    assert "minimum of: Hartmann's function of six inputs." in said
    assert said.startswith("On functions never looked at before, its errors are **0.41** times")


def two_functions(**changed: float) -> pd.DataFrame:
    """Return two functions and two seeds, with default peers and one tuned."""
    values = {OURS: 0.2, "sklearn-gp": 0.4, "smt-kriging": 0.1, "smt-kriging-tuned": 0.8}
    rows = []
    for task, factor in (("branin", 1.0), ("otl", 4.0)):
        for method, value in values.items():
            for seed in range(2):
                ours = factor if method == OURS else 1.0
                nrmse = changed.get(f"{task} {method} {seed}", value * ours)
                rows.append(row(task, method, seed, "nrmse", nrmse))
    return summaries.derive(pd.DataFrame(rows))


def of(found: pd.DataFrame, task: str, metric: str, method: str = OURS) -> list[float]:
    which = (found["task"] == task) & (found["metric"] == metric) & (found["method"] == method)
    return found[which].sort_values("seed")["value"].tolist()


def test_ratios_are_to_the_best_peer_of_each_case() -> None:
    found = two_functions()
    assert of(found, "branin", f"nrmse ÷ {DEFAULTS}") == pytest.approx([2, 2])
    assert of(found, "otl", f"nrmse ÷ {DEFAULTS}") == pytest.approx([8, 8])
    assert of(found, "development", f"nrmse ÷ {DEFAULTS}") == pytest.approx([4, 4])
    assert of(found, "development", f"highest nrmse ÷ {DEFAULTS}") == pytest.approx([8, 8])
    # Tuned, SMT is worse; scikit-learn, which wasn't tuned, stands with its defaults.
    assert of(found, "branin", f"nrmse ÷ {AT_BEST}") == pytest.approx([0.5, 0.5])
    assert of(found, "development", "nrmse ÷ ours", "sklearn-gp") == pytest.approx([1, 1])


def test_the_best_peer_is_so_over_all_seeds() -> None:
    found = two_functions(**{"branin smt-kriging 0": 1.6, "branin smt-kriging 1": 0.2})
    # 0.566 on average against scikit-learn's 0.4, though SMT has the best single seed.
    assert of(found, "branin", f"nrmse ÷ {DEFAULTS}") == pytest.approx([0.5, 0.5])


def test_a_missing_cell_is_not_averaged_away() -> None:
    complete = two_functions()
    rows = complete[(complete["task"] == "otl") & (complete["method"] == "sklearn-gp")]
    kept = complete[complete["metric"] == "nrmse"].drop(rows.index[:1])
    found = summaries.derive(kept)
    for check in study.checks("full"):
        if check.task == "development" and "nrmse" in check.metric:
            assert evaluate(check, found).outcome == "unknown"
    assert np.isnan(of(found, "development", "nrmse ÷ ours", "sklearn-gp")[0])


def test_no_tuned_peers_no_comparison_with_them() -> None:
    found = table("quick")
    assert not found["metric"].str.contains(AT_BEST, regex=False).any()


def test_full_scale_runs_every_case_and_task_with_its_seeds() -> None:
    planned = study.cells("full", range(10))
    assert {cell.params["task"] for cell in planned} == {*CASES, *task_cells.TASKS}
    assert len({cell.name for cell in planned}) == len(planned)
    fresh = [cell for cell in planned if cell.params["task"] in FRESH]
    assert {cell.seed for cell in fresh} == set(range(5))
    assert {c.seed for c in study.cells("full", range(2))} == {0, 1}
    assert {cell.params["method"] for cell in planned} <= {*LABELS, task_cells.SEPARATE}


def test_quick_scale_has_tables_only_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {cell.params["task"] for cell in study.cells("quick", [0])} & set(FRESH)
    for here in (True, False):
        monkeypatch.setattr(study, "where", functools.partial(_place, here))
        tasks = {cell.params["task"] for cell in study.cells("quick", [0])}
        assert bool(tasks & set(REAL)) == here


def _place(here: bool, name: str) -> Any:
    return where("adult") if here else type("Place", (), {"kind": "unavailable"})


def test_a_table_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("SUREFOOT_DATA", str(tmp_path))
    with pytest.raises(DataUnavailableError, match="dataset 'yacht'"):
        _ = REAL["yacht"].data


def test_dear_peers_are_left_out_where_inputs_are_many() -> None:
    assert set(cells.methods_of(CASES["borehole"])) == {OURS, *PEERS, *TUNED.values()}
    assert set(cells.methods_of(CASES["welch"])) == {OURS, *PEERS, "sklearn-gp-tuned"}
    assert set(cells.methods_of(CASES["cardiac4"])) == {OURS, "sklearn-gp", "botorch-gp"}


def test_a_function_is_drawn_alike_for_all_and_anew_for_each_seed() -> None:
    case = CASES["branin"]
    one, again, other = case.draw(100), case.draw(100), case.draw(101)
    assert one.X.equals(again.X)
    assert one.X_new.equals(again.X_new)
    assert not one.X.equals(other.X)
    assert not one.X_new.equals(other.X_new)
    assert (len(one.X), len(one.X_new)) == (20, 1000)


def test_rows_of_a_table_are_split_and_its_outputs_are_no_inputs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    names = ["CVf,v", "k,ft,v", "TAT,a", "TAT,v", "test_0", "name"]
    frame = pd.DataFrame(rng.random((40, 6)), columns=names)
    monkeypatch.setattr(cases, "load", lambda name: Table(name, frame, "TAT,a", "here"))
    case = dataclasses.replace(REAL["cardiac6 ventricles"], names=("name",))
    runs = case.draw(100)
    assert list(runs.X.columns) == ["CVf,v", "k,ft,v"]
    assert (len(runs.X), len(runs.X_new)) == (28, 12)
    assert not set(runs.X.index) & set(runs.X_new.index)
    assert np.array_equal(runs.y, frame["TAT,v"][runs.X.index])
    assert runs.space.contains(runs.X_new).all()


@pytest.fixture
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = functools.partial(SurrogateRegressor, ["gp-se", "gp-matern52"], cv=5)
    monkeypatch.setattr(cells, "SurrogateRegressor", quick)
    monkeypatch.setattr(task_cells, "SurrogateRegressor", quick)


@pytest.mark.usefixtures("few_candidates")
def test_a_cell_scores_the_fit_and_what_else_could_be_made_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(CASES, "branin", FunctionCase("branin", 30, 200))  # type: ignore[index]
    found = cells.measure(seed=100, task="branin", method=OURS)
    assert {*SCORES, "cpu_s", "reported_nrmse", "least squares|nrmse"} < set(found)
    assert found["nrmse"] < 0.2
    assert found["reported / true"] == pytest.approx(found["reported_nrmse"] / found["nrmse"])
    # All three are of the same few members.
    assert 0.2 < found["winner|nrmse"] / found["nrmse"] < 5
    assert 0.2 < found["least squares|nrmse"] / found["nrmse"] < 5
    peer = cells.measure(seed=100, task="branin", method="sklearn-gp")
    assert set(peer) == {*SCORES, "cpu_s"}
    assert peer["nrmse"] < 0.5


def test_a_peer_predicts_in_the_units_of_the_problem() -> None:
    runs = CASES["branin"].draw(100)
    peer = cells.Peer.fit("sklearn-gp", runs, 100)
    mean, sd = peer.predict(runs.X, return_std=True)
    assert np.abs(mean - runs.y).max() < 0.2 * runs.y.std()
    law = peer.predict_law(runs.X)
    assert np.array_equal(law.std(), sd)


def test_shares_by_least_squares_are_those_of_the_better_member() -> None:
    runs = CASES["friedman"].draw(100)
    model = SurrogateRegressor(["gp-se"], cv=5).fit(runs.X, runs.y)
    comparison = model.comparisons_[0]
    shares = cells._least_squares(comparison)
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0
    assert comparison.names[int(np.argmax(shares))].startswith("gp-se")
    assert comparison.names[cells._winner(comparison)].startswith("gp-se")


@pytest.mark.usefixtures("few_candidates")
def test_constraints_are_kept_where_asked_for() -> None:
    kept = task_cells.measure(seed=100, task=task_cells.CONSERVATION, method=OURS)
    free = task_cells.measure(seed=100, task=task_cells.CONSERVATION, method=task_cells.SEPARATE)
    assert kept["log10 residual"] < -12
    assert free["log10 residual"] > -6
    assert max(kept["nrmse"], free["nrmse"]) < 0.6


@pytest.mark.usefixtures("few_candidates")
def test_more_runs_bring_the_posterior_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inverse, "_CELLS", 8)
    monkeypatch.setattr(task_cells, "INVERSE", {"few": 8, "many": 30})
    far, near = (task_cells._inverse(task, OURS, 100) for task in ("few", "many"))
    assert near["tv"] < 0.2 < far["tv"]
    assert 0 <= near["widened_tv"] <= 1


def test_tasks_say_what_peers_miss() -> None:
    regret = task_cells.measure(seed=100, task="optimum of branin", method="sklearn-gp")
    assert set(regret) == {"regret"}
    assert regret["regret"] >= 0


@pytest.mark.usefixtures("few_candidates")
def test_the_best_run_is_told_beside_our_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    found = task_cells.measure(seed=100, task="optimum of branin", method=OURS)
    runs = CASES["branin"].draw(100)
    truth = cases.problem("branin").minimum
    expected = (runs.y.min() - truth) / runs.y.std()
    assert found["best run|regret"] == pytest.approx(expected)


@pytest.mark.usefixtures("few_candidates")
def test_sensitivity_is_off_where_the_surrogate_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_cells, "_BASE_POINTS", 2**9)
    good = task_cells.measure(seed=100, task=task_cells.SENSITIVITY, method=OURS)["error"]
    monkeypatch.setattr(task_cells, "_SENSITIVITY", FunctionCase("ishigami", 15))
    bad = task_cells.measure(seed=100, task=task_cells.SENSITIVITY, method=OURS)["error"]
    assert good < 0.1 < bad


def test_groups_share_no_case() -> None:
    assert len(CASES) == sum(len(group) for group in GROUPS.values())
